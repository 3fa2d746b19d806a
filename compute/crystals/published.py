"""The starter library's crystals, built from space group, lattice parameters and atoms.

``crystals.json`` holds one published structure a line with its citation: number and setting of
the space group (spglib's name of the choice: origin, axes), lattice in Å and degrees, one
representative of each orbit. The cells were entered by hand; ``verified.json`` says which of them a
file that can be read shows to be right (tests/benchmarks/verify_crystals.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DATA = Path(__file__).with_name("crystals.json")
_VERIFIED = Path(__file__).with_name("verified.json")
_SAME_ATOM_ANG = 0.15  # rounded coordinates of special positions come back this close


@dataclass(frozen=True)
class Verified:
    """What shows that a cell is right.

    Attributes
    ----------
    read_from : str
        File or entry that it was compared with.
    licence : str
        Of that.
    sha256 : str
        Of the text that was compared.
    volume_differs_by : float
        Its volume over ours, less one.
    rms : float
        Root mean square distance of the atoms over the mean free length an atom.
    """

    read_from: str
    licence: str
    sha256: str
    volume_differs_by: float
    rms: float


@dataclass(frozen=True)
class Crystal:
    """One published structure; lattice a, b, c in Å and α, β, γ in degrees."""

    id: str
    formula: str
    name: str
    family: str
    number: int
    choice: str
    lattice: tuple[float, float, float, float, float, float]
    atoms: tuple[tuple[str, float, float, float], ...]
    citation: str

    @property
    def verified(self) -> Verified | None:
        """What it was compared with; None of a cell that no file was found for."""
        return _verified().get(self.id)

    def structure(self) -> Structure:
        """The conventional cell."""
        from pymatgen.core import Lattice, Structure

        lattice = Lattice.from_parameters(*self.lattice)
        rotations, translations = _operations(self.number, self.choice)
        matrix = np.asarray(lattice.matrix)
        species: list[str] = []
        positions: list[np.ndarray] = []
        for element, *xyz in self.atoms:
            orbit: list[np.ndarray] = []
            for image in (rotations @ np.array(xyz) + translations) % 1.0:
                if orbit:
                    gap = np.array(orbit) - image
                    if (
                        np.linalg.norm((gap - np.round(gap)) @ matrix, axis=1).min()
                        < _SAME_ATOM_ANG
                    ):
                        continue
                orbit.append(image)
            species += [element] * len(orbit)
            positions += orbit
        return Structure(lattice, species, np.array(positions))


@cache
def crystals() -> tuple[Crystal, ...]:
    """All crystals of the library, in the file's order."""
    entries = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple(
        Crystal(
            **{
                **entry,
                "lattice": tuple(entry["lattice"]),
                "atoms": tuple(tuple(atom) for atom in entry["atoms"]),
            }
        )
        for entry in entries
    )


@cache
def _verified() -> dict[str, Verified]:
    found = json.loads(_VERIFIED.read_text(encoding="utf-8"))
    return {name: Verified(**one) for name, one in found.items()}


def crystal(id: str) -> Crystal:
    """The crystal of this id."""
    for candidate in crystals():
        if candidate.id == id:
            return candidate
    raise InputError("id", id, "no such crystal in the starter library")


@cache
def _operations(number: int, choice: str) -> tuple[np.ndarray, np.ndarray]:
    import spglib

    for hall in range(1, 531):
        group = spglib.get_spacegroup_type(hall)
        if group.number == number and group.choice == choice:
            operations = spglib.get_symmetry_from_database(hall)
            return operations["rotations"], operations["translations"]
    raise InputError("choice", choice, f"space group {number} has no such setting")
