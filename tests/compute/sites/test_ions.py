"""A complex without counter-ions in the list may be an ion: neutrality tells less of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from compute.sites import Site, analyze_sites
from compute.structures.findings import Finding
from compute.structures.valence import valence_findings

OCTAHEDRON = np.vstack([np.eye(3), -np.eye(3)])
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
SQUARE = OCTAHEDRON[[0, 1, 3, 4]]
CYANIDE = (("C", 1.93), ("N", 1.15))
CARBONYL = (("C", 1.88), ("O", 1.14))


def complex_in_a_box(
    metal: str, directions: NDArray[np.float64], ligand: Sequence[tuple[str, float]]
) -> Structure:
    """Straight ligands: elements, and the length of the bond before each in Å."""
    species, places = [metal], [np.zeros(3)]
    for direction in directions:
        reach = 0.0
        for element, length in ligand:
            reach += length
            species.append(element)
            places.append(reach * direction)
    return Structure(Lattice.cubic(15), species, np.array(places) + 7.5, coords_are_cartesian=True)


def ammine(metal: str, length: float) -> Structure:
    structure = complex_in_a_box(metal, OCTAHEDRON, (("N", length),))
    for axis in OCTAHEDRON:
        across, up = np.roll(axis, 1), np.cross(axis, np.roll(axis, 1))
        for turn in 2 * np.pi * np.arange(3) / 3:
            away = 0.95 * (np.cos(turn) * across + np.sin(turn) * up)
            structure.append("H", 7.5 + (length + 0.34) * axis + away, coords_are_cartesian=True)
    return structure


def told(
    structure: Structure, stated: dict[int | str, float] | None = None
) -> tuple[Site, list[Finding]]:
    sites = analyze_sites(structure, stated=stated)
    return sites[0], valence_findings(structure, sites)


IONS = {
    "Fe(CN)6": (complex_in_a_box("Fe", OCTAHEDRON, CYANIDE), {2, 3}),
    "Cr(CN)6": (complex_in_a_box("Cr", OCTAHEDRON, CYANIDE), {2, 3}),
    "Ni(CN)4": (complex_in_a_box("Ni", SQUARE, CYANIDE), {2}),
    "FeCl4": (complex_in_a_box("Fe", TETRAHEDRON, (("Cl", 2.2),)), {3}),
    "NiCl4": (complex_in_a_box("Ni", TETRAHEDRON, (("Cl", 2.25),)), {2}),
    "MnBr4": (complex_in_a_box("Mn", TETRAHEDRON, (("Br", 2.5),)), {2}),
    "FeF6": (complex_in_a_box("Fe", OCTAHEDRON, (("F", 1.93),)), {3}),
    "Co(NH3)6": (ammine("Co", 1.96), {3}),
    "Ni(NH3)6": (ammine("Ni", 2.13), {2}),
}
NEUTRAL = {
    "TiCl4": (complex_in_a_box("Ti", TETRAHEDRON, (("Cl", 2.17),)), 4),
    "VCl4": (complex_in_a_box("V", TETRAHEDRON, (("Cl", 2.14),)), 4),
    "Ni(CO)4": (complex_in_a_box("Ni", TETRAHEDRON, CARBONYL), 0),
    "Cr(CO)6": (complex_in_a_box("Cr", OCTAHEDRON, CARBONYL), 0),
}


@pytest.mark.parametrize("name", IONS)
def test_a_complex_that_would_be_neutral_with_a_rare_state_may_be_an_ion(name: str) -> None:
    structure, likely = IONS[name]
    site, findings = told(structure)
    assert site.oxidation_state in likely
    assert site.oxidation_confidence <= 0.5
    assert any("may be an ion; state the valence" in one.text for one in findings)
    stated, findings = told(structure, {site.element: site.oxidation_state})
    assert stated.oxidation_state == site.oxidation_state
    assert not any("may be an ion" in one.text for one in findings)


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_molecule_of_a_usual_state_stays_neutral_and_sure(name: str) -> None:
    structure, state = NEUTRAL[name]
    site, findings = told(structure)
    assert site.oxidation_state == state
    assert site.oxidation_confidence > 0.9
    assert not findings


@pytest.mark.parametrize("metal", ["V", "Cr", "Mn", "Fe"])
def test_an_oxo_anion_is_not_surely_an_acid_without_its_hydrogens(metal: str) -> None:
    structure = complex_in_a_box(metal, TETRAHEDRON, (("O", 1.66),))
    site, findings = told(structure)
    assert site.oxidation_confidence <= 0.5
    assert any("may be an ion" in one.text for one in findings)


def test_a_counter_ion_decides() -> None:
    structure = complex_in_a_box("Fe", TETRAHEDRON, (("Cl", 2.2),))
    structure.append("Na", [1.0, 1.0, 1.0], coords_are_cartesian=True)
    site, findings = told(structure)
    assert (site.oxidation_state, site.oxidation_confidence > 0.9) == (3, True)
    assert not findings
