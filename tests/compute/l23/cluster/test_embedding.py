"""Charges and cores about a cluster."""

from __future__ import annotations

import numpy as np
import pytest
from pyscf import gto

from compute.crystals.published import crystal
from compute.l23.cheap.ewald import lattice_multipoles
from compute.l23.cluster.corepotential import core_potentials
from compute.l23.cluster.embedding import Core, core_of, embed
from compute.l23.cluster.molecule import basis_of
from compute.orbitals import real_harmonics
from compute.sites import analyze_sites
from compute.units import BOHR_ANGSTROM


@pytest.mark.parametrize(
    ("name", "element"), [("rocksalt-NiO", "Ni"), ("corundum-Fe2O3", "Fe"), ("CuO", "Cu")]
)
def test_charges_have_the_multipoles_of_the_whole_lattice(name: str, element: str) -> None:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    found = embed(structure, sites, site)
    assert found.residual_ev < 2e-3
    charges = np.zeros(len(structure))
    for other in sites:
        charges[list(other.equivalent_indices)] = other.oxidation_state
    lattice = structure.lattice.matrix @ site.local_axes.T
    ligands = site.ligand_vectors @ site.local_axes.T
    positions = np.vstack([found.positions * BOHR_ANGSTROM, ligands])
    q = np.concatenate([found.charges, charges[list(site.ligand_indices)]])
    r = np.linalg.norm(positions, axis=1)
    for l in (2, 4):
        here = real_harmonics(l, positions) @ (q / r ** (l + 1))
        whole = lattice_multipoles(lattice, structure.frac_coords, charges, site.index, l)
        np.testing.assert_allclose(here, whole, atol=2e-4)


def test_core_potentials_agree_with_analytic_integrals() -> None:
    basis = {"O": basis_of("O"), "Ni@0": basis_of("Ni", absorber=True)}
    atoms = [("O", (0.0, 0.0, 0.0)), ("Ni@0", (0.0, 0.0, 3.8))]
    position = np.array([0.0, 2.7, 2.9])
    library, element = core_of("Ni", 2.0)
    mol = gto.M(atom=atoms, basis=basis, unit="Bohr", spin=None, verbose=0)
    whole = gto.M(
        atom=[*atoms, ("Zn@1", position)],
        basis=basis,
        ecp={"Zn@1": gto.basis.load_ecp(library, element)},
        unit="Bohr",
        spin=None,
        verbose=0,
    )
    expected = whole.intor("ECPscalar")
    found = core_potentials(mol, (Core(position, library, element),))
    assert np.abs(expected).max() > 0.1
    both = np.abs(found).max(axis=0) > 0  # tight functions are left out
    assert both.sum() > 40
    np.testing.assert_allclose(found[np.ix_(both, both)], expected[np.ix_(both, both)], atol=3e-4)
    np.testing.assert_allclose(found, expected, atol=4e-3)


def test_open_shell_neighbours_are_replaced_by_closed_shells_of_their_charge() -> None:
    assert core_of("Ni", 2.0)[1] == "Zn"
    assert core_of("Fe", 3.0)[1] == "Ga"
    assert core_of("Mn", 4.0)[1] == "Ge"
    assert core_of("Ti", 4.0) == ("crenbs", "Ti")
    assert core_of("Nd", 3.0)[1] == "La"
