"""What an analysis makes of one place: its spectrum as analysed, and the model of the maps over it.

The model has the heights that the maps hold. One scale for all of them, and a polynomial of the
degree that the analysis used, are brought to the spectrum: neither is kept in the maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.background import polynomials
from spectradb.models import SeriesAnalysis
from spectradb.services.series.analyses import as_asked
from spectradb.services.series.maps import Maps, opened_maps
from spectradb.services.series.source import Source
from spectradb.services.series.values import LARGE, Region

Floats = NDArray[np.float64]
WITH_MODEL = ("references", "nmf", "mcr")
"""Methods whose maps are heights of spectra; those of the library are probabilities."""
DRAWN = (*WITH_MODEL, "parameters")
_IN_EV = {"centre_of_mass", "e0", "peak_position"}


@dataclass(frozen=True)
class Overlay:
    """The spectrum of a region as an analysis saw it, and what it made of it.

    Attributes
    ----------
    energy_ev, spectrum : float64 (m,)
        The mean of the region, corrected as asked; gaps NaN.
    model : float64 (m,) or None
        NaN where the analysis did not look; None where it has none.
    places : list of (str, float, float)
        Of single numbers in eV: name, mean over the region, its error.
    windows : tuple of (float, float)
        eV, in which single numbers were looked for.
    """

    energy_ev: Floats
    spectrum: Floats
    model: Floats | None
    places: list[tuple[str, float, float]]
    windows: tuple[tuple[float, float], ...]


def overlay(row: SeriesAnalysis, region: Region) -> Overlay:
    """Read one region of at most :data:`~spectradb.services.series.values.LARGE` spectra.

    Raises
    ------
    InputError
        A larger region, or corrections that cannot be done any more.
    ReadError
        If the series or the maps are missing or damaged.
    """
    if region.n > LARGE:
        raise InputError("region", f"{region.n:,} spectra", f"may hold {LARGE:,} for a model")
    asked = as_asked(row.options)
    with Source(row.series, asked.corrections) as source:
        energy = source.energy_ev
        mean = _mean(source.rows(start, stop) for start, stop in region.runs())
    with opened_maps(row) as maps:
        if row.method == "parameters":
            return Overlay(energy, mean, None, _places(maps, region), asked.windows)
        model = _model(maps, region, energy, mean) if row.method in WITH_MODEL else None
        return Overlay(energy, mean, model, [], ())


def _mean(parts: Iterator[NDArray[np.generic]]) -> Floats:
    total, count = 0.0, 0.0
    for rows in parts:
        good = np.isfinite(rows)
        total = total + np.where(good, rows, 0.0).sum(axis=0)
        count = count + good.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count, float)


def _of(maps: Maps, key: str, region: Region) -> float:
    """The mean of a map over the region; NaN where it has no value there, or there is no map."""
    found = maps.find(key)
    if found is None:
        return np.nan
    part = found[tuple(slice(start, stop) for start, stop in region.cut)]
    return float(np.nanmean(part)) if np.isfinite(part).any() else np.nan


def _places(maps: Maps, region: Region) -> list[tuple[str, float, float]]:
    found = []
    for name in maps.components:
        value, err = (_of(maps, f"components/{name}/{part}", region) for part in ("value", "err"))
        if name in _IN_EV and np.isfinite(value):
            found.append((name, value, err / np.sqrt(region.n)))
    return found


def _model(maps: Maps, region: Region, energy_ev: Floats, spectrum: Floats) -> Floats | None:
    curves = maps.curves()
    if not len(curves.spectra):
        return None
    heights = [_of(maps, f"components/{name}/value", region) for name in curves.names]
    moved = [_of(maps, f"moved/{name}", region) for name in ("shift", "width")]
    shape = np.nan_to_num(np.array(heights)) @ curves.spectra
    shape = _moved(curves.energy_ev, shape, *np.nan_to_num(moved))
    inside = (energy_ev >= curves.energy_ev[0] - 1e-6) & (energy_ev <= curves.energy_ev[-1] + 1e-6)
    columns = [np.interp(energy_ev[inside], curves.energy_ev, shape)]
    columns += list(polynomials(int(inside.sum()), int(maps.told.get("background", 0)) - 1))
    design, y = np.array(columns).T, spectrum[inside]
    good = np.isfinite(y)
    if good.sum() <= len(columns) or not shape.any():
        return None
    weights = np.linalg.lstsq(design[good], y[good], rcond=None)[0]
    model = np.full(energy_ev.shape, np.nan)
    model[inside] = design @ weights
    return model


def _moved(energy_ev: Floats, values: Floats, shift_ev: float, width_ev: float) -> Floats:
    """At other energies, and broader by a Gaussian of σ ``width_ev``; a sharper one stays."""
    moved = np.interp(energy_ev - shift_ev, energy_ev, values)
    if not width_ev > 0:
        return moved
    step = float(np.diff(energy_ev).mean())
    reach = int(np.ceil(4 * width_ev / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width_ev) ** 2)
    padded = np.pad(moved, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid")
