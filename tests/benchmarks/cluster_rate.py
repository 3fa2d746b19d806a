"""Short tasks on a real Slurm over 1, 2 and 4 workers: tasks a second, what one costs the command.

    python -m tests.benchmarks.cluster_rate --tasks 2000 --workers 1 2 4

As root of a Debian with slurm-wlm and munge; a site in SQLite, a folder of its own for each number
of workers. The rate is of the time between the first and the last end of a task, so that starting
blocks is not in it.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tests.spectradb.clusters.slurm import slurm, why_not

ROOT = Path(__file__).resolve().parents[2]
_QUEUE = """
import django; django.setup()
from django.contrib.auth.models import User
from tests.spectradb.clusters.cases import queue_cases
queue_cases({n}, User.objects.create(username="anna"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--ports", type=int, nargs=2, default=[16827, 16828])
    given = parser.parse_args()
    if reason := why_not():
        parser.error(reason)
    sys.stdout.write(
        "| workers | tasks | tasks/s | ms CPU of the command a task | load |\n" + "|---" * 5 + "|\n"
    )
    with tempfile.TemporaryDirectory(prefix="spectradb-bench-") as folder:
        home = Path(folder, "slurm")
        home.mkdir()
        ports = (given.ports[0], given.ports[1])
        with slurm(home, cpus=max(given.workers), ports=ports) as found:
            for workers in given.workers:
                _tell(workers, given.tasks, Path(folder, str(workers)), found["SLURM_CONF"])


def _tell(workers: int, tasks: int, var: Path, conf: str) -> None:
    environment = os.environ | {
        "SPECTRADB_VAR": str(var), "SECRET_KEY": "of the site alone", "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "spectradb.settings", "SLURM_CONF": conf,
    }  # fmt: skip
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)

    def run(*words: str) -> None:
        subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, check=True, stdout=sys.stderr
        )

    run("manage.py", "migrate", "-v0")
    run("-c", _QUEUE.format(n=tasks))
    before = _cpu()
    run("manage.py", "run_calculations", "--slurm", "--blocks", str(workers), "--cores", "1",
        "--walltime", "2:00:00")  # fmt: skip
    used = _cpu() - before
    with closing(sqlite3.connect(var / "spectradb.sqlite3")) as base:
        words = "select count(*), min(finished), max(finished) from spectradb_calculation where "
        done, first, last = base.execute(f"{words} job_status = 'done'").fetchone()
    if done != tasks:
        raise RuntimeError(f"{done} of {tasks} tasks were done by {workers} workers")
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    sys.stdout.write(
        f"| {workers} | {done} | {(done - 1) / seconds:.1f} | {1e3 * used / done:.0f} "
        f"| {os.getloadavg()[0]:.1f} |\n"
    )
    sys.stdout.flush()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
