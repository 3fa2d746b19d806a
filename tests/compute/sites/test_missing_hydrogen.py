"""A list without its hydrogens does not make nickel tetravalent."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.sites import analyze_sites
from compute.sites.evidence import Evidence
from compute.sites.hydrogens import with_hydrogens
from compute.sites.oxidation import assign
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


@pytest.mark.parametrize("name", HYDROXIDES)
def test_a_number_of_hydrogens_that_would_leave_the_metal_is_not_believed(name: str) -> None:
    element, valence = HYDROXIDES[name]
    structure = without_hydrogen(name, known=True)
    structure.set_charge(2 * structure._charge)  # as of a formula with twice as many
    metal = next(site for site in analyze_sites(structure) if site.element == element)
    assert metal.oxidation_state == valence
    assert metal.oxidation_confidence <= 0.5


def copper(total: float, *, amount: float = 1.0) -> Evidence:
    return Evidence("Cu", amount, total, ("O",), trusted=True)


def oxygen(total: float, amount: float, bound: float, *ligands: str) -> Evidence:
    single = bound == -2.0 and "H" not in ligands
    silent = "H" in ligands
    return Evidence(
        "O", amount, total, ligands, anion=True, bound=bound, single=single, silent=silent
    )


@pytest.mark.parametrize(("state", "total"), [(-1.0, -0.9), (-0.5, 0.0), (0.0, 0.0)])
def test_oxygens_bound_to_each_other_lack_no_hydrogen(state: float, total: float) -> None:
    pair = oxygen(total, 2, state, "Cu")
    options, bare = with_hydrogens([pair], [{state: 0.0}])
    assert (options, bare) == ([{state: 0.0}], 0.0)
    _, bare = with_hydrogens([oxygen(-0.9, 2, -2.0, "Cu")], [{-2.0: 0.0}])
    assert bare > 2


def test_a_peroxide_of_copper_is_of_copper_two() -> None:
    metal, _ = assign([copper(2.0), oxygen(-1.0, 2, -1.0, "Cu")])
    assert metal.value == 2
    assert metal.confidence > 0.9


def test_a_list_with_some_hydrogens_is_thought_to_have_all() -> None:
    # CuO(OH), one oxygen a little short of bonds
    bare = oxygen(-1.54, 1, -2.0, "Cu")
    hydroxide = oxygen(-1.67, 1, -2.0, "H")
    hydrogen = Evidence("H", 1, 0.8, ("O",), bound=1.0)
    metal, *_ = assign([copper(2.42), hydrogen, hydroxide, bare])
    assert metal.value == 3
    assert metal.confidence < 0.9  # a doubt is left


@pytest.mark.parametrize("charge", [0.0, -2.0])
def test_tetravalent_copper_is_not_believed_against_its_bonds(charge: float) -> None:
    # Neutrality alone would ask for Cu4+.
    oxide = oxygen(-1.8, 4 - charge, -1.0, "Cu")
    metal, _ = assign([copper(2.1), oxide], charge=charge)
    assert metal.value == 2
    assert metal.confidence <= 0.5


def warnings_of(structure: Structure, **stated: float) -> str:
    sites = analyze_sites(structure, stated=dict(stated))
    return "; ".join(one.text for one in valence_findings(structure, sites))


def octahedra_without_hydrogen(metal: str, donor: str, length: float, a: float) -> Structure:
    """The K2PtCl6 type: metals with six donors, and chlorides between."""
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(a), [metal, donor, "Cl"], [[0] * 3, [length / a, 0, 0], [0.25] * 3]
    )


@pytest.mark.parametrize(("metal", "donor", "length"), [("Ni", "N", 2.13), ("Co", "N", 2.15)])
def test_ammines_without_hydrogen_are_told_to_lack_it(metal, donor, length) -> None:
    told = warnings_of(octahedra_without_hydrogen(metal, donor, length, 10.1))
    assert "hydrogen may be missing" in told


def test_a_wrong_statement_is_no_missing_hydrogen() -> None:
    rocksalt = crystal("rocksalt-NiO").structure()
    told = warnings_of(rocksalt, Ni=-2)
    assert "add up to -" in told
    assert "hydrogen" not in told


def test_a_total_within_the_error_of_occupancies_is_no_missing_hydrogen() -> None:
    structure = Structure.from_spacegroup(
        "Pm-3m",
        Lattice.cubic(3.96),
        ["Sr", "Fe", {"O": 0.667, "F": 0.333}],
        [[0.5] * 3, [0, 0, 0], [0.5, 0, 0]],
    )
    told = warnings_of(structure)
    assert "add up to" in told
    assert "hydrogen" not in told


def test_water_without_hydrogen_that_shares_its_place_is_told_to_lack_it() -> None:
    """Layers of MnO2 with potassium and water between them, all on one place."""
    structure = Structure.from_spacegroup(
        "R-3m",
        Lattice.hexagonal(2.85, 21.0),
        ["Mn", "O", {"K": 0.3, "O": 0.6}],
        [[0, 0, 0], [0, 0, 0.2857], [0, 0, 0.5]],
    )
    told = warnings_of(structure)
    assert "hydrogen may be missing" in told
    assert "neither its bonds" not in told
