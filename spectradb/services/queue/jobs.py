"""Jobs: claimed once, stored whole, taken up again when their worker dies.

A job is a row (a calculation, a fit, an export …). The broker carries only its number, so a
number delivered twice, or lost, does no harm: the row is claimed by a conditional update, its
result is stored in one transaction together with the status *done*, and only while the claim
still holds.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.tasks import async_task

from compute.routes import FEFF
from spectradb.models import (
    BroughtSpectrum,
    Calculation,
    Export,
    ImportRun,
    JobStatus,
    MatchRun,
    PeakFit,
    SeriesAnalysis,
    SeriesUpload,
)
from spectradb.models.jobs import Job
from spectradb.models.predictions import TrainedModel
from spectradb.services.queue.failures import (
    WorkerDied,
    cause_of,
    in_words,
    is_permanent,
    may_pass,
    told_apart,
)
from spectradb.services.queue.reach import DatabaseAwayError, is_away, once_reachable
from spectradb.services.queue.workers import Heartbeat, identity, is_alive

_log = logging.getLogger(__name__)
J = TypeVar("J", bound=Job)
R = TypeVar("R")

MAX_ATTEMPTS = 3
_LOST_AFTER = timedelta(seconds=60)
_TASKS: dict[type[Job], str] = {
    Calculation: "spectradb.tasks.run_calculation",
    PeakFit: "spectradb.tasks.run_peak_fit",
    MatchRun: "spectradb.tasks.run_match",
    TrainedModel: "spectradb.tasks.run_training",
    Export: "spectradb.tasks.run_export",
    ImportRun: "spectradb.tasks.run_import",
    BroughtSpectrum: "spectradb.tasks.run_brought",
    SeriesUpload: "spectradb.tasks.run_series_upload",
    SeriesAnalysis: "spectradb.tasks.run_series_analysis",
}
KINDS = tuple(_TASKS)
_TIMEOUTS: dict[type[Job], int] = {
    TrainedModel: 4 * 3600,
    SeriesUpload: 2 * 3600,
    SeriesAnalysis: 4 * 3600,
}
"""Seconds that a job may take where that is more than the queue's own limit."""
_FEFF_TIMEOUT = 7 * 3600
"""The same of a calculation by FEFF, which has a limit of its own for each of two edges."""


def enqueue(model: type[Job], ids: Iterable[int]) -> int:
    """Tell the workers about queued rows once the present transaction has ended; how many."""
    wanted = list(ids)
    transaction.on_commit(lambda: _send(model, wanted))
    return len(wanted)


def _send(model: type[Job], ids: list[int]) -> None:
    usual = _TIMEOUTS.get(model)
    feff: set[int] = set()
    if model is Calculation:
        queued = Calculation.objects.filter(route=FEFF, job_status=JobStatus.QUEUED)
        feff.update(queued.values_list("pk", flat=True))
    with transaction.atomic():  # one commit for thousands of rows of the ORM broker
        for pk in ids:
            name = f"{model.__name__}-{pk}"
            limit = _FEFF_TIMEOUT if pk in feff else usual
            options = {} if limit is None else {"timeout": limit}
            async_task(_TASKS[model], pk, group=model.__name__, task_name=name, **options)


def send_waiting() -> int:
    """Tell the workers about every queued row, where the broker's messages were lost; how many."""
    n = 0
    for model in _TASKS:
        queued = model._default_manager.filter(job_status=JobStatus.QUEUED)
        n += enqueue(model, queued.order_by("pk").values_list("pk", flat=True))
    return n


def claim(model: type[J], pk: int) -> J | None:
    """The row, now running and ours; None if it is not queued (any more)."""
    now = timezone.now()
    taken = model._default_manager.filter(pk=pk, job_status=JobStatus.QUEUED).update(
        job_status=JobStatus.RUNNING,
        attempts=F("attempts") + 1,
        worker=identity(),
        started=now,
        heartbeat=now,
        finished=None,
        seconds=None,
        error="",
        error_cause="",
        error_permanent=False,
    )
    return model._default_manager.get(pk=pk) if taken else None


def held_here(model: type[J], pk: int) -> J | None:
    """The row, if this process has claimed it; that it does not work on it already, it has to know.

    What becomes of a claim whose answer was lost.
    """
    return model._default_manager.filter(
        pk=pk, worker=identity(), job_status=JobStatus.RUNNING
    ).first()


def run(model: type[J], pk: int, work: Callable[[J], R], store: Callable[[J, R], None]) -> bool:
    """Do one job, if it is still to be had.

    Parameters
    ----------
    work
        The long part, outside any transaction; what it raises is kept on the row as the reason
        of the failure.
    store
        Writes the result. It shares one transaction with the status *done*, so there is never
        half a result. It must not set the job's own fields.

    Returns
    -------
    bool
        Whether this call finished the job. False if another worker had it, it was cancelled
        meanwhile, or it failed.
    """
    row = claim(model, pk)
    if row is None:
        return False
    try:
        with Heartbeat(_held(row)):
            result = work(row)
    # Whatever stops a job is told on its row; the worker goes on with the next.
    except Exception as error:
        fail(row, error)
        return False
    return finish(row, result, store)


def finish(
    row: J, result: R, store: Callable[[J, R], None], *, seconds: float | None = None
) -> bool:
    """Store the result of a claimed job, whole or not at all; whether this call finished it.

    Parameters
    ----------
    store
        As of :func:`run`; what it raises is the job's failure.
    seconds
        What the work took, where that is not all the time since the claim.
    """
    if seconds is None:
        seconds = _seconds_of(row)

    tried = False

    def whole() -> bool:
        nonlocal tried
        before, tried = tried, True
        with transaction.atomic():
            if not _end(row, JobStatus.DONE, seconds):
                # Of a commit before only the answer may have been lost.
                return before and _claimed(row).filter(job_status=JobStatus.DONE).exists()
            row.refresh_from_db()
            store(row, result)
        return True

    try:
        return once_reachable(whole)
    except Exception as error:
        fail(row, error)
        return False


def _seconds_of(row: Job) -> float:
    now = timezone.now()
    return (now - (row.started or now)).total_seconds()


def _end(row: Job, status: JobStatus, seconds: float | None = None, **values: Any) -> bool:
    """Leave *running*, provided the claim still holds."""
    now = timezone.now()
    if seconds is None:
        seconds = _seconds_of(row)
    return bool(_held(row).update(job_status=status, finished=now, seconds=seconds, **values))


def note(row: Job, **values: Any) -> bool:
    """Tell how far a running job is; False once it is another's, or cancelled."""
    return bool(_held(row).update(**values))


def _held(row: Job) -> QuerySet[Any]:
    return _claimed(row).filter(job_status=JobStatus.RUNNING)


def _claimed(row: Job) -> QuerySet[Any]:
    """The row, whatever became of it, unless it was claimed again since."""
    return type(row)._default_manager.filter(pk=row.pk, worker=row.worker, attempts=row.attempts)


def fail(row: Job, error: Exception) -> None:
    """Keep why a job failed; queue it again if the error says that it may pass.

    Tried :data:`MAX_ATTEMPTS` times, it has failed.
    """
    if isinstance(error, OperationalError | InterfaceError) and is_away():
        error = DatabaseAwayError(error)
    if not hasattr(told_apart(error), "cause"):  # a fault of ours, not of what was asked
        _log.error("A job of kind %s failed", type(row).__name__, exc_info=error)
    values: dict[str, Any] = {
        "error": in_words(error),
        "error_cause": cause_of(error),
        "error_permanent": is_permanent(error),
    }
    if isinstance(row, Calculation):
        trace = "".join(traceback.format_exception(error))
        values["trace"] = trace[-20_000:]
    seconds = _seconds_of(row)

    def tell() -> None:
        if may_pass(error) and row.attempts < MAX_ATTEMPTS:
            if _held(row).update(job_status=JobStatus.QUEUED, worker="", heartbeat=None, **values):
                enqueue(type(row), [row.pk])
            return
        _end(row, JobStatus.FAILED, seconds, **values)

    once_reachable(tell)


def cancel(rows: QuerySet[Any]) -> int:
    """Cancel what is queued or running; a running one stores nothing when it ends. How many."""
    return rows.filter(job_status__in=[JobStatus.QUEUED, JobStatus.RUNNING]).update(
        job_status=JobStatus.CANCELLED, finished=timezone.now()
    )


def retry(rows: QuerySet[Any], *, hopeless: bool = True) -> int:
    """Queue failed and cancelled rows again, with a fresh count of attempts; how many.

    Without ``hopeless`` those stay that would fail the same way again.
    """
    again = rows.filter(job_status__in=[JobStatus.FAILED, JobStatus.CANCELLED])
    if not hopeless:
        again = again.filter(error_permanent=False)
    ids = list(again.values_list("pk", flat=True))
    with transaction.atomic():
        again.model._default_manager.filter(pk__in=ids).update(
            job_status=JobStatus.QUEUED,
            attempts=0,
            error="",
            error_cause="",
            error_permanent=False,
            finished=None,
        )
        enqueue(again.model, ids)
    return len(ids)


def any_running() -> bool:
    """Whether a job of any kind is being worked on, by whomever."""
    return any(
        model._default_manager.filter(job_status=JobStatus.RUNNING).exists() for model in _TASKS
    )


def take_up_again() -> int:
    """Queue the jobs of dead workers again, and tell the workers of rows the broker lost.

    A job whose worker died :data:`MAX_ATTEMPTS` times has failed. Safe to call at any time and
    by several hosts at once.
    """
    return sum(_take_up_again(model) for model in _TASKS)


def _take_up_again(model: type[Job]) -> int:
    ids = take_up_dead(model)
    if not ids and get_broker().queue_size() == 0:
        lost = model._default_manager.filter(
            job_status=JobStatus.QUEUED, created__lt=timezone.now() - _LOST_AFTER
        )
        ids = list(lost.values_list("pk", flat=True))
        enqueue(model, ids)
    return len(ids)


def take_up_dead(model: type[Job]) -> list[int]:
    """Queue the jobs of this kind again whose workers are dead; which."""
    now = timezone.now()
    ids = []
    for row in model._default_manager.filter(job_status=JobStatus.RUNNING):
        if is_alive(row.worker, row.heartbeat or row.started, now):
            continue
        if row.attempts >= MAX_ATTEMPTS:
            _died(row, row.attempts)
        elif _held(row).update(job_status=JobStatus.QUEUED, worker="", heartbeat=None):
            ids.append(row.pk)
    enqueue(model, ids)
    return ids


def _died(row: Job, times: int) -> None:
    _end(row, JobStatus.FAILED, error=str(WorkerDied(times)), error_cause=WorkerDied.cause)


def lose(row: Job, times: int) -> None:
    """A claimed job whose worker ended before it did: queued again, unless it did so too often.

    Parameters
    ----------
    times
        How often this job has met with that, now included.
    """
    if times >= MAX_ATTEMPTS:
        _died(row, times)
    else:
        give_back(type(row), [row.pk])


def give_back(model: type[Job], ids: Iterable[int]) -> int:
    """Queue what this process has claimed and will not do, as if it had never had it; how many."""
    wanted = list(ids)
    with transaction.atomic():
        held = model._default_manager.filter(
            pk__in=wanted, worker=identity(), job_status=JobStatus.RUNNING
        )
        n = held.update(
            job_status=JobStatus.QUEUED, worker="", heartbeat=None, attempts=F("attempts") - 1
        )
        enqueue(model, wanted)
    return n


def keep_alive(model: type[Job]) -> Heartbeat:
    """Signs every job of a kind that this process has claimed, while others work on them."""
    return Heartbeat(model._default_manager.filter(worker=identity(), job_status=JobStatus.RUNNING))
