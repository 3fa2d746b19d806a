"""Oxidation states from bond valences and charge neutrality.

Every distinct site may take one of its element's usual valences; its cost is a prior plus
the squared distance to its bond-valence sum. The only coupling between sites is neutrality,
so the exact posterior of every site follows from dynamic programming over the running charge.

Bond-valence parameters: O'Keeffe and Brese, J. Am. Chem. Soc. 113 (1991) 3226, as tabulated by
pymatgen; they do not depend on the valence itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp, sqrt

import numpy as np

from compute.sites.neutrality import posteriors, rounded, shared, step

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
_CONFIDENCE_OF_BONDS = 0.5  # at most, where the total is not what it should be
_CONFIDENCE_OF_GUESSED = 0.6  # where hydrogens are taken to be missing, told by bonds alone
_CONFIDENCE_OF_ROUGH = 0.3  # and where their parameters are rough, but lead near a usual state
_NO_CONFIDENCE = 0.2  # and where they lead nowhere
_FAR = 2.5  # hydrogens are taken to be missing if that lowers the cost by this much
_PRUNE = 14.0  # states this much worse than the best are tried only when nothing else is neutral

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
    multiplicities: Sequence[float],
    bond_valence_sums: Sequence[float],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    stated: Sequence[float | None] | None = None,
    *,
    charge: float = 0.0,
    open_bonds: float = 0.0,
    trusted: Sequence[bool] | None = None,
) -> list[Valence]:
    """Oxidation states of the distinct sites of a solid.

    What is stated stays as it is. The other sites take what neutrality then asks of them if that
    is a usual state of their element; if not, they are as without it and the total is charged.
    Where the states that neutrality asks for are no states of their elements, or contradict sums
    that can be trusted by more than the sums' error, the bonds are believed: the list of atoms
    is likely not complete.

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
    charge : float
        That the listed atoms have together: minus the hydrogens that are known to be missing.
    open_bonds : float
        How many hydrogens oxygen atoms with too few bonds seem to lack; so many may be missing.
    trusted : sequence of bool, optional
        Whose sum is good to :func:`error_of_sum`: every contact has its own parameter.
    """
    fixed = [None] * len(elements) if stated is None else list(stated)
    guessed = False
    if open_bonds and not charge and not any(known is not None for known in fixed):
        charge = -_hydrogens(
            elements, multiplicities, bond_valence_sums, forms_anions, self_bonded, open_bonds
        )
        guessed = charge != 0
    found = _beside(
        elements, multiplicities, bond_valence_sums, forms_anions, self_bonded, fixed, charge
    )
    if guessed:
        found = [replace(v, confidence=min(v.confidence, _CONFIDENCE_OF_GUESSED)) for v in found]
    good = [False] * len(elements) if trusted is None else list(trusted)
    contradicted = any(
        known is None and (_impossible(element, v) or (good_ and _contradicts(v)))
        for element, v, known, good_ in zip(elements, found, fixed, good, strict=True)
    )
    if contradicted and any(forms_anions):
        found = _by_bonds(elements, found, forms_anions, self_bonded, fixed, good)
    return [
        replace(v, confidence=round(min(v.confidence, _agreement(v)), 4))
        if good_ and v.source != STATED
        else v
        for v, good_ in zip(found, good, strict=True)
    ]


def _beside(
    elements: Sequence[str],
    multiplicities: Sequence[float],
    bond_valence_sums: Sequence[float],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    fixed: Sequence[float | None],
    total_charge: float,
) -> list[Valence]:
    """States that go with the stated ones; where none do, those that the others have without."""

    def assigned(known: Sequence[float | None]) -> list[Valence]:
        return _assigned(
            elements,
            multiplicities,
            bond_valence_sums,
            forms_anions,
            self_bonded,
            known,
            total_charge,
        )

    found = assigned(fixed)
    total = sum(v.value * m for v, m in zip(found, multiplicities, strict=True))
    nothing: list[float | None] = [None] * len(fixed)
    if rounded(total - total_charge) == 0 or None not in fixed or list(fixed) == nothing:
        return found
    alone = [
        replace(v, confidence=min(v.confidence, _CONFIDENCE_OF_AVERAGE)) for v in assigned(nothing)
    ]
    return _as_stated(alone, fixed)


def has_parameter(element: str, ligand: str) -> bool:
    """Whether a bond's parameter is tabulated and its sum trusted: 3d elements with O, F, Cl.

    Sulphides have a parameter too, but their bonds are too covalent for the sum to tell.
    """
    return ligand != "S" and element in _R0.get(ligand, {})


def error_of_sum(valence: float) -> float:
    """How far a trusted bond-valence sum may be from the valence it stands for."""
    return 0.6 + 0.2 * abs(valence)


def open_bonds_of(bond_valence_sum: float) -> int:
    """Hydrogens that an oxygen of this sum lacks; complete structures stay above 1.3."""
    size = abs(bond_valence_sum)
    return 2 if size < 0.6 else 1 if size < 1.3 else 0


def _contradicts(valence: Valence) -> bool:
    return abs(valence.value - valence.bond_valence_sum) > error_of_sum(valence.value)


def _agreement(valence: Valence) -> float:
    """1 within two thirds of the sum's error, and down to 0.05 beyond it."""
    off = abs(valence.value - valence.bond_valence_sum) / error_of_sum(valence.value)
    return 1.0 if off < 2 / 3 else max(0.05, exp(-2.0 * (off - 2 / 3)))


def _impossible(element: str, valence: Valence) -> bool:
    """Whether a state lies beyond what the element is ever given."""
    known = _priors(element)
    # Downwards there is the metal: 0 and a little below are possible for every element.
    return valence.value > max(known) + 0.05 or valence.value < min(0.0, *known) - 1.0


def _by_bonds(
    elements: Sequence[str],
    found: Sequence[Valence],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    fixed: Sequence[float | None],
    trusted: Sequence[bool],
) -> list[Valence]:
    """Each site's likeliest state by its own bonds, whatever the total."""
    out = []
    for element, v, anion, pair, known, good in zip(
        elements, found, forms_anions, self_bonded, fixed, trusted, strict=True
    ):
        if known is not None:
            out.append(v)
            continue
        costs = _costs(element, v.bond_valence_sum, anion, pair, usual=True)
        value = min(costs, key=lambda state: costs[state])
        weight = sum(exp(max(costs[value] - c, -700.0)) for c in costs.values())
        near = abs(value - v.bond_valence_sum) < 0.5 * error_of_sum(value)
        limit = _CONFIDENCE_OF_BONDS if good else _CONFIDENCE_OF_ROUGH if near else _NO_CONFIDENCE
        confidence = round(min(1 / weight, limit), 4)
        out.append(Valence(float(value), "bond valence", confidence, v.bond_valence_sum))
    return out


def _hydrogens(
    elements: Sequence[str],
    multiplicities: Sequence[float],
    sums: Sequence[float],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    open_bonds: float,
) -> int:
    """How many hydrogens the list lacks if usual valences and the open bonds shall agree; 0 else.

    Any number may be missing; the one of least cost is taken if it beats none by far.
    """
    table: dict[float, float] = {0.0: 0.0}
    for element, m, total, anion, pair in zip(
        elements, multiplicities, sums, forms_anions, self_bonded, strict=True
    ):
        table = step(table, _costs(element, float(total), anion, pair, usual=False), m)
    sigma = 0.5 + 0.2 * open_bonds
    costs = {
        round(-total): cost + 0.5 * ((-total - open_bonds) / sigma) ** 2
        for total, cost in table.items()
        if total <= 0
    }
    best = min(costs, key=lambda n: costs[n], default=0)
    return best if best and costs.get(0, np.inf) - costs[best] > _FAR else 0


def _assigned(
    elements: Sequence[str],
    multiplicities: Sequence[float],
    bond_valence_sums: Sequence[float],
    forms_anions: Sequence[bool],
    self_bonded: Sequence[bool],
    fixed: Sequence[float | None],
    total_charge: float,
) -> list[Valence]:
    """States that add up to a charge, as far as their elements can."""
    sums = [float(s) for s in bond_valence_sums]
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
    marginals = posteriors(likely, multiplicities, total_charge) or posteriors(
        options, multiplicities, total_charge
    )
    averaged, averaged_cost = _averaged(
        elements, options, multiplicities, sums, fixed, total_charge
    )
    if marginals is None:
        return _as_stated(averaged, fixed)
    out, cost = [], 0.0
    for posterior, costs, total in zip(marginals, options, sums, strict=True):
        value = max(posterior, key=lambda v: posterior[v])
        agrees = abs(value - total) < 0.5 + 0.2 * abs(value)
        source = "bond valence" if agrees else "composition"
        out.append(Valence(float(value), source, round(posterior[value], 4), total))
        cost += costs[value]
    found = sum(v.value * m for v, m in zip(out, multiplicities, strict=True))
    neutral = rounded(found - total_charge) == 0
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
    multiplicities: Sequence[float],
    sums: Sequence[float],
    fixed: Sequence[float | None],
    total_charge: float,
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
    charge = sum(b * m for b, m in zip(best, multiplicities, strict=True)) - total_charge
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
    else:
        anything = len(free) == len(
            fixed
        )  # down to the metal; beside stated sites only usual states
        values = shared(best, charge, variable, options, multiplicities, anything=anything)
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
