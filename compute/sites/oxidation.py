"""Oxidation states from bond valences and charge neutrality.

Every distinct site may take one of its element's usual valences; its cost is a prior plus
the squared distance to its bond-valence sum. The only coupling between sites is neutrality,
so the exact posterior of every site follows from dynamic programming over the running charge.

Bond-valence parameters: O'Keeffe and Brese, J. Am. Chem. Soc. 113 (1991) 3226, as tabulated by
pymatgen; they do not depend on the valence itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, sqrt

import numpy as np

# Prior cost (−ln probability up to a constant) of each valence of the 3d elements in solids;
# the usual ones in oxides and halides cost nothing.
_TRANSITION_PRIOR: Mapping[str, Mapping[int, float]] = {
    "Sc": {3: 0.0, 2: 4.0},
    "Ti": {4: 0.0, 3: 1.0, 2: 2.5},
    "V": {5: 0.0, 4: 0.0, 3: 0.0, 2: 1.5},
    "Cr": {3: 0.0, 2: 1.5, 4: 2.0, 5: 3.0, 6: 0.5},
    "Mn": {2: 0.0, 3: 0.0, 4: 0.0, 5: 3.5, 6: 3.5, 7: 3.0},
    "Fe": {2: 0.0, 3: 0.0, 4: 3.0, 5: 5.0, 6: 5.0},
    "Co": {2: 0.0, 3: 0.3, 4: 3.0, 1: 4.0},
    "Ni": {2: 0.0, 3: 2.0, 4: 3.0, 1: 4.0},
    "Cu": {2: 0.0, 1: 0.3, 3: 3.5},
    "Zn": {2: 0.0},
}
STATED = "stated"  # by a person or in the structure itself
_CHALCOGENS = frozenset(("O", "S", "Se", "Te"))
_RARE = 1.5  # prior cost of a valence that the ICSD lists but textbooks do not
_FRACTIONAL = 0.8  # prior cost of equivalent atoms that share a charge
_CONFIDENCE_OF_AVERAGE = 0.3
_PRUNE = 14.0  # states this much worse than the best are tried only when nothing else is neutral
_CHARGE_DECIMALS = 2  # of a total: stated thirds are written 2.6667

_BOND_VALENCE_B = 0.37  # Å, the universal slope
# R0 in Å of the 3d elements, from Brese and O'Keeffe, Acta Cryst. B47 (1991) 192, averaged over
# the usual valences (they differ by some 0.03 Å).
_R0: Mapping[str, Mapping[str, float]] = {
    "O": {"Sc": 1.85, "Ti": 1.81, "V": 1.785, "Cr": 1.74, "Mn": 1.77, "Fe": 1.745, "Co": 1.695,
          "Ni": 1.67, "Cu": 1.67, "Zn": 1.704},
    "F": {"Sc": 1.76, "Ti": 1.75, "V": 1.71, "Cr": 1.66, "Mn": 1.69, "Fe": 1.66, "Co": 1.64,
          "Ni": 1.60, "Cu": 1.60, "Zn": 1.62},
    "Cl": {"Sc": 2.23, "Ti": 2.19, "V": 2.17, "Cr": 2.09, "Mn": 2.13, "Fe": 2.07, "Co": 2.03,
           "Ni": 2.02, "Cu": 2.00, "Zn": 2.01},
    "S": {"Sc": 2.32, "Ti": 2.26, "V": 2.25, "Cr": 2.18, "Mn": 2.22, "Fe": 2.14, "Co": 2.06,
          "Ni": 2.04, "Cu": 1.95, "Zn": 2.09},
}  # fmt: skip


@dataclass(frozen=True)
class Valence:
    """An assigned oxidation state.

    Attributes
    ----------
    value : float
        Whole except where equivalent atoms share a charge (Fe3O4's B site).
    source : str
        ``stated``, ``bond valence`` or ``composition``.
    confidence : float
        0 to 1: the posterior of this value among all neutral assignments.
    bond_valence_sum : float
        Signed sum, valence units.
    """

    value: float
    source: str
    confidence: float
    bond_valence_sum: float


def bond_valence(element: str, other: str, distance_ang: float, *, cutoff: float = 0.02) -> float:
    """Valence of one bond by O'Keeffe and Brese's rule; 0 when below ``cutoff``."""
    r0 = _bond_length_parameter(element, other)
    value = exp((r0 - distance_ang) / _BOND_VALENCE_B)
    return value if value > cutoff else 0.0


def assign(
    elements: Sequence[str],
    multiplicities: Sequence[int],
    bond_valence_sums: Sequence[float],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    stated: Sequence[float | None] | None = None,
) -> list[Valence]:
    """Oxidation states of the distinct sites of a neutral solid.

    What is stated stays as it is. The other sites take what neutrality then asks of them if it is
    a usual state of their element; if not, they keep their likeliest and the total is charged.

    Parameters
    ----------
    elements, multiplicities, bond_valence_sums
        One entry a distinct site; the sums are signed (negative for anions).
    forms_anions : sequence of bool
        Whether the site acts as an anion, which makes negative states likely.
    self_bonded : sequence of bool
        Whether it is bound to its like (peroxide, disulphide), which opens the state −1.
    stated : sequence of float or None, optional
        What is known of each site, None where nothing is.
    """
    sums = [float(s) for s in bond_valence_sums]
    fixed = [None] * len(sums) if stated is None else list(stated)
    if not any(forms_anions):
        return _as_stated([Valence(0.0, "composition", 0.5, s) for s in sums], fixed)
    usual = any(known is not None for known in fixed)
    options = [
        _costs(element, total, anion, paired, usual=usual) if known is None else {known: 0.0}
        for element, total, anion, paired, known in zip(
            elements, sums, forms_anions, self_bonded, fixed, strict=True
        )
    ]
    likely = [
        {v: c for v, c in costs.items() if c < min(costs.values()) + _PRUNE} for costs in options
    ]
    posteriors = _posteriors(likely, multiplicities) or _posteriors(options, multiplicities)
    averaged, averaged_cost = _averaged(elements, options, multiplicities, sums, fixed)
    if posteriors is None:
        return _as_stated(averaged, fixed)
    out, cost = [], 0.0
    for posterior, costs, total in zip(posteriors, options, sums, strict=True):
        value = max(posterior, key=lambda v: posterior[v])
        agrees = abs(value - total) < 0.5 + 0.2 * abs(value)
        source = "bond valence" if agrees else "composition"
        out.append(Valence(float(value), source, round(posterior[value], 4), total))
        cost += costs[value]
    neutral = _charge(sum(v.value * m for v, m in zip(out, multiplicities, strict=True))) == 0
    states: dict[str, set[float]] = {}
    for element, valence, known in zip(elements, out, fixed, strict=True):
        if known is None:
            states.setdefault(element, set()).add(valence.value)
    mixed = any(len(states[element]) > 1 for element in states if element in _TRANSITION_PRIOR)
    return _as_stated(averaged if not neutral or (mixed and averaged_cost < cost) else out, fixed)


def _as_stated(valences: Sequence[Valence], fixed: Sequence[float | None]) -> list[Valence]:
    """The same with what is stated in its place."""
    return [
        valence if known is None else Valence(known, STATED, 1.0, valence.bond_valence_sum)
        for valence, known in zip(valences, fixed, strict=True)
    ]


def _averaged(
    elements: Sequence[str],
    options: Sequence[Mapping[float, float]],
    multiplicities: Sequence[int],
    sums: Sequence[float],
    fixed: Sequence[float | None],
) -> tuple[list[Valence], float]:
    """Most probable states, with what is missing to neutrality shared by the most variable sites.

    Wanted when equivalent atoms carry a fractional charge (Fe3O4), or when nothing is neutral.
    Beside stated sites only 3d elements take a share, and one that they can have. Also returns
    the cost, to compare with the whole-numbered assignment.
    """
    best = [min(costs, key=lambda v: costs[v]) for costs in options]
    free = [i for i, known in enumerate(fixed) if known is None]
    variable = [i for i in free if elements[i] in _TRANSITION_PRIOR]
    if not variable and len(free) == len(fixed):
        variable = [i for i in free if len(options[i]) > 1] or free
    chosen, value, cost = -1, 0.0, np.inf
    floor = sum(min(costs.values()) for costs in options)
    charge = sum(b * m for b, m in zip(best, multiplicities, strict=True))
    for i in variable:  # one site takes the fractional charge if that stays within its states
        candidate = best[i] - charge / multiplicities[i]
        if min(options[i]) <= candidate <= max(options[i]):
            sigma = 0.25 + 0.12 * abs(candidate)
            this = 0.5 * ((candidate - sums[i]) / sigma) ** 2 - options[i][best[i]]
            if this < cost:
                chosen, value, cost = i, candidate, this
    values = [float(b) for b in best]
    if chosen >= 0:
        values[chosen] = value
    elif variable:
        share = charge / sum(multiplicities[i] for i in variable)
        possible = all(min(options[i]) <= best[i] - share <= max(options[i]) for i in variable)
        if possible or len(free) == len(fixed):
            for i in variable:
                values[i] -= share
    states = [
        Valence(
            value,
            "composition" if i in variable else "bond valence",
            _CONFIDENCE_OF_AVERAGE,
            total,
        )
        for i, (value, total) in enumerate(zip(values, sums, strict=True))
    ]
    return states, floor + cost + _FRACTIONAL


def _costs(
    element: str, bond_valence_sum: float, anion: bool, paired: bool, *, usual: bool
) -> dict[float, float]:
    """Cost of each state of a site: prior + ½ (distance to the bond-valence sum / σ)².

    ``usual`` leaves out what only the ICSD lists, for all but 3d elements.
    """
    priors = _priors(element)
    if usual and element not in _TRANSITION_PRIOR:
        priors = {v: p for v, p in priors.items() if p < _RARE} or priors
    if element in _CHALCOGENS:
        priors = {v: p for v, p in priors.items() if v != -1}
        if paired:
            priors = {v: p for v, p in priors.items() if v >= 0} | {-1: 0.0}
    out: dict[float, float] = {}
    for state, prior in priors.items():
        against = (state < 0) != anion and element not in _TRANSITION_PRIOR and len(priors) > 1
        sigma = 0.25 + 0.12 * abs(state)
        distance = (state - bond_valence_sum) / sigma
        out[state] = prior + 6.0 * against + 0.5 * distance**2
    return out


@cache
def _priors(element: str) -> dict[int, float]:
    from pymatgen.core import Element

    if element in _TRANSITION_PRIOR:
        return dict(_TRANSITION_PRIOR[element])
    if element == "H":
        return {1: 0.0, -1: 0.0}
    if element == "O":
        return {-2: 0.0}
    known = Element(element)
    common = {int(s): 0.0 for s in known.common_oxidation_states}
    listed = {int(s): _RARE for s in known.icsd_oxidation_states}
    return {**listed, **common} or {0: 0.0}


def _posteriors(
    options: Sequence[Mapping[float, float]], multiplicities: Sequence[int]
) -> list[dict[float, float]] | None:
    """Marginal of every site's state over all neutral assignments; None if there are none."""
    forward: list[dict[float, float]] = [{0: 0.0}]  # −ln of summed weight, by running charge
    for costs, m in zip(options, multiplicities, strict=True):
        forward.append(_step(forward[-1], costs, m))
    if 0 not in forward[-1]:
        return None
    backward: list[dict[float, float]] = [{0: 0.0}]
    for costs, m in zip(reversed(options), reversed(multiplicities), strict=True):
        backward.append(_step(backward[-1], {-s: c for s, c in costs.items()}, m))
    backward.reverse()  # backward[i][q]: sites i… must add −q
    out = []
    for i, (costs, m) in enumerate(zip(options, multiplicities, strict=True)):
        weights = {}
        for state, cost in costs.items():
            terms = [
                before + cost + backward[i + 1][_charge(charge + m * state)]
                for charge, before in forward[i].items()
                if _charge(charge + m * state) in backward[i + 1]
            ]
            if terms:
                weights[state] = -_soft_min(terms)
        top = max(weights.values())
        scaled = {s: exp(max(w - top, -700.0)) for s, w in weights.items()}
        total = sum(scaled.values())
        out.append({s: w / total for s, w in scaled.items()})
    return out


def _step(table: Mapping[float, float], costs: Mapping[float, float], m: int) -> dict[float, float]:
    terms: dict[float, list[float]] = {}
    for charge, before in table.items():
        for state, cost in costs.items():
            terms.setdefault(_charge(charge + m * state), []).append(before + cost)
    return {charge: _soft_min(list_) for charge, list_ in terms.items()}


def _charge(total: float) -> float:
    """A running charge as a key: stated fractions of electrons add up to whole ones."""
    return round(total, _CHARGE_DECIMALS)


def _soft_min(costs: Sequence[float]) -> float:
    """−ln Σ exp(−cost), without underflow."""
    low = min(costs)
    return low - float(np.log(sum(exp(max(low - c, -700.0)) for c in costs)))


@cache
def _bond_length_parameter(a: str, b: str) -> float:
    """R0 in Å: tabulated, or r_a + r_b − r_a r_b (√c_a − √c_b)² / (c_a r_a + c_b r_b)."""
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Element

    if a in _R0.get(b, {}):
        return _R0[b][a]
    first, second = BV_PARAMS.get(Element(a)), BV_PARAMS.get(Element(b))
    if first is None or second is None:
        return 0.0
    ra, ca, rb, cb = first["r"], first["c"], second["r"], second["c"]
    return float(ra + rb - ra * rb * (sqrt(ca) - sqrt(cb)) ** 2 / (ca * ra + cb * rb))
