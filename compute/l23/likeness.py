"""How alike two L2,3 spectra are: features matched in order, heights, edges, shape.

Both spectra are treated alike, one of them (or none) being measured: background off, one stated
Gaussian, features from the second derivative. Made to compare theory with measurement so that a
wrong compound can fail: every figure takes heights or order into account, none the nearest of many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from compute.errors import InputError

FloatArray = NDArray[np.float64]

STEP_EV = 0.05
# Chosen beforehand, none of them fitted: what counts as much as leaving a feature of the same
# height (and its partner) unmatched is 1.5 eV, or a factor of 4.5 in height.
_POSITION_EV, _LOG_HEIGHT, _UNMATCHED = 0.5, 0.5, 1.5
_SHIFTS_EV = np.arange(-2.0, 2.001, 0.1)  # of one spectrum's features against the other's
_ONSET = 0.1  # of the maximum
_WIDTH = 0.8  # splittings: the L3 maximum lies within that above the onset
_VALLEY = (0.2, 0.85)  # splittings above the L3 maximum
_FLOOR = 0.02  # of the maximum: the valley's floor
_REACH_EV = (8.0, 10.0)  # below the L3 maximum, above the L2 maximum
_CURVATURE = 0.04  # of the strongest: weaker minima of the second derivative are no feature
_LOWEST = 0.04  # of the maximum
_ARCTAN_EV = 0.8
_UNKNOWN = 0.5  # weight of a feature whose height is not known


@dataclass(frozen=True)
class Shape:
    """A spectrum without background; energies relative to its L3 maximum, eV.

    Attributes
    ----------
    energy, intensity : (n,), STEP_EV apart, the L3 maximum is 1
    crossing, l2 : middle of the lowest points between the edges, L2 maximum
    branching : area below the crossing over the whole
    positions, heights : (k,) of peaks and shoulders, ascending; a height may be NaN (not known)
    """

    energy: FloatArray
    intensity: FloatArray
    crossing: float
    l2: float
    branching: float
    positions: FloatArray
    heights: FloatArray


@dataclass(frozen=True)
class Likeness:
    """Two spectra compared; differences are second less first.

    Attributes
    ----------
    mismatch : cost of the matching per weight of features: 0 the same, 3 nothing in common
    pairs : (m, 2) which feature of the first belongs to which of the second
    position_ev : (m,) differences of the matched, after the shift of best match
    log_height : (m,) logarithms of the ratios of heights
    separation_ev, branching : differences
    cosine : of the two curves with their L3 maxima on each other
    """

    mismatch: float
    pairs: NDArray[np.int64]
    position_ev: FloatArray
    log_height: FloatArray
    separation_ev: float
    branching: float
    cosine: float


def shape(
    energy_ev: FloatArray,
    intensity: FloatArray,
    splitting_ev: float,
    *,
    sigma_ev: float,
    measured: bool,
) -> Shape:
    """Bring a spectrum into the form that is compared.

    Parameters
    ----------
    energy_ev, intensity : (n,) ascending; about the edge alone
    splitting_ev : of the 2p level, 3/2 zeta
    sigma_ev : Gaussian to be applied
    measured : has a background: the lowest value before the edge and two arctangents, 2:1, which
        together are as high as the lowest point behind L2

    Raises
    ------
    InputError
        A spectrum that does not reach over both edges.
    """
    grid = np.arange(energy_ev[0], energy_ev[-1], STEP_EV)
    y = gaussian_filter1d(np.interp(grid, energy_ev, intensity), sigma_ev / STEP_EV, mode="nearest")
    if measured:
        y = y - y[: max(1, int(0.15 * np.argmax(y)))].mean()
    peak = _l3_maximum(grid, y, splitting_ev)
    last = grid[-1] - peak
    if last < splitting_ev + 2.0:
        raise InputError("energy_ev", float(grid[-1]), "ends before the L2 edge does")
    place = grid - peak
    if measured:
        behind = place > splitting_ev + 2.0
        height = max(float(y[behind].min()), 0.0)
        steps = (2 * _arctan(place) + _arctan(place - splitting_ev)) / 3
        y = y - height * steps
        peak = _l3_maximum(grid, y, splitting_ev)
        place = grid - peak
    y = y / y[np.argmin(np.abs(place))]
    between = (place > _VALLEY[0] * splitting_ev) & (place < _VALLEY[1] * splitting_ev)
    floor = float(y[between].min()) + _FLOOR
    crossing = float(np.median(place[between & (y <= floor)]))
    after = (place > crossing) & (place < crossing + splitting_ev)
    l2 = float(place[after][np.argmax(y[after])])
    keep = (place > -_REACH_EV[0]) & (place < l2 + _REACH_EV[1])
    place, y = place[keep], y[keep]
    white = np.maximum(y, 0.0)
    second = np.gradient(np.gradient(y))
    low = np.zeros(y.size, dtype=bool)
    low[1:-1] = (second[1:-1] < second[:-2]) & (second[1:-1] <= second[2:])
    low &= (second < _CURVATURE * second.min()) & (y > _LOWEST)
    return Shape(
        place, y, crossing, l2, float(white[place < crossing].sum() / white.sum()),
        place[low], y[low],
    )  # fmt: skip


def likeness(first: Shape, second: Shape) -> Likeness:
    """Compare two spectra, in either order."""
    mismatch, pairs, shift = best_match(first, second)
    i, j = pairs.T
    with np.errstate(invalid="ignore"):
        log_height = np.log(second.heights[j] / first.heights[i])
    low, high = (f(first.energy[k], second.energy[k]) for f, k in ((max, 0), (min, -1)))
    grid = np.arange(low, high, STEP_EV) if low < high else np.zeros(0)
    x, y = (np.interp(grid, one.energy, one.intensity) for one in (first, second))
    norm = float(np.linalg.norm(x) * np.linalg.norm(y))
    return Likeness(
        mismatch=mismatch,
        pairs=pairs,
        position_ev=second.positions[j] - first.positions[i] - shift,
        log_height=log_height[np.isfinite(log_height)],
        separation_ev=second.l2 - first.l2,
        branching=second.branching - first.branching,
        cosine=float(x @ y) / norm if norm > 0 else np.nan,
    )


def best_match(first: Shape, second: Shape) -> tuple[float, NDArray[np.int64], float]:
    """`match` at the shift that makes it cheapest, and that shift in eV."""
    weights = _weights(first), _weights(second)
    last = _alignment(_pair_costs(first, second, _SHIFTS_EV), *weights)[:, -1, -1]
    shift = float(_SHIFTS_EV[np.argmin(last)])
    return *match(first, second, shift), shift


def match(first: Shape, second: Shape, shift_ev: float) -> tuple[float, NDArray[np.int64]]:
    """The cheapest matching of two lists of features that keeps their order.

    A pair costs the mean of the two heights times |difference of positions| / 0.5 eV plus
    |logarithm of the ratio of heights| / 0.5; a feature without partner costs 1.5 times its height.
    Dynamic programming, as sequences are aligned.

    Parameters
    ----------
    shift_ev : of the second's features against the first's

    Returns
    -------
    float, int64 (m, 2)
        Cost over the weight (mean sum of heights of both lists), and the pairs.
    """
    weights = _weights(first), _weights(second)
    pair = _pair_costs(first, second, np.array([shift_ev]))
    cost, pair = _alignment(pair, *weights)[0], pair[0]
    pairs, (i, j) = [], pair.shape
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + pair[i - 1, j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + _UNMATCHED * weights[0][i - 1]:
            i -= 1
        else:
            j -= 1
    total = (weights[0].sum() + weights[1].sum()) / 2
    order = np.array(pairs[::-1], dtype=np.int64).reshape(-1, 2)
    return float(cost[-1, -1] / total) if total > 0 else np.nan, order


def _weights(one: Shape) -> FloatArray:
    return np.nan_to_num(one.heights, nan=_UNKNOWN)


def _pair_costs(first: Shape, second: Shape, shifts: FloatArray) -> FloatArray:
    """(shifts, n, m)"""
    heights = (_weights(first)[:, None] + _weights(second)) / 2
    with np.errstate(invalid="ignore"):
        ratio = np.abs(np.log(second.heights / first.heights[:, None]))
    apart = np.abs(second.positions - first.positions[:, None] - shifts[:, None, None])
    both = apart / _POSITION_EV + np.nan_to_num(ratio, nan=0.0) / _LOG_HEIGHT
    return np.asarray(heights * both)


def _alignment(pair: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Costs of the first i and j features, (shifts, n + 1, m + 1), from those of pairs."""
    shifts, n, m = pair.shape
    cost = np.zeros((shifts, n + 1, m + 1))
    cost[:, 1:, 0] = _UNMATCHED * np.cumsum(first)
    cost[:, 0, 1:] = _UNMATCHED * np.cumsum(second)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            together = cost[:, i - 1, j - 1] + pair[:, i - 1, j - 1]
            without_first = cost[:, i - 1, j] + _UNMATCHED * first[i - 1]
            without_second = cost[:, i, j - 1] + _UNMATCHED * second[j - 1]
            cost[:, i, j] = np.minimum(together, np.minimum(without_first, without_second))
    return cost


def _l3_maximum(energy: FloatArray, intensity: FloatArray, splitting: float) -> float:
    """Where L3 is highest; L2 may be higher (d0)."""
    onset = int(np.argmax(intensity > _ONSET * intensity.max()))
    within = (energy >= energy[onset]) & (energy <= energy[onset] + _WIDTH * splitting)
    return float(energy[within][np.argmax(intensity[within])])


def _arctan(place: FloatArray) -> FloatArray:
    """A step of height one at zero."""
    return np.asarray(0.5 + np.arctan(place / _ARCTAN_EV) / np.pi)
