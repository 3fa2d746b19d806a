"""The edge position: the steepest point of a rise that lasts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError

FloatArray = NDArray[np.float64]

_NEAR_EV, _FAR_EV = 4.0, 25.0  # windows beside a candidate whose means are compared
_SMOOTH_EV = 0.6


def checked_curve(energy: ArrayLike, intensity: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as float64, finite, equally long, energies strictly ascending; else InputError."""
    x = np.asarray(energy, dtype=np.float64)
    y = np.asarray(intensity, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError("intensity", y.shape, f"must be one curve over the energies {x.shape}")
    if x.size < 8:
        raise InputError("energy", x.size, "at least 8 points are needed")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("intensity", "NaN or infinity", "every value must be finite")
    if not (np.diff(x) > 0).all():
        raise InputError("energy", float(x[0]), "must be strictly ascending")
    return x, y


def find_e0(
    energy: ArrayLike, intensity: ArrayLike, *, within: tuple[float, float] | None = None
) -> float:
    """Energy of the steepest rise that is followed by a lasting step, eV.

    A spike rises steeply too, but the means over 4 to 25 eV on both sides of it agree. Candidates
    are the points where that difference reaches half of its largest value; among them the one with
    the largest slope, by a straight line through the points within 0.6 eV (at least three), is
    refined by a parabola.

    Parameters
    ----------
    energy, intensity : (n,)
        eV, ascending; n ≥ 8.
    within : (low, high), optional
        Only look between these energies, eV.

    Raises
    ------
    InputError
        If the curve cannot be used, or has no point between ``within``.
    """
    x, y = checked_curve(energy, intensity)
    inside = np.ones(x.size, dtype=bool)
    if within is not None:
        inside = (x >= within[0]) & (x <= within[1])
        if not inside.any():
            raise InputError("within", within, f"the data run from {x[0]:g} to {x[-1]:g} eV")
    inside[[0, -1]] = False
    if not inside.any():
        inside[1:-1] = True
    jump = _jump(x, y)
    best = jump[inside].max()
    lasting = inside & (jump >= 0.5 * best) if best > 0 else inside
    slope = _slope(x, y)
    i = int(np.flatnonzero(lasting)[np.argmax(slope[lasting])])
    return _refined(x, slope, i)


def _jump(x: FloatArray, y: FloatArray) -> FloatArray:
    """Mean over 4 … 25 eV above each point minus the mean as far below, weighted by step."""
    area = np.concatenate(([0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(x))))

    def mean(low: FloatArray, high: FloatArray) -> FloatArray:
        low, high = np.clip(low, x[0], x[-1]), np.clip(high, x[0], x[-1])
        width = high - low
        total = np.interp(high, x, area) - np.interp(low, x, area)
        at = np.interp(low, x, y)
        return np.where(width > 1e-9, total / np.maximum(width, 1e-9), at)

    return mean(x + _NEAR_EV, x + _FAR_EV) - mean(x - _FAR_EV, x - _NEAR_EV)


def _slope(x: FloatArray, y: FloatArray) -> FloatArray:
    """Slope of the least-squares line through the neighbours of each point, 1/eV."""
    first = np.minimum(np.searchsorted(x, x - _SMOOTH_EV), np.maximum(np.arange(x.size) - 1, 0))
    last = np.maximum(
        np.searchsorted(x, x + _SMOOTH_EV, side="right"),
        np.minimum(np.arange(x.size) + 2, x.size),
    )
    # About the middle of the scan, so that the sums below lose no digits.
    u, v = x - x.mean(), y - y.mean()

    def window(values: FloatArray) -> Any:
        total = np.concatenate(([0.0], np.cumsum(values)))
        return total[last] - total[first]

    n = (last - first).astype(np.float64)
    s_u, s_v, s_uu, s_uv = window(u), window(v), window(u * u), window(u * v)
    spread = n * s_uu - s_u * s_u
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (n * s_uv - s_u * s_v) / spread
    return np.where(np.isfinite(slope), slope, 0.0)


def _refined(x: FloatArray, slope: FloatArray, i: int) -> float:
    if not 0 < i < x.size - 1:
        return float(x[i])
    a, b, c = np.polyfit(x[i - 1 : i + 2] - x[i], slope[i - 1 : i + 2], 2)
    if a >= 0:
        return float(x[i])
    shift = -b / (2 * a)
    return float(x[i] + shift) if x[i - 1] <= x[i] + shift <= x[i + 1] else float(x[i])
