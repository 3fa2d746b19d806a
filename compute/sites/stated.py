"""What a structure or a person states of charges and oxidation states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites.analysis import Site

NEUTRAL = 1e-3  # a charge within this is none
_HIGHEST_STATE = 9.0  # iridium's in IrO4+


def own_charge(structure: Structure) -> float:
    """What a structure states as the charge of its atoms; 0 where it states nothing.

    It is minus the number of hydrogens where those are known to be missing. The sum of the atoms'
    own charges, which pymatgen writes for it, is no statement.
    """
    stated = structure._charge  # the property gives that sum where nothing is stated
    if stated is None:
        return 0.0
    formal = sum(
        float(getattr(specie, "oxi_state", None) or 0.0) * amount
        for site in structure
        for specie, amount in site.species.items()
    )
    return 0.0 if abs(stated - formal) < NEUTRAL else float(stated)


def charge_of_atom(structure: Structure, index: int) -> float | None:
    """What a structure states of one atom."""
    charge = getattr(structure[index].specie, "oxi_state", None)
    return None if charge is None else float(charge)


def by_atom(stated: Mapping[int | str, float], elements: Sequence[str]) -> dict[int | str, float]:
    """What is stated, ``"Fe:3"`` as the atom 3."""
    out: dict[int | str, float] = {}
    for key, value in sorted(stated.items(), key=lambda one: ":" in str(one[0])):
        element, _, atom = str(key).partition(":")
        if not atom:
            out[key] = value
        elif atom.isdecimal() and int(atom) < len(elements) and elements[int(atom)] == element:
            out[int(atom)] = value
        else:
            raise InputError(f"oxidation_states[{key}]", value, "the structure has no such atom")
    return out


def stated_of(
    sites: Sequence[Site], stated: Mapping[int | str, float], n_atoms: int
) -> list[float | None]:
    """What is stated of each site, after a check that everything stated has a place."""
    elements = {site.element for site in sites}
    for key, value in stated.items():
        there = key in elements if isinstance(key, str) else 0 <= key < n_atoms
        if not there:
            what = "element" if isinstance(key, str) else "atom"
            raise InputError(f"oxidation_states[{key}]", value, f"the structure has no such {what}")
        if not (isfinite(value) and abs(value) <= _HIGHEST_STATE):
            raise InputError(
                f"oxidation_states[{key}]", value, f"must be within ±{_HIGHEST_STATE:g}"
            )
    out = []
    for site in sites:
        given = {float(stated[i]) for i in site.equivalent_indices if i in stated}
        if len(given) > 1:
            raise InputError(
                f"oxidation_states[{site.index}]",
                sorted(given),
                f"one state for the equivalent atoms {list(site.equivalent_indices)}",
            )
        by_element = stated.get(site.element)
        out.append(next(iter(given), None if by_element is None else float(by_element)))
    return out
