"""A campaign of one element with its workers killed on the way: nothing lost, nothing doubled.

    python -m tests.benchmarks.campaign [--element Cu] [--per-element 1000] [--kills 3]
                                        [--folder DIR] [--output FILE.json]

Runs ``build_library`` on a database of its own. After equal shares of the work the process that
holds a calculation (the newest claim) is killed with SIGKILL; the command must still come to its
end by itself. Then the database is counted. A second run of the command must find nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from compute.errors import OutOfRangeError
from tests.benchmarks.output import write

ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.2
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Outcome:
    """What a campaign left behind.

    Attributes
    ----------
    wanted, done, failed, open : int
        Calculations.
    refused : int
        Of the failed those that the route refuses: made crystals outside its range.
    spectra : int
        Stored spectra; must equal ``done``.
    doubled : int
        Calculations with more than one spectrum, and sites with more than one calculation.
    kills : int
        Workers killed while they held a calculation.
    taken_up_again : int
        Calculations that were claimed more than once.
    again : int
        New calculations made by a second run of the command.
    wall_seconds, work_seconds : float
        Of the first run, and the sum over all calculations (wall time inside the workers).
    """

    wanted: int
    done: int
    failed: int
    refused: int
    open: int
    spectra: int
    doubled: int
    kills: int
    taken_up_again: int
    again: int
    wall_seconds: float
    work_seconds: float

    @property
    def whole(self) -> bool:
        """Whether everything was done, or refused, exactly once."""
        ended = self.done + self.refused == self.wanted and self.failed == self.refused
        return ended and self.spectra == self.done and self.doubled == self.again == 0


def campaign(folder: Path, element: str, per_element: int, kills: int) -> Outcome:
    """Run it in a folder of its own; an unfinished run there is taken up."""
    database = folder / "library.sqlite3"
    environment = os.environ | dict.fromkeys(_THREADS, "1")
    environment |= {"DATABASE_URL": f"sqlite:///{database}", "SPECTRADB_VAR": str(folder)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    manage = [sys.executable, str(ROOT / "manage.py")]
    build = [*manage, "build_library", "--elements", element, "--per-element", str(per_element)]
    subprocess.run([*manage, "migrate", "--verbosity", "0"], env=environment, check=True)
    subprocess.run([*build, "--queue-only"], env=environment, check=True)
    wanted = _count(database, "SELECT count(*) FROM spectradb_calculation")
    started = time.monotonic()
    running = subprocess.Popen(build, env=environment)
    killed = 0
    try:
        for n in range(1, kills + 1):
            if _kill_one(database, running, n * wanted // (kills + 1)):
                killed += 1
        if running.wait():
            raise RuntimeError(f"build_library ended with {running.returncode}")
    finally:
        running.terminate()
        running.wait()
    wall = time.monotonic() - started
    subprocess.run(build, env=environment, check=True)
    return _counted(database, wanted, killed, wall)


def _kill_one(database: Path, running: subprocess.Popen[bytes], after: int) -> bool:
    """Once so many are done, kill a process of this host while it holds a calculation."""
    done = "SELECT count(*) FROM spectradb_calculation WHERE job_status = 'done'"
    while running.poll() is None and _count(database, done) < after:
        time.sleep(_POLL_SECONDS)
    while running.poll() is None:
        rows = _rows(
            database,
            "SELECT worker FROM spectradb_calculation WHERE job_status = 'running' "
            "ORDER BY started DESC",
        )
        for (worker,) in rows:
            pid = int(str(worker).rsplit(":", 2)[1])
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            sys.stderr.write(f"killed worker {pid}\n")
            return True
        time.sleep(_POLL_SECONDS / 20)
    return False


def _counted(database: Path, wanted: int, kills: int, wall: float) -> Outcome:
    status: dict[str | int | float, str | int | float] = dict(
        _rows(database, "SELECT job_status, count(*) FROM spectradb_calculation GROUP BY 1")
    )
    count = "SELECT count(*) FROM "
    doubled = _count(
        database,
        count + "(SELECT 1 FROM spectradb_spectrum GROUP BY calculation_id HAVING count(*) > 1)",
    ) + _count(
        database,
        count + "(SELECT 1 FROM spectradb_calculation GROUP BY site_id, edge, route"
        " HAVING count(*) > 1)",
    )
    done, failed = int(status.get("done", 0)), int(status.get("failed", 0))
    total = sum(int(n) for n in status.values())
    return Outcome(
        wanted=wanted,
        done=done,
        failed=failed,
        refused=_count(
            database,
            count + "spectradb_calculation WHERE job_status = 'failed' AND error_cause = ?",
            OutOfRangeError.cause,
        ),
        open=total - done - failed,
        spectra=_count(database, count + "spectradb_spectrum"),
        doubled=doubled,
        kills=kills,
        taken_up_again=_count(database, count + "spectradb_calculation WHERE attempts > 1"),
        again=total - wanted,
        wall_seconds=round(wall, 1),
        work_seconds=round(
            float(_rows(database, "SELECT sum(seconds) FROM spectradb_calculation")[0][0]), 1
        ),
    )


def _rows(database: Path, query: str, *values: str) -> list[tuple[str | int | float, ...]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def _count(database: Path, query: str, *values: str) -> int:
    return int(_rows(database, query, *values)[0][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--element", default="Cu")
    parser.add_argument("--per-element", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="kept; a temporary one without it")
    parser.add_argument("--output", type=Path, help="JSON file; stdout without it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = campaign(folder, arguments.element, arguments.per_element, arguments.kills)
    text = json.dumps(asdict(outcome) | {"whole": outcome.whole}, indent=1) + "\n"
    write(text, arguments.output)
    sys.exit(0 if outcome.whole else 1)


if __name__ == "__main__":
    main()
