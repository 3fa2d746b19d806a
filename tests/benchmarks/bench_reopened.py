"""Stored L2,3 calculations of this site's database, opened in Multiplet and solved again.

A sample of 300, spread over the database, or all of them with ``SPECTRADB_BENCH_ALL=1``. The curve
is that of the record within one step of what a release keeps; what was computed here is kept whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from compute.packing import LEVELS
from spectradb.models import Spectrum
from tests.benchmarks.rows import Row

SAMPLE = 300
ALIKE = 1.0 / LEVELS  # of the peak


def run() -> Iterator[Row]:
    """The worst difference between a stored curve and the one of its reopened case."""
    from compute.l23.spectrum import around_l3
    from compute.multiplet import solve
    from spectradb.services.calculations import opened as service

    worst, n, other, older = 0.0, 0, [], []
    rows = Spectrum.objects.filter(edge="L23", calculation__route__in=["cheap", "cluster"])
    total = rows.count()
    if not os.environ.get("SPECTRADB_BENCH_ALL"):
        numbers = list(rows.order_by("pk").values_list("pk", flat=True))
        rows = rows.filter(pk__in=numbers[:: max(1, total // SAMPLE)])
    for record in rows.select_related("calculation").order_by("pk").iterator(chunk_size=20):
        n += 1
        calculation = record.calculation
        assert calculation is not None
        base = service.open_calculation(calculation)
        if base.case != calculation.parameters:
            other.append(record.pk)
        if base.partly:
            older.append(record.pk)
            continue
        if len(base.ions) == 1:
            found = around_l3(solve(base.case), record.energy_offset_ev or 0.0)
            energy, again = found.energy_ev, found.intensity
        else:
            answer = service.solve(base)
            energy, again = answer["energy_ev"], answer["intensity"]
        kept = np.asarray(record.intensity)
        scale = base.ions[0].weight if len(base.ions) == 1 else 1.0
        again = np.interp(record.energy, energy, again) * scale
        worst = max(worst, float(np.abs(again - kept).max() / kept.max()))
    yield Row("calculations opened", float(n), unit="", detail={"of": total})
    yield Row("with other parameters", float(len(other)), unit="", limit=0.0, detail={"ids": other})
    yield Row("of old versions, first ion only", float(len(older)), unit="", detail={"ids": older})
    yield Row("largest difference of a curve", worst, unit="of peak", limit=ALIKE)
