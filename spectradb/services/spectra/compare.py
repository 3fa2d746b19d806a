"""Curves brought onto one scale and one energy axis, and how alike they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectradb.plots import edge_window

FloatArray = NDArray[np.float64]
Scale = Literal["none", "step", "peak", "area"]
Align = Literal["hand", "half", "first", "zero"]
SCALES: tuple[Scale, ...] = ("none", "step", "peak", "area")
ALIGNMENTS: tuple[Align, ...] = ("hand", "half", "first", "zero")
_STEP_EV = 0.1
_SHIFT_LIMIT_EV = 15.0
_LEAST_SHARED_EV = 2.0


@dataclass(frozen=True)
class Aligned:
    """A curve after scaling and shifting: energy and intensity (n,), eV added."""

    energy: FloatArray
    intensity: FloatArray
    shift_ev: float


def scaled(
    energy: FloatArray, intensity: FloatArray, scale: Scale, near: float | None = None
) -> FloatArray:
    """The intensity on a common scale.

    ``step`` takes the mean before the rise as 0 and the mean of the last third after it as 1;
    ``peak`` and ``area`` take the least value as 0. A flat curve comes back unchanged. ``near`` is
    the edge's tabulated energy, eV: the rise of another element's edge is none of it.
    """
    if scale == "none":
        return intensity
    if scale == "step":
        e0 = half_rise(energy, intensity, near)
        lo, hi = edge_window(energy, intensity, near)
        before = (energy >= lo) & (energy < e0 - 8.0)
        after = (energy > e0 + 0.5 * (hi - e0)) & (energy <= hi)
        low = float(intensity[before].mean()) if before.any() else float(intensity[0])
        high = float(intensity[after].mean()) if after.any() else float(intensity[-1])
        return (intensity - low) / (high - low) if high > low else intensity
    base = intensity - intensity.min()
    size = base.max() if scale == "peak" else float(np.trapezoid(base, energy))
    return base / size if size > 0 else intensity


def half_rise(energy: FloatArray, intensity: FloatArray, near: float | None = None) -> float:
    """Energy, eV, where the curve first climbs through half of its highest value."""
    lo, hi = edge_window(energy, intensity, near)
    inside = (energy >= lo) & (energy <= hi)
    e, y = energy[inside], intensity[inside]
    half = 0.5 * (y.min() + y.max())
    above = int(np.argmax(y >= half))
    if above == 0:
        return float(e[0])
    step = (half - y[above - 1]) / (y[above] - y[above - 1])
    return float(e[above - 1] + step * (e[above] - e[above - 1]))


def align(
    curves: Sequence[tuple[FloatArray, FloatArray]],
    shifts_ev: Sequence[float],
    *,
    how: Align = "hand",
    scale: Scale = "none",
    edges: Sequence[float | None] = (),
) -> list[Aligned]:
    """Curves scaled and moved in energy.

    Parameters
    ----------
    curves
        Energy (n,) eV and intensity (n,) of each.
    shifts_ev
        eV added to each by hand; used where ``how`` is ``hand``.
    how
        ``half`` puts every half rise on the first curve's, ``zero`` on 0; ``first`` finds the
        shift within ±15 eV at which a curve correlates best with the first.
    edges
        Tabulated energy of each curve's edge, eV, where it is known.
    """
    near = [*edges, *([None] * (len(curves) - len(edges)))]
    shapes = [scaled(e, y, scale, at) for (e, y), at in zip(curves, near, strict=True)]
    if how in ("half", "zero"):
        rises = [half_rise(e, y, at) for (e, y), at in zip(curves, near, strict=True)]
        to = rises[0] if how == "half" else 0.0
        moved = [to - rise for rise in rises]
    elif how == "first":
        e0, y0 = curves[0][0], shapes[0]
        moved = [0.0] + [
            best_shift(e0, y0, e, y) for (e, _), y in zip(curves[1:], shapes[1:], strict=True)
        ]
    else:
        moved = list(shifts_ev)
    return [
        Aligned(e + shift, y, round(float(shift), 2))
        for (e, _), y, shift in zip(curves, shapes, moved, strict=True)
    ]


def best_shift(e0: FloatArray, y0: FloatArray, e: FloatArray, y: FloatArray) -> float:
    """The shift, eV in steps of 0.1, at which the second curve correlates best with the first."""
    lo, hi = edge_window(e0, y0)
    grid = np.arange(lo, hi, _STEP_EV)
    start = half_rise(e0, y0) - half_rise(e, y)
    tries = np.arange(-_SHIFT_LIMIT_EV, _SHIFT_LIMIT_EV + _STEP_EV / 2, _STEP_EV)
    if abs(start) > _SHIFT_LIMIT_EV:  # another edge altogether: bring the rises together first
        tries = tries + start
    target = np.interp(grid, e0, y0)
    scores = [_pearson(target, np.interp(grid, e + shift, y)) for shift in tries]
    return float(np.round(tries[int(np.argmax(scores))], 2))


def difference(curve: Aligned, first: Aligned) -> Aligned | None:
    """A curve less the first, where both are known; None where they share no range."""
    inside = (curve.energy >= first.energy[0]) & (curve.energy <= first.energy[-1])
    if inside.sum() < 2:
        return None
    e = curve.energy[inside]
    y = curve.intensity[inside] - np.interp(e, first.energy, first.intensity)
    return Aligned(e, y, curve.shift_ev)


def derivative(curve: Aligned) -> Aligned:
    """Slope of a curve, per eV."""
    return Aligned(curve.energy, np.gradient(curve.intensity, curve.energy), curve.shift_ev)


def similarity(
    curves: Sequence[Aligned], edges: Sequence[float | None] = ()
) -> tuple[FloatArray, list[tuple[float, float]]]:
    """Pearson correlation of each pair over the range that the two share.

    ``edges`` are the tabulated energies of the curves' edges, eV, on the stored scale.

    Returns
    -------
    matrix : (n, n)
        NaN where a pair shares no range of at least 2 eV; others are not touched by that.
    shared : list of (lo, hi)
        The distinct ranges, eV, over which pairs were compared.
    """
    n = len(curves)
    near = [*edges, *([None] * (n - len(edges)))]
    matrix = np.full((n, n), np.nan)
    windows = [
        edge_window(c.energy, c.intensity, None if at is None else at + c.shift_ev)
        for c, at in zip(curves, near, strict=True)
    ]
    shared: dict[tuple[float, float], None] = {}
    for i in range(n):
        matrix[i, i] = 1.0
        for j in range(i + 1, n):
            lo, hi = max(windows[i][0], windows[j][0]), min(windows[i][1], windows[j][1])
            if hi - lo < _LEAST_SHARED_EV:
                continue
            shared[round(lo), round(hi)] = None
            grid = np.linspace(lo, hi, 600)
            a, b = (np.interp(grid, c.energy, c.intensity) for c in (curves[i], curves[j]))
            matrix[i, j] = matrix[j, i] = _pearson(a, b)
    return matrix, list(shared)


def _pearson(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
