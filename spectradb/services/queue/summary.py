"""What a page of jobs tells of one kind: counts, rate, time left, failures by cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from spectradb.models import Calculation, JobStatus


@dataclass(frozen=True)
class Failure:
    """Failed jobs of one cause."""

    cause: str
    count: int
    example_id: int
    example: str
    last: datetime | None
    permanent: bool
    """Whether trying again gives the same failure."""


@dataclass(frozen=True)
class JobSummary:
    """What the job page shows of one kind of job."""

    counts: dict[str, int] = field(default_factory=dict)
    per_minute: float | None = None
    """Finished per minute lately; None when nothing has finished within the hour."""
    seconds_left: float | None = None
    median_seconds: float | None = None
    failures: list[Failure] = field(default_factory=list)
    retryable: int = 0
    """Failed ones that may end otherwise when tried again."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        return self.counts["queued"] + self.counts["running"]


def summarise(rows: QuerySet[Any] | None = None) -> JobSummary:
    """Counts, rate, time left and failures by cause; of all calculations unless told which."""
    rows = (Calculation.objects.all() if rows is None else rows).order_by()
    found = dict(rows.values_list("job_status").annotate(n=Count("pk")))
    counts = {status: found.get(status, 0) for status in JobStatus.values}
    per_minute = _rate(rows)
    left = counts["queued"] + counts["running"]
    times = list(
        rows.filter(job_status=JobStatus.DONE, seconds__isnull=False)
        .order_by("-created")  # as they are indexed; of a large queue, by number would sort all
        .values_list("seconds", flat=True)[:200]
    )
    return JobSummary(
        counts,
        per_minute,
        60 * left / per_minute if per_minute and left else None,
        sorted(times)[len(times) // 2] if times else None,
        _failures(rows) if counts["failed"] else [],
        rows.filter(job_status=JobStatus.FAILED, error_permanent=False).count(),
    )


def _rate(rows: QuerySet[Any]) -> float | None:
    """Jobs finished per minute over the last five minutes, or the last hour if those are idle."""
    now = timezone.now()
    for window in (timedelta(minutes=5), timedelta(hours=1)):
        ended = rows.filter(finished__gte=now - window).filter(
            Q(job_status=JobStatus.DONE) | Q(job_status=JobStatus.FAILED)
        )
        seen = ended.aggregate(n=Count("pk"), first=Min("started"), last=Max("finished"))
        if seen["n"] >= 2 and seen["first"] is not None:
            # From the first start inside the window: a queue just begun is not called slow.
            begin = max(seen["first"], now - window)
            seconds = max((seen["last"] - begin).total_seconds(), 1e-3)
            return 60.0 * int(seen["n"]) / float(seconds)
    return None


def _failures(rows: QuerySet[Any]) -> list[Failure]:
    grouped = (
        rows.filter(job_status=JobStatus.FAILED)
        .values("error_cause", "error_permanent")
        .annotate(n=Count("pk"), example=Max("pk"), last=Max("finished"))
        .order_by("-n")[:50]
    )
    groups = list(grouped)
    texts = dict(
        rows.model._default_manager.filter(pk__in=[one["example"] for one in groups]).values_list(
            "pk", "error"
        )
    )
    return [
        Failure(
            one["error_cause"] or "Unknown",
            one["n"],
            one["example"],
            texts.get(one["example"], ""),
            one["last"],
            one["error_permanent"],
        )
        for one in groups
    ]
