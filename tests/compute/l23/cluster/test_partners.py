"""Atoms bound to a site's ligands."""

from __future__ import annotations

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.l23.cluster.embedding import embed
from compute.l23.cluster.partners import Partner, closed_shell_charges, partners
from compute.l23.prepared import lattice_charges
from compute.sites import analyze_sites
from compute.units import BOHR_ANGSTROM


def _partners(name: str, element: str) -> list[Partner]:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    elements = [atom.specie.symbol for atom in structure]
    return partners(structure, elements, lattice_charges(structure, sites), site)


def test_hydroxide_ions_bring_their_hydrogens_into_the_cluster() -> None:
    found = _partners("brucite-NiOH2", "Ni")
    assert [one.element for one in found] == ["H"] * 6
    assert not any(one.shift for one in found)
    structure = crystal("brucite-NiOH2").structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == "Ni")
    around = embed(structure, sites, site)
    assert around.hydrogens.shape == (6, 3)
    oxygen = site.ligand_vectors @ site.local_axes.T / BOHR_ANGSTROM
    gap = np.linalg.norm(around.hydrogens[:, None] - oxygen[None], axis=2).min(axis=1)
    assert gap * BOHR_ANGSTROM == pytest.approx(np.full(6, 0.95), abs=0.1)
    # An atom of the cluster is no charge of its surroundings as well.
    apart = np.linalg.norm(around.positions[:, None] - around.hydrogens[None], axis=2)
    assert apart.min() > 1.0


def test_the_other_sulphur_of_a_pair_loses_what_the_ligand_has_more_than_its_formal_charge() -> (
    None
):
    found = _partners("pyrite-FeS2", "Fe")
    assert [(one.element, one.charge) for one in found] == [("S", -1.0)] * 6
    assert [one.shift for one in found] == pytest.approx([1.0] * 6)
    assert closed_shell_charges(("S",), {"S": -1.0}) == {"S": -2.0}


def test_plain_oxides_have_none() -> None:
    assert _partners("rocksalt-NiO", "Ni") == []
