"""Where route ``cheap`` was checked, where it only warns, and what it refuses.

The range is that of the optical 10Dq whose left-out families are scored
(``python -m compute.l23.fitting.cheap_prefactors``, docs/measurements/cheap.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compute.errors import OutOfRangeError
from compute.l23.cheap.donors import donors

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

LIGANDS = ("O", "F", "Cl", "Br", "I")  # O of oxides, oxo-anions, hydroxides and water
VALENCES = (2.0, 4.0)
COORDINATION = (4, 6)
_UNCHECKED = {
    "S": "sulphides: one family of 2+ and one of 3+",
    "N": "nitrogen donors: ammines alone, 10Dq within 0.3 eV",
    "C": "carbon donors: hexacyanides alone, 10Dq within 1 eV",
    "H": "hydrides: no measured splitting",
}


def check(structure: Structure, sites: Sequence[Site], site: Site) -> tuple[str, ...]:
    """Warnings of a site outside the range in which 10Dq was checked; empty inside.

    Raises
    ------
    OutOfRangeError
        Carbonyls and their like: π-acceptor ligands on a metal below 2+, whose 3d electrons are
        shared with π* of the ligands.
    """
    field, valence = f"sites[{site.index}]", site.oxidation_state
    acceptor = any(donor.acceptor.shape[1] for donor in donors(structure, sites, site))
    if acceptor and valence < VALENCES[0]:
        raise OutOfRangeError(
            field,
            f"{site.element} {valence:+g}",
            "π-acceptor ligands on a metal below 2+: back-donation is no small correction there, "
            "and route cheap has it to second order only",
        )
    out = []
    if not VALENCES[0] <= valence <= VALENCES[1]:
        out.append(f"valence {valence:+g} (2+ to 4+ were)")
    strange = sorted(set(site.ligand_elements) - set(LIGANDS))
    out += [_UNCHECKED.get(ligand, f"{ligand} as ligand") for ligand in strange]
    if not COORDINATION[0] <= site.coordination_number <= COORDINATION[1]:
        out.append(f"{site.coordination_number} ligands (four to six were)")
    if not out:
        return ()
    return (
        f"{field} ({site.element}): outside the range in which the splittings of route cheap were "
        f"checked: {'; '.join(out)}",
    )
