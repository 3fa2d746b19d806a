"""Oxidation states from the charge of bound groups, bond valences and charge neutrality.

Groups of non-metals have the charge that their valences give (:mod:`compute.sites.lewis`). Every
other site may take one of its element's states (:mod:`compute.sites.redox`); its cost is a prior
plus the squared distance to its bond-valence sum, where the lengths of its bonds tell a valence.
The only coupling between sites is the total, so the likeliest assignment and the exact posterior of
every site follow from dynamic programming over the running charge.

Where oxygens and lone nitrogens have too few bonds, hydrogens may be missing from the list
(:mod:`compute.sites.hydrogens`): an assignment with so many of them competes with the one without.
Where neutrality asks for a state that a site's own bonds make next to impossible, the bonds are
believed: other atoms are missing too, or not as many hydrogens as a formula says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, isfinite

import numpy as np

from compute.sites.bondvalence import error_of_sum
from compute.sites.evidence import Evidence
from compute.sites.hydrogens import OPEN, with_hydrogens
from compute.sites.metallic import is_metal, limit_of_confidence
from compute.sites.neutrality import evidence, likeliest, posteriors, rounded, shared
from compute.sites.redox import (
    ACCEPTORS,
    is_open_shell,
    is_strange,
    only_state,
    prior_costs,
    usual_states,
    without_impossible,
)
from compute.sites.statecosts import cost_between, reversed_order, state_costs

STATED = "stated"  # by a person or in the structure itself
_FRACTIONAL = 0.8  # prior cost of equivalent atoms that share a charge
_PRUNE = 14.0  # states this much worse than the best are tried only when nothing else is neutral
_FAR = 2.5  # prior cost of a list that lacks hydrogens
_SOME_LISTED = 1.5  # and more of one that has some
_MISCOUNTED = 7.0  # of one that lacks other atoms, or another number of hydrogens than stated
_CHARGED, _CHARGED_WIDTH = 2.5, 0.5  # of a complex without counter-ions in the list that is an ion
_USUAL_ION = 1.5  # prior cost up to which a 3d ion in a complex is nothing rare
# Highest confidence of what the posterior does not know about, from the development half of
# tests/compute/sites/valences.json.
_CONFIDENCE_OF_SHARED = 0.9  # of equivalent atoms that share a charge
_CONFIDENCE_OF_AVERAGE = 0.3  # where nothing whole is neutral
_CONFIDENCE_OF_ONE_AVERAGE = 0.7  # and one site takes the rest, between two usual ions
_CONFIDENCE_OF_GUESSED = 0.85  # where hydrogens are taken to be missing, told by bonds alone
_CONFIDENCE_OF_BONDS = 0.5  # where the total is not what it should be
_CONFIDENCE_OF_ROUGH = 0.3  # and where their parameters are rough, but lead near a usual state
_NO_CONFIDENCE = 0.2  # and where they lead nowhere
_CONFIDENCE_OF_METAL = 0.5  # nothing takes charge


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


def assign(
    sites: Sequence[Evidence], *, charge: float = 0.0, complexes: bool = False
) -> list[Valence]:
    """Oxidation states of the distinct sites of a structure.

    What is stated stays as it is. The other sites take what neutrality then asks of them if that
    is a usual state of their element; if not, they are as without it and the total is charged.
    Where the states that neutrality asks for are no states of their elements, or exceed sums
    that can be trusted by more than the sums' error, the bonds are believed: the list of atoms
    is likely not complete.

    Parameters
    ----------
    charge : float
        That the listed atoms have together: minus the hydrogens that are known to be missing.
    complexes : bool
        Whether the list holds nothing but complexes, whose neutral reading competes with ions.
    """
    takes = any(site.anion or (site.bound is not None and site.bound < 0) for site in sites)
    if not takes or is_metal(sites):
        none = [Valence(0.0, "composition", _CONFIDENCE_OF_METAL, _sum(site)) for site in sites]
        return [_as_given(site, v) for site, v in zip(sites, none, strict=True)]
    found = _beside(sites, charge)
    incomplete = any(site.element in OPEN for site in sites)  # where atoms are left out
    if any(_contradicted(site, v, incomplete) for site, v in zip(sites, found, strict=True)):
        found = _by_bonds(sites)
    elif complexes and not charge:
        found = _perhaps_ions(sites, found)
    limit = limit_of_confidence(sites, [v.value for v in found])
    return [
        v
        if v.source == STATED
        else replace(v, confidence=round(min(v.confidence, limit, _agreement(site, v)), 4))
        for site, v in zip(sites, found, strict=True)
    ]


def _perhaps_ions(sites: Sequence[Evidence], found: list[Valence]) -> list[Valence]:
    """The states of complexes whose counter-ions may not be listed.

    By bonds where neutral ones are much rarer; less sure where they are rarer, or where they need
    hydrogens and are lower than the bonds tell.

    Low states beside C, P and H are as usual in neutral molecules as in ions, and nothing tells.
    """
    most = 0.0
    for site, v in zip(sites, found, strict=True):
        low = v.value < 2 and not ACCEPTORS.isdisjoint(site.ligands)
        if site.known is not None or not is_open_shell(site.element) or low:
            continue
        costs = _of_complexes(site)
        lowest = min(costs.values())
        most = max(most, costs.get(round(v.value), lowest) - lowest)
    neutral = 1.0 / (1.0 + exp(min((most - _CHARGED) / _CHARGED_WIDTH, 60.0)))
    if neutral < 0.5:
        return _by_bonds(sites)
    total = sum(v.value * site.amount for v, site in zip(found, sites, strict=True))
    sure = 1.0 if not most else neutral
    strong = any(
        site.trusted and _sum(site) - v.value > 0.5 * error_of_sum(v.value)
        for v, site in zip(found, sites, strict=True)
    )
    limit = _CONFIDENCE_OF_BONDS if strong and rounded(total) != 0 else 1.0
    return [
        v
        if v.source == STATED
        else replace(v, confidence=round(min(v.confidence * sure, limit), 4))
        for v in found
    ]


def _of_complexes(site: Evidence) -> dict[float, float]:
    """Cost of each state of a metal in a complex: none before where it is a usual ion.

    Bonds to N are shorter in strong fields and tell only that a state is too high.
    """
    priors = prior_costs(site.element, site.ligands)
    out: dict[float, float] = {}
    for state, cost in state_costs(site, usual=False).items():
        high = _sum(site) > state and "N" in site.ligands
        prior = priors[int(state)]
        own = 0.0 if prior < _USUAL_ION or state == 2 else prior
        out[state] = own if high else cost - prior + own
    return out


def _beside(sites: Sequence[Evidence], charge: float) -> list[Valence]:
    """States that go with the stated ones; where none do, those that the others have without."""
    found = _assigned(sites, charge)
    total = sum(v.value * site.amount for v, site in zip(found, sites, strict=True))
    some = any(site.stated is not None for site in sites)
    if not some or rounded(total - charge) == 0 or all(s.stated is not None for s in sites):
        return found
    alone = _assigned([replace(site, stated=None) for site in sites], charge)
    return [
        _as_given(site, replace(v, confidence=min(v.confidence, _CONFIDENCE_OF_AVERAGE)))
        for site, v in zip(sites, alone, strict=True)
    ]


def _assigned(sites: Sequence[Evidence], charge: float) -> list[Valence]:
    """States that add up to a charge, as far as their elements can."""
    usual = any(_tells(site) for site in sites)
    multiplicities = [site.amount for site in sites]
    every = [state_costs(site, usual=usual) for site in sites]
    options = [
        without_impossible(site.element, costs) if site.known is None else costs
        for site, costs in zip(sites, every, strict=True)
    ]
    complete = _solved(options, multiplicities, charge)
    averaged, averaged_cost = _averaged(sites, options, charge)
    if complete is None and not isfinite(averaged_cost):
        options = every
        complete = _solved(options, multiplicities, charge)
        averaged, averaged_cost = _averaged(sites, options, charge)
    chosen, weight = complete, 1.0
    protonated, bare = with_hydrogens(sites, options)
    if not charge and not usual:
        lacking = _solved(protonated, multiplicities, 0.0) if bare else None
        if lacking is not None:
            chosen = lacking
            if complete is not None:
                far = _FAR + _SOME_LISTED * any(site.element == "H" for site in sites)
                more = lacking.cost + far - complete.cost - bare
                weight = 1.0 / (1.0 + exp(min(max(more, -60.0), 60.0)))
                if weight < 0.5:
                    chosen, weight = complete, 1.0 - weight
    if chosen is None and isfinite(averaged_cost) and not bare and not charge and not usual:
        return _between_usual(sites, averaged)
    if chosen is None or (chosen is complete and chosen.spread):
        return averaged
    strange = _strange(sites, chosen.values)
    strained = chosen is complete and (strange or _mixed(sites, chosen.values))
    more = averaged_cost - sum(chosen.costs)
    if strained and strange and 0 <= more < _PRUNE:
        weight /= 1.0 + exp(-more)
    if strained and more < 0:
        sure = 1.0 / (1.0 + exp(more))
        sure = round(min(sure * weight, _CONFIDENCE_OF_SHARED), 4)
        return [v if v.source == STATED else replace(v, confidence=sure) for v in averaged]
    if not usual:
        most = _against(sites, options, chosen.values, lower=charge < 0 < bare)
        counted = 1.0 / (1.0 + exp(min(most - _MISCOUNTED, 60.0)))
        if counted < 0.5:
            return _by_bonds(sites)
        weight *= counted
    out = []
    for site, value, sure in zip(sites, chosen.values, chosen.confidences, strict=True):
        state = float(value) if site.known is None else float(site.known)
        if chosen is not complete and site.single and site.bound is not None:
            state = float(site.bound)
        agrees = abs(state - _sum(site)) < 0.5 + 0.2 * abs(state)
        source = "bond valence" if agrees or site.bound is not None else "composition"
        limit = 1.0 if chosen is complete else _CONFIDENCE_OF_GUESSED
        confidence = round(min(sure * weight, limit), 4)
        out.append(_as_given(site, Valence(state, source, confidence, _sum(site))))
    return out


def _against(
    sites: Sequence[Evidence],
    options: Sequence[Mapping[float, float]],
    values: Sequence[float],
    *,
    lower: bool,
) -> float:
    """The most that a state costs beyond what its own bonds would choose, where they tell.

    Of states that are too high, as where cations are left out; of too low ones with ``lower``.
    """
    most = 0.0
    for site, costs, value in zip(sites, options, values, strict=True):
        best = min(costs, key=lambda state: costs[state])
        if site.known is None and not site.silent and (lower or value > best):
            most = max(most, costs[value] - costs[best])
    return most


def _between_usual(sites: Sequence[Evidence], averaged: list[Valence]) -> list[Valence]:
    """The same, likelier where the shared charge is between ions that the element usually is."""
    for site, v in zip(sites, averaged, strict=True):
        usual = usual_states(site.element)
        if site.known is None and not min(usual) <= v.value <= max(usual):
            return averaged
    return [
        v if v.source == STATED else replace(v, confidence=_CONFIDENCE_OF_ONE_AVERAGE)
        for v in averaged
    ]


def _tells(site: Evidence) -> bool:
    """Whether a statement says more of a site than what its element is anyway."""
    if site.stated is None:
        return False
    if site.bound is not None:
        return site.stated != site.bound
    return site.stated != only_state(site.element)


def _strange(sites: Sequence[Evidence], values: Sequence[float]) -> bool:
    """Whether a cation beside the 3d metals has a state that it has only for neutrality."""
    return any(
        site.known is None and is_strange(site.element, value)
        for site, value in zip(sites, values, strict=True)
    )


def _mixed(sites: Sequence[Evidence], values: Sequence[float]) -> bool:
    """Whether a 3d metal has several states."""
    states: dict[str, set[float]] = {}
    for site, value in zip(sites, values, strict=True):
        if site.known is None and is_open_shell(site.element):
            states.setdefault(site.element, set()).add(value)
    return any(len(some) > 1 for some in states.values())


@dataclass(frozen=True)
class _Solution:
    values: tuple[float, ...]
    costs: tuple[float, ...]
    confidences: tuple[float, ...]
    spread: bool  # of like sites one is singled out that is likelier as the others are
    cost: float  # −ln of the summed weight of all assignments


def _solved(
    options: Sequence[Mapping[float, float]], multiplicities: Sequence[float], total: float
) -> _Solution | None:
    """The likeliest assignment of this total and the posterior of each of its states."""
    likely = [
        {v: c for v, c in costs.items() if c < min(costs.values()) + _PRUNE} for costs in options
    ]
    for some in (likely, options):
        marginals = posteriors(some, multiplicities, total)
        values = likeliest(some, multiplicities, total)
        if marginals is None or values is None:
            continue
        return _Solution(
            tuple(values),
            tuple(costs[v] for costs, v in zip(some, values, strict=True)),
            tuple(marginal[v] for marginal, v in zip(marginals, values, strict=True)),
            any(
                marginal[v] < max(marginal.values()) - 1e-6
                for marginal, v in zip(marginals, values, strict=True)
            ),
            evidence(some, multiplicities, total),
        )
    return None


def _averaged(
    sites: Sequence[Evidence], options: Sequence[Mapping[float, float]], total: float
) -> tuple[list[Valence], float]:
    """The likeliest states with the missing charge shared by the 3d metals in equal parts.

    For equivalent atoms of mixed valence (Fe3O4), or when nothing is neutral. Beside stated sites
    only 3d elements take a share, and one that they can have. Also returns the cost, to compare
    with the whole-numbered assignment.
    """
    multiplicities = [site.amount for site in sites]
    best = [min(costs, key=lambda v: costs[v]) for costs in options]
    stated = any(site.stated is not None for site in sites)
    free = [i for i, site in enumerate(sites) if site.known is None]
    variable = [i for i in free if is_open_shell(sites[i].element)]
    if not variable and not stated:
        variable = [i for i in free if len(options[i]) > 1] or free
    chosen: list[int] = []
    value, cost = 0.0, np.inf
    floor = sum(min(costs.values()) for costs in options)
    charge = sum(b * m for b, m in zip(best, multiplicities, strict=True)) - total
    for i in variable:  # one site takes the fractional charge if that stays within its states
        candidate = best[i] - charge / multiplicities[i]
        if min(options[i]) <= candidate <= max(options[i]):
            this = cost_between(sites[i], candidate) - options[i][best[i]]
            if this < cost:
                chosen, value, cost = [i], candidate, this
    for i in list(chosen):  # all sites of its element, where bonds tell the other order
        like = [j for j in variable if sites[j].element == sites[i].element and best[j] == best[i]]
        if any(reversed_order(sites[i], value, sites[j], best[j]) for j in like):
            chosen, value = like, best[i] - charge / sum(multiplicities[j] for j in like)
            cost = sum(cost_between(sites[j], value) - options[j][best[j]] for j in like)
    values = [value if i in chosen else float(b) for i, b in enumerate(best)]
    if not chosen:  # down to the metal; beside stated sites only usual states
        values = shared(best, charge, variable, options, multiplicities, anything=not stated)
    states = [
        _as_given(
            site,
            Valence(
                v,
                "composition" if i in variable else "bond valence",
                _CONFIDENCE_OF_AVERAGE,
                _sum(site),
            ),
        )
        for i, (site, v) in enumerate(zip(sites, values, strict=True))
    ]
    return states, floor + cost + _FRACTIONAL


def _by_bonds(sites: Sequence[Evidence]) -> list[Valence]:
    """Each site's likeliest state by its own bonds, whatever the total."""
    out = []
    for site in sites:
        if site.known is not None:
            known = float(site.known)
            out.append(Valence(known, "bond valence", _CONFIDENCE_OF_BONDS, _sum(site)))
            continue
        costs = state_costs(site, usual=True)
        value = min(costs, key=lambda state: costs[state])
        weight = sum(exp(max(costs[value] - c, -700.0)) for c in costs.values())
        near = abs(value - _sum(site)) < 0.5 * error_of_sum(value)
        limit = (
            _CONFIDENCE_OF_BONDS
            if site.trusted
            else _CONFIDENCE_OF_ROUGH
            if near
            else _NO_CONFIDENCE
        )
        confidence = round(min(1 / weight, limit), 4)
        out.append(Valence(float(value), "bond valence", confidence, _sum(site)))
    return [_as_given(site, v) for site, v in zip(sites, out, strict=True)]


def _contradicted(site: Evidence, valence: Valence, incomplete: bool) -> bool:
    """Whether a state is beyond what the element has, or what its own bonds allow."""
    if site.known is not None:
        return False
    known = prior_costs(site.element, site.ligands)
    # Downwards there is the metal: 0 and a little below are possible for every element.
    if valence.value > max(known) + 0.05 or valence.value < min(0.0, *known) - 1.0:
        return True
    # Atoms that are left out are cations, which makes the others' states too high, not too low.
    above = valence.value - _sum(site)
    return incomplete and site.trusted and above > error_of_sum(valence.value)


def _agreement(site: Evidence, valence: Valence) -> float:
    """1 within two thirds of a trusted sum's error, and down to 0.05 beyond it."""
    if not site.trusted:
        return 1.0
    off = abs(valence.value - valence.bond_valence_sum) / error_of_sum(valence.value)
    return 1.0 if off < 2 / 3 else max(0.05, exp(-2.0 * (off - 2 / 3)))


def _sum(site: Evidence) -> float:
    return float(site.bond_valence_sum)


def _as_given(site: Evidence, valence: Valence) -> Valence:
    """The same with what is stated in its place."""
    if site.stated is None:
        return valence
    return Valence(site.stated, STATED, 1.0, valence.bond_valence_sum)
