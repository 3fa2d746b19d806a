"""Every page of this site's database: processor time inside the server, and size of the HTML.

The database is the one of ``SPECTRADB_VAR`` (``manage.py demo --no-serve`` fills it with the
release); pages are those that ``tests.screenshots`` photographs, as a curator sees them.
"""

from __future__ import annotations

import gzip
import statistics
import time
from collections.abc import Iterator

from django.test import Client

from tests.benchmarks.rows import Row

LIMIT_MS, MEDIAN_MS = 60.0, 25.0
REPEATS = 9
COMPUTES = {"fit", "match-how"}  # fits, or draws what was measured: told, not bounded


def run() -> Iterator[Row]:
    """A row a page, then the median of all."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from tests.screenshots import addresses

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    pages = addresses("admin")
    client = Client()
    client.force_login(get_user_model().objects.get(username="photo-admin"))
    medians = []
    for name, address in pages.items():
        client.get(address)  # what a process does once is no page's
        times = []
        for _ in range(REPEATS):
            start = time.process_time()
            answer = client.get(address)
            times.append(1000 * (time.process_time() - start))
        median = statistics.median(times)
        medians.append(median)
        size = len(gzip.compress(getattr(answer, "content", b""), 6))
        bounded = None if name in COMPUTES else LIMIT_MS
        detail = {"address": address, "gzip_bytes": size, "status": answer.status_code}
        yield Row(name, median, unit="ms", limit=bounded, detail=detail)
    yield Row("median page", statistics.median(medians), unit="ms", limit=MEDIAN_MS)
