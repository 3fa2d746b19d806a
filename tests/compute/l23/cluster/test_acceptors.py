"""Molecular orbitals of cyanides: a linear pair of them, and the route from end to end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.atom import atomic_parameters
from compute.errors import ImplausibleError
from compute.l23.cluster.acceptors import (
    D_ORDER,
    Molecules,
    Occupation,
    Shells,
    molecules_of,
    repulsion_with_2p,
    share_of,
    solve_field,
    valence,
)
from compute.l23.cluster.atoms import metal_occupation
from compute.l23.cluster.backbonding import MolecularModel, MolecularState
from compute.l23.cluster.levels import slater_integrals
from compute.l23.cluster.molecule import Cluster, build_cluster
from compute.l23.cluster.plausibility import check_molecular
from compute.l23.fitting.complexes import complex_structure
from compute.l23.spectrum import l23_spectrum
from compute.multiplet.transfer import Share
from compute.sites import analyze_sites

_NEAR, _FAR = 3.63, 5.80  # of carbon and nitrogen, bohr


@pytest.fixture(scope="module")
def line() -> tuple[Cluster, Molecules]:
    """Fe(CN)2 along z."""
    z = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    cluster = build_cluster(
        "Fe", ["C", "C"], _NEAR * z, None, outer=["N", "N"], outer_vectors=_FAR * z
    )
    bonds = (_FAR - _NEAR) * z
    occupation = metal_occupation(6.5, 0.5)
    return cluster, molecules_of(cluster, "Fe", [("C", "N")] * 2, bonds, occupation)


@pytest.fixture(scope="module")
def shells(line: tuple[Cluster, Molecules]) -> Shells:
    cluster, molecules = line
    return solve_field(
        cluster, molecules, Occupation(0.0, 6.0), [cluster.fock(molecules.density)[1]]
    ).orbitals


def test_the_ion_has_all_of_its_own_3d(line: tuple[Cluster, Molecules]) -> None:
    cluster, molecules = line
    share = share_of(cluster, molecules, molecules.core, molecules.d)
    np.testing.assert_allclose(share, np.eye(5), atol=1e-9)
    found = repulsion_with_2p(cluster, molecules.core, molecules.d, share)
    ion = molecules.ion
    expected = slater_integrals(ion.cluster, ion.shells[2, 1], ion.shells[3, 2][:, D_ORDER])
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-3), name


def test_half_of_an_orbital_meets_2p_as_the_ion_does(line: tuple[Cluster, Molecules]) -> None:
    cluster, molecules = line
    share = np.diag([0.5, 0.9, 0.9, 0.7, 0.7])
    part = molecules.d @ share
    whole = repulsion_with_2p(cluster, molecules.core, molecules.d, np.eye(5))
    found = repulsion_with_2p(cluster, molecules.core, part, share)
    assert found == pytest.approx(whole, rel=1e-6)


def test_a_line_of_two_cyanides_takes_from_xz_and_yz_alone(
    line: tuple[Cluster, Molecules], shells: Shells
) -> None:
    cluster, molecules = line
    s = cluster.overlap
    assert shells.acceptors == 2
    np.testing.assert_allclose(shells.d.T @ s @ shells.d, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(
        shells.acceptor.T @ s @ shells.acceptor, np.diag([0.0, 0, 0, 1, 1]), atol=1e-4
    )
    np.testing.assert_allclose(shells.d.T @ s @ shells.acceptor, 0.0, atol=1e-8)
    share = np.diag(share_of(cluster, molecules, shells.core, shells.acceptor))
    assert share[3] == pytest.approx(share[4], abs=1e-3)
    assert 0.05 < share[3] < 0.8


def test_every_electron_has_a_place(line: tuple[Cluster, Molecules], shells: Shells) -> None:
    molecules = line[1]
    electrons = 2 * shells.filled.shape[1] + 6 + 6  # filled, 2p⁶, d⁶
    assert electrons == 24 + 2 * 14
    assert molecules.filled.shape[1] == 10
    assert molecules.empty.shape[1] == 4


def test_turning_the_complex_turns_its_orbitals(line: tuple[Cluster, Molecules]) -> None:
    """Along x, what was of xz and yz is of xy and xz."""
    x = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    cluster = build_cluster(
        "Fe", ["C", "C"], _NEAR * x, None, outer=["N", "N"], outer_vectors=_FAR * x
    )
    occupation = metal_occupation(6.5, 0.5)
    turned = molecules_of(cluster, "Fe", [("C", "N")] * 2, (_FAR - _NEAR) * x, occupation)
    found = []
    for one, molecules in (line, (cluster, turned)):
        shells = valence(one, molecules, one.fock(molecules.density)[1])
        found.append(np.diag(share_of(one, molecules, shells.core, shells.acceptor)))
    np.testing.assert_allclose(found[0][[3, 4]], found[1][[2, 3]], atol=2e-3)
    np.testing.assert_allclose(found[1][[0, 1, 4]], 0.0, atol=1e-3)


def _ferrocyanide(**changes: Any) -> MolecularModel:
    """As the route gives it."""
    eg, t2g = np.diag([1.0, 1, 0, 0, 0]), np.diag([0.0, 0, 1, 1, 1])
    initial = MolecularState(
        energy=0.0,
        gap=3.4,
        crystal_field=2.69 * eg - 1.79 * t2g,
        acceptor=20.0 * eg,
        share=Share(0.81 * eg + 0.78 * t2g, 0.48 * t2g),
        slater={"F2dd": 5.5, "F4dd": 3.5},
    )
    return MolecularModel(6, replace(initial, **changes), replace(initial, gap=4.0), 4.3)


def test_ferrocyanide_is_plausible_and_what_it_gives_up_moves_with_the_gaps() -> None:
    check_molecular(_ferrocyanide(), atomic_parameters("Fe", 2, 6))
    assert _ferrocyanide().delta == pytest.approx(3.7)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"share": Share(0.3 * np.eye(5), 0.4 * np.eye(5))}, "initial share of 3d in D"),
        ({"share": Share(0.8 * np.eye(5), 0.95 * np.eye(5))}, r"initial share of 3d in π\*"),
        ({"slater": {"F2dd": 1.0, "F4dd": 3.5}}, "initial F2dd over that of the free ion"),
        ({"gap": -3.0}, "lowest D to A transfer .* came out as -0.9"),
    ],
)
def test_orbitals_that_are_no_d_are_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ImplausibleError, match=told):
        check_molecular(_ferrocyanide(**changes), atomic_parameters("Fe", 2, 6))


@pytest.mark.slow
def test_ferrocyanide_from_its_structure_alone() -> None:
    structure, charges = complex_structure("Fe", 2, "CN", 6, 1.92)
    sites = analyze_sites(structure, stated=charges)
    found = l23_spectrum(structure, sites, sites[0], "cluster")
    case = found.result["parameters"]
    assert found.result["expectation"]["S2"] < 0.01
    assert found.ten_dq == pytest.approx(4.07, abs=0.5)  # optical, published.json
    assert case["back_donation"]["final_delta"] == pytest.approx(4.3, abs=0.1)
    energy, height = found.energy_ev, found.intensity / found.intensity.max()
    inner = height[1:-1]
    peaks = 1 + np.flatnonzero((inner > height[:-2]) & (inner > height[2:]) & (inner > 0.4))
    # e_g and π*: 1.6 eV apart after Hocking et al. 2006 (unverified).
    assert len(peaks) == 2
    assert np.diff(energy[peaks])[0] == pytest.approx(1.6, abs=0.4)
