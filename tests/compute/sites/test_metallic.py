"""Compounds of 3d metals that are no ions: silicides, borides, hydrides, arsenides, subnitrides."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pymatgen.core import Lattice, Structure

from compute.l23.prepared import undescribed
from compute.sites import Site, analyze_sites
from compute.structures.findings import obstacles
from compute.structures.valence import valence_findings


def of(sites: Sequence[Site], element: str) -> Site:
    return next(site for site in sites if site.element == element)


def rocksalt(a: float, metal: str, other: object) -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [metal, other], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def nickeline(a: float, c: float, metal: str, other: str) -> Structure:
    return Structure.from_spacegroup(
        "P6_3/mmc", Lattice.hexagonal(a, c), [metal, other], [[0, 0, 0], [1 / 3, 2 / 3, 0.25]]
    )


def fluorite(a: float, metal: str, other: str) -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [metal, other], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


def b20(a: float, metal: str, other: str) -> Structure:
    return Structure.from_spacegroup(
        "P2_13", Lattice.cubic(a), [metal, other], [[0.137] * 3, [0.842] * 3]
    )


def around(metal: str, other: str, bond: float) -> Structure:
    """A molecule of six ligands in a box."""
    shell = [[s * bond * (k == axis) for k in range(3)] for axis in range(3) for s in (1, -1)]
    return Structure(
        Lattice.cubic(12), [metal] + [other] * 6, [[0, 0, 0], *shell], coords_are_cartesian=True
    )


METALS = {
    "FeSi": (b20(4.489, "Fe", "Si"), "silicide"),
    "MnGe": (b20(4.795, "Mn", "Ge"), "germanide"),
    "CoSi2": (fluorite(5.36, "Co", "Si"), "silicide"),
    "TiC": (rocksalt(4.33, "Ti", "C"), "carbide"),
    "TiH2": (fluorite(4.45, "Ti", "H"), "metals"),
    "Co2MnGe": (
        Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(5.74), ["Co", "Mn", "Ge"], [[0.25] * 3, [0] * 3, [0.5] * 3]
        ),
        "germanide",
    ),
    "MnB2": (
        Structure.from_spacegroup(
            "P6/mmm", Lattice.hexagonal(3.01, 3.04), ["Mn", "B"], [[0, 0, 0], [1 / 3, 2 / 3, 0.5]]
        ),
        "boride",
    ),
    "CeCu2Si2": (
        Structure.from_spacegroup(
            "I4/mmm", Lattice.tetragonal(4.1, 9.93), ["Cu", "Ce", "Si"],
            [[0, 0.5, 0.25], [0, 0, 0], [0, 0, 0.38]],
        ),
        "silicide",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", METALS)
def test_metals_with_light_elements_have_no_ions_and_are_refused_as_such(name: str) -> None:
    structure, kind = METALS[name]
    sites = analyze_sites(structure)
    assert {site.oxidation_state for site in sites} == {0.0}
    assert all(site.oxidation_confidence <= 0.5 for site in sites)
    assert kind in undescribed(sites[0], sites)
    assert obstacles(valence_findings(structure, sites)) == []


FORMAL = {
    "NiAs": nickeline(3.602, 5.009, "Ni", "As"),
    "NiSb": nickeline(3.94, 5.14, "Ni", "Sb"),
    "Fe4N": Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.795), ["Fe", "Fe", "N"],
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]],
    ),
    # 4+ and 2− or 2+ and the pair 2−: löllingite's bonds do not tell
    "FeAs2": Structure.from_spacegroup(
        "Pnnm", Lattice.orthorhombic(5.30, 5.98, 2.88), ["Fe", "As"],
        [[0, 0, 0], [0.176, 0.362, 0]],
    ),
    "CuCo2S4": Structure.from_spacegroup(
        "Fd-3m:2", Lattice.cubic(9.48), ["Cu", "Co", "S"], [[0.125] * 3, [0.5] * 3, [0.259] * 3]
    ),
    "FeAs layers between LaO": Structure.from_spacegroup(
        "P4/nmm:2", Lattice.tetragonal(4.033, 8.739), ["Fe", "La", "As", "O"],
        [[0.75, 0.25, 0.5], [0.25, 0.25, 0.1415], [0.25, 0.25, 0.6512], [0.75, 0.25, 0]],
    ),
    "Cr(As,Sb)": Structure.from_spacegroup(
        "P6_3/mmc", Lattice.hexagonal(4.0, 5.6), ["Cr", {"As": 0.7, "Sb": 0.3}],
        [[0, 0, 0], [1 / 3, 2 / 3, 0.25]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMAL)
def test_formal_charges_are_not_held_for_sure(name: str) -> None:
    sites = analyze_sites(FORMAL[name])
    assert sites[0].oxidation_state >= 0
    assert all(site.oxidation_confidence <= 0.5 for site in sites)


def test_what_has_ions_stays_sure() -> None:
    skutterudite = Structure.from_spacegroup(
        "Im-3", Lattice.cubic(8.204), ["Co", "As"], [[0.25] * 3, [0, 0.344, 0.151]]
    )
    for structure, element, state in (
        (skutterudite, "Co", 3), (rocksalt(4.14, "Cr", "N"), "Cr", 3),
        (nickeline(3.44, 5.88, "Fe", "S"), "Fe", 2),
    ):  # fmt: skip
        site = of(analyze_sites(structure), element)
        assert site.oxidation_state == state
        assert site.oxidation_confidence > 0.9


def test_hydrogens_that_nothing_gave_electrons_make_no_high_valence() -> None:
    structure = around("Fe", "H", 1.6)
    sites = analyze_sites(structure)
    assert of(sites, "Fe").oxidation_confidence <= 0.2
    assert obstacles(valence_findings(structure, sites))
    stated = analyze_sites(structure, stated={"Fe": 2})
    assert not obstacles(valence_findings(structure, stated))


@pytest.mark.parametrize(("vacant", "metal", "a"), [(0.97, "Ni", 4.177), (0.95, "Mn", 4.44)])
def test_few_missing_anions_make_no_monovalent_ions(vacant: float, metal: str, a: float) -> None:
    structure = rocksalt(a, metal, {"O": vacant})
    sites = analyze_sites(structure)
    site = of(sites, metal)
    assert site.oxidation_state == 2.0
    assert site.oxidation_confidence <= 0.5
    assert any("add up to +" in one.text for one in valence_findings(structure, sites))


def test_a_mean_of_two_ions_is_told_as_such() -> None:
    structure = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.177), [{"Ni": 0.9}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    told = [one.text for one in valence_findings(structure, analyze_sites(structure))]
    assert any("78% Ni+2 and 22% Ni+3" in text for text in told)
