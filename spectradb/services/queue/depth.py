"""How much waits and runs, by kind of job: what watches a queue asks."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Min
from django.utils import timezone
from django_q.brokers import get_broker

from spectradb.models import JobStatus
from spectradb.services.queue.jobs import KINDS


@dataclass(frozen=True)
class Depth:
    """Jobs of each (kind, status), and for how many seconds the oldest of a kind has waited."""

    jobs: dict[tuple[str, str], int]
    waiting_seconds: dict[str, float]
    messages: int


def depth() -> Depth:
    jobs: dict[tuple[str, str], int] = {}
    waiting: dict[str, float] = {}
    now = timezone.now()
    for model in KINDS:
        name = model.__name__
        jobs |= {(name, status): 0 for status in JobStatus.values}
        rows = model._default_manager.order_by().values_list("job_status")
        for status, n, oldest in rows.annotate(n=Count("pk"), oldest=Min("created")):
            jobs[name, status] = n
            if status == JobStatus.QUEUED:
                waiting[name] = max(0.0, (now - oldest).total_seconds())
    return Depth(jobs, waiting, int(get_broker().queue_size()))
