"""A series to try the pages with where there is none: computed, and labelled as that everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from compute.series.io import RawSeries
from compute.series.io.raw import Axis
from spectradb.models import Kind, Quantity, Series, SeriesAnalysis, Spectrum, Status
from spectradb.models.series import COMPUTED
from spectradb.services.queue import jobs
from spectradb.services.series.analyses import input_hash
from spectradb.services.series.store import store_series
from spectradb.services.series.writing import Asked

_PAIRS = (("Ti", "Ti2O3", "TiO2"), ("Mn", "MnO", "Mn3O4"), ("Fe", "FeO", "Fe3O4"))
_SHAPE, _STEP_EV, _COUNTS, _SEED = (24, 32), 0.25, 400.0, 20261130


def store_example() -> Series | None:
    """A grain of one compound in another, from two computed spectra, with the noise of counts.

    Published, with an analysis that is queued; None where the library lacks the spectra.
    """
    pair = _pair()
    if pair is None:
        return None
    grain, around = pair
    low = max(float(one.energy[0]) for one in pair)
    high = min(float(one.energy[-1]) for one in pair)
    energy = np.arange(low, high, _STEP_EV)
    pure = np.array([np.interp(energy, one.energy, one.intensity) for one in pair])
    down, across = np.meshgrid(*(np.linspace(-1, 1, size) for size in _SHAPE), indexing="ij")
    share = 1 / (1 + np.exp(12 * (np.hypot(down, across) - 0.55)))  # of the grain, (24, 32)
    clean = share.reshape(-1, 1) * pure[0] + (1 - share.reshape(-1, 1)) * pure[1]
    counts = np.random.default_rng(_SEED).poisson(_COUNTS * (clean / pure.max() + 0.05))

    def parts() -> Iterator[NDArray[np.float32]]:
        yield counts.astype("<f4")

    axes = tuple(
        Axis(name, "nm", 2.0 * np.arange(size, dtype=np.float64))
        for name, size in zip("yx", _SHAPE, strict=True)
    )
    names = [f"SDB-{one.pk}" for one in pair]
    raw = RawSeries(
        axes=axes, energy_ev=energy, parts=parts, format=COMPUTED, element=grain.absorber,
        edge=grain.edge, quantity=Quantity.COUNTS, technique=COMPUTED,
        header={"computed": True, "spectra": [one.pk for one in pair], "seed": _SEED},
        warnings=(),
    )  # fmt: skip
    title = f"Computed example: {grain.formula} in {around.formula}, nothing measured"
    row = Series.objects.get(pk=store_series(raw, title, names).id)
    with transaction.atomic():
        row.status, row.published_at = Status.PUBLISHED, timezone.now()
        row.citation = f"Computed by SpectraDB from {' and '.join(names)} to try the pages with."
        row.save()
        asked = Asked("references", references=tuple(str(one.pk) for one in pair), noise="poisson")
        analysis, new = SeriesAnalysis.objects.get_or_create(
            input_hash=input_hash(row, asked, None),
            defaults={
                "series": row, "method": asked.method, "options": asdict(asked), "public": True,
            },
        )  # fmt: skip
        if new:
            jobs.enqueue(SeriesAnalysis, [analysis.pk])
    return row


def _pair() -> tuple[Spectrum, Spectrum] | None:
    """Two published L2,3 spectra of one element in two compounds."""
    computed = Spectrum.objects.published().filter(kind=Kind.THEORY, edge="L23")
    for absorber, *formulae in _PAIRS:
        rows = computed.filter(absorber=absorber, quantity=Quantity.RADIAL).order_by("pk")
        found = [rows.filter(formula=formula).first() for formula in formulae]
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return None
