"""A list without its hydrogens does not make nickel tetravalent."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.sites import analyze_sites
from compute.structures.valence import valence_findings

HYDROXIDES = {"brucite-NiOH2": ("Ni", 2), "brucite-CoOH2": ("Co", 2)}


def without_hydrogen(name: str, *, known: bool) -> Structure:
    full = crystal(name).structure()
    full.remove_oxidation_states()
    lost = sum(site.specie.symbol == "H" for site in full)
    full.remove_species(["H"])
    charge = -lost if known else None
    return Structure(full.lattice, full.species, full.frac_coords, charge=charge)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", HYDROXIDES)
def test_a_hydroxide_keeps_its_valence_without_hydrogen(name: str, known: bool) -> None:
    element, valence = HYDROXIDES[name]
    structure = without_hydrogen(name, known=known)
    sites = analyze_sites(structure)
    metal = next(site for site in sites if site.element == element)
    assert metal.oxidation_state == valence
    assert known or metal.oxidation_confidence < 0.9
    told = " ".join(one.text for one in valence_findings(structure, sites))
    assert "hydrogen" in told


def test_a_real_high_valence_is_not_taken_for_missing_hydrogen() -> None:
    # NiO2 with bonds of 1.88 Å, as in charged LiNiO2
    layer = Structure.from_spacegroup(
        "R-3m", Lattice.hexagonal(2.81, 13.4), ["Ni", "O"], [[0, 0, 0], [0, 0, 0.2655]]
    )
    nickel = next(site for site in analyze_sites(layer) if site.element == "Ni")
    assert nickel.bond_valence_sum > 3
    assert nickel.oxidation_state == 4


def test_no_state_is_beyond_what_the_element_has() -> None:
    # Copper in a list that lacks more than hydrogen: neutrality alone would ask for Cu6+.
    structure = Structure(
        Lattice.orthorhombic(5.0, 5.0, 4.6),
        ["Cu", "O", "O", "O"],
        [[0, 0, 0], [0.39, 0, 0], [0.61, 0, 0], [0, 0.39, 0.0]],
    )
    copper = next(site for site in analyze_sites(structure) if site.element == "Cu")
    assert copper.oxidation_state <= 3
    assert copper.oxidation_confidence < 0.9


def test_stated_charges_win_and_a_contradiction_is_told() -> None:
    structure = crystal("rocksalt-NiO").structure()
    structure.add_oxidation_state_by_element({"Ni": 4, "O": -2})
    sites = analyze_sites(structure)
    assert {site.oxidation_state for site in sites} == {4, -2}
    told = " ".join(one.text for one in valence_findings(structure, sites))
    assert "stated as +4" in told
    assert "add up to +8" in told
