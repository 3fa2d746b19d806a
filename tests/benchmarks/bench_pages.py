"""Every page of this site's database: processor time inside the server, and size of the HTML.

The database is the one of ``SPECTRADB_VAR`` (``manage.py demo --no-serve`` fills it with the
release); pages are those that ``tests.screenshots`` photographs, as an administrator sees them, and
those that are long. They are asked for in rounds, so that a slow phase of the machine falls on all
of them, and beside each is told a fixed piece of template work of the same rounds: where that
takes other than ``QUIET_MS``, the machine is not the one of the limits, and ratios compare.
"""

from __future__ import annotations

import gc
import gzip
import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import Client

from tests.benchmarks.rows import Row

LIMIT_MS, MEDIAN_MS = 60.0, 25.0
ROUNDS = 9
COMPUTES = {"fit", "match-how"}  # fits, or draws what was measured: told, not bounded
QUIET_MS = 5.4  # of the fixed work, on the machine of the limits while nothing else runs
_CELLS = 200
_FIXED = (
    "{% load i18n science %}{% for n in cells %}<td>{{ n|number:1 }}"
    '{% if n %} <a href="{% url "spectrum" 1 %}">{% translate "Open" %}</a>{% endif %}</td>'
    "{% endfor %}"
)
_N_SITES = 50


def run() -> Iterator[Row]:
    """A row a page, then the median of all."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.template import engines

    from tests.screenshots import addresses

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    logging.getLogger("django.request").setLevel(logging.ERROR)  # one page is missing on purpose
    pages = addresses("admin")
    client = Client()
    client.force_login(get_user_model().objects.get(username="photo-admin"))
    fixed = engines["django"].from_string(_FIXED)
    cells = [0.1 * n for n in range(_CELLS)]
    with crowded_structure() as crowded:
        pages |= long_pages() | {"structure-50": crowded}
        sizes, status = {}, {}
        for name, address in pages.items():  # what a process does once is no page's
            answer = client.get(address)
            sizes[name] = len(gzip.compress(getattr(answer, "content", b""), 6))
            status[name] = answer.status_code
        gc.collect()
        gc.freeze()  # as the server does before it forks (spectradb.serve)
        times: dict[str, list[float]] = {name: [] for name in pages}
        work = []
        for _ in range(ROUNDS):
            for name, address in pages.items():
                start = time.process_time()
                client.get(address)
                times[name].append(1000 * (time.process_time() - start))
            start = time.process_time()
            fixed.render({"cells": cells})
            work.append(1000 * (time.process_time() - start))
        gc.unfreeze()
    beside = statistics.median(work)
    medians = {name: statistics.median(found) for name, found in times.items()}
    reference = f"{_CELLS} cells of a template"
    for name, median in medians.items():
        bounded = None if name in COMPUTES else LIMIT_MS
        detail = {"address": pages[name], "gzip_bytes": sizes[name], "status": status[name]}
        detail["least"] = min(times[name])
        yield Row(name, median, "ms", reference, beside, bounded, detail=detail)
    middle = statistics.median(medians.values())
    yield Row("median page", middle, "ms", reference, beside, MEDIAN_MS)
    yield Row(f"the same with fixed work of {QUIET_MS:g} ms", middle * QUIET_MS / beside, "ms")


def long_pages() -> dict[str, str]:
    """Name → address of pages whose length follows from the library, where it has such rows."""
    from django.db.models import Count

    from spectradb.models import Collection, Site, Spectrum

    shown = Spectrum.objects.published().order_by("-published_at", "-pk")
    newest = ",".join(map(str, shown.values_list("pk", flat=True)[:20]))
    crowd = shown.order_by().exclude(structure=None).values_list("structure")
    found = {
        "compare-20": f"/compare/?ids={newest}",
        "search-element": "/spectra/?elements=O",
        "search-deep": "/spectra/?elements=O&page=100",
        "search-words": "/spectra/?q=NiO+L3",
        "jobs-deep": "/jobs/?status=done&page=25",
        "jobs-fits": "/jobs/?kind=fits",
        "admin-queue": "/admin/spectradb/spectrum/",
        "admin-search": "/admin/spectradb/spectrum/?queue=all&q=NiO",
        "admin-deep": "/admin/spectradb/spectrum/?queue=all&p=100",
        "admin-doubts": "/admin/spectradb/structure/?doubts=open",
        "admin-fits": "/admin/spectradb/peakfit/",
        "admin-series": "/admin/spectradb/series/",
        "admin-comments": "/admin/spectradb/comment/",
        "admin-collections": "/admin/spectradb/collection/",
    }
    if (most := crowd.annotate(n=Count("pk")).order_by("-n").first()) is not None:
        found["structure-most"] = f"/structures/{most[0]}/"
    if (site := Site.objects.order_by("pk").first()) is not None:
        found["admin-site-history"] = f"/admin/spectradb/site/{site.pk}/history/"
    if (collection := Collection.objects.order_by("pk").first()) is not None:
        found["collection"] = f"/collections/{collection.pk}/"
    return found


@contextmanager
def crowded_structure() -> Iterator[str]:
    """The address of a structure of fifty sites with a spectrum each, which is not kept."""
    from django.db import transaction

    from spectradb.models import Kind, Spectrum

    first = Spectrum.objects.published().filter(kind=Kind.THEORY).exclude(site=None).order_by("pk")
    with transaction.atomic():
        row = first.select_related("structure", "site", "calculation")[0]
        structure, site, calculation = row.structure, row.site, row.calculation
        assert structure is not None
        assert site is not None
        assert calculation is not None
        arrays = row.energy, row.intensity
        _new(structure, content_hash="bench", source="file", source_id="")
        for k in range(_N_SITES):
            _new(site, structure=structure, index=k)
            _new(calculation, structure=structure, site=site, input_hash=f"bench-{k}")
            _new(row, structure=structure, site=site, calculation=calculation)
            row.set_arrays(*arrays)
            row.content_hash = f"bench-{k}"
            row.save()
        yield f"/structures/{structure.pk}/"
        transaction.set_rollback(True)


def _new(row: object, **fields: object) -> None:
    """The same row once more, with other values; a spectrum is saved by its owner."""
    from spectradb.models import Spectrum

    row.pk = None  # type: ignore[attr-defined]
    row._state.adding = True  # type: ignore[attr-defined]
    for name, value in fields.items():
        setattr(row, name, value)
    if not isinstance(row, Spectrum):
        row.save()  # type: ignore[attr-defined]
