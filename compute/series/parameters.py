"""Single numbers of every spectrum with their errors: ratios, centres, edges, peaks.

A quantity is a function of the energies and of many spectra; errors follow from the noise by its
gradient. Register another one in `QUANTITIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.series.gaps import mean_of

Floats = NDArray[np.float64]
Windows = tuple[tuple[float, float], ...]
# docs/measurements/series.md shows what 68 % intervals cover with both.
_CURVED = 5.0  # σ
_CENTRED = 3  # times that a parabola is moved to its own vertex: beside it, it would be biased


@dataclass(frozen=True)
class Parameter:
    """One number a spectrum.

    Attributes
    ----------
    value, err : float64 (n,)
        NaN where it cannot be told.
    unit : str
    """

    value: Floats
    err: Floats
    unit: str


def white_line_ratio(
    energy_ev: ArrayLike, spectra: ArrayLike, sigma: ArrayLike, windows: Windows
) -> Parameter:
    """Area in the first window over that in the second, such as L3 over L2.

    ``sigma`` is broadcast to the spectra (n, m); the background has to be off before.
    """
    e, y, s = _given(energy_ev, spectra, sigma)
    a, b = (_area_weights(e, window) for window in _two(windows))
    top, bottom = y @ a, y @ b
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / bottom
        gradient = (a - ratio[:, None] * b) / bottom[:, None]
    return _told(ratio, gradient, s, "")


def centre_of_mass(
    energy_ev: ArrayLike, spectra: ArrayLike, sigma: ArrayLike, windows: Windows
) -> Parameter:
    """First moment of the intensity within a window, eV."""
    e, y, s = _given(energy_ev, spectra, sigma)
    w = _area_weights(e, windows[0])
    total = y @ w
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (y @ (w * e)) / total
        gradient = w * (e - centre[:, None]) / total[:, None]
    return _told(centre, gradient, s, "eV")


def edge_position(
    energy_ev: ArrayLike, spectra: ArrayLike, sigma: ArrayLike, windows: Windows
) -> Parameter:
    """E0 as the energy at which half of the window's rise is passed, by its integral, eV.

    With the levels before (μ₀, mean of the first window) and behind (μ₁, mean of the last), E0 =
    E_b - ∫(μ - μ₀)dE / (μ₁ - μ₀) over the range [E_a, E_b] between them: the place of the step of
    equal area, without any derivative of noisy data. A white line draws it to lower energies.
    """
    e, y, s = _given(energy_ev, spectra, sigma)
    before, behind = _two(windows)
    low, high = (_mean_weights(e, window) for window in (before, behind))
    between = _area_weights(e, (before[1], behind[0]))
    span = float(between.sum())
    top = float(e[_inside(e, (before[1], behind[0]))][-1])
    zero, one = y @ low, y @ high
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = one - zero
        part = (y @ between - zero * span) / rise
        gradient = (between - span * low - part[:, None] * (high - low)) / rise[:, None]
    inside = np.abs(rise) > 3 * np.sqrt((s**2) @ (high - low) ** 2)
    told = _told(top - part, gradient, s, "eV")
    return Parameter(np.where(inside, told.value, np.nan), np.where(inside, told.err, np.nan), "eV")


def peak_position(
    energy_ev: ArrayLike, spectra: ArrayLike, sigma: ArrayLike, windows: Windows
) -> Parameter:
    """Highest point within a window: vertex of a parabola through the upper half of the peak, eV.

    The parabola is fitted to the channels within half the width at half height of the mean peak,
    to either side of the highest one of the smoothed spectrum. NaN where it curves downwards by
    less than `_CURVED` σ: what is left of less has been chosen by its noise, and errs by more than
    its σ.
    """
    e, y, s = _given(energy_ev, spectra, sigma)
    inside = np.flatnonzero(_inside(e, windows[0]))
    x, rows, noise = e[inside], y[:, inside], s[:, inside]
    mean = mean_of(rows)
    seen = mean[np.isfinite(mean)]
    above = mean > (seen.min() + seen.max()) / 2 if seen.size else np.zeros(x.size, bool)
    half = max(2, int(above.sum()) // 2)
    if inside.size < 2 * half + 3:
        raise InputError("windows", windows[0], f"holds fewer than {2 * half + 3} energies")
    kernel = np.ones(half) / half
    smooth = np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), 1, rows)
    at = np.clip(np.argmax(np.nan_to_num(smooth, nan=-np.inf), axis=1), half, x.size - half - 1)
    for _ in range(_CENTRED):
        c, cov = _parabolas(x, rows, noise, at, half)
        with np.errstate(divide="ignore", invalid="ignore"):
            vertex = np.where(c[:, 2] < 0, -c[:, 1] / (2 * c[:, 2]), 0.0)
        there = np.searchsorted((x[1:] + x[:-1]) / 2, x[at] + vertex)
        at = np.clip(there, at - half, at + half).clip(half, x.size - half - 1)
    c, cov = _parabolas(x, rows, noise, at, half)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = -c[:, 1] / (2 * c[:, 2])
        gradient = np.stack([np.zeros_like(vertex), -0.5 / c[:, 2], -vertex / c[:, 2]], axis=1)
        err = np.sqrt(np.einsum("ni,nij,nj->n", gradient, cov, gradient))
    beyond = _beyond(x, mean, half)
    vertex, err = beyond * vertex, beyond * err
    good = (c[:, 2] < -_CURVED * np.sqrt(cov[:, 2, 2])) & (
        np.abs(vertex) <= half * np.diff(x).max()
    )
    return Parameter(np.where(good, x[at] + vertex, np.nan), np.where(good, err, np.nan), "eV")


def _beyond(x: Floats, mean: Floats, half: int) -> float:
    """How much further than the vertex of a parabola the top lies from its middle, 1 / (1 − κ).

    A peak is no parabola: one whose middle is off the top by some energy has its vertex off by a
    part κ of that, here of the mean peak.
    """
    top = int(np.clip(np.argmax(mean), half + 1, x.size - half - 2))
    around = np.array([top - 1, top + 1])
    rows = np.broadcast_to(mean, (2, x.size))
    c, _ = _parabolas(x, rows, np.ones_like(rows), around, half)
    if not (c[:, 2] < 0).all():
        return 1.0
    vertex = x[around] - c[:, 1] / (2 * c[:, 2])
    kappa = (vertex[1] - vertex[0]) / (x[around[1]] - x[around[0]])
    return float(1 / (1 - np.clip(kappa, 0.0, 0.5)))


def _parabolas(
    x: Floats, rows: Floats, noise: Floats, at: NDArray[np.intp], half: int
) -> tuple[Floats, Floats]:
    """Coefficients (n, 3) of parabolas around channels ``at`` (n,), and their covariances."""
    take = at[:, None] + np.arange(-half, half + 1)
    t = x[take] - x[at][:, None]  # (n, 2 half + 1)
    spread = np.take_along_axis(noise, take, axis=1)
    design = np.stack([np.ones_like(t), t, t**2], axis=2) / spread[..., None]
    cov = np.asarray(np.linalg.inv(np.einsum("nci,ncj->nij", design, design)), float)
    values = np.take_along_axis(rows, take, axis=1) / spread
    return np.asarray(np.einsum("nij,ncj,nc->ni", cov, design, values), float), cov


Quantity = Callable[[ArrayLike, ArrayLike, ArrayLike, Windows], Parameter]
QUANTITIES: Mapping[str, tuple[Quantity, int]] = MappingProxyType(
    {
        "white_line_ratio": (white_line_ratio, 2),
        "centre_of_mass": (centre_of_mass, 1),
        "e0": (edge_position, 2),
        "peak_position": (peak_position, 1),
    }
)
"""Each by name, with the number of windows that it takes."""


def _given(
    energy_ev: ArrayLike, spectra: ArrayLike, sigma: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    e = np.asarray(energy_ev, float)
    y = np.atleast_2d(np.asarray(spectra, float))
    if e.ndim != 1 or y.shape[1:] != e.shape or not (np.diff(e) > 0).all():
        raise InputError("energy_ev", e.shape, f"has to rise, one for each channel of {y.shape}")
    s = np.broadcast_to(np.asarray(sigma, float), y.shape)
    return e, y, s


def _two(windows: Windows) -> tuple[tuple[float, float], tuple[float, float]]:
    if len(windows) != 2:
        raise InputError("windows", windows, "two of them are needed")
    return windows[0], windows[1]


def _inside(e: Floats, window: tuple[float, float]) -> NDArray[np.bool_]:
    chosen = (e >= window[0]) & (e <= window[1])
    if chosen.sum() < 2:
        raise InputError("windows", window, f"holds no two energies of {e[0]:g} … {e[-1]:g} eV")
    return np.asarray(chosen)


def _area_weights(e: Floats, window: tuple[float, float]) -> Floats:
    """Weights (m,) of a sum that is the trapezoidal integral over a window."""
    index = np.flatnonzero(_inside(e, window))
    steps = np.diff(e[index])
    weights = np.zeros(e.size)
    weights[index[:-1]] += steps / 2
    weights[index[1:]] += steps / 2
    return weights


def _mean_weights(e: Floats, window: tuple[float, float]) -> Floats:
    chosen = _inside(e, window)
    return np.asarray(chosen / chosen.sum())


def _told(value: Floats, gradient: Floats, sigma: Floats, unit: str) -> Parameter:
    err = np.sqrt((gradient**2 * sigma**2).sum(axis=1))
    good = np.isfinite(value) & np.isfinite(err)
    return Parameter(np.where(good, value, np.nan), np.where(good, err, np.nan), unit)
