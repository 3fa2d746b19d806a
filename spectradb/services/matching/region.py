"""The part of a query that one library can explain, and whether there is an edge in it."""

from __future__ import annotations

import numpy as np

from compute.edges import edge_energy
from compute.errors import InputError
from compute.matching import SpectrumLibrary
from compute.matching.grid import MIN_POINTS
from spectradb.services.matching.groups import FloatArray, Group


def edge_region(
    energy: FloatArray,
    values: FloatArray,
    group: Group,
    library: SpectrumLibrary,
    max_shift_ev: float,
) -> tuple[FloatArray, FloatArray]:
    """The part of a query that one library can explain, counts over a power-law background.

    The power law is fitted to what lies before the edge, as is usual for energy losses, where
    there are at least 8 points of falling, positive signal there.
    """
    near = (energy >= library.grid.start_ev - max_shift_ev - 2.0) & (
        energy <= library.grid.stop_ev + max_shift_ev + 2.0
    )
    try:
        start = edge_energy(group.absorber, group.edge)
    except InputError:
        start = None
    if start is None:
        return energy[near], values[near]
    before = (energy >= start - 40.0) & (energy <= start - 5.0 - min(max_shift_ev, 5.0))
    pre = values[before]
    if pre.size >= MIN_POINTS and (pre > 0).all() and np.ptp(energy[before]) > 8.0:
        x = np.log(energy[before] / start)
        slope, offset = np.polyfit(x, np.log(pre), 1)
        if slope < -0.5:
            values = values - np.exp(offset + slope * np.log(energy / start))
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
