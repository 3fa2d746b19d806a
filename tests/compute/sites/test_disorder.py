"""Disordered crystals: who shares a place, what excludes what, what is around an absorber."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any

import numpy as np
import pytest
from pymatgen.core import DummySpecies, Lattice, Structure

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.sites import Site, analyze_sites, charge_warnings
from compute.sites.analysis import as_dict
from compute.sites.disorder import analyze_disordered
from compute.sites.frame import point_group
from compute.sites.occupants import joint_states
from compute.sites.shares import share


def mixed(name: str, contents: Mapping[str, Mapping[str, float]]) -> Structure:
    """A published crystal with some of its elements replaced by a mixture."""
    structure = crystal(name).structure()
    structure.remove_oxidation_states()
    for i, site in enumerate(structure):
        if site.specie.symbol in contents:
            structure[i] = (dict(contents[site.specie.symbol]), site.frac_coords)
    return structure


def of(sites: list[Site], element: str) -> Site:
    return next(site for site in sites if site.element == element)


def same(a: Any, b: Any) -> bool:
    try:
        return bool(np.allclose(np.array(a, float), np.array(b, float), equal_nan=True))
    except (TypeError, ValueError):
        return bool(a == b)


@pytest.mark.parametrize(
    "name",
    ["rocksalt-NiO", "spinel-Fe3O4", "pyrite-FeS2", "olivine-LiFePO4", "V2O5", "brucite-NiOH2"],
)
def test_an_ordered_crystal_is_a_disordered_one_of_whole_atoms(name: str) -> None:
    structure = crystal(name).structure()
    for one, other in zip(analyze_sites(structure), analyze_disordered(structure), strict=True):
        a, b = as_dict(one), as_dict(other)
        assert [key for key in a if not same(a[key], b[key])] == []


def test_an_ordered_absorber_in_a_mixed_lattice_takes_what_is_left_of_the_charge() -> None:
    sites = analyze_sites(mixed("perovskite-LaMnO3", {"La": {"La": 0.7, "Sr": 0.3}}))
    assert [of(sites, el).oxidation_state for el in ("La", "Sr", "O")] == [3.0, 2.0, -2.0]
    manganese = of(sites, "Mn")
    assert manganese.oxidation_state == pytest.approx(3.3)
    assert (manganese.alternatives, manganese.left_out) == ((), 0.0)
    assert charge_warnings(sites) == ()


def test_each_element_of_a_shared_place_is_a_site() -> None:
    sites = analyze_sites(mixed("rocksalt-FeO", {"Fe": {"Fe": 0.5, "Co": 0.5}}))
    iron, cobalt = of(sites, "Fe"), of(sites, "Co")
    assert (iron.index, iron.occupancy, iron.key) == (0, 0.5, "Fe:0")
    assert (cobalt.index, cobalt.occupancy, cobalt.amount) == (0, 0.5, 2.0)
    assert iron.oxidation_state == cobalt.oxidation_state == 2.0
    assert iron.oxidation_confidence < 0.9  # its bonds are those of a mean


def test_atoms_of_a_shared_place_have_valences_of_their_own() -> None:
    """The layered cathode NCM622: Mn4+ and Co3+, and nickel makes up for it."""
    content = {"Ni": 0.6, "Co": 0.2, "Mn": 0.2}
    sites = analyze_sites(mixed("layered-LiCoO2", {"Co": content}))
    assert of(sites, "Mn").oxidation_state == 4.0
    assert of(sites, "Co").oxidation_state == 3.0
    assert of(sites, "Ni").oxidation_state == pytest.approx(8 / 3)
    assert max(of(sites, el).oxidation_confidence for el in content) < 0.9
    assert charge_warnings(sites) == ()


def test_charge_is_shared_out_as_a_linear_programme_does() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(3)
    for _ in range(20):
        states = [np.arange(2.0, 2.0 + n) for n in rng.integers(2, 5, 4)]
        costs = [rng.uniform(0, 5, len(q)) for q in states]
        amounts = rng.uniform(0.2, 4.0, 4)
        low, high = (
            sum(a * f(q) for a, q in zip(amounts, states, strict=True)) for f in (min, max)
        )
        total = rng.uniform(low, high)
        found = share([dict(zip(q, c, strict=True)) for q, c in zip(states, costs, strict=True)],
                      list(amounts), total)  # fmt: skip
        assert found is not None
        ours = sum(a * one.state for a, one in zip(amounts, found, strict=True))
        assert ours == pytest.approx(total)
        spread = np.concatenate([a * q for a, q in zip(amounts, states, strict=True)])
        kinds = np.zeros((4, len(spread)))
        for k, part in enumerate(
            np.split(np.arange(len(spread)), np.cumsum([len(q) for q in states])[:-1])
        ):
            kinds[k, part] = 1.0
        best = linprog(
            np.concatenate([a * c for a, c in zip(amounts, costs, strict=True)]),
            A_eq=np.vstack([kinds, spread]), b_eq=[1.0] * 4 + [total],
        )  # fmt: skip
        x = np.split(best.x, np.cumsum([len(q) for q in states])[:-1])
        twin = [float(q @ one) for q, one in zip(states, x, strict=True)]
        assert [one.state for one in found] == pytest.approx(twin, abs=1e-6)
        assert sum(abs(one.state - round(one.state)) > 1e-6 for one in found) <= 1
    assert share([{2.0: 0.0}], [1.0], 3.0) is None


def test_rounding_of_occupancies_shares_no_valence() -> None:
    structure = mixed("olivine-Fe2SiO4", {"Fe": {"Fe": 0.05, "Mg": 0.945}})
    assert of(analyze_sites(structure), "Fe").oxidation_state == 2.0


def test_a_mixed_shell_is_a_binomial_of_arrangements() -> None:
    sites = analyze_sites(mixed("rocksalt-MnO", {"O": {"O": 0.8, "F": 0.2}}))
    site = of(sites, "Mn")
    assert site.possible_ligands == {"O", "F"}
    weights = [weight for weight, _ in site.alternatives]
    assert sum(weights) == pytest.approx(1.0)
    kept = 1.0 - site.left_out
    by_fluorine = np.zeros(7)
    for weight, one in site.alternatives:
        by_fluorine[one.ligand_elements.count("F")] += weight * kept
        assert one.coordination_number == 6
    wanted = [comb(6, n) * 0.2**n * 0.8 ** (6 - n) for n in range(7)]
    assert by_fluorine[:3] == pytest.approx(wanted[:3], abs=1e-9)  # cis and trans are two
    assert kept == pytest.approx(by_fluorine.sum())
    assert kept > 0.9


def test_an_arrangement_has_its_own_symmetry_and_its_own_charges() -> None:
    sites = analyze_sites(mixed("rocksalt-MnO", {"O": {"O": 0.8, "F": 0.2}}))
    mean = 0.8 * of(sites, "O").oxidation_state + 0.2 * of(sites, "F").oxidation_state
    one_fluorine = next(
        one for _, one in of(sites, "Mn").alternatives if one.ligand_elements.count("F") == 1
    )
    assert one_fluorine.point_group_schoenflies == "C4v"
    near = one_fluorine.charge_corrections
    assert sorted(near[:, 3]) == pytest.approx(sorted([-2.0 - mean] * 5 + [-1.0 - mean]))


def test_vacancies_of_ligands_change_the_polyhedron() -> None:
    site = of(analyze_sites(mixed("perovskite-SrFeO3", {"O": {"O": 5 / 6}})), "Fe")
    shares = {one.coordination_number: weight for weight, one in site.alternatives[:2]}
    assert site.oxidation_state == 3.0
    assert set(shares) == {5, 6}
    assert {one.geometry for _, one in site.alternatives[:2]} == {"square pyramid", "octahedron"}


def test_split_positions_exclude_each_other() -> None:
    structure = Structure.from_spacegroup(
        "P4/mmm", Lattice.tetragonal(2.9, 4.2), [{"Fe": 0.5}, "O", "O"],
        [[0, 0, 0.05], [0.5, 0.5, 0], [0, 0, 0.5]],
    )  # fmt: skip
    site = of(analyze_sites(structure, stated={"Fe": 4}), "Fe")
    assert set(site.ligand_elements) == {"O"}
    assert site.multiplicity == 2
    ((*vector, charge),) = site.charge_corrections
    assert np.linalg.norm(vector) == pytest.approx(0.42)
    assert charge == pytest.approx(-2.0)  # half an Fe4+ is in the mean, none is there


def test_atoms_split_by_less_than_a_tenth_of_an_angstrom_keep_the_symmetry() -> None:
    structure = Structure.from_spacegroup(
        "P4/mmm", Lattice.tetragonal(4.0, 4.4), [{"Ni": 1}, {"O": 0.5}, "O"],
        [[0, 0, 0], [0.5, 0.01, 0], [0, 0, 0.5]],
    )  # fmt: skip
    site = of(analyze_sites(structure, stated={"Ni": 4, "O": -2}), "Ni")
    assert site.point_group_schoenflies == "D4h"
    groups = {one.point_group_schoenflies for _, one in site.alternatives}
    assert {one.coordination_number for _, one in site.alternatives} == {6}
    assert groups <= {"C4h", "C2v", "C2h", "Cs", "D2h"}  # of each arrangement, subgroups
    assert len(groups) > 1


def test_operations_that_are_no_group_are_told_in_words() -> None:
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for operations in (np.stack([turn, turn]), np.zeros((0, 3, 3), dtype=int)):
        with pytest.raises(InputError, match="do not form a point group"):
            point_group(operations)


def test_alternatives_of_a_group_keep_their_occupancies() -> None:
    excludes = np.zeros((3, 3), dtype=bool)
    excludes[[0, 1, 1, 2], [1, 0, 2, 1]] = True
    occupancies = [0.4, 0.3, 0.5]
    states = joint_states([0, 1, 2], occupancies, excludes)
    for k, occupancy in enumerate(occupancies):
        assert sum(w for chosen, w in states if k in chosen) == pytest.approx(occupancy, abs=1e-6)
    assert not any({0, 1} <= set(chosen) or {1, 2} <= set(chosen) for chosen, _ in states)


def test_a_valence_can_be_stated_of_one_element_of_a_place() -> None:
    structure = mixed("rocksalt-FeO", {"Fe": {"Fe": 0.5, "Co": 0.5}})
    sites = analyze_sites(structure, stated={"Co:2": 3})
    assert of(sites, "Co").oxidation_state == 3.0
    assert (of(sites, "Fe").oxidation_source, of(sites, "Co").oxidation_source)[1] == "stated"
    with pytest.raises(InputError, match="no such atom"):
        analyze_sites(structure, stated={"Ni:2": 2})


def test_what_is_no_occupancy_is_refused_by_place() -> None:
    structure = Structure(
        Lattice.cubic(4), [{DummySpecies("X"): 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    with pytest.raises(InputError, match=r"structure\.sites\[0\]"):
        analyze_sites(structure)
