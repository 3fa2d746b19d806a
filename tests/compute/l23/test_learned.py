"""What a model of route ``learned`` is given, and the case made of its numbers."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from compute.l23.cheap.ewald import lattice_multipoles
from compute.l23.learned import case_of, given_of
from compute.l23.surroundings import lattice_potential, surroundings
from compute.multiplet.case import parse_case
from compute.orbitals import real_harmonics
from compute.sites import analyze_sites
from tests.compute.l23.sites import site_of

MADELUNG_OF_ROCKSALT = 1.7475646
MATRICES = ("v", "crystal_field", "ligand")


def test_the_potential_in_rocksalt_is_madelungs() -> None:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.2), ["Ni", "O"], [[0] * 3, [0.5] * 3])
    charges = np.array([2.0 if one.species_string == "Ni" else -2.0 for one in cell])
    lattice = np.asarray(cell.lattice.matrix)
    potential, gradient = lattice_potential(lattice, cell.frac_coords, charges, [0, 4])
    expected = 2.0 * MADELUNG_OF_ROCKSALT / 2.1
    np.testing.assert_allclose(potential, [-expected, expected], atol=1e-6)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-9)


def test_second_derivatives_are_the_quadrupole_of_the_lattice() -> None:
    rng = np.random.default_rng(0)
    lattice = 5.0 * np.eye(3) + rng.normal(scale=0.5, size=(3, 3))
    places, charges = rng.random((6, 3)), rng.normal(size=6)
    charges -= charges.mean()
    _, gradient = lattice_potential(lattice, places, charges, [2])
    vector = np.array([0.3, 0.5, -0.2])
    multipoles = lattice_multipoles(lattice, places, charges, 2, 2)
    expected = (
        0.8 * np.pi * (vector @ vector) * (multipoles @ real_harmonics(2, vector[None])[:, 0])
    )
    assert vector @ gradient[0] @ vector / 2.0 == pytest.approx(expected, abs=1e-7)


def test_turning_a_crystal_changes_no_invariant_and_no_amplitude_in_local_axes() -> None:
    structure, sites, site = site_of("rutile-NiF2", "Ni")
    turned = structure.copy()
    matrix = Rotation.random(random_state=2).as_matrix()
    turned.lattice = Lattice(structure.lattice.matrix @ matrix.T)
    others = analyze_sites(turned)
    other = next(one for one in others if one.element == "Ni")
    first, second = surroundings(structure, sites, site), surroundings(turned, others, other)
    for name in ("potential", "strengths", "distances"):
        ours, theirs = (np.sort(getattr(one, name)) for one in (first, second))
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    for part in ("sigma", "pi"):
        squares = [getattr(one, part) @ getattr(one, part).T for one in (first, second)]
        values = [np.linalg.eigvalsh(one) for one in squares]
        np.testing.assert_allclose(*values, atol=1e-8)


@pytest.mark.parametrize(("name", "element"), [("rocksalt-NiO", "Ni"), ("perovskite-SrTiO3", "Ti")])
def test_parameters_of_a_route_give_its_case_again(name: str, element: str) -> None:
    structure, sites, site = site_of(name, element)
    quick = given_of(structure, sites, site).quick
    transfer, beside = quick.charge_transfer, quick.final_field
    assert transfer is not None
    assert beside is not None
    scalars = dict(given_of(structure, sites, site).scalars) | {
        "initial.zeta_3d": 0.08, "final.zeta_3d": 0.1, "final.zeta_2p": 11.3,
    }  # fmt: skip
    matrices = {"initial.crystal_field": quick.crystal_field}
    matrices |= {f"initial.{key}": getattr(transfer, key) for key in ("v", "ligand")}
    matrices |= {f"final.{key}": getattr(beside, key) for key in MATRICES}
    found = case_of(site, quick.n_d, scalars, matrices, 0.3)
    assert found.ten_dq == pytest.approx(quick.ten_dq, abs=0.2)
    assert found.energy_offset_err == pytest.approx(np.hypot(0.7, 0.3))
    assert found.final["zeta_2p"] == 11.3
    np.testing.assert_allclose(found.crystal_field, quick.crystal_field, atol=1e-8)
    assert found.charge_transfer is not None
    assert found.charge_transfer.configurations >= 2
    parse_case(found.case())
