"""What a structure file may hold: looked at before anything is made of it.

The largest published inorganic cells have some hundreds of atoms and edges of tens of ångströms;
the densest packing of atoms of a crystal, diamond, has 0.18 a cubic ångström. The limits leave room
for slabs, for disorder written as many places, and for cells that are no reduced ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import ReadError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

MAX_ATOMS = 1000  # places of a cell
MAX_LISTED = 2000  # rows of an atom list, alternatives of disorder among them
MAX_STRUCTURES = 200  # of one file
MAX_OPERATIONS = 400  # listed; the largest group has 192 in a centred cell
MAX_BLOCKS = 5000  # of a CIF, those without atoms counted
MAX_TOKENS = 400_000
MAX_WORD = 2000  # characters of one value that is read as a name, number or formula
HIGHEST_CHARGE = 10.0  # of an atom, e
LEAST_FILLED, MOST_FILLED = 1e-6, 1.5  # of a place, what is refused later left to its words
MAX_SPECIES = 20  # that share a place
FARTHEST = 10_000.0  # coordinates, in edges of the cell
LONGEST_ANG = 1000.0
THINNEST_ANG = 0.5  # distance of opposite faces
MOST_PER_ANG3 = 2.0


def refuse_many(n: int, most: int, what: str, place: str) -> None:
    """Raises ReadError if there are more than the limit."""
    if n > most:
        raise ReadError([f"{place}: {n:,} {what}; at most {most:,}"])


def refuse_cell(lattice: FloatArray, place: str) -> None:
    """Raises ReadError for a cell that no crystal has: endless, huge or flat.

    Parameters
    ----------
    lattice : float64 (3, 3)
        Rows, Å.
    """
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all():
        raise ReadError([f"{place}: a cell is three vectors of three finite numbers"])
    longest = float(np.abs(lattice).max())
    if longest > LONGEST_ANG:
        raise ReadError(
            [f"{place}: a cell with an edge of {longest:.4g} Å; at most {LONGEST_ANG:g} Å"]
        )
    volume = abs(float(np.linalg.det(lattice)))
    faces = np.linalg.norm(np.cross(lattice[[1, 2, 0]], lattice[[2, 0, 1]]), axis=1)
    thinnest = float((volume / np.maximum(faces, 1e-300)).min())
    if thinnest < THINNEST_ANG:
        raise ReadError(
            [
                f"{place}: the cell is flat: opposite faces are {thinnest:.2g} Å apart, at least "
                f"{THINNEST_ANG:g} Å; are its vectors in Å?"
            ]
        )


def refuse_dense(n: int, volume: float, place: str) -> None:
    """Raises ReadError for more atoms than the volume (Å³) can hold, whatever they are."""
    if n > MOST_PER_ANG3 * volume:
        raise ReadError(
            [
                f"{place}: {n} atoms in {volume:.3g} Å³; at most {MOST_PER_ANG3:g} a cubic "
                "ångström; is the cell in Å?"
            ]
        )


def refuse_impossible(structure: Structure, place: str) -> None:
    """Raises ReadError for a whole structure beyond one of the limits."""
    refuse_many(len(structure), MAX_ATOMS, "atoms in the cell", place)
    refuse_cell(np.asarray(structure.lattice.matrix, dtype=float), place)
    refuse_dense(len(structure), float(structure.lattice.volume), place)
    refuse_far(np.asarray(structure.frac_coords, dtype=float), place)
    from pymatgen.core import DummySpecies

    for n, site in enumerate(structure):
        for one in site.species:
            if isinstance(one, DummySpecies):
                raise ReadError([f"{place}: site {n + 1} holds {one}, which is no element"])
        charges = [float(getattr(one, "oxi_state", None) or 0.0) for one in site.species]
        if not all(abs(charge) <= HIGHEST_CHARGE for charge in charges):
            raise ReadError(
                [f"{place}: site {n + 1} states a charge of {max(charges, key=abs):.3g}"]
            )
        filled = float(site.species.num_atoms)
        if not LEAST_FILLED <= filled <= MOST_FILLED:
            raise ReadError([f"{place}: site {n + 1} holds {filled:.3g} atoms, not 0 to 1"])


def refuse_far(places: FloatArray, place: str) -> None:
    """Raises ReadError for fractional coordinates (n, 3) that are no places."""
    far = ~(np.abs(places) <= FARTHEST).all(axis=1)
    if far.any():
        k = int(np.argmax(far))
        told = ", ".join(f"{x:.4g}" for x in places[k])
        raise ReadError([f"{place}: atom {k + 1} at {told} edges of the cell is no place"])
