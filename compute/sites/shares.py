"""Valences of the 3d metals of a disordered crystal: every atom may have its own.

In an ordered crystal equivalent atoms have one state. Where places are filled at random an element
has as many surroundings as atoms, and what minimises the cost of all atoms at a given total
charge is a linear programme: each species takes the states on the lower hull of its costs in
order of their slopes (a fractional knapsack), so that at most one species is left between two
whole valences: Ni2.67+, Co3+, Mn4+ in LiNi0.6Co0.2Mn0.2O2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

_EXACT = 1e-9
_FORCED = 1.5  # cost above the cheapest state that is nothing unusual
_FAR = 4.0  # from the only step that bounds the potential


@dataclass(frozen=True)
class Shared:
    """What a species comes to.

    Attributes
    ----------
    state : float
        Mean over its atoms.
    confidence : float
        Weight of the whole states next to it among all, at the common potential of the charge;
        less where that potential forces it far from what its own costs favour.
    """

    state: float
    confidence: float


def share(
    costs: Sequence[Mapping[float, float]], amounts: Sequence[float], total: float
) -> list[Shared] | None:
    """The cheapest mean states of this total charge; None if no states reach it.

    Parameters
    ----------
    costs : sequence of mapping
        −ln of the weight of each state of each species, an atom.
    amounts : sequence of float
        Atoms of each species.
    """
    hulls = [_hull(one) for one in costs]
    states = [hull[0][0] for hull in hulls]
    left = total - sum(a * s for a, s in zip(amounts, states, strict=True))
    if left < -_EXACT:
        return None
    steps = sorted(
        ((c2 - c1) / (q2 - q1), i, q1, q2)
        for i, hull in enumerate(hulls)
        for (q1, c1), (q2, c2) in zip(hull, hull[1:], strict=False)
    )
    taken, inside = 0, False
    for _, i, low, high in steps:
        if left <= _EXACT:
            break
        states[i] = min(high, low + left / amounts[i])
        left -= amounts[i] * (states[i] - low)
        taken, inside = taken + 1, states[i] < high - 1e-6
    if left > 1e-6:
        return None
    slopes = [one[0] for one in steps]
    slope = slopes[taken - 1] if inside else _potential(slopes[:taken], slopes[taken:])
    return [Shared(s, _sure(one, s, slope)) for s, one in zip(states, costs, strict=True)]


def _potential(taken: Sequence[float], left: Sequence[float]) -> float:
    """Of the charge, between the steps that were taken and those that were not."""
    if not taken or not left:
        return left[0] - _FAR if left else taken[-1] + _FAR if taken else 0.0
    return (taken[-1] + left[0]) / 2.0


def _hull(costs: Mapping[float, float]) -> list[tuple[float, float]]:
    """States and costs on the lower convex hull, by state."""
    out: list[tuple[float, float]] = []
    for q, c in sorted(costs.items()):
        while len(out) > 1:
            (q0, c0), (q1, c1) = out[-2:]
            if (c1 - c0) * (q - q1) < (c - c1) * (q1 - q0):
                break
            out.pop()
        out.append((q, c))
    return out


def _sure(costs: Mapping[float, float], state: float, slope: float) -> float:
    tilted = {q: c - slope * q for q, c in costs.items()}
    lowest = min(tilted.values())
    weights = {q: exp(max(lowest - c, -60.0)) for q, c in tilted.items()}
    near = sum(w for q, w in weights.items() if abs(q - state) < 1.0 - 1e-6)
    low = max(q for q in costs if q <= state + 1e-6)
    high = min(q for q in costs if q >= state - 1e-6)
    part = 0.0 if high <= low else (state - low) / (high - low)
    forced = (1.0 - part) * costs[low] + part * costs[high] - min(costs.values())
    return near / sum(weights.values()) * exp(-max(forced - _FORCED, 0.0))
