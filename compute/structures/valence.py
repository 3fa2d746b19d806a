"""What the oxidation states of a structure's sites say about it."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from compute.sites.analysis import BELIEVED, Site, elements_of
from compute.sites.bondvalence import bond_valence, error_of_sum, has_parameter
from compute.sites.fragments import covalent_bonds
from compute.sites.hydrogens import OPEN
from compute.sites.oxidation import STATED
from compute.sites.redox import is_possible
from compute.sites.stated import own_charge
from compute.sites.units import only_complexes
from compute.structures.findings import Finding, Weight

if TYPE_CHECKING:
    from pymatgen.core import Structure

UNLIKELY = 0.25  # a confidence below this is no answer
_SURE = 0.9
_NEUTRAL = 1e-3
_ELECTRON = 0.5  # a total below this is that of occupancies that are not known so well
_WHOLE = 5e-3
_ROUGH = 2.0  # factor on the error of a bond-valence sum without parameters of its own
_SILENT = frozenset(("C", "H"))  # bonds to them tell no valence
_SHELL = 0.8  # of the bonds' sum: a shell that carries less lacks a ligand


def valence_findings(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    """Totals that are not neutral, complexes that may be ions, stated charges that the bonds
    contradict, states without support, means of several, and shells that lack ligands."""
    return [
        *_total(structure, sites),
        *_ions(structure, sites),
        *_stated(structure, sites),
        *_without_support(structure, sites),
        *_mixed(sites),
        *_lacking(sites),
    ]


def _total(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    total = sum(site.oxidation_state * site.amount for site in sites)
    own = own_charge(structure)
    if abs(total) < _NEUTRAL:
        return []
    states = ", ".join(
        f"{site.element} {site.oxidation_state:+.3g} × {site.amount:.4g}" for site in sites[:8]
    )
    if all(site.oxidation_source != STATED for site in sites) and abs(total - own) < _NEUTRAL:
        text = f"the listed atoms are charged {total:+.3g} a cell ({states}), as stated"
        if own < 0:
            text = (
                f"the {-own:g} hydrogens that are missing make up for the charge {total:+.3g} of "
                f"the listed atoms ({states})"
            )
        return [Finding("charge", text)]
    why = ""
    if total <= -_ELECTRON and _lack_hydrogen(sites):
        why = "; hydrogen may be missing from the list"
    return [
        Finding(
            "charge",
            f"the oxidation states add up to {total:+.3g} a cell, not to 0 ({states}){why}",
        )
    ]


def _lack_hydrogen(sites: Sequence[Site]) -> bool:
    """Whether bonds to oxygens or lone nitrogens carry less than their charge.

    Vacancies around a partly empty place take some as well: there, less than half.
    """
    for site in sites:
        if site.element not in OPEN or {"C", "N"} & set(site.ligand_elements):
            continue
        full = -site.oxidation_state
        short = OPEN[site.element] if site.occupancy >= 1 else full / 2
        if site.oxidation_source != STATED and -site.bond_valence_sum < full - short:
            return True
    return False


def _ions(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    """Complexes whose neutral reading is not sure: nothing listed would balance a charge."""
    unsure = {
        site.element: None
        for site in sites
        if site.element in _OPEN_SHELL
        and site.oxidation_source != STATED
        and site.oxidation_confidence < _SURE
    }
    if not unsure or not structure.is_ordered or own_charge(structure):
        return []
    elements = elements_of(structure)
    if not only_complexes(structure, elements, covalent_bonds(structure, elements)):
        return []
    return [
        Finding(
            "valence",
            f"no counter-ion is listed, and the complex may be an ion; state the valence of "
            f"{', '.join(unsure)}",
        )
    ]


def _stated(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    """What bonds say against stated states.

    A file's charge that its bonds and the total contradict is likely a slip of the pen, as is one
    that its element cannot have; what a person states is told and used.
    """
    total = sum(site.oxidation_state * site.amount for site in sites) - own_charge(structure)
    charged = abs(total) > _NEUTRAL
    out = []
    for site in sites:
        if site.oxidation_source != STATED:
            continue
        told = f"{site.element} is stated as {site.oxidation_state:+.3g}"
        off = _beyond_bonds(site)
        possible = is_possible(site.element, site.oxidation_state)
        wrong = not possible or (charged and off > 1)
        if off > 1 and (wrong or _has_sum(site)):
            told += f", its bonds add up to {site.bond_valence_sum:.2f}"
        elif possible:
            continue
        if not possible:
            told += ", a state that the element does not have"
        if wrong and site.oxidation_confidence < BELIEVED:
            told += f"; all states add up to {total:+.3g} a cell" if charged else ""
            out.append(Finding("valence", f"{told}; state it if it is meant", Weight.DOUBT))
        else:
            out.append(Finding("valence", told))
    return out


def _beyond_bonds(site: Site) -> float:
    """How far a state is from the sum of its bonds, in errors of it; 0 where they tell nothing."""
    if (
        not site.ligand_elements
        or site.bond_valence_sum <= 0
        or _SILENT & set(site.ligand_elements)
    ):
        return 0.0
    error = error_of_sum(site.oxidation_state) * (1.0 if _has_sum(site) else _ROUGH)
    return abs(site.oxidation_state - site.bond_valence_sum) / error


def _has_sum(site: Site) -> bool:
    return all(has_parameter(site.element, other) for other in site.ligand_elements)


def _without_support(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    total = sum(site.oxidation_state * site.amount for site in sites) - own_charge(structure)
    out = []
    for site in sites:
        supported = site.oxidation_state <= 0 or site.oxidation_confidence >= UNLIKELY
        if site.oxidation_source == STATED or supported or site.element not in _OPEN_SHELL:
            continue
        if abs(total) >= _ELECTRON:
            text = (
                f"{site.element}: neither its bonds (sum {site.bond_valence_sum:.2f}) nor the "
                f"composition support an oxidation state; state it"
            )
        elif _lack_hydrogen(sites):
            text = (
                f"{site.element}: the composition gives {site.oxidation_state:+.3g}, its bonds add "
                f"up to {site.bond_valence_sum:.2f}, and hydrogen may be missing from the list; "
                f"complete the list or state the valence"
            )
        else:
            text = (
                f"{site.element}: the composition gives {site.oxidation_state:+.3g}, its bonds add "
                f"up to {site.bond_valence_sum:.2f}: a rare state, a group of unusual charge or an "
                f"incomplete list; state the valence"
            )
        out.append(Finding("valence", text, Weight.DOUBT))
    return out


def _mixed(sites: Sequence[Site]) -> list[Finding]:
    """Means of several ions, and what they stand for in a calculation."""
    out = []
    for site in sites:
        low = floor(site.oxidation_state)
        share = site.oxidation_state - low
        if site.element in _OPEN_SHELL and _WHOLE < share < 1 - _WHOLE and low >= 0:
            text = (
                f"{site.element} {site.oxidation_state:+.3g} is a mean: {1 - share:.0%} "
                f"{site.element}{low:+d} and {share:.0%} {site.element}{low + 1:+d}"
            )
            out.append(Finding("valence", text))
    return list(dict.fromkeys(out))


def _lacking(sites: Sequence[Site]) -> list[Finding]:
    """Bonds much longer than the shortest are not counted as ligands, however strong they are."""
    out = []
    for site in sites:
        whole = site.bond_valence_sum
        if site.element not in _OPEN_SHELL or whole <= 0 or site.alternatives or site.occupancy < 1:
            continue
        shell = sum(
            bond_valence(site.element, other, float(np.linalg.norm(vector)))
            for other, vector in zip(site.ligand_elements, site.ligand_vectors, strict=True)
        )
        if shell < _SHELL * whole:
            text = (
                f"{site.element}: the {site.coordination_number} ligands carry {shell:.2f} of the "
                f"{whole:.2f} of all its bonds; longer bonds are left out of its ligand field"
            )
            out.append(Finding("valence", text))
    return list(dict.fromkeys(out))


_OPEN_SHELL = frozenset(("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"))
