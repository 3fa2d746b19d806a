"""A job runs once, is stored whole, and survives the death of its worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone

from compute.errors import ConvergenceError
from spectradb.models import Calculation, JobStatus
from spectradb.services.queue import jobs, reach, workers
from spectradb.services.queue.summary import summarise

pytestmark = pytest.mark.django_db
_count = iter(range(10**6))


def queued(**fields: object) -> Calculation:
    values = {"engine": "test", "absorber": "Ni", "edge": "L23", "input_hash": str(next(_count))}
    return Calculation.objects.create(**{**values, **fields})  # type: ignore[arg-type]


def keep(row: Calculation, result: object) -> None:
    row.results = {"value": result}
    row.save()


def fresh(row: Calculation) -> Calculation:
    return Calculation.objects.get(pk=row.pk)


def test_a_job_handed_out_twice_runs_once() -> None:
    row, calls = queued(), []
    for _ in range(2):
        jobs.run(Calculation, row.pk, lambda r: calls.append(r.pk), keep)
    done = fresh(row)
    assert calls == [row.pk]
    assert (done.job_status, done.attempts, done.results) == ("done", 1, {"value": None})
    assert done.seconds is not None
    assert done.seconds >= 0


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConvergenceError("SCF", 0.1, 1e-6), "Not converged"),
        (ValueError("odd"), "Internal error (ValueError)"),
    ],
)
def test_a_failure_keeps_its_reason(error: Exception, cause: str) -> None:
    row = queued()

    def work(_: Calculation) -> None:
        raise error

    assert not jobs.run(Calculation, row.pk, work, keep)
    failed = fresh(row)
    assert (failed.job_status, failed.error_cause) == ("failed", cause)
    assert failed.error == str(error)
    assert "in work" in failed.trace
    [group] = summarise().failures
    assert (group.cause, group.count, group.example_id) == (cause, 1, row.pk)


def test_a_result_that_cannot_be_stored_leaves_nothing_of_it() -> None:
    row = queued()

    def store(r: Calculation, result: object) -> None:
        keep(r, result)
        raise RuntimeError("disk full")

    assert not jobs.run(Calculation, row.pk, lambda r: 1, store)
    failed = fresh(row)
    assert (failed.job_status, failed.results, failed.error) == ("failed", {}, "disk full")


def test_a_job_cancelled_while_it_runs_stores_nothing() -> None:
    row = queued()

    def work(r: Calculation) -> int:
        assert jobs.cancel(Calculation.objects.filter(pk=r.pk)) == 1
        return 1

    assert not jobs.run(Calculation, row.pk, work, keep)
    assert (fresh(row).job_status, fresh(row).results) == ("cancelled", {})


def test_a_worker_presumed_dead_cannot_overwrite_the_one_that_took_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = queued()

    def slow(r: Calculation) -> str:
        monkeypatch.setattr(jobs, "is_alive", lambda *a: False)
        jobs.take_up_again()
        assert jobs.run(Calculation, r.pk, lambda _: "second", keep)
        return "first"

    assert not jobs.run(Calculation, row.pk, slow, keep)
    assert (fresh(row).results, fresh(row).attempts) == ({"value": "second"}, 2)


def test_only_a_dead_worker_loses_its_job() -> None:
    now = timezone.now()
    mine = workers.identity()
    host, pid, start = mine.rsplit(":", 2)
    started, _, machine = start.partition("@")
    assert workers.is_alive(mine, None, now)
    assert workers.is_alive(mine, now - timedelta(minutes=14), now)
    # It lives, but has left its job.
    assert not workers.is_alive(mine, now - timedelta(minutes=16), now)
    reused = f"{host}:{pid}:{int(started) + 1}@{machine}"
    assert not workers.is_alive(reused, now, now)
    assert not workers.is_alive(f"{host}:999999999:1@{machine}", now, now)
    assert workers.is_alive("elsewhere:1:1", now - timedelta(seconds=30), now)
    assert not workers.is_alive("elsewhere:1:1", now - timedelta(seconds=100), now)
    assert not workers.is_alive("", None, now)


def test_another_machine_of_the_same_name_is_not_looked_for_in_this_process_table() -> None:
    now = timezone.now()
    other = f"{workers.identity().rsplit(':', 2)[0]}:999999999:1@another"
    assert workers.is_alive(other, now - timedelta(seconds=30), now)
    assert not workers.is_alive(other, now - timedelta(seconds=100), now)


def away(monkeypatch: pytest.MonkeyPatch, times: int) -> list[float]:
    """The database is out of reach so often; the pauses that were made."""
    pauses: list[float] = []
    monkeypatch.setattr(reach, "is_away", lambda: len(pauses) < times)
    monkeypatch.setattr(jobs, "is_away", lambda: len(pauses) < times)
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(reach, "connection", SimpleNamespace(close=lambda: None))
    return pauses


def test_a_result_is_stored_once_the_database_can_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, pauses = queued(), away(monkeypatch, 2)

    def store(r: Calculation, result: object) -> None:
        if len(pauses) < 2:
            raise OperationalError("the connection was lost")
        keep(r, result)

    assert jobs.run(Calculation, row.pk, lambda r: 1, store)
    assert (fresh(row).job_status, fresh(row).results, len(pauses)) == ("done", {"value": 1}, 2)


def test_a_commit_of_which_only_the_answer_was_lost_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row, stored = queued(), []

    def again(write: Callable[[], bool]) -> bool:
        assert write()
        return write()

    monkeypatch.setattr(jobs, "once_reachable", again)
    assert jobs.run(Calculation, row.pk, lambda r: 1, lambda r, result: stored.append(result))
    assert (fresh(row).job_status, stored) == ("done", [1])


def test_an_end_that_others_were_first_with_is_not_told_as_ours() -> None:
    row = queued()
    claimed = jobs.claim(Calculation, row.pk)
    assert claimed is not None
    assert jobs.finish(claimed, 1, keep)
    assert not jobs.finish(claimed, 2, keep)
    assert fresh(row).results == {"value": 1}


def test_a_job_that_missed_the_database_while_it_ran_is_queued_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = queued()
    monkeypatch.setattr(jobs, "is_away", lambda: True)
    monkeypatch.setattr(jobs, "enqueue", lambda model, ids: None)

    def work(_: Calculation) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    assert not jobs.run(Calculation, row.pk, work, keep)
    assert (fresh(row).job_status, fresh(row).error_cause) == ("queued", "Database away")


def test_a_job_that_kills_its_worker_three_times_has_failed() -> None:
    row = queued(job_status=JobStatus.RUNNING, worker="gone:1:1", attempts=3)
    jobs.take_up_again()
    assert (fresh(row).job_status, fresh(row).error_cause) == ("failed", "Worker died")


def test_retry_queues_failed_rows_again() -> None:
    row = queued(job_status=JobStatus.FAILED, attempts=3, error="x", error_cause="y")
    done = queued(job_status=JobStatus.DONE)
    jobs._TASKS[Calculation], before = "time.sleep", jobs._TASKS[Calculation]
    try:
        assert jobs.retry(Calculation.objects.all()) == 1
    finally:
        jobs._TASKS[Calculation] = before
    assert (fresh(row).job_status, fresh(row).attempts) == ("queued", 0)
    assert fresh(done).job_status == "done"


def test_summary_counts_and_measures() -> None:
    now = timezone.now()
    for n in range(10):
        queued(
            job_status=JobStatus.DONE,
            started=now - timedelta(seconds=60 - 6 * n),
            finished=now - timedelta(seconds=54 - 6 * n),
            seconds=6.0,
        )
    for _ in range(20):
        queued()
    found = summarise()
    assert (found.counts["done"], found.counts["queued"], found.total, found.open) == (
        10,
        20,
        30,
        20,
    )
    assert found.per_minute == pytest.approx(10, rel=0.05)
    assert found.seconds_left == pytest.approx(120, rel=0.05)
    assert found.median_seconds == 6.0


_WORKER = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "spectradb.settings"
import django
django.setup()
from spectradb.models import Calculation
from spectradb.services.queue import jobs
def work(row):
    print("claimed", flush=True)
    time.sleep(float(sys.argv[2]))
    return os.getpid()
def store(row, result):
    row.results = {"value": result}
    row.save()
if sys.argv[1] == "recover":
    jobs._TASKS = {Calculation: "time.sleep"}
    print(jobs.take_up_again())
else:
    jobs.run(Calculation, int(sys.argv[1]), work, store)
"""


@pytest.mark.slow
def test_a_killed_worker_leaves_its_job_to_another(tmp_path: Path) -> None:
    """With real processes, a real database file and SIGKILL."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    env = {**os.environ, "DATABASE_URL": url, "SPECTRADB_VAR": str(tmp_path)}
    env.pop("DJANGO_SETTINGS_MODULE", None)
    root = Path(__file__).resolve().parents[3]

    def start(*args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *args], env=env, cwd=root, stdout=subprocess.PIPE, text=True
        )

    def finish(*args: str) -> str:
        process = start(*args)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return out

    finish("manage.py", "migrate", "--verbosity", "0")
    make = (
        "from spectradb.models import Calculation as C\n"
        "print('id', C.objects.create(engine='t', absorber='Ni', edge='L23', input_hash='a').pk)"
    )
    pk = finish("manage.py", "shell", "-v", "0", "-c", make).split()[-1]
    killed = start("-c", _WORKER, pk, "60")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "claimed\n"
    assert finish("-c", _WORKER, "recover", "0").split()[-1] == "0"  # it lives: left alone
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert finish("-c", _WORKER, "recover", "0").split()[-1] == "1"
    time.sleep(0.05)
    finish("-c", _WORKER, pk, "0")
    show = "from spectradb.models import Calculation as C\nc = C.objects.get()\n"
    show += "print(c.job_status, c.attempts, len(c.results))"
    assert finish("manage.py", "shell", "-v", "0", "-c", show).split()[-3:] == ["done", "2", "1"]
