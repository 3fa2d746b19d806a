"""Thousands of short tasks on a real Slurm whose workers, blocks and runner are killed at random.

SPECTRADB_TEST_SLURM=1 runs it, as root, with slurm-wlm and munge of Debian;
SPECTRADB_TEST_SLURM_TASKS and SPECTRADB_TEST_SLURM_PORTS say how many tasks and which two ports.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.spectradb.clusters.slurm import slurm, why_not

ROOT = Path(__file__).resolve().parents[3]
N_TASKS = int(os.environ.get("SPECTRADB_TEST_SLURM_TASKS", "2000"))
PORTS = os.environ.get("SPECTRADB_TEST_SLURM_PORTS", "16817,16818").split(",")
_MANAGE = [sys.executable, "manage.py"]
_RUN = ["run_calculations", "--slurm", "--blocks", "2", "--cores", "1", "--walltime", "2:00:00"]
_QUEUE = """
import django; django.setup()
from django.contrib.auth.models import User
from tests.spectradb.clusters.cases import queue_cases
queue_cases({n}, User.objects.create(username="anna"))
"""
_SECONDS = max(3600.0, 0.6 * N_TASKS)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SPECTRADB_TEST_SLURM"), reason="asked for by SPECTRADB_TEST_SLURM=1"
    ),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def _workers(name: str) -> list[int]:
    """Numbers of the processes of this name whose parent is one of the same: the workers."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            found[int(entry.name)] = (parent, words)
    return [pid for pid, (_, words) in found.items() if name.encode() in words]


def test_each_task_has_one_result_whatever_is_killed(tmp_path: Path) -> None:
    chance = random.Random(18)
    var = tmp_path / "var"
    environment = os.environ | {
        "SPECTRADB_VAR": str(var), "SECRET_KEY": "of the site alone", "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "spectradb.settings",
    }  # fmt: skip
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    subprocess.run([*_MANAGE, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    subprocess.run(
        [sys.executable, "-c", _QUEUE.format(n=N_TASKS)], cwd=ROOT, env=environment, check=True
    )
    (tmp_path / "slurm").mkdir()
    killed: Counter[str] = Counter()
    started, leaked = time.monotonic(), False
    with slurm(tmp_path / "slurm", cpus=4, ports=(int(PORTS[0]), int(PORTS[1]))) as found:
        environment["SLURM_CONF"] = found["SLURM_CONF"]

        def run() -> subprocess.Popen[bytes]:
            with (tmp_path / "run.log").open("ab") as log:
                return subprocess.Popen(
                    [*_MANAGE, *_RUN], cwd=ROOT, env=environment, stdout=log, stderr=log
                )

        def done() -> int:
            with sqlite3.connect(var / "spectradb.sqlite3", timeout=60) as base:
                words = "select count(*) from spectradb_calculation where job_status = 'done'"
                return int(base.execute(words).fetchone()[0])

        runner = run()
        parts = iter(range(1, 13))  # what is killed at each thirteenth of the tasks
        at = next(parts)
        while runner.poll() is None and time.monotonic() - started < _SECONDS:
            time.sleep(0.5)
            if at is None or done() < N_TASKS * at / 13:
                continue
            workers = _workers("process_worker_pool")
            for pid in workers:
                try:
                    leaked |= b"of the site alone" in Path(f"/proc/{pid}/environ").read_bytes()
                except OSError:
                    continue
            what = ("worker", "block", "worker", "runner")[at % 4]
            if what == "worker" and workers:
                os.kill(chance.choice(workers), signal.SIGKILL)
            elif what == "block":
                jobs = subprocess.run(
                    ["squeue", "-h", "-t", "R", "-o", "%i"], env=environment,
                    capture_output=True, text=True, check=True,
                ).stdout.split()  # fmt: skip
                if jobs:
                    subprocess.run(
                        ["scancel", "--signal=KILL", "--full", chance.choice(jobs)],
                        env=environment, check=False,
                    )  # fmt: skip
            elif what == "runner":
                runner.kill()
                runner.wait()
                runner = run()
            killed[what] += 1
            at = next(parts, None)
        seconds = time.monotonic() - started
        if runner.poll() is None:
            runner.kill()
        runner.wait()
    with sqlite3.connect(var / "spectradb.sqlite3") as base:
        states = Counter(
            base.execute(
                "select c.job_status, (select count(*) from spectradb_spectrum s "
                "where s.calculation_id = c.id) from spectradb_calculation c"
            ).fetchall()
        )
        attempts = Counter(
            one for (one,) in base.execute("select attempts from spectradb_calculation")
        )
    print(  # noqa: T201
        f"{N_TASKS} tasks in {seconds:.0f} s, killed {dict(killed)}, attempts {dict(attempts)}"
    )
    assert not leaked
    assert states == {("done", 1): N_TASKS}, (tmp_path / "run.log").read_text()[-2000:]
