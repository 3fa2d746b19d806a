"""The cell that an atom list and symmetry operations make, with what does not fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.structures.atoms import Atom
from compute.structures.limits import MAX_ATOMS
from compute.structures.operations import Setting

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

FULL = 0.98  # an occupancy from here on is one within what refinements can tell
OVERFULL = 1.02  # and to here
_SPECIAL_ANG = 0.15  # images of one atom closer than this are one atom on a special position
_ROUNDED = 5e-4  # thirds and sixths written with three or four digits
_SAME_PLACE_ANG = 0.02  # atoms of two labels that share a place


@dataclass(frozen=True, eq=False)
class Cell:
    """All atoms of a cell.

    Attributes
    ----------
    lattice : float64 (3, 3)
        Rows, Å.
    contents : list of dict of str to float
        Occupancy of each element at each place.
    charges : list of dict of str to float
        Stated charge of each element at each place, where there is one.
    places : float64 (n, 3)
        Fractional.
    sources : int64 (n,)
        Which row of the atom list each place comes from.
    repeated : tuple of int
        Rows that name atoms which an earlier row names already, and so count once.
    """

    lattice: FloatArray
    contents: list[dict[str, float]]
    charges: list[dict[str, float]]
    places: FloatArray
    sources: NDArray[np.int64]
    repeated: tuple[int, ...] = ()

    @property
    def volume(self) -> float:
        return float(abs(np.linalg.det(self.lattice)))

    def composition(self) -> dict[str, float]:
        """Atoms of each element in the cell."""
        out: dict[str, float] = {}
        for content in self.contents:
            for element, amount in content.items():
                out[element] = out.get(element, 0.0) + amount
        return out

    def fullest(self) -> float:
        """The largest sum of occupancies at one place."""
        return max((sum(content.values()) for content in self.contents), default=0.0)

    def key(self) -> tuple[object, ...]:
        """The same for the same atoms at the same places, within about 1e-3 of the cell."""
        steps = np.rint(self.places * 480).astype(int) % 480
        return tuple(
            sorted(
                (tuple(place), tuple(content))
                for place, content in zip(steps.tolist(), self.contents, strict=True)
            )
        )

    def mass(self) -> float:
        """Of the cell, atomic mass units."""
        from pymatgen.core import Element

        return sum(
            amount * float(Element(element).atomic_mass)
            for element, amount in self.composition().items()
        )

    def structure(self) -> Structure:
        """As pymatgen knows it; charges only where every atom has one."""
        from pymatgen.core import Lattice, Species, Structure

        charged = all(set(c) <= set(q) for c, q in zip(self.contents, self.charges, strict=True))
        species = [
            {
                Species(el, q[el]) if charged else el: amount / max(sum(content.values()), 1.0)
                for el, amount in content.items()
            }
            for content, q in zip(self.contents, self.charges, strict=True)
        ]
        return Structure(Lattice(self.lattice), species, self.places)


def build_cell(lattice: FloatArray, atoms: Sequence[Atom], setting: Setting) -> Cell | None:
    """Apply the operations; None if that makes more than ``MAX_ATOMS`` atoms.

    Images of an atom within a seventh of an ångström are one atom on a special position, put
    where the symmetry wants it. Atoms of the list that share a place share its occupancy.
    """
    contents: list[dict[str, float]] = []
    charges: list[dict[str, float]] = []
    places = np.zeros((0, 3))
    sources: list[int] = []
    repeated: list[int] = []
    for row, atom in enumerate(atoms):
        if atom.place is None:
            continue
        near = _SPECIAL_ANG if atom.occupancy >= FULL else 2 * _SAME_PLACE_ANG
        orbit = _orbit(lattice, atom.place, setting, near)
        shared = _same_places(lattice, places, orbit)
        for at in shared[shared >= 0].tolist():
            content = contents[at]
            if (
                atom.occupancy >= FULL
                and list(content) == [atom.element]
                and content[atom.element] >= FULL
            ):
                repeated.append(row)
                continue
            content[atom.element] = content.get(atom.element, 0.0) + atom.occupancy
            if atom.charge is not None:
                charges[at].setdefault(atom.element, atom.charge)
        fresh = orbit[shared < 0]
        if len(places) + len(fresh) > MAX_ATOMS:
            return None
        places = np.concatenate([places, fresh])
        for _ in range(len(fresh)):
            contents.append({atom.element: atom.occupancy})
            charges.append({} if atom.charge is None else {atom.element: atom.charge})
            sources.append(row)
    return Cell(
        lattice,
        contents,
        charges,
        places,
        np.array(sources, dtype=np.int64),
        tuple(dict.fromkeys(repeated)),
    )


def _orbit(
    lattice: FloatArray, place: tuple[float, float, float], setting: Setting, near: float
) -> FloatArray:
    """The places (m, 3) of one atom's images, those that are one atom averaged."""
    start = np.array([_unrounded(x) for x in place])
    images = setting.rotations @ start + setting.translations
    out: list[FloatArray] = []
    left = np.ones(len(images), dtype=bool)
    for k in range(len(images)):
        if not left[k]:
            continue
        step = images - images[k]
        step -= np.round(step)
        same = left & (np.linalg.norm(step @ lattice, axis=1) < near)
        left &= ~same
        out.append((images[k] + step[same].mean(axis=0)) % 1.0)
    return np.array(out)


def _unrounded(x: float) -> float:
    """0.3333 as 1/3: what is a third or sixth in the digits that files give."""
    nearest = round(x * 6) / 6
    return nearest if abs(x - nearest) < _ROUNDED and nearest * 2 % 1 else x


def _same_places(lattice: FloatArray, places: FloatArray, orbit: FloatArray) -> NDArray[np.int64]:
    """For each of ``orbit`` (m, 3) the index of the place it shares, or −1."""
    if not len(places):
        return np.full(len(orbit), -1)
    step = orbit[:, None] - places[None]
    distance = np.linalg.norm((step - np.round(step)) @ lattice, axis=2)
    nearest = distance.argmin(axis=1)
    return np.where(distance.min(axis=1) < _SAME_PLACE_ANG, nearest, -1)


def bring_near(structure: Structure) -> Structure:
    """The same crystal, its atoms beyond the next cells brought into the cell.

    Neighbours are sought through all cells between the farthest atoms: thousands of edges would
    take minutes.
    """
    cells = np.floor(structure.frac_coords)
    for n in np.flatnonzero((np.abs(cells) > 1).any(axis=1)):
        structure.translate_sites([int(n)], -cells[n], frac_coords=True, to_unit_cell=False)
    return structure
