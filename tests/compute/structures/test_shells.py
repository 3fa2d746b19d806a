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


def test_the_chlorines_behind_a_vanadyl_bond_are_missed_in_words() -> None:
    # Lengths of gaseous VOCl3 (K. J. Palmer, J. Am. Chem. Soc. 60 (1938) 2360), angles idealised.
    bonds = [1.56, 2.12, 2.12, 2.12]
    places = np.vstack([np.zeros(3), CORNERS * np.array(bonds)[:, None]]) + 6.0
    molecule = Structure(
        Lattice.cubic(12.0), ["V", "O", "Cl", "Cl", "Cl"], places, coords_are_cartesian=True
    )
    (text,) = _told(molecule)
    assert text.startswith("V: the 1 ligands carry 1.")
    assert "longer bonds are left out" in text


@pytest.mark.parametrize("name", ["rocksalt-NiO", "CuO", "V2O5", "rutile-MnO2"])
def test_shells_with_all_their_bonds_say_nothing(name: str) -> None:
    structure = crystal(name).structure()
    structure.remove_oxidation_states()
    assert _told(structure) == []
