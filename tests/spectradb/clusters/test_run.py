"""Calculations carried elsewhere: each has one result, whatever becomes of workers and blocks."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError
from django.utils import timezone

from compute.errors import ConvergenceError
from compute.tasks import CaseTask, Ended, attempt
from spectradb.models import Calculation, JobStatus, Spectrum
from spectradb.services.clusters.carrier import BlockEndedError, WorkerEndedError
from spectradb.services.clusters.machines import ClusterError
from spectradb.services.clusters.run import MOST_ENDS, Report, Run
from spectradb.services.queue import jobs, reach
from tests.factories import make_user
from tests.spectradb.clusters.cases import queue_cases

pytestmark = pytest.mark.django_db
RESULT = {
    "energy_ev": np.linspace(-5.0, 15.0, 50),
    "intensity": np.ones(50),
    "sticks": None,
    "method": "dense",
}
DONE = Ended(RESULT, None, 0.25)


class StandIn:
    """Answers as it is told, as soon as a task is sent, or never."""

    def __init__(self, answer: Callable[[int], Ended | Exception | None]) -> None:
        self.answer, self.sent, self.out, self.most_out = answer, 0, 0, 0

    def send(self, task: Any) -> Future[Ended]:
        pickle.loads(pickle.dumps(task))
        future: Future[Ended] = Future()
        told = self.answer(self.sent)
        self.sent += 1
        self.out += 1
        self.most_out = max(self.most_out, self.out)
        if isinstance(told, Exception):
            future.set_exception(told)
        elif told is not None:
            future.set_result(told)
        return future

    def error_of(self, error: BaseException) -> Exception:
        assert isinstance(error, Exception)
        return error

    def workers(self) -> int:
        return 1

    def close(self) -> None:
        pass


def queued(n: int) -> list[int]:
    return queue_cases(n, make_user("anna", "contributor"))


def run(carrier: StandIn, **options: Any) -> Report:
    one = Run(Calculation.objects.all(), carrier, **options)
    for report in one.go():
        carrier.out = report.out
    return one.report


def test_each_row_is_claimed_once_and_stored_as_by_a_worker_here() -> None:
    ids = queued(5)
    report = run(StandIn(lambda _: DONE))
    assert (report.done, report.failed, report.ended) == (5, 0, 5)
    for row in Calculation.objects.filter(pk__in=ids):
        assert (row.job_status, row.attempts, row.seconds) == ("done", 1, 0.25)
        assert row.results == {"method": "dense"}
        assert Spectrum.objects.filter(calculation=row).count() == 1


def test_no_more_are_out_than_keep_the_workers_busy() -> None:
    queued(30)
    carrier = StandIn(lambda _: DONE)
    assert run(carrier, at_least=4).done == 30
    assert carrier.most_out <= 4


def test_an_error_elsewhere_is_told_on_the_row_with_its_lines() -> None:
    [pk] = queued(1)
    ended = attempt(CaseTask({"element": "Xx"}))
    assert ended.error is not None
    report = run(StandIn(lambda _: pickle.loads(pickle.dumps(ended))))
    row = Calculation.objects.get(pk=pk)
    assert (row.job_status, row.error_cause) == ("failed", "Input not usable")
    assert "charge" in row.error
    assert "compute/tasks.py" in row.trace
    assert report.causes == {"Input not usable": 1}


def test_what_may_pass_is_sent_again() -> None:
    class Passing(ConvergenceError):
        permanent = False

    queued(1)
    error = Ended(None, Passing("SCF", 1.0, 1e-6))
    report = run(StandIn(lambda n: error if n == 0 else DONE))
    assert (report.done, report.sent_again) == (1, 1)


def test_a_task_whose_block_ends_is_done_by_another_and_not_blamed() -> None:
    [pk] = queued(1)
    report = run(StandIn(lambda n: BlockEndedError() if n < 5 else DONE))
    assert (report.done, report.sent_again) == (1, 5)
    assert Calculation.objects.get(pk=pk).attempts == 1


@pytest.mark.parametrize(
    ("error", "times"), [(WorkerEndedError, jobs.MAX_ATTEMPTS), (BlockEndedError, MOST_ENDS)]
)
def test_a_task_that_ends_its_worker_each_time_has_failed(error: type[Exception], times) -> None:
    [pk] = queued(1)
    carrier = StandIn(lambda _: error())
    report = run(carrier)
    assert (report.failed, carrier.sent) == (1, times)
    assert Calculation.objects.get(pk=pk).error_cause == "Worker died"


def test_a_row_cancelled_while_it_is_out_keeps_nothing() -> None:
    [pk] = queued(1)

    def cancelled(_: int) -> Ended:
        jobs.cancel(Calculation.objects.filter(pk=pk))
        return DONE

    report = run(StandIn(cancelled))
    assert (report.done, report.dropped) == (0, 1)
    assert not Spectrum.objects.exists()


def test_a_run_that_is_stopped_gives_back_what_is_out() -> None:
    ids = queued(20)
    carrier = StandIn(lambda n: DONE if n < 3 else None)
    one = Run(Calculation.objects.all(), carrier, at_least=8)
    for report in one.go():
        if report.done == 3:
            one.stop()
    assert one.report.given_back == 5
    states = Calculation.objects.filter(pk__in=ids).values_list("job_status", "attempts", "worker")
    left = [told for told in states if told[0] != JobStatus.DONE]
    assert left == [("queued", 0, "")] * 17


def test_a_run_that_nothing_carries_ends_in_words_and_gives_back() -> None:
    queued(2)
    with pytest.raises(ClusterError, match="no block starts"):
        run(StandIn(lambda _: ClusterError("no block starts")))
    assert set(Calculation.objects.values_list("job_status", "attempts")) == {("queued", 0)}


def test_rows_that_others_work_on_are_left_to_them() -> None:
    ids = queued(2)
    now = timezone.now()
    Calculation.objects.filter(pk=ids[0]).update(
        job_status="running", worker="other:1:1", heartbeat=now, attempts=1
    )
    assert run(StandIn(lambda _: DONE)).done == 1
    assert Calculation.objects.get(pk=ids[0]).worker == "other:1:1"


def test_rows_of_a_run_that_was_killed_are_taken_up() -> None:
    [pk] = queued(1)
    Calculation.objects.filter(pk=pk).update(
        job_status="running", worker="other:1:1", attempts=1, heartbeat=None, started=None
    )
    assert run(StandIn(lambda _: DONE)).done == 1


def test_only_what_the_search_selects_is_sent() -> None:
    queued(2)
    rows = Calculation.objects.filter(absorber="Fe")
    carrier = StandIn(lambda _: DONE)
    assert list(Run(rows, carrier).go()) == []
    assert carrier.sent == 0


def test_rows_that_are_out_are_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = queued(2)
    for pk in ids:
        jobs.claim(Calculation, pk)
    before = timezone.now()
    Calculation.objects.update(heartbeat=None)
    jobs.keep_alive(Calculation)._rows.update(heartbeat=timezone.now())
    assert all(row.heartbeat >= before for row in Calculation.objects.all())


def away_until_waited_for(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A database that is away until somebody has waited for it; the waits."""
    pauses: list[float] = []
    monkeypatch.setattr(reach, "is_away", lambda: not pauses)
    monkeypatch.setattr(reach, "connection", SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(reach, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=pauses.append))
    return pauses


def test_a_run_outlives_a_database_that_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, claim = queued(2), jobs.claim
    pauses = away_until_waited_for(monkeypatch)

    def claim_later(model: type[Calculation], pk: int) -> Calculation | None:
        if not pauses:
            raise OperationalError("the connection was lost")
        return claim(model, pk)

    monkeypatch.setattr(jobs, "claim", claim_later)
    assert run(StandIn(lambda _: DONE)).done == 2
    assert Calculation.objects.filter(pk__in=ids, job_status="done", attempts=1).count() == 2


def test_a_claim_of_which_only_the_answer_was_lost_is_worked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, claim = queued(3), jobs.claim
    pauses = away_until_waited_for(monkeypatch)

    def claim_unheard(model: type[Calculation], pk: int) -> Calculation | None:
        row = claim(model, pk)
        if not pauses:
            raise OperationalError("the connection was lost")
        return row

    monkeypatch.setattr(jobs, "claim", claim_unheard)
    assert run(StandIn(lambda _: DONE)).done == 3
    assert Calculation.objects.filter(pk__in=ids, job_status="done", attempts=1).count() == 3


@pytest.mark.parametrize(
    ("error", "name"), [(BlockEndedError, "give_back"), (WorkerEndedError, "lose")]
)
def test_a_block_or_worker_that_ends_while_the_database_is_away_ends_no_run(
    error: type[Exception], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [pk], done = queued(1), getattr(jobs, name)
    pauses = away_until_waited_for(monkeypatch)

    def later(*given: Any) -> Any:
        if not pauses:
            raise OperationalError("the connection was lost")
        return done(*given)

    monkeypatch.setattr(jobs, name, later)
    report = run(StandIn(lambda n: error() if n == 0 else DONE))
    assert (report.done, report.sent_again, len(pauses)) == (1, 1, 1)
    assert Calculation.objects.get(pk=pk).job_status == "done"


def test_what_is_out_is_not_sent_twice() -> None:
    [pk] = queued(1)
    carrier = StandIn(lambda _: None)
    one = Run(Calculation.objects.all(), carrier)
    one._send()
    one._waiting = [pk]
    one._send()
    assert carrier.sent == 1
