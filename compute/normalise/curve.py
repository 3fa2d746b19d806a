"""A curve checked, its noise, its slope and the steps in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_MAD = 1.4826  # median absolute deviation to σ
_SLOPE_EV = (0.6, 1.0, 1.6, 2.5, 4.0)  # half widths of the straight lines that give the slope
_CLEAR = 6.0  # standard errors by which the steepest slope must stand out
_TREND_EV = 10.0
_LOCAL_EV, _LOCAL_POINTS = 60.0, 6
_SOFT_EV, _STEEPEST = 2000.0, 8.0  # where energy losses are measured; the steepest power law
# Distances from a point between which the means beside it are taken, eV.
_RISE, _NEAR, _FAR, _LONG = (1.0, 4.0), (4.0, 12.0), (4.0, 25.0), (4.0, 60.0)
_LASTS, _STEEP = 0.6, 1.05  # least near/far; least rise/near + near/far of an edge
_SHARP = 0.55  # of a step's height is reached within 4 eV
_FOREIGN, _DROP = 0.1, 0.3  # of the edge step: another edge, and a drop that is no EXAFS
_WIDE_ABOVE_EV = 25_000.0  # core-hole widths are up to 3 eV below, and grow from there on


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


def noise_sigma(energy: ArrayLike, intensity: ArrayLike) -> float:
    """Standard deviation of the noise, from each point's distance to the line of its neighbours.

    On a locally straight curve the distance has the variance σ²(1 + w² + (1−w)²), w being the
    neighbours' weights; the median over all points ignores the few at sharp features.
    """
    x, y = checked_curve(energy, intensity)
    weight = (x[2:] - x[1:-1]) / (x[2:] - x[:-2])
    distance = y[1:-1] - (weight * y[:-2] + (1 - weight) * y[2:])
    scaled = np.abs(distance) / np.sqrt(1 + weight**2 + (1 - weight) ** 2)
    return float(_MAD * np.median(scaled))


def scale_at(energy_ev: float) -> float:
    """By how much wider than usual the edges at an energy are."""
    return max(1.0, energy_ev / _WIDE_ABOVE_EV)


@dataclass(frozen=True)
class Steps:
    """How much higher a curve is above each point than below it.

    Attributes
    ----------
    rise, near, far, long : float64 (n,)
        Differences of the means over 1 … 4, 4 … 12, 4 … 25 and 4 … 60 eV on both sides (wider
        above 25 keV), after the curve's general trend is taken off.
    rise_error, error : float64 (n,)
        Standard errors of ``rise`` and ``far`` from the noise.
    """

    rise: FloatArray
    near: FloatArray
    far: FloatArray
    long: FloatArray
    rise_error: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, before: float | None = None) -> Steps:
        """Of a curve (n,) over energies (n,), eV.

        The trend is fitted over 60 eV below the energy ``before`` where it is given and enough
        points lie there: a line, and a power law below 2 keV, where the background of energy
        losses falls steeply. Otherwise it is that of the whole curve.
        """
        level = y - _trend(x, y, before)
        scale = scale_at(float(x[x.size // 2]))
        area = np.concatenate(([0.0], np.cumsum(0.5 * (level[1:] + level[:-1]) * np.diff(x))))

        def mean(low: FloatArray, high: FloatArray) -> FloatArray:
            low, high = np.clip(low, x[0], x[-1]), np.clip(high, x[0], x[-1])
            width = high - low
            total = np.interp(high, x, area) - np.interp(low, x, area)
            at = np.interp(low, x, level)
            return np.where(width > 1e-9, total / np.maximum(width, 1e-9), at)

        def step(distances: tuple[float, float]) -> FloatArray:
            a, b = (scale * d for d in distances)
            return mean(x + a, x + b) - mean(x - b, x - a)

        sigma = noise_sigma(x, y)

        def error(distances: tuple[float, float]) -> FloatArray:
            a, b = (scale * d for d in distances)
            above = np.searchsorted(x, x + b) - np.searchsorted(x, x + a)
            below = np.searchsorted(x, x - a) - np.searchsorted(x, x - b)
            counts = 1 / np.maximum(above, 1) + 1 / np.maximum(below, 1)
            return np.asarray(sigma * np.sqrt(counts))

        return cls(step(_RISE), step(_NEAR), step(_FAR), step(_LONG), error(_RISE), error(_FAR))

    def lasting(self, size: float) -> BoolArray:
        """Where it rises within a few eV, clear of the noise, and stays; (n,).

        A slope or a hump grows with the distance over which it is looked at, a step does not: of
        337 real spectra the least sudden, foils and V(II) oxide, reach 1.11 where a sine of 100 eV
        has 0.99 and a straight line 0.75.
        ``size`` is the intensity's own, below which there is rounding only.
        """
        clear = (self.far > 5 * self.error) & (self.far > 1e-7 * size) & (self.near > 0)
        near, far = np.where(clear, self.near, 1.0), np.where(clear, self.far, 1.0)
        return np.asarray(clear & (near > _LASTS * far) & (self.rise / near + near / far > _STEEP))

    def foreign(self, edge_step: float) -> BoolArray:
        """Where there is another edge's step, or a jump of the apparatus; (n,).

        EXAFS rises by up to a fifth of the edge step as well, but over half a period of 20 eV and
        more, and falls again within 60 eV. Of drops only those are taken that are no EXAFS by
        their size.
        """
        lasts = np.sign(self.near) * np.minimum(np.abs(self.near), np.abs(self.long))
        lasts[self.near * self.long <= 0] = 0.0
        sharp = (self.rise / np.where(self.near == 0, np.inf, self.near)) > _SHARP
        clear = np.abs(self.rise) > 6 * self.rise_error
        return np.asarray(
            sharp & clear & ((lasts > _FOREIGN * edge_step) | (lasts < -_DROP * edge_step))
        )


def _trend(x: FloatArray, y: FloatArray, before: float | None) -> FloatArray:
    """What the curve would be without steps, (n,); a line added to the curve is added to it too.

    Not so the power law, which only the falling positive counts of energy losses get.
    """
    if before is not None:
        below = (x < before) & (x > before - _LOCAL_EV * scale_at(before))
        if below.sum() >= _LOCAL_POINTS and np.ptp(x[below]) > _LOCAL_EV / 3:
            line = np.polyfit(x[below] - before, y[below], 1)
            if before < _SOFT_EV and x[below][0] > 0 and (y[below] > 0).all():
                r, a = np.polyfit(np.log(x[below] / before), np.log(y[below]), 1)
                if -_STEEPEST < r < -1:
                    law = np.maximum(x / before, 0.5) ** r
                    return np.asarray(np.exp(a) * law)
            return np.asarray(np.polyval(line, x - before))
    count = int((x[-1] - x[0]) / _TREND_EV)
    if count < 4:
        return np.zeros_like(x)
    bins = np.minimum(((x - x[0]) / _TREND_EV).astype(int), count - 1)
    held = np.bincount(bins, minlength=count)
    full = held > 0
    u = np.bincount(bins, x, count)[full] / held[full]
    v = np.bincount(bins, y, count)[full] / held[full]
    return np.asarray(float(np.median(np.diff(v) / np.diff(u))) * (x - x[0]))


def slope_of(x: FloatArray, y: FloatArray, inside: BoolArray) -> FloatArray:
    """Slope of the least-squares line through the neighbours of each point, (n,), 1/eV.

    Neighbours lie within 0.6 eV (at least three points); within up to 4 eV where the noise would
    otherwise hide the steepest slope ``inside``.
    """
    sigma = noise_sigma(x, y)
    for reach in _SLOPE_EV:
        slope, error = _lines(x, y, reach)
        steepest = float(slope[inside].max())
        if steepest >= _CLEAR * sigma * float(np.median(error[inside])):
            break
    return slope


def smoothed(x: FloatArray, y: FloatArray, reach: float) -> FloatArray:
    """Mean of the points within ``reach`` of each, (n,)."""
    first, last = np.searchsorted(x, x - reach), np.searchsorted(x, x + reach, side="right")
    total = np.concatenate(([0.0], np.cumsum(y)))
    return np.asarray((total[last] - total[first]) / (last - first))


def _lines(x: FloatArray, y: FloatArray, reach: float) -> tuple[FloatArray, FloatArray]:
    """Slope of the line through the points within ``reach``, and its error for unit noise."""
    first = np.minimum(np.searchsorted(x, x - reach), np.maximum(np.arange(x.size) - 1, 0))
    last = np.maximum(
        np.searchsorted(x, x + reach, side="right"),
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
        slope, error = (n * s_uv - s_u * s_v) / spread, np.sqrt(n / spread)
    good = np.isfinite(slope) & np.isfinite(error)
    return np.where(good, slope, 0.0), np.where(good, error, 0.0)
