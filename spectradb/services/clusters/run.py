"""Claim queued calculations, have them computed elsewhere, store what comes back.

A row is claimed and ended by the code that a local worker uses: it has one owner at a time, and its
result is stored whole, once. Only so many are out at once as keep the workers busy, and this
process signs them all while they are; if it dies they are taken up again like those of any worker.
Where the database is away for minutes it waits: what is out goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from django.db.models import QuerySet

from compute.tasks import Ended
from spectradb.models import Calculation, JobStatus
from spectradb.services.calculations.queued import carried, store, task_of
from spectradb.services.clusters.carrier import BlockEndedError, Carrier, WorkerEndedError
from spectradb.services.queue import jobs
from spectradb.services.queue.reach import once_reachable

_AHEAD = 3  # tasks out for each worker, so that none waits for the next
_AT_LEAST = 16
_CHUNK = 200
_LOOK_SECONDS = 5.0
_TAKE_UP_SECONDS = 60.0
MOST_ENDS = 10
"""Blocks that may end over one task before it counts as what ends them."""


@dataclass
class Report:
    """How far a run is.

    Attributes
    ----------
    done, failed : int
        Rows that ended here.
    dropped : int
        Results of rows that were cancelled or deleted meanwhile.
    sent_again : int
        Tasks whose worker or block ended before they did.
    given_back : int
        Rows that are queued again as the run was stopped.
    work_seconds : float
        What workers spent, all together.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    dropped: int = 0
    sent_again: int = 0
    given_back: int = 0
    out: int = 0
    workers: int = 0
    seconds: float = 0.0
    work_seconds: float = 0.0
    causes: dict[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.dropped

    @property
    def per_second(self) -> float:
        return self.ended / self.seconds if self.seconds else 0.0


class Run:
    """Works through the queued ones of these rows.

    Parameters
    ----------
    rows
        Calculations; those that are not queued are left alone, and so are those of route
        ``learned``, whose model the site keeps.
    """

    def __init__(self, rows: QuerySet[Any], carrier: Carrier, *, at_least: int = _AT_LEAST) -> None:
        self._rows = carried(rows)
        self._carrier = carrier
        self._at_least = at_least
        self._out: dict[Future[Ended], Calculation] = {}
        self._ended: SimpleQueue[Future[Ended] | None] = SimpleQueue()
        self._ends: Counter[int] = Counter()  # of blocks and
        self._deaths: Counter[int] = Counter()  # of workers, by row
        self._waiting: list[int] = []
        self._stopped = False
        self.report = Report()

    def stop(self) -> None:
        """Give back what is out and end; callable from a signal's handler."""
        self._stopped = True
        self._ended.put(None)

    def go(self) -> Iterator[Report]:
        """Until nothing is queued or out, or :meth:`stop`; after each step how far it is.

        Raises
        ------
        ClusterError
            If nothing is carried any more; what was out is queued again then as well.
        """
        started = time.monotonic()
        looked = taken_up = -float("inf")
        report = self.report
        try:
            with jobs.keep_alive(Calculation):
                while not self._stopped:
                    now = time.monotonic()
                    if now - taken_up > _TAKE_UP_SECONDS:
                        once_reachable(partial(jobs.take_up_dead, Calculation))
                        taken_up = now
                    if now - looked > _LOOK_SECONDS:
                        report.workers = self._carrier.workers()
                        looked = now
                    self._send()
                    if not self._out:
                        break
                    self._take(_LOOK_SECONDS)
                    report.seconds = time.monotonic() - started
                    report.out = len(self._out)
                    report.total = max(report.total, report.ended + report.out)
                    yield report
        finally:
            left = [row.pk for row in self._out.values()]
            report.given_back = jobs.give_back(Calculation, left)
            report.out = 0
            report.seconds = time.monotonic() - started

    def _send(self) -> None:
        """Claim and send until enough are out."""
        most = max(self._at_least, _AHEAD * self.report.workers)
        while len(self._out) < most and not self._stopped:
            if not self._waiting and not once_reachable(self._look):
                return
            row = once_reachable(partial(self._claim, self._waiting.pop()))
            if row is None:  # another worker's, or cancelled
                continue
            try:
                task = task_of(row)
            # As of any job: whatever is wrong with it is told on its row.
            except Exception as error:
                self._fail(row, error)
                continue
            future = self._carrier.send(task)
            self._out[future] = row
            future.add_done_callback(self._ended.put)

    def _claim(self, pk: int) -> Calculation | None:
        """The row, ours now, or since a claim of which only the answer was lost."""
        row = jobs.claim(Calculation, pk)
        if row is None and all(pk != one.pk for one in self._out.values()):
            return jobs.held_here(Calculation, pk)
        return row

    def _look(self) -> bool:
        queued = self._rows.filter(job_status=JobStatus.QUEUED).order_by("pk")
        self._waiting = list(queued.values_list("pk", flat=True)[:_CHUNK])[::-1]
        return bool(self._waiting)

    def _take(self, seconds: float) -> None:
        """What has ended, waiting for the first of it."""
        try:
            future = self._ended.get(timeout=seconds)
            while future is not None:
                self._end(future)
                future = self._ended.get_nowait()
        except Empty:
            return

    def _end(self, future: Future[Ended]) -> None:
        row = self._out[future]
        if (lost := future.exception()) is not None:
            self._lose(row, self._carrier.error_of(lost))
            del self._out[future]
            return
        ended = future.result()
        self.report.work_seconds += ended.seconds
        if ended.error is not None:
            self._fail(row, ended.error)
        elif jobs.finish(row, ended.result, store, seconds=ended.seconds):
            self.report.done += 1
        else:
            self._count(row)
        del self._out[future]

    def _lose(self, row: Calculation, error: Exception) -> None:
        if isinstance(error, BlockEndedError):
            self._ends[row.pk] += 1
            if self._ends[row.pk] < MOST_ENDS:
                once_reachable(partial(jobs.give_back, Calculation, [row.pk]))
            else:
                once_reachable(partial(jobs.lose, row, MOST_ENDS))
        elif isinstance(error, WorkerEndedError):
            self._deaths[row.pk] += 1
            once_reachable(partial(jobs.lose, row, self._deaths[row.pk]))
        else:
            raise error
        self._count(row)

    def _fail(self, row: Calculation, error: Exception) -> None:
        jobs.fail(row, error)
        self._count(row)

    def _count(self, row: Calculation) -> None:
        """Tell a row that was not done apart by what it is now."""
        told = Calculation.objects.filter(pk=row.pk).values_list("job_status", "error_cause")
        status, cause = once_reachable(told.first) or (None, "")
        if status == JobStatus.FAILED:
            self.report.failed += 1
            self.report.causes[cause] = self.report.causes.get(cause, 0) + 1
        elif status == JobStatus.QUEUED:
            self.report.sent_again += 1
        else:
            self.report.dropped += 1
