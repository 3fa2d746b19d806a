"""The starter library: real crystals that come out with sensible bonds, valences and formulas."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pymatgen.core import Composition

from compute.crystals.published import crystal, crystals
from compute.errors import InputError
from compute.sites import analyze_sites

TRANSITION = ("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")


@pytest.fixture(scope="module")
def analysed():
    return [(c, c.structure(), analyze_sites(c.structure())) for c in crystals()]


def test_every_crystal_has_its_formula_and_a_citation(analysed):
    for entry, structure, _ in analysed:
        assert Composition(entry.formula).reduced_formula == structure.composition.reduced_formula
        assert any(char.isdigit() for char in entry.citation), entry.id


def test_the_library_spans_elements_families_and_coordinations(analysed):
    sites = [s for _, _, found in analysed for s in found if s.element in TRANSITION]
    assert len(analysed) >= 60
    assert {s.element for s in sites} == set(TRANSITION)
    assert {"octahedron", "tetrahedron", "square plane", "square pyramid"} <= {
        s.geometry for s in sites
    }
    families = Counter(c.family for c, _, _ in analysed)
    assert {"rocksalt", "perovskite", "rutile", "corundum", "spinel", "olivine"} <= set(families)
    ligands = {ligand for s in sites for ligand in s.ligand_elements}
    assert {"O", "F", "Cl", "Br", "I", "S", "Se", "N"} <= ligands


def test_bonds_are_close_to_the_sums_of_bond_valence(analysed):
    """Wrong coordinates show as bond-valence sums far from the valence; known exceptions apart."""
    covalent = {"pyrite", "spinel", "NiAs type", "CdI2 type", "rocksalt", "K2NiF4 type"}
    for entry, _, sites in analysed:
        for site in sites:
            if site.element not in TRANSITION:
                continue
            allowed = 2.4 if entry.family in covalent else 0.75
            assert abs(site.bond_valence_sum - site.oxidation_state) < allowed, (entry.id, site)


def test_no_crystal_is_crowded_or_hollow(analysed):
    for entry, structure, _ in analysed:
        assert 2.0 < structure.density < 9.0, entry.id
        distances = structure.distance_matrix[np.triu_indices(len(structure), 1)]
        assert distances.min() > 0.9, entry.id


def test_an_unknown_crystal_is_named():
    with pytest.raises(InputError, match="unobtainium"):
        crystal("unobtainium")
