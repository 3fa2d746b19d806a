"""Sums over all ways to share a total charge among the sites of a crystal.

The only coupling between sites is their total, so the exact posterior of every site follows from
dynamic programming over the running charge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp

import numpy as np

_CHARGE_DECIMALS = 2  # of a total: stated thirds are written 2.6667


def posteriors(
    options: Sequence[Mapping[float, float]],
    multiplicities: Sequence[float],
    total_charge: float = 0.0,
) -> list[dict[float, float]] | None:
    """Marginal of every site's state over all assignments of this total; None if there are none.

    Parameters
    ----------
    options : sequence of dict
        Cost (−ln of a weight) of each state of each distinct site.
    multiplicities : sequence of int
    """
    # −ln of summed weight, by running charge
    forward: list[dict[float, float]] = [{rounded(-total_charge): 0.0}]
    for costs, m in zip(options, multiplicities, strict=True):
        forward.append(step(forward[-1], costs, m))
    if 0 not in forward[-1]:
        return None
    backward: list[dict[float, float]] = [{0: 0.0}]
    for costs, m in zip(reversed(options), reversed(multiplicities), strict=True):
        backward.append(step(backward[-1], {-s: c for s, c in costs.items()}, m))
    backward.reverse()  # backward[i][q]: sites i… must add −q
    out = []
    for i, (costs, m) in enumerate(zip(options, multiplicities, strict=True)):
        weights = {}
        for state, cost in costs.items():
            terms = [
                before + cost + backward[i + 1][rounded(charge + m * state)]
                for charge, before in forward[i].items()
                if rounded(charge + m * state) in backward[i + 1]
            ]
            if terms:
                weights[state] = -soft_min(terms)
        top = max(weights.values())
        scaled = {s: exp(max(w - top, -700.0)) for s, w in weights.items()}
        total = sum(scaled.values())
        out.append({s: w / total for s, w in scaled.items()})
    return out


def step(
    table: Mapping[float, float], costs: Mapping[float, float], m: float
) -> dict[float, float]:
    terms: dict[float, list[float]] = {}
    for charge, before in table.items():
        for state, cost in costs.items():
            terms.setdefault(rounded(charge + m * state), []).append(before + cost)
    return {charge: soft_min(list_) for charge, list_ in terms.items()}


def rounded(total: float) -> float:
    """A running charge as a key: stated fractions of electrons add up to whole ones."""
    return round(total, _CHARGE_DECIMALS)


def soft_min(costs: Sequence[float]) -> float:
    """−ln Σ exp(−cost), without underflow."""
    low = min(costs)
    return low - float(np.log(sum(exp(max(low - c, -700.0)) for c in costs)))


def shared(
    best: Sequence[float],
    charge: float,
    variable: Sequence[int],
    options: Sequence[Mapping[float, float]],
    multiplicities: Sequence[float],
    *,
    anything: bool,
) -> list[float]:
    """The states with a charge taken off in equal parts, by sites that stay among their states.

    Parameters
    ----------
    best : sequence of float
        State of each site before.
    charge : float
        To be taken off.
    variable : sequence of int
        Places of the sites that may change.
    anything : bool
        A site may go down to 0, and where no site can take its part all of them take it: the
        caller sees that it is impossible. If not, nobody changes then.
    """
    taking = list(variable)
    while taking:
        share = charge / sum(multiplicities[i] for i in taking)
        lowest = {i: min(options[i]) if not anything else min(0.0, *options[i]) for i in taking}
        able = [i for i in taking if lowest[i] <= best[i] - share <= max(options[i])]
        if len(able) == len(taking):
            break
        taking = able
    if anything:
        taking = taking or list(variable)
    share = charge / sum(multiplicities[i] for i in taking) if taking else 0.0
    return [b - share if i in taking else float(b) for i, b in enumerate(best)]


def evidence(
    options: Sequence[Mapping[float, float]], multiplicities: Sequence[float], total_charge: float
) -> float:
    """−ln of the summed weight of all assignments of this total; infinite without one."""
    table: dict[float, float] = {rounded(-total_charge): 0.0}
    for costs, m in zip(options, multiplicities, strict=True):
        table = step(table, costs, m)
    return table.get(0, float("inf"))


def likeliest(
    options: Sequence[Mapping[float, float]], multiplicities: Sequence[float], total_charge: float
) -> list[float] | None:
    """The states of least total cost that add up to a charge; None if none do."""
    table: dict[float, tuple[float, tuple[float, ...]]] = {rounded(-total_charge): (0.0, ())}
    for costs, m in zip(options, multiplicities, strict=True):
        after: dict[float, tuple[float, tuple[float, ...]]] = {}
        for charge, (before, states) in table.items():
            for state, cost in costs.items():
                key = rounded(charge + m * state)
                if key not in after or before + cost < after[key][0]:
                    after[key] = (before + cost, (*states, state))
        table = after
    return list(table[0][1]) if 0 in table else None
