"""What energies weigh that one alignment compares and another leaves out.

A candidate moved by s is compared with the part of the query from its first to its last energy;
moved elsewhere, with another part. Likelihoods of different data do not compare: a flat stretch
more, which nearly any candidate explains to within the noise, would count as evidence for a shift.
So every candidate answers for the same part of the query, the reference. Where it lies beside the
candidate, its values are taken to follow from their neighbours up to an innovation of variance

    v(E) + tau²

v being what a local second difference of the query shows (noise, and whatever structure there is),
tau² the part of theory's own error that neighbouring energies do not tell. What a candidate covers
beyond the reference is taken off in the same way.
"""

from __future__ import annotations

from math import floor, log, pi
from typing import NamedTuple

import numpy as np

from compute.jit import njit
from compute.matching.grid import MIN_POINTS, Array, ComparisonGrid, Curve

_TABLE_PER_STEP = 4  # ends of a range fall between the energies of the grid
# Of the grid, over which squares are averaged: a variance to a third (sqrt(2/8) and the overlap of
# smoothed neighbours), as local as that allows. Convention.
_AVERAGED_STEPS = 8
# Earlier energies: their correlation with the next falls as a Gaussian, below 1e-3 after four.
_PREDICTED_FROM = 8


class Reference(NamedTuple):
    """A `Coverage`: variances by cell, how many cells a step has, and the range that counts."""

    variance: Array
    start_ev: float
    step_ev: float
    cells: float
    low_ev: float
    high_ev: float


class Coverage:
    """Log-density of a query's energies, each given its neighbours, by any range of energies.

    Attributes
    ----------
    grid : ComparisonGrid
    low_ev, high_ev : float
        The reference, half a step beyond its first and last energy.
    n : float
        Energies in it.
    """

    def __init__(self, curve: Curve, grid: ComparisonGrid, max_shift_ev: float) -> None:
        self._step = grid.step_ev / _TABLE_PER_STEP
        self.grid = grid
        self._start = curve.low_ev + grid.step_ev  # beyond, the query is continued flat
        count = int((curve.high_ev - curve.low_ev - 2.0 * grid.step_ev) / self._step) + 1
        position = self._start + self._step * np.arange(count)
        second = np.diff(curve.at(position[:, None] + grid.step_ev * np.array([-1.0, 0.0, 1.0])), 2)
        mean = _running_mean(second[:, 0] ** 2, _AVERAGED_STEPS * _TABLE_PER_STEP)
        self._variance = np.maximum(_innovation_share(grid) * mean, 1e-12 * curve.height**2)
        self.low_ev, self.high_ev = _reference(curve, grid, max_shift_ev)
        self.n = (self.high_ev - self.low_ev) / grid.step_ev
        self.reference = Reference(
            self._variance, self._start, self._step, float(_TABLE_PER_STEP), self.low_ev,
            self.high_ev,
        )  # fmt: skip

    def beside(self, first_ev: float, last_ev: float, extra: Array) -> Array:
        """Log-density (k,) of the reference outside a candidate's range, less that of the rest.

        Parameters
        ----------
        first_ev, last_ev : float
            Of the energies compared, on the query's scale.
        extra : float64 (k,)
            Variances tau² to be added.
        """
        half = 0.5 * self.grid.step_ev
        result: Array = beside(self.reference, first_ev - half, last_ev + half, extra)
        return result


def _reference(curve: Curve, grid: ComparisonGrid, max_shift_ev: float) -> tuple[float, float]:
    """The part of the query that most of the library's range covers, moved as little as can be."""
    shifts = np.linspace(-max_shift_ev, max_shift_ev, 2 * int(max_shift_ev / grid.step_ev) + 1)
    covered = curve.covers(grid.energy_ev + shifts[:, None]).sum(axis=1)
    # Half an energy for each step moved: a longer part by so little is not worth the move.
    best = int(np.argmax(covered - 0.5 * np.abs(shifts) / grid.step_ev))
    inside = np.flatnonzero(curve.covers(grid.energy_ev + shifts[best]))
    if inside.size < MIN_POINTS:
        return curve.low_ev, curve.high_ev
    first, last = grid.energy_ev[inside[[0, -1]]] + shifts[best]
    return float(first) - 0.5 * grid.step_ev, float(last) + 0.5 * grid.step_ev


def _innovation_share(grid: ComparisonGrid) -> float:
    """Innovation variance over the mean square of second differences, for smoothed white noise."""
    lag = grid.step_ev * np.arange(_PREDICTED_FROM + 1)
    correlation = np.exp(-(lag**2) / (4.0 * grid.sigma_ev**2))
    index = np.abs(np.subtract.outer(np.arange(_PREDICTED_FROM), np.arange(_PREDICTED_FROM)))
    past = correlation[1:]
    innovation = 1.0 - past @ np.linalg.solve(correlation[index], past)
    return float(innovation / (6.0 - 8.0 * correlation[1] + 2.0 * correlation[2]))


def _running_mean(values: Array, width: int) -> Array:
    """Means over ``width`` neighbours, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(values.size)
    low = np.maximum(index - width // 2, 0)
    high = np.minimum(index + width // 2 + 1, values.size)
    result: Array = (total[high] - total[low]) / (high - low)
    return result


@njit(cache=True, nogil=True)
def beside(reference: Reference, first_ev: float, last_ev: float, extra: Array) -> Array:
    """`Coverage.beside`: (k,) for variances ``extra`` (k,)."""
    before = _between(reference, reference.low_ev, first_ev, extra)
    result: Array = before + _between(reference, last_ev, reference.high_ev, extra)
    return result


@njit(cache=True, nogil=True)
def _between(reference: Reference, low: float, high: float, extra: Array) -> Array:
    sign = 1.0
    if high < low:
        low, high, sign = high, low, -1.0
    bottom = (low - reference.start_ev) / reference.step_ev
    top = (high - reference.start_ev) / reference.step_ev
    total = np.zeros(extra.size)
    for cell in range(int(floor(bottom)), int(floor(top)) + 1):
        share = min(cell + 1.0, top) - max(float(cell), bottom)
        variance = reference.variance[min(max(cell, 0), reference.variance.size - 1)]
        for k in range(extra.size):
            total[k] -= 0.5 * (log(2.0 * pi * (variance + extra[k])) + 1.0) * share
    result: Array = sign * total / reference.cells
    return result
