"""``import_mp_xas`` against a stand-in server: time, memory, SIGKILL and faults, to the same rows.

    python -m tests.benchmarks.mp_import --server SERVER.py [--documents N] [--output FILE.json]
                                         [ROUND …]

``SERVER.py`` is a program that serves Materials Project XAS documents on loopback and understands
``--port``, ``--limit`` and ``--fault KIND:EVERY`` (429, 502, cut, baddoc, wrongindex). Rounds are
``clean`` (the reference, with a second run that must change nothing), ``kill`` and the faults; each
has a database of its own. Rows are compared by what they say, not by their numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef" * 2
PASSING = ("429", "502", "cut")
BREAKING = ("baddoc", "wrongindex")
ROUNDS = ("clean", "kill", *PASSING, *BREAKING)
_KILLS = 3
_EVERY = 3  # data requests, of a fault


@dataclass
class Run:
    """One run of the command."""

    report: dict[str, Any]
    seconds: float
    cpu_seconds: float
    peak_mb: float  # of its resident memory
    early_mb: float  # the same a few pages after the start
    broken: list[str] = field(default_factory=list)
    key_shown: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rounds", nargs="*", metavar="ROUND", help=f"of {', '.join(ROUNDS)}")
    parser.add_argument("--server", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=10**6, help="serve no more than these")
    parser.add_argument("--folder", type=Path, help="of the databases; a temporary one without it")
    parser.add_argument("--output", type=Path, help="JSON file; stdout without it")
    arguments = parser.parse_args()
    chosen = arguments.rounds or list(ROUNDS)
    if wrong := set(chosen) - set(ROUNDS):
        parser.error(f"{', '.join(sorted(wrong))}: rounds are {', '.join(ROUNDS)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rig = Rig(arguments.server.resolve(), arguments.documents, folder)
        found: dict[str, Any] = {}
        for one in chosen:
            found[one] = (getattr(rig, one) if one in ("clean", "kill") else rig.fault)(one)
            text = json.dumps(found, indent=1) + "\n"
            if arguments.output:  # after each round, so that a long run can be looked at
                arguments.output.write_text(text, encoding="utf-8")
    if not arguments.output:
        sys.stdout.write(text)
    sys.exit(0 if all(one["passed"] for one in found.values()) else 1)


class Rig:
    """A server, databases, and the command between them."""

    def __init__(self, server: Path, documents: int, folder: Path) -> None:
        self.server, self.documents, self.folder = server, documents, folder
        self._reference = folder / "reference.json"

    def clean(self, name: str) -> dict[str, Any]:
        """The reference; then again."""
        with self._serving("") as endpoint:
            first = self._import(name, endpoint)
            rows, stamps = self._rows(name), self._stamps(name)
            again = self._import(name, endpoint)
        self._reference.write_text(json.dumps(rows), encoding="utf-8")
        same = self._rows(name) == rows and self._stamps(name) == stamps
        return self._told(name, [first, again], same and not first.broken)

    def kill(self, name: str) -> dict[str, Any]:
        """SIGKILL at random moments, each time run again; the last run may end."""
        rng = random.Random(0)
        moments = []
        with self._serving("") as endpoint:
            for _ in range(_KILLS):
                run = self._import(name, endpoint, kill_after=rng.uniform(6.0, 30.0))
                moments.append({"cpu_seconds": run.cpu_seconds, "spectra": self._count(name)})
            last = self._import(name, endpoint)
        return self._told(name, [last], self._as_reference(name)) | {"kills": moments}

    def fault(self, name: str) -> dict[str, Any]:
        """Faults that pass must end in the same rows; broken documents are completed later."""
        with self._serving(f"{name}:{_EVERY}") as endpoint:
            runs = [self._import(name, endpoint)]
        if name in PASSING:
            return self._told(name, runs, self._as_reference(name) and not runs[0].broken)
        reference = {row[0] for row in self._wanted()}
        lacking = reference - {row[0] for row in self._rows(name)}
        listed = len(runs[0].broken) == len(self._wanted()) - self._count(name)
        with self._serving("") as endpoint:
            runs.append(self._import(name, endpoint))
        told = self._told(name, runs, bool(runs[0].broken) and listed and self._as_reference(name))
        return told | {"spectra_before": len(reference) - len(lacking)}

    def _as_reference(self, name: str) -> bool:
        return self._rows(name) == self._wanted()

    def _wanted(self) -> list[list[str]]:
        if not self._reference.exists():
            raise SystemExit("run the round 'clean' first: it makes the reference")
        found: list[list[str]] = json.loads(self._reference.read_text(encoding="utf-8"))
        return found

    def _told(self, name: str, runs: list[Run], passed: bool) -> dict[str, Any]:
        told = {
            "passed": passed and not any(run.key_shown for run in runs),
            "spectra": self._count(name),
            "structures": self._count(name, "spectradb_structure"),
            "runs": [asdict(run) for run in runs],
        }
        sys.stderr.write(f"{name}: {'passed' if told['passed'] else 'FAILED'}\n")
        return told

    @contextmanager
    def _serving(self, fault: str) -> Iterator[str]:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(self.server), "--port", str(port)]
        command += ["--limit", str(self.documents)] + (["--fault", fault] if fault else [])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it tells when it is ready
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.kill()
            process.wait()

    def _import(self, name: str, endpoint: str, kill_after: float | None = None) -> Run:
        """Run the command; ``kill_after`` so many CPU seconds it is killed."""
        environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{self._database(name)}",
            "SPECTRADB_VAR": str(self.folder),
            "MP_API_KEY": KEY,
            "MP_API_ENDPOINT": endpoint,
            "LOG_LEVEL": "DEBUG",  # the key must not show even so
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        manage = [sys.executable, str(ROOT / "manage.py")]
        subprocess.run([*manage, "migrate", "--verbosity", "0"], env=environment, check=True)
        report, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        report.unlink(missing_ok=True)
        options = ["--absorber", "Cu", "--edge", "K", "--output", str(report)]
        begun = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [*manage, "import_mp_xas", *options], env=environment, stdout=file, stderr=file
            )
            cpu, peak, early = 0.0, 0.0, 0.0
            while process.poll() is None:
                cpu, peak = _used(process.pid, cpu, peak)
                early = early or (peak if self._count(name) >= 500 else 0.0)
                if kill_after is not None and cpu > kill_after:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.2)
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        broken = [f"{entry['task_id']}: {entry['reason']}" for entry in found.pop("broken", [])]
        seconds = time.monotonic() - begun
        shown = KEY in log.read_text(encoding="utf-8")
        return Run(found, round(seconds, 1), round(cpu, 1), peak, early, broken, shown)

    def _database(self, name: str) -> Path:
        return self.folder / f"{name}.sqlite3"

    def _count(self, name: str, table: str = "spectradb_spectrum") -> int:
        return int(self._query(name, f"SELECT count(*) FROM {table}")[0][0])

    def _rows(self, name: str) -> list[list[str]]:
        """What the database says, whatever the numbers of its rows: content of each spectrum,
        its status, its structure's content and id, and its site."""
        rows = self._query(
            name,
            "SELECT s.content_hash, s.status, t.content_hash, t.source_id, i.'index', i.element"
            " FROM spectradb_spectrum s JOIN spectradb_structure t ON t.id = s.structure_id"
            " LEFT JOIN spectradb_site i ON i.id = s.site_id",
        )
        return sorted([str(value) for value in row] for row in rows)

    def _stamps(self, name: str) -> str:
        """Of every row that an import could touch: when it was changed last."""
        rows = self._query(name, "SELECT id, updated FROM spectradb_spectrum ORDER BY 1")
        rows += self._query(name, "SELECT id, updated FROM spectradb_structure ORDER BY 1")
        rows += self._query(name, "SELECT count(*) FROM spectradb_calculation")
        rows += self._query(name, "SELECT count(*) FROM spectradb_historicalspectrum")
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def _query(self, name: str, query: str) -> list[tuple[Any, ...]]:
        uri = f"file:{self._database(name)}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
            return connection.execute(query).fetchall()


def _used(pid: int, cpu: float, peak: float) -> tuple[float, float]:
    """CPU seconds and peak resident memory (MB) of a process; as before once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return cpu, peak
    ticks = os.sysconf("SC_CLK_TCK")
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), "")
    return (
        (int(fields[11]) + int(fields[12])) / ticks,
        round(int(line.split()[1]) / 1024, 1) if line else peak,
    )


if __name__ == "__main__":
    main()
