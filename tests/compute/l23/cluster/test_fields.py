"""Atoms and Kohn-Sham fields of small clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyscf import dft

from compute.atom import atomic_parameters
from compute.errors import ConvergenceError, InputError
from compute.l23.cluster import molecule, scf
from compute.l23.cluster.atoms import metal_occupation, solve_atom
from compute.l23.cluster.levels import levels, slater_integrals
from compute.l23.cluster.molecule import Cluster, build_cluster
from compute.l23.cluster.prepare import references_and_starts
from compute.l23.cluster.scf import Field, Occupation, References, solve_field
from compute.orbitals import rotation_matrix

_BOND = 3.31  # Ti-F of TiF4, bohr
_TETRAHEDRON = _BOND / np.sqrt(3.0) * np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def _tif4(vectors: np.ndarray) -> tuple[Cluster, References, list[np.ndarray]]:
    cluster = build_cluster("Ti", ("F",) * 4, vectors, None)
    return cluster, *references_and_starts(cluster, "Ti", ("F",) * 4, {"F": -1.0}, 0.0)


@pytest.fixture(scope="module")
def tif4() -> tuple[Cluster, References, list[np.ndarray]]:
    return _tif4(_TETRAHEDRON)


@pytest.fixture(scope="module")
def field(tif4: tuple[Cluster, References, list[np.ndarray]]) -> Field:
    cluster, references, starts = tif4
    return solve_field(cluster, references, Occupation(0.0, 0.0), starts)


@pytest.mark.parametrize(("element", "n_d"), [("Ti", 1), ("Mn", 5), ("Ni", 8)])
def test_an_isolated_ion_has_the_slater_integrals_of_the_atomic_solver(
    element: str, n_d: int
) -> None:
    """Functional, basis and fit differ: within 6 %; a sphere has no anisotropy."""
    atom = solve_atom(element, metal_occupation(n_d + 1, 1.0), "PBE", absorber=True)
    d = atom.shells[3, 2][:, [2, 4, 0, 3, 1]]
    found = slater_integrals(atom.cluster, atom.shells[2, 1], d)
    expected = atomic_parameters(element, 2, n_d, empty_shells=True)["final"]
    for key in ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd"):
        assert found[key] == pytest.approx(expected[key], rel=0.06), key
    assert found["anisotropy"] < 1e-4


@pytest.mark.parametrize(
    "element",
    ["Mn", pytest.param("Ti", marks=pytest.mark.slow), pytest.param("Cu", marks=pytest.mark.slow)],
)
def test_the_absorbers_functions_reach_as_far_as_its_d_electrons(
    element: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A softer d function changes nothing (a set that ends early lost 0.25 eV of MnO's 10Dq)."""
    usual = molecule.basis_of
    occupation = metal_occupation({"Ti": 2, "Mn": 5, "Cu": 9}[element])

    def f2dd() -> float:
        atom = solve_atom(element, occupation, "PBE", absorber=True)
        return slater_integrals(atom.cluster, atom.shells[2, 1], atom.shells[3, 2])["F2dd"]

    before = f2dd()
    softest = min(
        row[0] for shell in usual(element, absorber=True) if shell[0] == 2 for row in shell[1:]
    )

    def with_another(element: str, *, absorber: bool = False) -> list[Any]:
        more = [[2, [softest / 2.5, 1.0]]] if absorber else []
        return [*usual(element, absorber=absorber), *more]

    monkeypatch.setattr(molecule, "basis_of", with_another)
    assert f2dd() == pytest.approx(before, rel=2e-3)


def test_exchange_and_correlation_agree_with_pyscf(field: Field, tif4) -> None:
    cluster = tif4[0]
    density = scf.density_of(field.orbitals, field.occupation)
    energy, matrix = cluster.exchange_correlation(density)
    grids = dft.gen_grid.Grids(cluster.mol)
    grids.level = 1
    grids.build()
    _, expected, whole = dft.numint.NumInt().nr_rks(cluster.mol, grids, "PBE", density)
    assert energy == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(matrix, whole, atol=1e-5)


def test_a_field_holds_its_electrons_and_is_nearly_stationary(field: Field, tif4) -> None:
    cluster = tif4[0]
    density = scf.density_of(field.orbitals, field.occupation)
    electrons = 22 + 4 * 9
    assert np.einsum("ij,ij->", density, cluster.overlap) == pytest.approx(electrons, abs=1e-6)
    commutator = field.fock @ density @ cluster.overlap
    commutator = cluster.orthogonal.T @ (commutator - commutator.T) @ cluster.orthogonal
    assert np.abs(commutator).max() < 0.1


@pytest.mark.slow
def test_electrons_moved_to_antibonding_states_cost_their_level_difference(
    field: Field, tif4
) -> None:
    """Janak's theorem at half of what is moved; d gains less than that, and its level rises."""
    cluster, references, _ = tif4
    moved, half = (
        solve_field(cluster, references, Occupation(0.0, 0.0, moved=n), [field.fock])
        for n in (0.5, 0.25)
    )
    upper, lower = half.orbitals.upper, half.orbitals.lower
    slope = np.trace(half.block(upper, upper)) / 5 - np.trace(half.block(lower, lower)) / 5
    assert (moved.energy - field.energy) / 0.5 == pytest.approx(slope, abs=0.01)
    gained = scf.d_electrons(cluster, moved) - scf.d_electrons(cluster, field)
    assert 0.1 < gained < 0.5
    assert 2.5 < (levels(moved).gap - levels(field).gap) / gained < 9.0
    density = scf.density_of(moved.orbitals, moved.occupation)
    assert np.einsum("ij,ij->", density, cluster.overlap) == pytest.approx(22 + 36, abs=1e-6)


@pytest.mark.slow
def test_total_energies_follow_slaters_transition_state(field: Field, tif4) -> None:
    """Occupation derivative at half the change against the difference (Janak 1978)."""
    cluster, references, starts = tif4
    final = solve_field(cluster, references, Occupation(1.0, 1.0), [field.fock, *starts])
    middle = solve_field(cluster, references, Occupation(0.5, 0.5), [field.fock, *starts])
    upper, core = middle.orbitals.upper, middle.orbitals.core
    slope = np.trace(middle.block(upper, upper)) / 5 - np.trace(middle.block(core, core)) / 3
    assert (final.energy - field.energy) == pytest.approx(slope, abs=0.03)


def test_ligand_orbitals_are_as_like_the_atoms_as_can_be_and_d_keeps_off_them(
    field: Field, tif4
) -> None:
    """Of all orthonormal functions in the manifold p have the largest overlap with the atoms'."""
    cluster, references, _ = tif4
    d, p, s = field.orbitals.d, field.orbitals.p, cluster.overlap
    both = np.hstack([d, p])
    np.testing.assert_allclose(both.T @ s @ both, np.eye(both.shape[1]), atol=1e-9)
    shown = p.T @ s @ references.p
    # No orthonormal functions of the manifold overlap more: the sum of the singular values.
    most = np.linalg.svd(both.T @ s @ references.p, compute_uv=False).sum()
    assert np.trace(shown) == pytest.approx(most, abs=1e-8)
    own = d.T @ s @ references.d
    np.testing.assert_allclose(own, own.T, atol=1e-3)
    assert np.linalg.eigvalsh(own).min() > 0.8


def test_tetrahedral_levels_are_upside_down_and_hop_symmetrically(field: Field) -> None:
    found = levels(field)
    np.testing.assert_allclose(found.hopping, found.hopping.T, atol=2e-5)
    assert np.linalg.eigvalsh(found.hopping).min() > 0
    e, t2 = found.hopping[0, 0], found.hopping[2, 2]
    assert t2 > e
    np.testing.assert_allclose(np.diag(found.hopping), [e, e, t2, t2, t2], atol=5e-3)
    assert abs(np.trace(found.crystal_field)) < 1e-9


@pytest.mark.slow
def test_turning_the_cluster_turns_its_levels(field: Field) -> None:
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    k = np.cross(np.eye(3), axis)
    rotation = np.eye(3) + np.sin(0.7) * k + (1 - np.cos(0.7)) * k @ k
    cluster, references, starts = _tif4(_TETRAHEDRON @ rotation.T)
    turned = levels(solve_field(cluster, references, Occupation(0.0, 0.0), starts))
    before = levels(field)
    d = rotation_matrix(rotation)
    np.testing.assert_allclose(d.T @ turned.hopping @ d, before.hopping, atol=0.02)
    assert turned.gap == pytest.approx(before.gap, abs=0.02)


def test_states_that_are_mostly_atomic_are_not_mixed_with_others() -> None:
    """Six states: four pure, one shared by two, one foreign."""
    shown = np.zeros((7, 5))
    shown[[0, 2, 3, 5], range(4)] = [0.9, 0.95, 0.8, 0.85]
    shown[4, 4], shown[6, 4] = 0.6, 0.5
    shown[1] = 0.02
    chosen = scf.most_like(shown)
    np.testing.assert_allclose(chosen.T @ chosen, np.eye(5), atol=1e-12)
    assert (np.count_nonzero(chosen, axis=0)[:4] == 1).all()
    assert set(np.argmax(np.abs(chosen[:, :4]), axis=0)) == {0, 2, 3, 5}
    mixed = np.abs(chosen[:, 4])
    assert mixed[4] > mixed[6] > 0.5
    assert mixed[1] < 0.1


def test_failure_to_converge_is_told_with_its_trace(tif4, monkeypatch) -> None:
    cluster, references, starts = tif4
    monkeypatch.setattr(scf, "_ITERATIONS", 2)
    with pytest.raises(ConvergenceError, match="last residuals of each start"):
        solve_field(cluster, references, Occupation(0.0, 0.0), starts[:1])


def test_ligands_without_a_rule_are_refused() -> None:
    with pytest.raises(InputError, match="ligands"):
        build_cluster("Ti", ("P",), np.array([[0.0, 0.0, 4.0]]), None)
