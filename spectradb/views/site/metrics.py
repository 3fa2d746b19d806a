"""What Prometheus asks for; not public."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from spectradb.services.queue.depth import depth


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Requests of all processes of this host, and jobs; for who has ``METRICS_TOKEN``."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    registry.register(_Jobs())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY) + generate_latest(registry)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class _Jobs:
    """The queue as it is when it is asked about, the same from every process."""

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        found = depth()
        jobs = GaugeMetricFamily("spectradb_jobs", "Jobs by state", labels=["kind", "status"])
        for (kind, status), n in found.jobs.items():
            jobs.add_metric([kind, status], n)
        oldest = GaugeMetricFamily(
            "spectradb_jobs_oldest_queued_seconds", "Wait of the oldest queued job", labels=["kind"]
        )
        for kind, seconds in found.waiting_seconds.items():
            oldest.add_metric([kind], seconds)
        messages = GaugeMetricFamily(
            "spectradb_queue_messages", "Messages that wait for a worker", value=found.messages
        )
        yield from (jobs, oldest, messages)
