"""The stated range of route ``cheap``: what it says of a site outside it, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from compute.errors import OutOfRangeError
from compute.l23.cheap.parameters import parameters
from compute.sites import analyze_sites
from tests.compute.l23.sites import complex_site, site_of

FloatArray = NDArray[np.float64]


def test_outside_the_range_the_route_says_so_or_refuses():
    assert parameters(*site_of("rocksalt-NiO", "Ni")).warnings == ()
    assert "ammines" in parameters(*complex_site("Cr", 3, "NH3", 2.07)).warnings[0]
    with pytest.raises(OutOfRangeError, match="π-acceptor") as caught:
        parameters(*complex_site("Cr", 1, "CN", 2.0))
    assert caught.value.permanent
    assert "range" in caught.value.cause


def tetrahedron(element: str, valence: int, ligand: str, charge: int, distance: float):
    """Alone in a box."""
    corners = distance / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    places = np.vstack([np.zeros(3), corners]) + 7.0
    structure = Structure(
        Lattice.cubic(14.0), [element, *[ligand] * 4], places, coords_are_cartesian=True
    )
    sites = analyze_sites(structure, stated={element: valence, ligand: charge})
    return structure, sites, sites[0]


@pytest.mark.parametrize(
    ("element", "valence", "ligand", "charge", "distance"),
    [
        ("Fe", 6, "O", -2, 1.65),
        ("Mn", 5, "O", -2, 1.70),
        ("Mn", 7, "O", -2, 1.63),
        ("Mn", 4, "O", -2, 1.77),
        ("Fe", 4, "Cl", -1, 2.19),
        ("Cu", 3, "O", -2, 1.80),
        ("Ni", 3, "S", -2, 2.20),
    ],
)
def test_a_tetrahedron_with_levels_in_the_wrong_order_is_refused(
    element: str, valence: int, ligand: str, charge: int, distance: float
) -> None:
    with pytest.raises(OutOfRangeError, match="levels of this tetrahedron") as caught:
        parameters(*tetrahedron(element, valence, ligand, charge, distance))
    assert f"{element} {valence:+d}, 10Dq" in str(caught.value)


@pytest.mark.parametrize(
    ("element", "valence", "ligand", "charge", "distance", "words"),
    [
        ("V", 5, "O", -2, 1.72, "a tetrahedron of +5: 10Dq comes out too small"),
        ("Ti", 4, "Cl", -1, 2.17, "a tetrahedron of +4: 10Dq comes out too small"),
        ("Fe", 3, "O", -2, 1.86, "a tetrahedron of +3 (2+ were)"),
        ("Ni", 2, "Br", -1, 2.40, "the order of the d levels"),
    ],
)
def test_a_tetrahedron_beyond_those_that_were_checked_says_so(
    element: str, valence: int, ligand: str, charge: int, distance: float, words: str
) -> None:
    found = parameters(*tetrahedron(element, valence, ligand, charge, distance))
    assert found.ten_dq < 0.0
    assert words in " ".join(found.warnings)


def test_a_tetrahedron_of_a_checked_kind_says_nothing():
    assert parameters(*tetrahedron("Co", 2, "O", -2, 1.96)).warnings == ()
    assert parameters(*tetrahedron("Co", 2, "Cl", -1, 2.28)).warnings == ()


def test_ligand_holes_that_outweigh_the_ion_are_told():
    """Δ of Ni4+ in oxide is −2.7 eV; the lowest that was checked is [NiF6]2-'s."""
    told = parameters(*complex_site("Ni", 4, "O", 1.88)).warnings
    assert "a charge-transfer energy of -2.7 eV" in told[0]
    assert parameters(*complex_site("Ni", 4, "F", 1.77)).warnings == ()


def molecule(metal: str, valence: int, arms: list[tuple[str, float]], directions: FloatArray):
    """A metal with the same chain of atoms (element, Å from the metal) in every direction."""
    species, places = [metal], [np.zeros(3)]
    for direction in directions:
        for element, distance in arms:
            species.append(element)
            places.append(distance * direction)
    structure = Structure(
        Lattice.cubic(16.0), species, np.array(places) + 8.0, coords_are_cartesian=True
    )
    sites = analyze_sites(structure, stated={metal: valence})
    return structure, sites, sites[0]


AXES = np.vstack([np.eye(3), -np.eye(3)])


@pytest.mark.parametrize(
    ("metal", "arms"),
    [
        ("Fe", [("N", 2.12), ("C", 3.28)]),
        ("Ni", [("N", 2.05), ("C", 3.22)]),
        ("Ni", [("N", 2.07), ("C", 3.23), ("S", 4.85)]),
    ],
)
def test_a_shell_of_nitrogen_that_ends_triple_bonds_is_refused(
    metal: str, arms: list[tuple[str, float]]
) -> None:
    with pytest.raises(OutOfRangeError, match="nitrogen that ends a triple bond"):
        parameters(*molecule(metal, 2, arms, AXES))


def test_a_hexacyanide_is_told_by_its_own_words():
    told = parameters(*molecule("Fe", 2, [("C", 1.92), ("N", 3.08)], AXES)).warnings
    assert "hexacyanides alone, 10Dq within 1 eV" in told[0]


def test_d8_in_a_square_of_carbon_is_refused():
    """[Ni(CN)4]2- is diamagnetic; without 4s it comes out with S = 1."""
    square = molecule("Ni", 2, [("C", 1.87), ("N", 3.03)], AXES[[0, 1, 3, 4]])
    with pytest.raises(OutOfRangeError, match="S = 1 where these ions are diamagnetic"):
        parameters(*square)


def ring(metal: str, valence: int, carbons: int, height: float, radius: float):
    """A sandwich of two rings CnHn."""
    species, places = [metal], [np.zeros(3)]
    for z in (height, -height):
        for angle in 2.0 * np.pi * np.arange(carbons) / carbons:
            for element, away in (("C", radius), ("H", radius + 1.08)):
                species.append(element)
                places.append(np.array([away * np.cos(angle), away * np.sin(angle), z]))
    structure = Structure(
        Lattice.cubic(16.0), species, np.array(places) + 8.0, coords_are_cartesian=True
    )
    sites = analyze_sites(structure, stated={metal: valence})
    return structure, sites, sites[0]


@pytest.mark.parametrize(
    ("metal", "valence", "carbons", "height", "radius"),
    [("Fe", 2, 5, 1.66, 1.21), ("Co", 2, 5, 1.73, 1.21), ("Cr", 2, 6, 1.61, 1.40)],
)
def test_rings_bound_by_their_face_are_refused(
    metal: str, valence: int, carbons: int, height: float, radius: float
) -> None:
    with pytest.raises(OutOfRangeError, match="ends no C≡N or C≡O bond"):
        parameters(*ring(metal, valence, carbons, height, radius))


def test_alkyls_are_refused():
    methyls = molecule("Ti", 4, [("C", 2.06)], np.array(
        [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3))  # fmt: skip
    structure, _, _ = methyls
    for at in structure.cart_coords[1:].copy():
        out = (at - 8.0) / np.linalg.norm(at - 8.0)
        side = np.cross(out, [0.3, 0.5, 0.81])
        side /= np.linalg.norm(side)
        for angle in 2.0 * np.pi * np.arange(3) / 3.0:
            turned = np.cos(angle) * side + np.sin(angle) * np.cross(out, side)
            structure.append("H", at + 0.36 * out + 1.03 * turned, coords_are_cartesian=True)
    sites = analyze_sites(structure, stated={"Ti": 4})
    with pytest.raises(OutOfRangeError, match="alkyls"):
        parameters(structure, sites, sites[0])
