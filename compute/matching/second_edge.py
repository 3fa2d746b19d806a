"""Whether L2 stands behind L3 as the best candidate has it.

Theory may miss by more than the whole of a weak L2, so that a single line (lanthanum's M4 under
nickel's L3, L2 itself taken for L3) passes for an L3. How high L2 is over what L3 asks for tells:
each part of the candidate is fitted by itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compute.matching.grid import Array
from compute.matching.l23 import WhiteLines, white_lines
from compute.matching.library import SpectrumLibrary
from compute.matching.results import MatchResult, Overlay

# Of splittings above the L3 maximum: where the valley is looked for.
_VALLEY = (0.25, 0.85)
_L3 = (-8.0, 0.6)  # eV below and splittings above the tabulated L3: where its maximum is
# Elements whose edges overlap have no L2 of their own: titanium and vanadium mix 2p3/2 and 2p1/2.
_LEAST_SPLITTING_EV = 8.0
_LEAST_POINTS = 8  # of either part
_ALIKE_EV = 1.5  # over which what theory misses is alike
# Of 22 measured spectra of manganese and copper of one valence beside the best of all candidates
# the ratio is 0.72 to 1.33, its spread 0.15.
_SPREAD = 0.17
_FREEDOM = 5.0  # of Student's t
_ANY = 0.3  # density of the ratio where there is no L2: about one over -0.5 to 3
_TOLD = 0.5  # likelier than this that there is none: it is told


def with_second_edge(
    result: MatchResult,
    library: SpectrumLibrary,
    energy_ev: Array,
    values: Array,
    absorber: str,
    edge: str,
) -> MatchResult:
    """An answer of a library of one edge to a query (n,), as far as L2 bears it out.

    Of other edges than those of 3d elements it is as it was.
    """
    lines = white_lines(absorber, edge)
    if lines is None:
        return result
    best = result.matches[0]
    found = l2_over_l3(library.overlay(energy_ev, values, best), lines, best.shift_ev)
    return result if found is None else doubted(result, *found)


def l2_over_l3(laid: Overlay, lines: WhiteLines, shift_ev: float) -> tuple[float, float] | None:
    """L2 of a query over that of a candidate, both in units of their L3, and its error.

    Parameters
    ----------
    laid : Overlay
        The candidate over the query.
    shift_ev : float
        Of the query against the candidate.

    Returns
    -------
    (float, float) or None
        None where the edges overlap or one of them is not in the query.
    """
    splitting = lines.l2_ev - lines.l3_ev
    if splitting < _LEAST_SPLITTING_EV:
        return None
    energy = laid.energy_ev - shift_ev
    candidate = laid.fit - laid.background
    candidate = candidate - candidate.min()
    near = (energy > lines.l3_ev + _L3[0]) & (energy < lines.l3_ev + _L3[1] * splitting)
    if not near.any():
        return None
    peak = energy[near][np.argmax(candidate[near])]
    between = (energy > peak + _VALLEY[0] * splitting) & (energy < peak + _VALLEY[1] * splitting)
    if not between.any():
        return None
    valley = energy[between][np.argmin(candidate[between])]
    first = energy < valley
    if min(int(first.sum()), int((~first).sum())) < _LEAST_POINTS:
        return None
    running = np.cumsum(candidate)
    design = np.column_stack([
        np.where(first, candidate, 0.0), np.where(first, 0.0, candidate), np.ones(energy.size),
        energy - energy.mean(), running / running[-1] * candidate.max(),
    ])  # fmt: skip
    return _ratio(design, laid.query, float(energy[1] - energy[0]))


def _ratio(design: Array, query: Array, step_ev: float) -> tuple[float, float] | None:
    """Second coefficient over the first, and its error, by least squares."""
    found, *_ = np.linalg.lstsq(design, query, rcond=None)
    if found[0] <= 0.0:
        return 0.0, 0.0
    left = query - design @ found
    points = max(query.size * min(step_ev / _ALIKE_EV, 1.0) - design.shape[1], 1.0)
    inverse = np.linalg.pinv(design.T @ design)
    variance = float(left @ left) / points * inverse[1, 1] * max(_ALIKE_EV / step_ev, 1.0)
    return float(found[1] / found[0]), float(np.sqrt(max(variance, 0.0)) / found[0])


def doubt(ratio: float, error: float) -> float:
    """What a ratio of `l2_over_l3` adds to the log-odds that the query is no L2,3 edge; >= 0."""
    spread = float(np.hypot(_SPREAD, error))
    u = (ratio - 1.0) / spread
    # Student's t, 0.3796 its density at the centre for 5 degrees of freedom
    known = 0.3796 / spread * (1.0 + u * u / _FREEDOM) ** (-0.5 * (_FREEDOM + 1.0))
    return max(float(np.log(_ANY / known)), 0.0)


def doubted(result: MatchResult, ratio: float, error: float) -> MatchResult:
    """An answer with what the ratio says: less for all candidates, and words where it is much."""
    none = min(max(result.none_of_these, 1e-12), 1.0 - 1e-12)
    odds = np.log(none / (1.0 - none)) + doubt(ratio, error)
    more = float(1.0 / (1.0 + np.exp(-odds)))
    kept = (1.0 - more) / (1.0 - none)
    if more - none < 1e-12:
        return result
    warnings = list(result.warnings)
    if more >= _TOLD > none:
        warnings.append(
            f"What would be L2 is {max(ratio, 0.0):.2f} of what L3 asks for: perhaps the line of "
            "another element, or L2 taken for L3."
        )
    matches = [replace(one, probability=kept * one.probability) for one in result.matches]
    return replace(result, matches=matches, none_of_these=more, warnings=warnings)
