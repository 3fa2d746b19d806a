"""Equivalent 3d atoms share a charge before another cation takes a state that it never has."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.l23.prepared import no_ion
from compute.sites import Site, analyze_sites
from compute.structures.findings import obstacles
from compute.structures.valence import valence_findings


def layered(lanthanide: str, metal: str, *, full: bool) -> Structure:
    """LnBaM2O6, its cations in layers, or LnBaM2O5, whose Ln layer has no oxygen."""
    species = ["Ba", lanthanide, metal, "O", "O"]
    places = [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.25], [0.5, 0.5, 0], [0.5, 0, 0.24]]
    if full:
        species.append("O")
        places.append([0.5, 0.5, 0.5])
    return Structure.from_spacegroup("P4/mmm", Lattice.tetragonal(3.9, 7.75), species, places)


def infinite_layers(lanthanide: str, strontium: float) -> Structure:
    cation = {lanthanide: 1 - strontium, "Sr": strontium}
    return Structure.from_spacegroup(
        "P4/mmm",
        Lattice.tetragonal(3.92, 3.3),
        [cation, "Ni", "O"],
        [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0]],
    )


def perovskite(a: float, cation: dict[str, float], metal: str) -> Structure:
    return Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(a), [cation, metal, "O"], [[0.5] * 3, [0, 0, 0], [0.5, 0, 0]]
    )


def states(sites: list[Site]) -> dict[str, float]:
    return {site.element: site.oxidation_state for site in sites}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("metal", ["Mn", "Fe", "Co"])
@pytest.mark.parametrize("lanthanide", ["La", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Y"])
def test_one_3d_site_is_between_two_ions_rather_than_its_neighbour_impossible(
    lanthanide: str, metal: str, full: bool
) -> None:
    found = analyze_sites(layered(lanthanide, metal, full=full))
    assert states(found)[lanthanide] == 3.0
    assert states(found)[metal] == (3.5 if full else 2.5)
    assert all(0.5 < site.oxidation_confidence <= 0.9 for site in found)


@pytest.mark.parametrize("metal", ["Mn", "Fe", "Co", "Ni"])
def test_europium_is_divalent_only_where_the_3d_metal_lets_it_be(metal: str) -> None:
    found = states(analyze_sites(perovskite(3.85, {"Eu": 0.6, "Sr": 0.4}, metal)))
    assert found["Eu"] == 3.0
    assert found[metal] == pytest.approx(3.4)
    titanate = states(analyze_sites(crystal("perovskite-EuTiO3").structure()))
    assert titanate == {"Eu": 2.0, "Ti": 4.0, "O": -2.0}


@pytest.mark.parametrize("lanthanide", ["La", "Nd", "Pr"])
def test_a_state_below_the_usual_is_a_question_that_the_neighbours_state_answers(
    lanthanide: str,
) -> None:
    structure = infinite_layers(lanthanide, 0.2)
    found = analyze_sites(structure)
    assert states(found)["Ni"] == pytest.approx(1.2)
    assert states(found)[lanthanide] == 3.0
    (doubt,) = obstacles(valence_findings(structure, found))
    assert "the composition gives +1.2" in doubt.text
    stated = analyze_sites(structure, stated={lanthanide: 3})
    assert states(stated)["Ni"] == pytest.approx(1.2)


def test_what_an_element_always_is_may_be_stated_without_consequence() -> None:
    structure = infinite_layers("Nd", 0.0)
    for stated in ({}, {"Nd": 3}, {"O": -2}):
        assert states(analyze_sites(structure, stated=stated))["Ni"] == 1.0


def test_a_mean_of_which_one_ion_has_a_full_shell_is_an_ion() -> None:
    assert "full" in no_ion("Cu", 1.0)
    assert not no_ion("Cu", 4 / 3)
    assert not no_ion("Cu", 2.0)
    assert "full" in no_ion("Zn", 2.0)


def test_two_sites_whose_sums_do_not_tell_them_apart_share_alike() -> None:
    """YBa2Cu3O7, whose chains have the higher sum, and Fe3O4, whose tetrahedra have."""
    cuprate = Structure.from_spacegroup(
        "Pmmm",
        Lattice.orthorhombic(3.82, 3.886, 11.68),
        ["Ba", "Y", "Cu", "Cu", "O", "O", "O", "O"],
        [
            [0.5, 0.5, 0.184], [0.5, 0.5, 0.5], [0, 0, 0], [0, 0, 0.355],
            [0, 0.5, 0], [0, 0, 0.159], [0.5, 0, 0.378], [0, 0.5, 0.378],
        ],
    )  # fmt: skip
    copper = [site for site in analyze_sites(cuprate) if site.element == "Cu"]
    assert [site.oxidation_state for site in copper] == pytest.approx([7 / 3, 7 / 3])
    magnetite = analyze_sites(crystal("spinel-Fe3O4").structure())
    assert [site.oxidation_state for site in magnetite if site.element == "Fe"] == [3.0, 2.5]
