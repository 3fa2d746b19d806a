"""Spins of ground states that are known from magnetism."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.sites import analyze_sites
from tests.compute.sites.valence_set import entries, mostly_slow

# N. N. Greenwood, A. Earnshaw, Chemistry of the Elements, 2nd ed. (1997), unless another is given.
KNOWN = {
    "Fe2-CN6-4": {"Fe": "low"},
    "Fe3-CN6-3": {"Fe": "low"},
    "Mn3-CN6-3": {"Mn": "low"},
    "Co3-CN6-3": {"Co": "low"},
    "Fe2-OH26+2": {"Fe": "high"},
    "Fe3-OH26+3": {"Fe": "high"},
    "Mn2-OH26+2": {"Mn": "high"},
    "Co2-OH26+2": {"Co": "high"},
    "Co3-OH26+3": {"Co": "low"},
    "Co2-NH36+2": {"Co": "high"},
    "Co3-NH36+3": {"Co": "low"},
    "acac3-Fe+0": {"Fe": "high"},
    "acac3-Mn+0": {"Mn": "high"},
    "porphine-Ni": {"Ni": "low"},
    "porphine-Co": {"Co": "low"},
    "porphine-Fe": {"Fe": "intermediate"},  # J. P. Collman et al., JACS 97 (1975) 2676
    "porphine-FeCl": {"Fe": "high"},
    "porphine-MnCl": {"Mn": "high"},
    "porphine-Cr": {"Cr": "high"},
    "phthalocyanine-Fe": {"Fe": "intermediate"},  # C. G. Barraclough et al., JCP 53 (1970) 1638
    "phthalocyanine-Mn": {"Mn": "intermediate"},
    "phthalocyanine-Co": {"Co": "low"},
    "tm-FeCP2": {"Fe": "low"},
    "metallocene-Co+0": {"Co": "low"},
    "metallocene-Cr+0": {"Cr": "low"},
    "metallocene-Fe+1": {"Fe": "low"},
    "Mg2FeH6": {"Fe": "low"},
    "pyrite-FeS2": {"Fe": "low"},
    "amcsd-12726": {"Fe": "low"},
    "pyrite-CoS2": {"Co": "low"},
    "pyrite-MnS2": {"Mn": "high"},
    "amcsd-17606": {"Co": "low"},
    "FePS3": {"Fe": "high"},
    "perovskite-LaCoO3": {"Co": "low"},
    "layered-LiCoO2": {"Co": "low"},
    "perovskite-LaNiO3": {"Ni": "low"},
    "K2NiF6": {"Ni": "low"},
    "Fe2-Cl4-2": {"Fe": "high"},
    "Prussian blue, soluble": {"Fe": "low high"},
}


@pytest.mark.parametrize("id", mostly_slow(KNOWN))
def test_the_spin_is_that_of_the_ground_state(id: str) -> None:
    structure = next(entry for entry in entries() if entry.id == id).structure()
    sites = analyze_sites(structure)
    for element, spins in KNOWN[id].items():
        assert " ".join(s.spin_state for s in sites if s.element == element) == spins


@pytest.mark.parametrize(("distance", "spin"), [(1.97, "low"), (2.15, "high"), (2.20, "high")])
def test_iron_between_six_nitrogens_of_molecules_is_told_by_its_bonds(
    distance: float, spin: str
) -> None:
    """[Fe(bpy)3]2+ has 1.97 Å; high-spin [Fe(phen)2(NCS)2] 2.15 in the mean."""
    axes = np.vstack([np.eye(3), -np.eye(3)])
    places = np.vstack([np.zeros((1, 3)), distance * axes, (distance + 1.15) * axes]) + 8.0
    species = ["Fe", *["N"] * 6, *["C"] * 6]
    box = Structure(Lattice.cubic(16.0), species, places, coords_are_cartesian=True)
    site = next(s for s in analyze_sites(box, stated={"Fe": 2}) if s.element == "Fe")
    assert site.spin_state == spin
