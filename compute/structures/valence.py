"""What the oxidation states of a structure's sites say about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compute.sites.analysis import Site, own_charge
from compute.sites.bondvalence import error_of_sum, has_parameter
from compute.sites.oxidation import STATED
from compute.structures.findings import Finding, Weight

if TYPE_CHECKING:
    from pymatgen.core import Structure

UNLIKELY = 0.25  # a confidence below this is no answer
_NEUTRAL = 1e-3


def valence_findings(structure: Structure, sites: Sequence[Site]) -> list[Finding]:
    """Totals that are not neutral, stated charges that the bonds contradict, states without
    support."""
    return [
        *_total(structure, sites),
        *_stated(sites),
        *_without_support(sites),
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
    if total < 0 and any(site.element == "O" for site in sites):
        why = "; hydrogen may be missing from the list"
    return [
        Finding(
            "charge",
            f"the oxidation states add up to {total:+.3g} a cell, not to 0 ({states}){why}",
        )
    ]


def _stated(sites: Sequence[Site]) -> list[Finding]:
    return [
        Finding(
            "valence",
            f"{site.element} is stated as {site.oxidation_state:+.3g}, its bonds add up to "
            f"{site.bond_valence_sum:.2f}",
        )
        for site in sites
        if site.oxidation_source == STATED
        and site.ligand_elements
        and all(has_parameter(site.element, other) for other in site.ligand_elements)
        and abs(site.oxidation_state - site.bond_valence_sum) > error_of_sum(site.oxidation_state)
    ]


def _without_support(sites: Sequence[Site]) -> list[Finding]:
    return [
        Finding(
            "valence",
            f"{site.element}: neither its bonds (sum {site.bond_valence_sum:.2f}) nor the "
            f"composition support an oxidation state; state it",
            Weight.DOUBT,
        )
        for site in sites
        if site.oxidation_source != STATED
        and site.oxidation_state > 0
        and site.oxidation_confidence < UNLIKELY
        and site.element in _OPEN_SHELL
    ]


_OPEN_SHELL = frozenset(("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"))
