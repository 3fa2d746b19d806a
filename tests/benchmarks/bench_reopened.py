"""Stored calculations of this site's database, opened in Multiplet as its page opens them.

All of them: the case that is opened has the parameters that were stored, bit by bit, and the curve
that is answered is the record's. A sample spread over the database, or all with
``SPECTRADB_BENCH_ALL=1``, is opened by request, curve and CASE.json. ``SPECTRADB_BENCH_SOLVED`` of
them, 300 unless told, by chance, are solved again: within one step of what a release keeps. What is
no calculation of ours (FEFF) opens nowhere.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import numpy as np
from django.db.models import QuerySet
from django.test import Client

from compute.packing import LEVELS
from spectradb.models import Spectrum
from spectradb.plots import Curve, Figure
from tests.benchmarks.rows import Row

SAMPLE = 300
SEED = 17
ALIKE = 1.0 / LEVELS  # of the peak


def run() -> Iterator[Row]:
    """What differs between stored calculations and what Multiplet shows of them."""
    rows = Spectrum.objects.filter(edge="L23", calculation__route__in=["cheap", "cluster"])
    rows = rows.order_by("pk")
    yield from _opened(rows)
    numbers = list(rows.values_list("pk", flat=True))
    every = 1 if os.environ.get("SPECTRADB_BENCH_ALL") else max(1, len(numbers) // SAMPLE)
    yield from _by_request(rows.filter(pk__in=numbers[::every]))
    yield from _others()
    wanted = min(int(os.environ.get("SPECTRADB_BENCH_SOLVED", SAMPLE)), len(numbers))
    yield from _solved(rows.filter(pk__in=random.Random(SEED).sample(numbers, wanted)))  # noqa: S311


def _opened(rows: QuerySet[Spectrum]) -> Iterator[Row]:
    from spectradb.services.calculations.opened import open_calculation, stored

    n, several, cases, curves = 0, 0, [], []
    for record in rows.select_related("calculation").iterator(chunk_size=200):
        n += 1
        calculation = record.calculation
        assert calculation is not None
        base, kept = open_calculation(calculation), calculation.results or {}
        mixture = kept.get("mixture") or []
        several += len(mixture) > 1
        wanted = [one["parameters"] for one in mixture] or [calculation.parameters]
        found = [ion.case for ion in base.ions]
        if not base.partly and sorted(map(str, found)) != sorted(map(str, wanted)):
            cases.append(record.pk)
        answer = stored(base, record)
        if answer["intensity"].tobytes() != np.asarray(record.intensity).tobytes():
            curves.append(record.pk)
    yield Row("opened", float(n), unit="", detail={"of several ions": several})
    yield Row("opened with other parameters", float(len(cases)), unit="", limit=0.0,
              detail={"ids": cases})  # fmt: skip
    yield Row("answered with another curve", float(len(curves)), unit="", limit=0.0,
              detail={"ids": curves})  # fmt: skip


def _by_request(rows: QuerySet[Spectrum]) -> Iterator[Row]:
    from django.conf import settings
    from rest_framework.throttling import SimpleRateThrottle

    from spectradb.services.calculations.opened import open_calculation

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    rate, SimpleRateThrottle.allow_request = SimpleRateThrottle.allow_request, _always
    client, n, curves, cases = Client(), 0, [], []
    try:
        for record in rows.select_related("calculation").iterator(chunk_size=50):
            n += 1
            calculation = record.calculation
            assert calculation is not None
            asked = {"calculation": calculation.pk}
            answer = client.get("/multiplet/answer/", asked)
            shown = answer.json().get("figure", {}).get("curves", [{}])[0]
            if answer.status_code != 200 or not _same(shown, record):
                curves.append(record.pk)
            case = client.get("/multiplet/case.json", asked)
            # A site that shares a charge has a case for each ion; the file is that of the first.
            wanted = open_calculation(calculation).case
            if case.json() != wanted or (
                not (calculation.results or {}).get("mixture") and wanted != calculation.parameters
            ):
                cases.append(record.pk)
    finally:
        SimpleRateThrottle.allow_request = rate  # type: ignore[method-assign]
    yield Row("opened by request", float(n), unit="")
    yield Row("with another curve", float(len(curves)), unit="", limit=0.0, detail={"ids": curves})
    yield Row("with another CASE.json", float(len(cases)), unit="", limit=0.0,
              detail={"ids": cases})  # fmt: skip


def _same(shown: dict[str, list[float]], record: Spectrum) -> bool:
    """Whether a curve of the page is that of the record, in the digits that pages are sent."""
    energy, intensity = np.asarray(record.energy), np.asarray(record.intensity)
    x, y = energy - energy[int(np.argmax(intensity))], intensity / (float(intensity.max()) or 1.0)
    wanted = Figure("", "", (0, 1), (0, 1), [Curve("", x, y)]).to_json()["curves"][0]
    return shown.get("x") == wanted["x"] and shown.get("y") == wanted["y"]


def _always(*given: object) -> bool:
    return True


def _others() -> Iterator[Row]:
    """Calculations that are none of the engine's L2,3."""
    client, offered = Client(), []
    others = Spectrum.objects.published().exclude(calculation=None)
    others = others.exclude(edge="L23", calculation__route__in=["cheap", "cluster"])
    for row in others.without_arrays().iterator(chunk_size=50):
        address = f"/multiplet/?calculation={row.calculation_id}"
        page = client.get(f"/spectra/{row.pk}/").content.decode()
        if address in page or client.get(address).status_code == 200:
            offered.append(row.pk)
    yield Row("other calculations that open", float(len(offered)), unit="", limit=0.0,
              detail={"ids": offered, "of": others.count()})  # fmt: skip


def _solved(rows: QuerySet[Spectrum]) -> Iterator[Row]:
    from compute.errors import InputError
    from compute.l23.spectrum import around_l3
    from compute.multiplet import solve
    from spectradb.services.calculations import opened as service

    worst, n, older, large = 0.0, 0, [], []
    for record in rows.select_related("calculation").iterator(chunk_size=20):
        n += 1
        assert record.calculation is not None
        base = service.open_calculation(record.calculation)
        if base.partly:
            older.append(record.pk)
            continue
        if len(base.ions) == 1:
            found = around_l3(solve(base.case), record.energy_offset_ev or 0.0)
            energy, again = found.energy_ev, found.intensity
        else:
            try:
                answer = service.solve(base)
            except InputError as error:  # nobody waits for it: the page offers a job
                if error.field != "configurations":
                    raise
                large.append(record.pk)
                continue
            energy, again = answer["energy_ev"], answer["intensity"]
        kept = np.asarray(record.intensity)
        scale = base.ions[0].weight if len(base.ions) == 1 else 1.0
        again = np.interp(record.energy, energy, again) * scale
        worst = max(worst, float(np.abs(again - kept).max() / kept.max()))
    yield Row("solved again", float(n), unit="")
    yield Row("of old versions, first ion only", float(len(older)), unit="", detail={"ids": older})
    yield Row("offered as a job", float(len(large)), unit="", detail={"ids": large})
    yield Row("largest difference of a curve", worst, unit="of peak", limit=ALIKE)
