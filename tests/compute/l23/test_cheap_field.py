"""The ligand field of route ``cheap`` against closed forms, direct sums and invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from compute.crystals.published import crystal
from compute.l23.cheap import ewald
from compute.l23.cheap.ewald import lattice_multipoles
from compute.l23.cheap.parameters import (
    effective_splitting,
    ligand_field,
    point_charge_fields,
)
from compute.l23.hopping import ligand_shell, outer_hopping, outer_shift, p_hopping, s_hopping
from compute.orbitals import gaunt, real_harmonics, rotation_matrix
from compute.sites import analyze_sites
from compute.units import HARTREE_EV
from tests.compute.l23.sites import site_of

FloatArray = NDArray[np.float64]

OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]) / np.sqrt(3)
RUTILE = (
    np.diag([4.594, 4.594, 2.959]),
    np.array(
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.305, 0.305, 0], [0.695, 0.695, 0], [0.805, 0.195, 0.5],
         [0.195, 0.805, 0.5]]
    ),
    np.array([4.0, 4.0, -2.0, -2.0, -2.0, -2.0]),
)  # fmt: skip


def test_six_charges_split_d_levels_by_the_textbook_ten_dq():
    """10Dq = (5/3) Z e² <r⁴> / a⁵."""
    a, r4 = 3.9, 3.0
    b = real_harmonics(4, OCTAHEDRON) @ np.full(6, -2.0) / a**5
    field = -4 * np.pi / 9 * r4 * np.einsum("k,kmn->mn", b, gaunt(4)) * HARTREE_EV
    levels = np.diag(field)
    assert levels[0] - levels[2] == pytest.approx(5 / 3 * 2 * r4 / a**5 * HARTREE_EV, rel=1e-12)
    np.testing.assert_allclose(field, np.diag(levels), atol=1e-14)


def test_lattice_sum_agrees_with_a_direct_sum_where_that_converges():
    lattice, fractional, charges = RUTILE
    n = np.arange(-14, 15)
    images = np.stack(np.meshgrid(n, n, n, indexing="ij"), -1).reshape(-1, 3)
    vectors = (fractional[None] + images[:, None]).reshape(-1, 3) @ lattice
    r = np.linalg.norm(vectors, axis=1)
    keep = (r > 1e-6) & (r < 38.0)
    direct = real_harmonics(4, vectors[keep]) @ (np.tile(charges, len(images))[keep] / r[keep] ** 5)
    np.testing.assert_allclose(
        lattice_multipoles(lattice, fractional, charges, 0, 4), direct, atol=2e-6
    )


@pytest.mark.parametrize("l", [2, 4])
def test_lattice_sum_does_not_depend_on_where_ewald_divides_it(l, monkeypatch):
    lattice, fractional, charges = RUTILE
    sums = []
    for cutoff in (8.0, 11.0, 15.0):
        monkeypatch.setattr(ewald, "_CUTOFF_ANG", cutoff)
        sums.append(lattice_multipoles(lattice, fractional, charges, 0, l))
    np.testing.assert_allclose(sums[0], sums[1], atol=1e-8)
    np.testing.assert_allclose(sums[2], sums[1], atol=1e-8)


def test_a_supercell_gives_the_same_field_as_its_cell():
    structure = crystal("rutile-TiO2").structure()
    large = structure.copy()
    large.make_supercell([2, 1, 2])
    fields = []
    for cell in (structure, large):
        sites = analyze_sites(cell)
        site = next(s for s in sites if s.element == "Ti")
        both = point_charge_fields(cell, sites, site)
        fields.append([np.linalg.eigvalsh(matrix) for matrix in both])
    np.testing.assert_allclose(*fields, atol=1e-7)


def test_octahedral_hopping_is_slater_and_kosters():
    """V_eg = √3 pdσ, V_t2g = 2 pdπ."""
    sigma, pi = p_hopping(OCTAHEDRON * 2.1, [1.0] * 6)
    v, _ = ligand_shell(sigma + pi, np.zeros((18, 18)))
    np.testing.assert_allclose(np.diag(v)[:2], np.sqrt(3) * 2.95, rtol=1e-12)
    np.testing.assert_allclose(np.diag(v)[2:], 2 * 1.36, rtol=1e-12)
    np.testing.assert_allclose(v, np.diag(np.diag(v)), atol=1e-12)


def test_tetrahedral_hopping_is_slater_and_kosters():
    """V_e = √(8/3) pdπ, V_t2 = √(4/3 pdσ² + 8/9 pdπ²)."""
    sigma, pi = p_hopping(TETRAHEDRON * 1.9, [1.0] * 4)
    v, _ = ligand_shell(sigma + pi, np.zeros((12, 12)))
    np.testing.assert_allclose(np.diag(v)[:2], np.sqrt(8 / 3) * 1.36, rtol=1e-12)
    expected = np.sqrt(4 / 3 * 2.95**2 + 8 / 9 * 1.36**2)
    np.testing.assert_allclose(np.diag(v)[2:], expected, rtol=1e-12)


def test_ligand_s_orbitals_push_only_eg_in_an_octahedron():
    hopping = s_hopping(OCTAHEDRON * 2.0, [1.0] * 6)
    shift = hopping @ hopping.T
    np.testing.assert_allclose(np.diag(shift)[2:], 0.0, atol=1e-15)
    np.testing.assert_allclose(np.diag(shift)[:2], 3 * 3.16**2, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_turning_the_ligands_turns_the_hopping_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(5, 3)) + OCTAHEDRON[:5] * 2
    rotation = Rotation.random(random_state=seed).as_matrix()
    strengths = rng.uniform(0.5, 1.0, 5)
    one, two = (
        ligand_shell(sum(p_hopping(x, strengths)), np.eye(15))[0]
        for x in (vectors, vectors @ rotation.T)
    )
    d = rotation_matrix(rotation)
    np.testing.assert_allclose(two, d @ one @ d.T, atol=1e-9)
    np.testing.assert_allclose(d @ d.T, np.eye(5), atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), name=st.sampled_from(["rutile-TiO2", "CuO"]))
def test_turning_the_crystal_leaves_the_levels_alone(seed: int, name: str) -> None:
    structure = crystal(name).structure()
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = Structure(
        Lattice(structure.lattice.matrix @ turn.T), structure.species, structure.frac_coords
    )
    element = {"rutile-TiO2": "Ti", "CuO": "Cu"}[name]
    levels = []
    for cell in (structure, turned):
        sites = analyze_sites(cell)
        field = ligand_field(cell, sites, next(s for s in sites if s.element == element))
        levels.append([np.linalg.eigvalsh(m) for m in (field.crystal_field, field.v)])
    np.testing.assert_allclose(levels[0], levels[1], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "element"), [("rocksalt-NiO", "Ni"), ("K2NiF4-K2NiF4", "Ni"), ("spinel-Co3O4", "Co")]
)
def test_cubic_and_tetragonal_sites_give_diagonal_fields(name: str, element: str) -> None:
    """So that the engine finds its fourfold blocks."""
    structure, sites, site = site_of(name, element)
    field = ligand_field(structure, sites, site)
    for matrix in (field.crystal_field, field.v, field.ligand):
        assert np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0
        assert np.diag(matrix)[3] == pytest.approx(np.diag(matrix)[4], abs=1e-12)


def test_square_planar_copper_has_its_hole_in_x2_y2():
    structure, sites, site = site_of("CaCuO2", "Cu")
    field = ligand_field(structure, sites, site)
    assert np.argmax(np.diag(field.crystal_field)) == 1
    assert np.argmax(np.diag(field.v)) == 1


def test_tetrahedra_split_the_other_way_and_less():
    structure, sites, tetrahedron = site_of("spinel-Co3O4", "Co", "tetrahedron")
    octahedron = next(s for s in sites if s.geometry == "octahedron" and s.element == "Co")
    small = effective_splitting(ligand_field(structure, sites, tetrahedron))
    large = effective_splitting(ligand_field(structure, sites, octahedron))
    assert -0.6 * large < small < 0.0


def test_the_metals_outer_orbitals_spare_an_octahedron_and_lower_a_square():
    """By symmetry 4s and 4p meet none of its eg and t2g; in a square 4s meets that of z²."""
    for vectors, touched in ((OCTAHEDRON, []), (OCTAHEDRON[:4], [0]), (TETRAHEDRON, [2, 3, 4])):
        ligands = ["O"] * len(vectors)
        sigma, pi = p_hopping(2.0 * vectors, [1.0] * len(vectors))
        shift = outer_shift(outer_hopping(2.0 * vectors, ligands))
        _, moved = ligand_shell(sigma + pi, shift)
        assert np.flatnonzero(np.diag(moved) < -1e-9).tolist() == touched
        assert np.abs(moved - np.diag(np.diag(moved))).max() < 1e-9
