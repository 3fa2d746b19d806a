"""Strong bonds that are too long to count as ligands beside a very short one are told."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.sites import analyze_sites
from compute.structures.valence import valence_findings

CORNERS = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / np.sqrt(3)


def _told(structure: Structure) -> list[str]:
    findings = valence_findings(structure, analyze_sites(structure))
    return [one.text for one in findings if "carry" in one.text]


def test_the_chlorines_far_from_three_oxygens_are_missed_in_words() -> None:
    """Lengths of a copper site of a mineral; with a third of the valence or more they count."""
    turns = 2.0 * np.pi * np.arange(3) / 3.0
    flat = np.column_stack([np.cos(turns), np.sin(turns), np.zeros(3)])
    up = np.column_stack([0.8 * np.cos(turns + 1.05), 0.8 * np.sin(turns + 1.05), np.full(3, 0.6)])
    bonds = np.array([1.90, 1.92, 2.13, 2.56, 2.61, 2.61])[:, None]
    places = np.vstack([np.zeros(3), np.vstack([flat, up]) * bonds]) + 6.0
    molecule = Structure(
        Lattice.cubic(12.0), ["Cu", *["O"] * 3, *["Cl"] * 3], places, coords_are_cartesian=True
    )
    (text,) = _told(molecule)
    assert text.startswith("Cu: the 3 ligands carry 1.")
    assert "longer bonds are left out" in text


def test_the_chlorines_behind_a_vanadyl_bond_are_ligands() -> None:
    # Lengths of gaseous VOCl3 (K. J. Palmer, J. Am. Chem. Soc. 60 (1938) 2360), angles idealised.
    bonds = [1.56, 2.12, 2.12, 2.12]
    places = np.vstack([np.zeros(3), CORNERS * np.array(bonds)[:, None]]) + 6.0
    molecule = Structure(
        Lattice.cubic(12.0), ["V", "O", "Cl", "Cl", "Cl"], places, coords_are_cartesian=True
    )
    assert _told(molecule) == []
    assert analyze_sites(molecule)[0].geometry == "tetrahedron"


@pytest.mark.parametrize("name", ["rocksalt-NiO", "CuO", "V2O5", "rutile-MnO2"])
def test_shells_with_all_their_bonds_say_nothing(name: str) -> None:
    structure = crystal(name).structure()
    structure.remove_oxidation_states()
    assert _told(structure) == []
