"""The published spectra of the same edge that look most like one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from spectradb.models import Spectrum
from spectradb.plots import edge_window
from spectradb.services.search.facets import library_stamp

FloatArray = NDArray[np.float64]
_AT_MOST = 1500
_GRID = 240


@dataclass(frozen=True)
class Near:
    """A spectrum and its Pearson correlation with the one asked about."""

    spectrum: Spectrum
    likeness: float


def nearest_spectra(spectrum: Spectrum, top: int = 5) -> list[Near]:
    """The ``top`` most alike by Pearson correlation over the shown range, without shifts.

    Of an edge with more than 1,500 spectra, those of the nearest numbers are compared.
    """
    if not spectrum.absorber:
        return []
    edge = f"{spectrum.absorber}-{spectrum.edge}"  # a draft's may be corrected
    key = f"nearest:{library_stamp()}:{spectrum.pk}:{edge}"
    ranked: list[tuple[int, float]] | None = cache.get(key)
    if ranked is None:
        ranked = _rank(spectrum)[:top]
        cache.set(key, ranked, 3600)
    rows = Spectrum.objects.without_arrays().in_bulk([pk for pk, _ in ranked])
    return [Near(rows[pk], likeness) for pk, likeness in ranked if pk in rows]


def _rank(spectrum: Spectrum) -> list[tuple[int, float]]:
    lo, hi = edge_window(np.asarray(spectrum.energy), np.asarray(spectrum.intensity))
    grid = np.linspace(lo, hi, _GRID)
    own = _unit(np.interp(grid, spectrum.energy, spectrum.intensity))
    others = Spectrum.objects.published().filter(absorber=spectrum.absorber, edge=spectrum.edge)
    others = others.filter(energy_min__lt=hi, energy_max__gt=lo).exclude(pk=spectrum.pk)
    scores = []
    for pk, energy, intensity in others.values_list("pk", "energy", "intensity")[:_AT_MOST]:
        curve = _unit(np.interp(grid, np.asarray(energy), np.asarray(intensity)))
        scores.append((pk, float(own @ curve)))
    return sorted(scores, key=lambda score: -score[1])


def _unit(curve: FloatArray) -> FloatArray:
    centred: FloatArray = curve - curve.mean()
    size = float(np.linalg.norm(centred))
    return centred / size if size else centred


def nearest_to_curve(
    absorber: str, energy: FloatArray, intensity: FloatArray, top: int = 3, *, kind: str = ""
) -> list[Near]:
    """Published L2,3 spectra most like a computed curve, all aligned at their strongest line.

    ``kind`` narrows them to theory or experiment.
    """
    pks, shapes = _aligned_library(absorber, kind)
    if not pks:
        return []
    own = _from_peak(energy, intensity)
    scores = shapes @ own
    best = np.argsort(-scores)[:top]
    rows = Spectrum.objects.without_arrays().in_bulk([pks[k] for k in best])
    return [Near(rows[pks[k]], float(scores[k])) for k in best if pks[k] in rows]


def _aligned_library(absorber: str, kind: str) -> tuple[list[int], FloatArray]:
    key = f"aligned:{library_stamp()}:{absorber}:{kind}"
    found: tuple[list[int], FloatArray] | None = cache.get(key)
    if found is None:
        rows = Spectrum.objects.published().filter(absorber=absorber, edge="L23")
        rows = rows.filter(kind=kind) if kind else rows
        listed = list(rows.values_list("pk", "energy", "intensity")[:_AT_MOST])
        shapes = [_from_peak(np.asarray(e), np.asarray(y)) for _, e, y in listed]
        found = [pk for pk, _, _ in listed], np.array(shapes)
        cache.set(key, found, 3600)
    return found


def _from_peak(energy: FloatArray, intensity: FloatArray) -> FloatArray:
    grid = np.linspace(-6.0, 20.0, 2 * _GRID)
    at = energy[int(np.argmax(intensity))]
    return _unit(np.interp(grid, energy - at, intensity))
