"""Whether two structures are the same crystal in the same cell, and which atom is which."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.sites.stated import own_charge
from spectradb.models import Structure

if TYPE_CHECKING:
    from pymatgen.core import Composition
    from pymatgen.core import Structure as PymatgenStructure

_SAME = 0.01  # Å: atoms closer than this in two files are one atom
_SAME_CHARGE = 0.005  # of a cell
_LENGTH_STEP = 1e-3  # Å, of the content hash
_ANGLE_STEP = 1e-2  # degrees
_FRACTION_STEPS = 4800  # of the content hash; a multiple of 24: special places sit on a step


def known_structure(structure: PymatgenStructure) -> Structure | None:
    """The row of the same crystal in the same cell, if it is stored."""
    same = Structure.objects.filter(content_hash=content_hash(structure)).first()
    return same or _nearly_same(structure)


def content_hash(structure: PymatgenStructure) -> str:
    """SHA-256 of cell and atoms, blind to the order of atoms and to noise below about 1e-4.

    Noise can still carry a number over a rounding step; :func:`store_structure` therefore also
    compares with the rows that have the same formula and cell.
    """
    lattice = structure.lattice
    cell = [round(x / _LENGTH_STEP) for x in lattice.abc]
    cell += [round(x / _ANGLE_STEP) for x in lattice.angles]
    steps = np.rint(np.asarray(structure.frac_coords) * _FRACTION_STEPS).astype(int)
    atoms = sorted(
        (symbol, *map(int, place))
        for symbol, place in zip(_symbols(structure), steps % _FRACTION_STEPS, strict=True)
    )
    content = [cell, atoms]
    if charge := own_charge(structure):  # hydrogens known to be missing decide the valences
        content.append([("charge", round(charge * 100))])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def atom_order(stored: Structure, structure: PymatgenStructure) -> list[int]:
    """For each atom of a structure, its number in the stored row of the same crystal.

    Raises
    ------
    ValueError
        If the two are not the same crystal in the same cell.
    """
    order = _same_atoms(stored.to_pymatgen(), structure)
    if order is None:
        raise ValueError(f"not the crystal stored as {stored}")
    return order


def _nearly_same(structure: PymatgenStructure) -> Structure | None:
    """A stored structure with the same atoms within a hundredth of an ångström, and charge."""
    volume = structure.lattice.volume
    candidates = Structure.objects.filter(
        formula=structure.composition.element_composition.reduced_formula,
        n_sites=len(structure),
        volume__range=(volume * 0.999, volume * 1.001),
        a__range=(structure.lattice.a - _SAME, structure.lattice.a + _SAME),
    ).order_by("pk")
    for row in candidates:
        stored = row.to_pymatgen()
        same_charge = abs(own_charge(stored) - own_charge(structure)) < _SAME_CHARGE
        if same_charge and _same_atoms(stored, structure) is not None:
            return row
    return None


def _same_atoms(first: PymatgenStructure, second: PymatgenStructure) -> list[int] | None:
    """For each atom of ``second`` its index in ``first``; None if they differ."""
    if len(first) != len(second):
        return None
    a, b = np.asarray(first.lattice.parameters), np.asarray(second.lattice.parameters)
    if np.abs(a[:3] - b[:3]).max() > _SAME or np.abs(a[3:] - b[3:]).max() > 0.1:
        return None
    symbols = np.asarray(_symbols(first))
    wanted = _symbols(second)
    places: NDArray[np.float64] = np.asarray(first.frac_coords)
    order: list[int] = []
    for symbol, place in zip(wanted, np.asarray(second.frac_coords), strict=True):
        step = places - place
        distance = np.linalg.norm((step - np.round(step)) @ first.lattice.matrix, axis=1)
        distance[symbols != symbol] = np.inf
        nearest = int(np.argmin(distance))
        if distance[nearest] > _SAME:
            return None
        order.append(nearest)
    return order if len(set(order)) == len(order) else None


def _symbols(structure: PymatgenStructure) -> list[str]:
    return [
        getattr(site.specie, "element", site.specie).symbol
        if site.is_ordered
        else _shares(site.species.element_composition)
        for site in structure
    ]


def _shares(held: Composition) -> str:
    """The elements of a place and their amounts, whatever their order and charges."""
    return " ".join(f"{symbol}{held[symbol]:.3g}" for symbol in sorted(map(str, held.elements)))
