"""The part of a query that one library can explain, and whether there is an edge in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.edges import edge_energy
from compute.errors import InputError
from compute.matching.grid import MIN_POINTS, ComparisonGrid
from compute.matching.l23 import WhiteLines, white_lines

FloatArray = NDArray[np.float64]

USUAL_SHIFT_EV = 5.0  # of an energy axis: so far before an edge its foot may begin


def edge_region(
    energy: FloatArray,
    values: FloatArray,
    absorber: str,
    edge: str,
    grid: ComparisonGrid,
    max_shift_ev: float,
) -> tuple[FloatArray, FloatArray]:
    """The part of a query that a library of this edge can explain, counts over a power law.

    Of 3d L2,3 edges that is a fixed range around the query's own edges, so that what else was
    scanned has no say; of others what the library's ``grid`` reaches.

    Raises
    ------
    InputError
        If it holds fewer than 8 points there.
    """
    lines = white_lines(absorber, edge)
    if lines is not None:
        return around_edges(energy, values, lines, max_shift_ev)
    try:
        start = edge_energy(absorber, edge)
    except InputError:
        start = None
    if start is not None:
        values = _over_background(energy, values, start, max_shift_ev)
    low = grid.start_ev - max_shift_ev - 2.0
    high = grid.stop_ev + max_shift_ev + 2.0
    return _inside(energy, values, low, high)


def around_edges(
    energy: FloatArray, values: FloatArray, lines: WhiteLines, max_shift_ev: float = USUAL_SHIFT_EV
) -> tuple[FloatArray, FloatArray]:
    """The part of a measured curve (n,) around its L3 and L2, over a power-law background.

    Raises
    ------
    InputError
        If it holds fewer than 8 points there.
    """
    values = _over_background(energy, values, lines.l3_ev, max_shift_ev)
    return _inside(energy, values, *lines.window(energy, values, max_shift_ev))


def _over_background(
    energy: FloatArray, values: FloatArray, start_ev: float, max_shift_ev: float
) -> FloatArray:
    """Counts (n,) over a power law.

    It is fitted to what lies before the edge, as is usual for energy losses, where there are at
    least 8 points of falling, positive signal there.
    """
    foot = start_ev - 5.0 - min(max_shift_ev, USUAL_SHIFT_EV)
    before = (energy >= start_ev - 40.0) & (energy <= foot)
    pre = values[before]
    if pre.size >= MIN_POINTS and (pre > 0).all() and np.ptp(energy[before]) > 8.0:
        x = np.log(energy[before] / start_ev)
        slope, offset = np.polyfit(x, np.log(pre), 1)
        if slope < -0.5:
            over: FloatArray = values - np.exp(offset + slope * np.log(energy / start_ev))
            return over
    return values


def _inside(
    energy: FloatArray, values: FloatArray, low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    near = (energy >= low) & (energy <= high)
    if int(near.sum()) < MIN_POINTS:
        raise InputError(
            "energy_ev", (float(energy[0]), float(energy[-1])),
            f"has fewer than {MIN_POINTS} points from {low:.1f} to {high:.1f} eV",
        )  # fmt: skip
    return energy[near], values[near]


def smooth_share(energy: FloatArray, values: FloatArray) -> float:
    """Share of the variance about a straight line that a cubic explains: little of an edge (n,).

    Nearly all of a background without an edge. Libraries answer for different parts of a survey,
    and one whose part is such a background has spectra that come near it, with much evidence over
    an unrelated spectrum, which would be far from smooth.
    """
    line, cubic = (
        float(np.sum((values - np.polynomial.Polynomial.fit(energy, values, degree)(energy)) ** 2))
        for degree in (1, 3)
    )
    return 1.0 - cubic / line if line > 0.0 else 1.0
