"""Valences of a disordered crystal: neutral as far as occupancies tell, an atom at a time.

Elements with one usual state take it, the others what they take in an ordered crystal; then every
atom of a 3d metal may have a state of its own (:mod:`compute.sites.shares`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from compute.ions import ELEMENTS_3D
from compute.sites.analysis import Site, assign_valences
from compute.sites.coordination import Neighbours, paired
from compute.sites.fragments import covalent_bonds
from compute.sites.metallic import limit_of_formal
from compute.sites.occupants import Occupant
from compute.sites.oxidation import STATED
from compute.sites.redox import is_open_shell, is_strange, prior_costs, usual_states
from compute.sites.shares import Shared, share
from compute.sites.spin import spin_state
from compute.sites.stated import own_charge

if TYPE_CHECKING:
    from pymatgen.core import Structure

# The occupancies of refinements leave the total charge uncertain by about this share of the
# positive charge; within it whole valences are believed rather than shared ones.
CHARGE_ERROR = 0.006
_WHOLE = 1e-3
_CONFIDENCE_OF_USUAL = 0.95
_FORCED = 0.25
_JUST_BELOW = 0.15  # electrons an ion that vacancies of a few percent leave over
_CONFIDENCE_OF_DEFICIENT = 0.5
_MEAN_BONDS = 2.0  # how much worse the bonds of a mean structure tell a valence


def with_valences(
    structure: Structure,
    held: Sequence[Occupant],
    bare: list[Site],
    there: Mapping[int, Neighbours],
    stated: Mapping[int | str, float],
) -> list[Site]:
    """The valences that all occupants together are neutral with, or nearly so."""
    elements = [one.element for one in held]
    own: list[float | None] = [one.charge for one in held]
    bonds = covalent_bonds(
        structure, elements, [one.place for one in held], [one.certain for one in held]
    )

    def assigned(charge: float, known: list[float | None]) -> list[Site]:
        return assign_valences(
            bare, elements, dict(there), stated, len(held), own=known, charge=charge, bonds=bonds
        )

    charge = own_charge(structure)
    free = assigned(charge, own)
    if all(one.certain for one in held):
        return free
    found = _marked(assigned(charge, _with_usual(bare, elements, own, there)), free)
    total = sum(s.amount * s.oxidation_state for s in found)
    positive = sum(s.amount * max(s.oxidation_state, 0.0) for s in found)
    if abs(total - charge) > CHARGE_ERROR * positive:
        found = free
    return found if charge else _shared_out(found, CHARGE_ERROR * positive)


def _shared_out(found: list[Site], error: float) -> list[Site]:
    """Every atom of a 3d metal with a state of its own, the others as they are."""
    free = [
        k for k, site in enumerate(found)
        if is_open_shell(site.element) and site.oxidation_source != STATED and site.ligand_elements
    ]  # fmt: skip
    total = -sum(s.amount * s.oxidation_state for k, s in enumerate(found) if k not in free)
    amounts = [found[k].amount for k in free]
    costs = [_costs(found[k]) for k in free]
    shares = share(costs, amounts, total)
    stated = any(site.oxidation_source == STATED for site in found)
    if shares is None or (stated and any(one.confidence < _FORCED for one in shares)):
        return found  # beside a statement nothing is forced
    shares = [_believed(found[k].element, one) for k, one in zip(free, shares, strict=True)]
    beside = min(
        (
            site.oxidation_confidence
            for site in found
            if site.oxidation_source != STATED and is_strange(site.element, site.oxidation_state)
        ),
        default=1.0,
    )
    between = [n for n, one in enumerate(shares) if abs(one.state - round(one.state)) > _WHOLE]
    states = [one.state for one in shares]
    for n in between:  # one at most
        left = amounts[n] * abs(states[n] - round(states[n]))
        states[n] = float(round(states[n])) if left <= error else states[n]
    out = list(found)
    for k, state in zip(free, states, strict=True):
        out[k] = replace(found[k], oxidation_state=state)
    limit = min(
        beside,
        limit_of_formal(
            [(site.element, site.ligand_elements) for site in out],
            [None if site.oxidation_source == STATED else site.oxidation_state for site in out],
        ),
    )
    for k, state, one in zip(free, states, shares, strict=True):
        site = out[k]
        agrees = abs(state - site.bond_valence_sum) < 0.5 + 0.2 * abs(state)
        out[k] = replace(
            site,
            oxidation_source="bond valence" if agrees else "composition",
            oxidation_confidence=round(min(one.confidence, _CONFIDENCE_OF_USUAL, limit), 4),
            spin_state=spin_state(site),
        )
    return out


def _believed(element: str, one: Shared) -> Shared:
    """A mean state just below the lowest ion that an element usually is, as that ion.

    Few vacancies of anions leave electrons, but whether they make Ni⁺ of NiO or stay at the
    vacancies, or whether the occupancy is just not known so well, no occupancy tells.
    """
    lowest = min(usual_states(element))
    if 0.0 < lowest - one.state < _JUST_BELOW:
        return Shared(float(lowest), min(one.confidence, _CONFIDENCE_OF_DEFICIENT))
    return one


def _costs(site: Site) -> dict[float, float]:
    """Cost of each state of one atom: what its element likes, and what the mean bonds tell."""
    out: dict[float, float] = {}
    for state, prior in prior_costs(site.element, site.ligand_elements).items():
        if state > 0:
            sigma = _MEAN_BONDS * (0.25 + 0.12 * state)
            out[float(state)] = prior + 0.5 * ((state - site.bond_valence_sum) / sigma) ** 2
    return out


def _with_usual(
    bare: Sequence[Site],
    elements: list[str],
    own: Sequence[float | None],
    there: Mapping[int, Neighbours],
) -> list[float | None]:
    """What is stated, and the one state of elements that have no other.

    Amounts of a disordered crystal are no whole numbers: La0.7Sr0.3MnO3 would be neutral with La2+
    and Mn4+ as well as with La3+ and Mn3.3+.
    """
    out = list(own)
    for site in bare:
        state = _only_state(site.element)
        if state is None or paired(elements, site.index, there[site.index]):
            continue
        for atom in site.equivalent_indices:
            out[atom] = state if out[atom] is None else out[atom]
    return out


@cache
def _only_state(element: str) -> float | None:
    from pymatgen.core import Element

    if element in ELEMENTS_3D or element == "H":
        return None
    common = Element(element).common_oxidation_states
    return float(common[0]) if len(common) == 1 else None


def _marked(found: list[Site], free: list[Site]) -> list[Site]:
    """What was taken for granted is no statement: its source is that without it."""
    return [
        replace(
            one,
            oxidation_source=alone.oxidation_source,
            oxidation_confidence=max(alone.oxidation_confidence, _CONFIDENCE_OF_USUAL)
            if one.oxidation_state == alone.oxidation_state
            else _CONFIDENCE_OF_USUAL,
        )
        if one.oxidation_source == STATED and alone.oxidation_source != STATED
        else one
        for one, alone in zip(found, free, strict=True)
    ]
