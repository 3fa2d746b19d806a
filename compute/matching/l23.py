"""What is known of 3d L2,3 edges before matching: where they are, and what no multiplet describes.

A query is cut to its own edges, so that neither how far it was scanned nor what else lies in the
scan has a say: from 8 eV before the rise of L3 to 10 eV behind that of L2. The rise is found as the
energy at which the smoothed curve and itself, the spin–orbit splitting higher, climb most together.

Metals and ions with a full 3d shell have L edges without multiplets: one-electron transitions into
s, p and d bands, a step with what structure the bands have. They stand beside a library's
candidates as alternatives, so that a copper(I) compound need not pass for the least unlike of
copper(II) ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from compute.edges import SYMBOLS, Edge, edge_energy, edges_within
from compute.ions import SERIES, atomic_number
from compute.matching.discrepancy import Discrepancy
from compute.matching.grid import Array

BEFORE_EV, BEHIND_EV = 8.0, 10.0  # of a query around the rises of L3 and L2
# Of a library, so much more: how far the rise of a compound lies from the tabulated edge.
MARGIN_EV = 5.0
_SMOOTHING_EV = 0.7  # sigma: two thirds of the narrowest rise, so that no multiplet line wins
_STEP_EV = 0.1
_ELECTRONS = 29.4  # holes in the 3d band of a metal are that less Z: Fe 3.4, Co 2.4, Ni 1.4
_HALF_CUT = 1.4  # what a Lorentzian loses whose foot lies before the rise
_MOST_HOLES = 4.0  # iron is the earliest
# Area of the white lines of a metal for each hole, over the height of the step behind L2. Co/Pd
# shows 5.7, Fe 6.6 per hole (Scherz et al., Phys. Rev. B 66 (2002) 184401 give 6.6 to 8.1).
_AREA_PER_HOLE_EV = 6.5

# Elements with 4f to be filled, whose M5 and M4 are lines as strong as any L3, and those whose K
# leads to an open 2p shell.
_M45, _K = range(55, 71), range(5, 10)


@dataclass(frozen=True)
class WhiteLines:
    """Tabulated L3 and L2 of a 3d element, eV."""

    element: str
    l3_ev: float
    l2_ev: float

    @property
    def range_ev(self) -> tuple[float, float]:
        """Energies that a library compares."""
        before, behind = BEFORE_EV + MARGIN_EV, BEHIND_EV + MARGIN_EV
        return self.l3_ev - before, self.l2_ev + behind

    def rise(self, energy_ev: Array, values: Array, max_shift_ev: float) -> float | None:
        """Where a curve (n,) rises at L3, eV; None if the curve holds no place to look."""
        low, high = self.l3_ev - max_shift_ev - 1.0, self.l3_ev + max_shift_ev + 1.0
        start = max(float(energy_ev[0]), low - 4.0 * _SMOOTHING_EV)
        stop = min(float(energy_ev[-1]), high + self.l2_ev - self.l3_ev + 4.0 * _SMOOTHING_EV)
        grid = np.arange(start, stop, _STEP_EV)
        if grid.size < 16:
            return None
        slope = _smooth_slope(np.interp(grid, energy_ev, values))
        apart = self.l2_ev - self.l3_ev
        later = np.interp(grid + apart, grid, slope, right=0.0)
        score = np.where((grid >= low) & (grid <= high), slope + 0.5 * later, -np.inf)
        best = int(np.argmax(score))
        return float(grid[best]) if np.isfinite(score[best]) else None

    def window(self, energy_ev: Array, values: Array, max_shift_ev: float) -> tuple[float, float]:
        """First and last energy of a curve (n,) that a match looks at, eV."""
        rise = self.rise(energy_ev, values, max_shift_ev)
        at = self.l3_ev if rise is None else rise
        return at - BEFORE_EV, at + self.l2_ev - self.l3_ev + BEHIND_EV


def white_lines(element: str, edge: str) -> WhiteLines | None:
    """The L2,3 edges of a 3d element; None for anything else."""
    if edge != "L23" or element not in SERIES["3d"].elements:
        return None
    l3, l2 = edge_energy(element, "L3"), edge_energy(element, "L2")
    return None if l3 is None or l2 is None else WhiteLines(element, l3, l2)


def foreign_lines(lines: WhiteLines) -> list[Edge]:
    """Strong white lines of other elements within the range that is compared, ascending."""
    within = edges_within(lines.l3_ev - BEFORE_EV, lines.l2_ev + BEHIND_EV)
    return [one for one in within if _strong(one)]


def _strong(edge: Edge) -> bool:
    z = SYMBOLS.index(edge.element) + 1
    return (edge.edge in ("M4", "M5") and z in _M45) or (edge.edge == "K" and z in _K)


@dataclass(frozen=True)
class OneElectron:
    """Shapes that no multiplet describes, any of which a spectrum may have.

    Attributes
    ----------
    name : str
        ``"metal"``, ``"3d10"``, or ``"line"`` for an edge of another element.
    oxidation_state : int or None
    energy_ev : float64 (n,)
    intensities : float64 (j, n)
    shift_err_ev : float
        How far its edge may lie from where the shapes have it.
    """

    name: str
    oxidation_state: int | None
    energy_ev: Array
    intensities: Array
    shift_err_ev: float


# What such a spectrum may differ from the nearest shape by, beside what theory misses by: features
# ``_ROUGHER`` times as large, areas and the step less. Chosen with the shapes below on Cu, Cu2O,
# Cu2S, LaCuOS and ZrCuSiP against CuO.
_ROUGHER, _AREA, _AREA_LENGTH_EV, _STEP = 1.6, 0.03, 4.0, 0.2


def rougher(model: Discrepancy) -> Discrepancy:
    """What one-electron shapes miss by where theory misses by ``model``."""
    return replace(
        model, smooth=_ROUGHER * model.smooth, area=_AREA, area_length_ev=_AREA_LENGTH_EV,
        step=_STEP, factors=np.zeros((0, 0)),
    )  # fmt: skip


# Area of the first band of an ion with a full 3d shell over the height of the step, and its HWHM,
# eV: none, as in sulphides wide, or as in Cu2O narrow.
_BANDS = ((0.0, 1.0), (2.5, 1.0), (5.0, 1.0), (3.0, 2.5), (6.0, 2.5))
_SHARES = (0.7, 1.0, 1.4)  # of a metal's area: what saturation and background leave uncertain
_METAL_HWHM_EV = (0.8, 1.5)
# One line with a step, of another element's edge (M4 of lanthanum under nickel's L3, a K edge):
# half widths of Lorentzians and of Gaussians, heights of the step over the line's, half widths of
# steps without a line, and how far from L3 all may stand.
_LORENTZ_EV, _GAUSS_EV, _STEPS, _BARE_EV = (0.4, 1.2), (1.2, 2.4), (0.0, 0.3, 1.0, 3.0), (0.5, 3.0)
_ANYWHERE_EV = 6.0


def alternatives(lines: WhiteLines) -> list[OneElectron]:
    """What an L2,3 edge of this element may be beside an ion with an open 3d shell.

    Copper and zinc in their compounds have full 3d shells as 1+ and 2+. Of the metals those from
    iron on are known by their narrow band; what the white lines of the earlier ones look like, at
    the resolution of energy losses, an oxide's do as well.
    """
    low, high = lines.range_ev
    energy = np.arange(low - 1.0, high + 1.0, _STEP_EV)
    holes = max(_ELECTRONS - atomic_number(lines.element), 0.0)
    found = []
    if holes < _MOST_HOLES:
        area = _AREA_PER_HOLE_EV * holes
        shapes = [
            _banded(energy, lines, 0.0, share * area, hwhm)
            for share in _SHARES
            for hwhm in _METAL_HWHM_EV
        ]
        found.append(OneElectron("metal", 0, energy, np.array(shapes), 0.5))
    full = {"Cu": 1, "Zn": 2}.get(lines.element)
    if full is not None:
        # The edge of Cu2O, Cu2S and Cu(I) oxychalcogenides rises 0.5 to 1.5 eV above the metal's.
        shapes = [_banded(energy, lines, 1.0, *band) for band in _BANDS]
        found.append(OneElectron("3d10", full, energy, np.array(shapes), 0.8))
    return [*found, OneElectron("line", None, energy, _single(energy, lines.l3_ev), _ANYWHERE_EV)]


def _single(energy: Array, at_ev: float) -> Array:
    """One line of height 1 with a step where it rises, or a step alone, (j, n)."""

    def step(x: Array) -> Array:
        result: Array = 0.5 + np.arctan(x) / np.pi
        return result

    x = energy - at_ev
    found = [step(x / width) for width in _BARE_EV]
    for height in _STEPS:
        found += [1.0 / (1.0 + (x / w) ** 2) + height * step(x / w + 1.0) for w in _LORENTZ_EV]
        found += [0.5 ** ((x / w) ** 2) + height * step(x / w + 1.0) for w in _GAUSS_EV]
    return np.array(found)


def _banded(
    energy: Array, lines: WhiteLines, above_ev: float, area: float, hwhm_ev: float
) -> Array:
    """Steps of heights 2:1 (HWHM 0.5 eV), the level behind L2 being 1, each with a band of levels.

    The band rises with the step and falls as a Lorentzian; ``area`` is that of both.
    """
    total = np.zeros_like(energy)
    for edge, share in ((lines.l3_ev, 2.0 / 3.0), (lines.l2_ev, 1.0 / 3.0)):
        x = energy - edge - above_ev
        band = hwhm_ev / np.pi / ((x - 0.8 * hwhm_ev) ** 2 + hwhm_ev**2)
        band *= _HALF_CUT * (0.5 + np.arctan(x / 0.4) / np.pi)
        total += share * (0.5 + np.arctan(x / 0.5) / np.pi + area * band)
    return total


def _smooth_slope(values: Array) -> Array:
    """Slope of a curve (n,) on the grid of ``_STEP_EV``, smoothed."""
    reach = int(4.0 * _SMOOTHING_EV / _STEP_EV)
    x = _STEP_EV * np.arange(-reach, reach + 1)
    kernel = -x * np.exp(-0.5 * (x / _SMOOTHING_EV) ** 2)
    padded = np.pad(values, reach, mode="edge")
    result: Array = np.convolve(padded, -kernel[::-1], mode="valid")
    return result
