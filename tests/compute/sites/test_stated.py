"""Oxidation states that somebody states: used as they are, and beside them the rest analysed."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.sites import Site, analyze_sites, charge_warnings
from compute.structures.findings import obstacles
from compute.structures.valence import valence_findings


def ilmenite() -> Structure:
    return Structure.from_spacegroup(
        "R-3",
        Lattice.hexagonal(5.0884, 14.0855),
        ["Fe", "Ti", "O"],
        [[0, 0, 0.3553], [0, 0, 0.1464], [0.3174, 0.0233, 0.2451]],
    )


def states(sites: list[Site]) -> dict[str, tuple[float, str]]:
    return {site.element: (site.oxidation_state, site.oxidation_source) for site in sites}


@pytest.mark.parametrize("key", ["Fe", 0, 3])
def test_a_stated_state_is_used_and_marked_and_the_others_make_up_for_it(key: int | str):
    sites = analyze_sites(ilmenite(), stated={key: 3})
    assert states(sites)["Fe"] == (3.0, "stated")
    assert states(sites)["Ti"][0] == 3.0
    assert states(sites)["Ti"][1] != "stated"
    assert next(s for s in sites if s.element == "Fe").oxidation_confidence == 1.0
    assert charge_warnings(sites) == ()


def test_an_atom_goes_before_its_element():
    structure = crystal("spinel-Co3O4").structure()
    tetrahedral, octahedral, _ = analyze_sites(structure)
    sites = analyze_sites(structure, stated={"Co": 3, tetrahedral.index: 2})
    assert [s.oxidation_state for s in sites[:2]] == [2.0, 3.0]
    assert [s.oxidation_source for s in sites[:2]] == ["stated", "stated"]
    assert octahedral.index in sites[1].equivalent_indices


def test_the_spin_state_is_that_of_the_stated_ion():
    structure = crystal("perovskite-LaCoO3").structure()
    assert {s.element: s.spin_state for s in analyze_sites(structure)}["Co"] == "low"
    stated = analyze_sites(structure, stated={"Co": 2})
    assert {s.element: s.spin_state for s in stated}["Co"] == "high"


@pytest.mark.parametrize(
    ("name", "stated", "others"),
    [
        ("rocksalt-NiO", {"Ni": 3}, {"O": -2.0}),
        ("olivine-LiFePO4", {"Fe": 3}, {"Li": 1.0, "P": 5.0, "O": -2.0}),
        ("perovskite-SrTiO3", {"Ti": 3}, {"Sr": 2.0, "O": -2.0}),
        ("layered-LiCoO2", {"Co": 4}, {"Li": 1.0, "O": -2.0}),
        ("chalcopyrite-CuFeS2", {"Fe": 4}, {"Cu": 1.0, "S": -2.0}),
    ],
)
def test_a_total_that_nothing_can_make_neutral_is_told(name, stated, others):
    structure = crystal(name).structure()
    sites = analyze_sites(structure, stated=stated)
    found = {element: state for element, (state, _) in states(sites).items()}
    assert found == others | {element: float(state) for element, state in stated.items()}
    (warning,) = charge_warnings(sites)
    element, state = next(iter(stated.items()))
    assert f"{element}[" in warning
    assert f"{state:+g}" in warning
    assert "(stated)" in warning


def test_a_fraction_is_completed_by_the_other_sites_of_the_3d_element():
    structure = crystal("spinel-Fe3O4").structure()
    analysed = {s.index: s.oxidation_state for s in analyze_sites(structure)}
    tetrahedral, octahedral, _ = analysed
    assert (analysed[tetrahedral], analysed[octahedral]) == (3.0, 2.5)
    sites = analyze_sites(structure, stated={tetrahedral: 2.5})
    found = {s.index: s.oxidation_state for s in sites}
    assert found[octahedral] == pytest.approx(2.75)
    assert charge_warnings(sites) == ()


def test_a_person_goes_before_the_file_whose_other_charges_stay():
    structure = crystal("rocksalt-FeO").structure()
    structure.add_oxidation_state_by_element({"Fe": 2, "O": -2})
    sites = analyze_sites(structure, stated={"Fe": 3})
    assert states(sites) == {"Fe": (3.0, "stated"), "O": (-2.0, "stated")}
    assert [s.oxidation_confidence for s in sites] == [1.0, 0.7]
    assert charge_warnings(sites)


def test_charges_of_some_sites_of_a_file_are_kept():
    structure = ilmenite()
    structure.replace_species({"Fe": "Fe3+"})
    found = states(analyze_sites(structure))
    assert found["Fe"] == (3.0, "stated")
    assert found["Ti"][0] == 3.0


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"Ni": 2}, r"oxidation_states\[Ni\].*no such element"),
        ({99: 2}, r"oxidation_states\[99\].*no such atom"),
        ({-1: 2}, r"oxidation_states\[-1\].*no such atom"),
        ({"Fe": float("nan")}, r"oxidation_states\[Fe\].*within"),
        ({"Fe": 23}, r"oxidation_states\[Fe\].*within"),
        ({0: 2, 1: 3}, r"oxidation_states\[0\].*equivalent atoms"),
    ],
)
def test_what_cannot_be_stated_is_refused(stated, reason):
    with pytest.raises(InputError, match=reason):
        analyze_sites(ilmenite(), stated=stated)


@pytest.mark.parametrize("name", ["spinel-Fe3O4", "spinel-Co3O4", "V2O5", "pyrite-FeS2", "CuO"])
def test_stating_what_the_analysis_says_changes_only_the_mark(name):
    structure = crystal(name).structure()
    analysed = analyze_sites(structure)
    for known in analysed:
        again = analyze_sites(structure, stated={known.index: known.oxidation_state})
        assert [s.oxidation_state for s in again] == [s.oxidation_state for s in analysed]
        assert [s.oxidation_source == "stated" for s in again] == [s is known for s in analysed]


@pytest.mark.parametrize(("nickel", "confidence"), [(2, 1.0), (4, 0.3)])
def test_a_charge_of_the_file_that_the_bonds_contradict_is_hardly_believed(
    nickel: int, confidence: float
) -> None:
    structure = crystal("rocksalt-NiO").structure()
    structure.add_oxidation_state_by_element({"Ni": nickel, "O": -2})
    found = next(site for site in analyze_sites(structure) if site.element == "Ni")
    assert (found.oxidation_state, found.oxidation_source) == (float(nickel), "stated")
    assert found.oxidation_confidence == confidence


@pytest.mark.parametrize(
    ("name", "charges", "doubted"),
    [
        ("rocksalt-MnO", {"Mn": 7, "O": -2}, True),
        ("rocksalt-MnO", {"Mn": 7, "O": -7}, True),
        ("rocksalt-NiO", {"Ni": 4, "O": -2}, True),
        ("rocksalt-MnS", {"Mn": 7, "S": -2}, True),
        ("rocksalt-NiO", {"Ni": 3, "O": -2}, False),  # bonds do not exclude it
        ("rocksalt-NiO", {"Ni": 4, "O": -4}, True),  # neutral, with what oxygen never is
        ("rocksalt-MnO", {"Mn": 2, "O": -2}, False),
    ],
)
def test_a_charge_of_the_file_against_bonds_and_neutrality_is_a_doubt_until_a_person_states_it(
    name: str, charges: dict[str, int], doubted: bool
) -> None:
    structure = crystal(name).structure()
    structure.add_oxidation_state_by_element(charges)
    found = obstacles(valence_findings(structure, analyze_sites(structure)))
    assert bool(found) == doubted
    sites = analyze_sites(structure, stated=charges)
    told = valence_findings(structure, sites)
    assert obstacles(told) == []
    assert bool(told) == (sum(charges.values()) != 0 or doubted)


@pytest.mark.parametrize(("stated", "beside"), [({"Co": 3}, "Ni"), ({"Ni": 3}, "Co")])
def test_beside_a_statement_no_oxide_gets_a_monovalent_ion_to_be_neutral(stated, beside) -> None:
    metals = {"Ni": 0.5, "Co": 0.5}
    structure = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.2), [metals, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    sites = analyze_sites(structure, stated=stated)
    assert states(sites)[beside][0] == 2.0
    assert "add up to +2" in charge_warnings(sites)[0]


def test_monovalent_nickel_that_the_bonds_ask_for_stays_beside_a_statement() -> None:
    structure = Structure.from_spacegroup(
        "P4/mmm",
        Lattice.tetragonal(3.96, 3.37),
        ["La", "Ni", "O"],
        [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0]],
    )
    assert states(analyze_sites(structure, stated={"La": 3}))["Ni"][0] == 1.0
