"""Where route ``cheap`` was checked, where it only warns, and what it refuses.

The range is that of the optical 10Dq whose left-out families are scored
(``python -m compute.l23.fitting.cheap_prefactors``, docs/measurements/cheap.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compute.errors import OutOfRangeError
from compute.ions import d_electrons
from compute.l23.charge_transfer import OPTICAL_ELECTRONEGATIVITY, energies
from compute.l23.cheap.donors import Donor, donors

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

LIGANDS = ("O", "F", "Cl", "Br", "I")  # O of oxides, oxo-anions, hydroxides and water
VALENCES = (2.0, 4.0)
COORDINATION = (4, 6)
TETRAHEDRA = 2.0  # highest valence whose four ligands were checked
LOWEST_DELTA_EV = -0.1  # of [NiF6]2-
ERROR_EV = 0.2  # of 10Dq, mean of the four-fold sites that were checked
_TOO_SMALL = 4.0  # valence from which tetrahedra are split too little
# Sign of 10Dq, mean of z² and x²−y² less mean of xy, xz, yz.
_SIGN = {"octahedron": 1, "square plane": 1, "tetrahedron": -1, "cube": -1}
_UNCHECKED = {
    "S": "sulphides: one family of 2+ and one of 3+",
    "H": "hydrides: no measured splitting",
}
_AMMINE = "nitrogen donors: ammines alone, 10Dq within 0.3 eV"
_HEXACYANIDE = "carbon donors: hexacyanides alone, 10Dq within 1 eV"
_OTHER_NITROGEN = "nitrogen that is no ammine's: no measured splitting"
_OTHER_CARBON = "cyanides and carbonyls of other shapes than six carbons: no measured splitting"
_NITROGEN_SQUARE = (
    "a square of nitrogen: S = 0 and S = 1 of d8 come out within a few tenths of an eV of each "
    "other, where porphyrins have S = 0"
)
_HALF = 0.5  # share of the ligands from which one that the model misses decides the field


def check(structure: Structure, sites: Sequence[Site], site: Site) -> tuple[str, ...]:
    """Warnings of a site outside the range in which 10Dq was checked; empty inside.

    Raises
    ------
    OutOfRangeError
        Ligands whose orbitals the model has not: :func:`_refuse_ligands`.
    """
    found = donors(structure, sites, site)
    _refuse_ligands(site, found)
    valence = site.oxidation_state
    out = []
    if not VALENCES[0] <= valence <= VALENCES[1]:
        out.append(f"valence {valence:+g} (2+ to 4+ were)")
    if site.geometry == "tetrahedron" and valence >= _TOO_SMALL:
        out.append(f"a tetrahedron of {valence:+g}: 10Dq comes out too small, by up to 2 eV")
    elif site.geometry == "tetrahedron" and valence > TETRAHEDRA:
        out.append(f"a tetrahedron of {valence:+g} (2+ were)")
    out += _of_ligands(site, found)
    if not COORDINATION[0] <= site.coordination_number <= COORDINATION[1]:
        out.append(f"{site.coordination_number} ligands (four to six were)")
    known = set(site.ligand_elements) <= set(OPTICAL_ELECTRONEGATIVITY)
    if known and site.ligand_elements:
        delta = energies(site.element, valence, site.ligand_elements).delta
        if delta < LOWEST_DELTA_EV:
            out.append(f"a charge-transfer energy of {delta:.1f} eV (-0.1 eV and above were)")
    if not out:
        return ()
    return (
        f"sites[{site.index}] ({site.element}): outside the range in which the splittings of "
        f"route cheap were checked: {'; '.join(out)}",
    )


def check_order(site: Site, ten_dq: float) -> tuple[str, ...]:
    """Warnings of a site whose d levels come out in an order that is not sure.

    In a tetrahedron the ligand levels that hop to t2 lie some 15 to 25 eV below those of e, since
    4p pushes them down. Where Δ is not large beside the hopping, e is then pushed up more than t2:
    what covalency adds is of the wrong sign.

    Parameters
    ----------
    ten_dq : float
        Effective splitting, eV.

    Raises
    ------
    OutOfRangeError
        10Dq of the wrong sign for the shape, beyond 4+ also one within the route's error of it:
        the ground state is not that of the ion.
    """
    sign = _SIGN.get(site.geometry)
    if sign is None or sign * ten_dq >= ERROR_EV:
        return ()
    high = site.geometry == "tetrahedron" and site.oxidation_state >= _TOO_SMALL
    if sign * ten_dq < 0.0 or high:
        raise OutOfRangeError(
            f"sites[{site.index}]",
            f"{site.element} {site.oxidation_state:+g}, 10Dq {ten_dq:+.2f} eV",
            f"the d levels of this {site.geometry} come out in the wrong order or not split, and "
            "with them the ground state: Δ is too small beside the hopping for the field of "
            "route cheap. Route cluster computes the field, or says that it cannot either; where "
            "the valence is not meant, state it",
        )
    return (
        f"sites[{site.index}] ({site.element}): 10Dq comes out as {ten_dq:.2f} eV, within the "
        "error of route cheap (0.2 eV) of nothing: the order of the d levels, and with it the "
        "ground state, is not sure",
    )


def _refuse_ligands(site: Site, found: Sequence[Donor]) -> None:
    """Raise :class:`OutOfRangeError` where the model lacks what decides the field.

    π acceptors on a metal below 2+; carbon that ends no triple bond (rings, alkenes, alkyls,
    carbenes); nitrogen that ends one, on half of the shell or more; d⁸ in a square of carbon.
    """
    field, ion = f"sites[{site.index}]", f"{site.element} {site.oxidation_state:+g}"
    elements = site.ligand_elements
    of_carbon = [donor for donor, ligand in zip(found, elements, strict=True) if ligand == "C"]
    # Carbon without covalent bonds is a carbide's.
    if any(not _acceptor(one) and one.hopping.shape[1] < 3 for one in of_carbon):
        raise OutOfRangeError(
            field,
            ion,
            "bound to carbon that ends no C≡N or C≡O bond (rings, alkenes, alkyls, carbenes, or "
            "disordered neighbours): route cheap has no orbitals for it; of ligands of carbon it "
            "describes cyanides and carbonyls",
        )
    if any(map(_acceptor, found)) and site.oxidation_state < VALENCES[0]:
        raise OutOfRangeError(
            field,
            ion,
            "π-acceptor ligands on a metal below 2+: back-donation is no small correction there, "
            "and route cheap has it to second order only",
        )
    if _nitrogen_ends(site, found) >= _HALF * len(elements) > 0:
        raise OutOfRangeError(
            field,
            ion,
            "bound to nitrogen that ends a triple bond (cyanide's other end, thiocyanate, nitrile, "
            "azide): in route cheap its lone pair repels as ammonia's and its π* takes back as "
            "carbon's, so that 10Dq comes out about 1 eV too large and Fe2+ of low spin. No route "
            "describes this site; metals at the carbon end are described",
        )
    d8 = d_electrons(site.element, site.oxidation_state) == 8
    if d8 and site.geometry == "square plane" and set(elements) == {"C"}:
        raise OutOfRangeError(
            field,
            ion,
            "d8 in a square of carbon: route cheap lacks the 4s that lowers z² there, and gives "
            "S = 1 where these ions are diamagnetic. Route cluster has it",
        )


def _of_ligands(site: Site, found: Sequence[Donor]) -> list[str]:
    """What was not checked of the ligands."""
    out = []
    for ligand in sorted(set(site.ligand_elements) - set(LIGANDS)):
        of_it = [d for d, e in zip(found, site.ligand_elements, strict=True) if e == ligand]
        if ligand == "C":
            six = of_it == list(found) and site.geometry == "octahedron"
            out.append(_HEXACYANIDE if six else _OTHER_CARBON)
        elif ligand == "N":
            out.append(_AMMINE if all(map(_ammine, of_it)) else _OTHER_NITROGEN)
            if ends := _nitrogen_ends(site, found):
                out.append(f"nitrogen that ends a triple bond ({ends}): its field is too strong")
            d8 = d_electrons(site.element, site.oxidation_state) == 8
            if d8 and site.geometry == "square plane" and of_it == list(found):
                out.append(_NITROGEN_SQUARE)
        else:
            out.append(_UNCHECKED.get(ligand, f"{ligand} as ligand"))
    return out


def _acceptor(donor: Donor) -> bool:
    return bool(donor.acceptor.size)


def _ammine(donor: Donor) -> bool:
    """Three covalent bonds and one lone pair."""
    return donor.hopping.shape[1] == 0 and donor.repelling.shape[1] == 1 and not _acceptor(donor)


def _nitrogen_ends(site: Site, found: Sequence[Donor]) -> int:
    """How many ligands are nitrogen opposite a triple bond."""
    pairs = zip(found, site.ligand_elements, strict=True)
    return sum(ligand == "N" and _acceptor(donor) for donor, ligand in pairs)
