"""Idealised free complexes, for splittings that were measured on ions in solution or dilute salts.

A regular octahedron or tetrahedron of like ligands in an empty cubic cell; hydrogen and nitrogen
of the ligands stand at their usual bond lengths and angles. The cell carries the complex's charge,
which Ewald's sum compensates by a uniform background: no field at l = 2 and 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_CELL_ANG = 18.0
_OH_ANG, _HOH_DEG = 0.96, 106.0
_NH_ANG, _MNH_DEG = 1.02, 112.0
_CN_ANG = 1.15
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)
_OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])


def complex_structure(
    element: str, valence: int, ligand: str, count: int, distance_ang: float
) -> tuple[Structure, dict[int | str, float]]:
    """A complex and the formal charges of all its atoms, by index; the metal is atom 0.

    Parameters
    ----------
    ligand : str
        ``H2O``, ``NH3``, ``CN`` or a one-atom anion's element.
    count : int
        6 or 4.
    distance_ang : float
        Metal to donor.
    """
    from pymatgen.core import Lattice, Structure

    if count not in (4, 6):
        raise InputError("count", count, "a complex has four ligands or six")
    species, positions, charges = [element], [np.zeros(3)], [float(valence)]
    for unit in (_OCTAHEDRON if count == 6 else _TETRAHEDRON).astype(float):
        for symbol, place, charge in _ligand(ligand, unit, distance_ang):
            species.append(symbol)
            positions.append(place)
            charges.append(charge)
    structure = Structure(
        Lattice.cubic(_CELL_ANG), species, np.array(positions), coords_are_cartesian=True
    )
    return structure, dict(enumerate(charges))


def _ligand(name: str, unit: FloatArray, d: float) -> list[tuple[str, FloatArray, float]]:
    """Atoms of one ligand along a direction: element, place in Å, formal charge."""
    across = np.roll(unit, 1) if np.count_nonzero(unit) == 1 else np.cross(unit, [0.0, 0.0, 1.0])
    across = np.abs(across) / np.linalg.norm(across)
    if name == "H2O":
        half = np.radians(_HOH_DEG) / 2.0
        hydrogens = [
            d * unit + _OH_ANG * (np.cos(half) * unit + sign * np.sin(half) * across)
            for sign in (1.0, -1.0)
        ]
        return [("O", d * unit, -2.0), *(("H", place, 1.0) for place in hydrogens)]
    if name == "NH3":
        tilt = np.pi - np.radians(_MNH_DEG)
        third = np.cross(unit, across)
        hydrogens = [
            d * unit
            + _NH_ANG
            * (np.cos(tilt) * unit + np.sin(tilt) * (np.cos(a) * across + np.sin(a) * third))
            for a in 2.0 * np.pi / 3.0 * np.arange(3)
        ]
        return [("N", d * unit, -3.0), *(("H", place, 1.0) for place in hydrogens)]
    if name == "CN":
        return [("C", d * unit, 2.0), ("N", (d + _CN_ANG) * unit, -3.0)]
    return [(name, d * unit, -1.0)]
