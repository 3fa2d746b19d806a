"""Ordinary spectra as a series: a titration, an operando run, a set that is compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.io import RawSeries
from compute.series.io.overlap import NEAR, cut_off, is_enough
from compute.series.io.raw import Axis
from spectradb.models import Series, Spectrum
from spectradb.services.series.store import ImportedSeries, store_series

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 1000


def combine(
    spectra: Sequence[Spectrum],
    *,
    title: str = "",
    axis: str = "order",
    unit: str = "",
    values: Sequence[float] = (),
    contributor: User | None = None,
) -> ImportedSeries:
    """Store spectra of one edge as a series with one axis, in the order given.

    ``values`` are their coordinates on the axis; without any, it is their place in the order.
    Energies that differ are interpolated to those of the first within the range that all share,
    which is told.

    Raises
    ------
    InputError
        Fewer than two, different edges or quantities, no shared range, coordinates that are not
        one for each.
    ReadError
        More data than disk.
    """
    if not 2 <= len(spectra) <= MOST:
        raise InputError("ids", len(spectra), f"are 2 to {MOST} spectra")
    for name in ("absorber", "edge", "quantity"):
        found = sorted({str(getattr(one, name)) for one in spectra})
        if len(found) > 1:
            raise InputError("ids", ", ".join(found), f"have one {name} in a series")
    at = np.arange(len(spectra), dtype=float) if not len(values) else np.asarray(values, float)
    if at.shape != (len(spectra),) or not np.isfinite(at).all():
        raise InputError("values", len(at), f"are {len(spectra)} numbers, one for each spectrum")
    energy, warnings = _energies(spectra)
    curves = np.array([np.interp(energy, one.energy, one.intensity) for one in spectra])

    def parts() -> Iterator[NDArray[Any]]:
        yield curves

    first = spectra[0]
    raw = RawSeries(
        axes=(Axis(axis.strip() or "order", unit.strip(), at),),
        energy_ev=energy,
        parts=parts,
        format="spectra",
        element=first.absorber or None,
        edge=first.edge or None,
        quantity=first.quantity,
        technique=first.technique,
        header={"spectra": [one.pk for one in spectra]},
        warnings=tuple(warnings),
    )
    names = [f"SDB-{one.pk}" for one in spectra]
    title = title.strip() or f"{names[0]} … {names[-1]}"
    stored = store_series(raw, title, names, contributor=contributor)
    if stored.is_new:
        _say(stored.id, spectra)
    return stored


def _energies(spectra: Sequence[Spectrum]) -> tuple[NDArray[np.float64], list[str]]:
    """Those of the first that all reach over."""
    low = max(float(one.energy[0]) for one in spectra)
    high = min(float(one.energy[-1]) for one in spectra)
    energies = [np.asarray(one.energy, float) for one in spectra]
    first = energies[0]
    inside = (first >= low - NEAR) & (first <= high + NEAR)
    if inside.sum() < 10 or not is_enough(energies, low, high):
        latest = max(spectra, key=lambda one: float(one.energy[0]))
        earliest = min(spectra, key=lambda one: float(one.energy[-1]))
        shared = f"{low:g} … {high:g} eV" if low < high else "nothing"
        raise InputError(
            "ids", shared,
            f"share too few energies: SDB-{latest.pk} begins at {low:g} eV, SDB-{earliest.pk} ends "
            f"at {high:g} eV",
        )  # fmt: skip
    energy, warnings = first[inside], []
    if cut := cut_off(energies, [f"SDB-{one.pk}" for one in spectra], low, high):
        warnings += [
            f"cut to {energy[0]:g} … {energy[-1]:g} eV, which all spectra reach over",
            *cut,
        ]
    differ = [
        one.pk
        for one in spectra[1:]
        if one.energy.shape != first.shape or not np.allclose(one.energy, first, atol=1e-6)
    ]
    if differ:
        warnings.append(
            f"{len(differ)} of {len(spectra)} spectra were interpolated to the energies of "
            f"SDB-{spectra[0].pk}: noise of neighbouring channels is no longer independent"
        )
    return energy, warnings


def _say(pk: int, spectra: Sequence[Spectrum]) -> None:
    """What all of them state is the series' own too; a licence that differs stays open."""
    row = Series.objects.get(pk=pk)
    for name in ("formula", "licence", "citation", "doi"):
        found = {str(getattr(one, name)) for one in spectra}
        setattr(row, name, found.pop() if len(found) == 1 else "")
    row.save(update_fields=["formula", "licence", "citation", "doi", "updated"])
