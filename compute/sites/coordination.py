"""Which atoms around a site are its ligands, and the bond valences they give.

A ligand is a more electronegative non-metal, at most ``_REACH`` times as far as Hoppe's weighted
mean bond (Z. Kristallogr. 150 (1979) 23): Cu in CuO has four, V in V2O5 has five. Elements that a
short bond to another one would hide (Cl beside V=O) are judged by bond valence. The centre of an
oxo-anion (the P of a phosphate, the H of a hydroxide) is none unless it is bound to the metal
itself, as the N of a nitrite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.sites.bondvalence import bond_length_of_unit_valence, bond_valence

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

NONMETALS = frozenset(
    ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Sb", "Te", "I")
)
_REACH = 1.285  # ligands lie within this times the mean bond; Hoppe weight 0.03
_BOND = 1.25  # bonds are within this times the sum of covalent radii
_CENTRE_BOND = 1.05  # a metal is bound to a centre (N of nitrite, S of sulphite) within this
_NO_LONE_PAIR = frozenset(("H", "B", "Si", "Ge"))  # centres that are never bound to a metal
_HIDDEN = 1 / 3  # a shell that leaves out more of its valence than this is not whole
_CONTRAST = 0.1  # a ligand is more electronegative by at least this (Pauling)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Atoms around a site, nearest first: vectors (n, 3) Å, distances (n,) Å, indices (n,)."""

    vectors: FloatArray
    distances: FloatArray
    atoms: NDArray[np.int64]


def neighbours(
    structure: Structure, indices: list[int], elements: list[str]
) -> dict[int, Neighbours]:
    out: dict[int, Neighbours] = {}
    waiting, radius = list(indices), 4.2
    cartesian = np.asarray(structure.cart_coords, dtype=float)
    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    while waiting and radius < 9.0:
        sites = [structure[i] for i in waiting]
        centre, atoms, images, distances = structure.get_neighbor_list(radius, sites=sites)
        vectors = cartesian[atoms] + images @ lattice
        lonely = []
        for k, index in enumerate(waiting):
            mask = (centre == k) & (distances > 1e-4)
            if not mask.any():
                lonely.append(index)
                continue
            order = np.argsort(distances[mask], kind="stable")
            nearest = float(distances[mask][order[0]])
            if nearest < 0.5:
                raise InputError(
                    f"structure.sites[{index}]",
                    f"{elements[index]} {nearest:.3f} Å from its neighbour",
                    "atoms on top of each other",
                )
            out[index] = Neighbours(
                vectors[mask][order] - cartesian[index],
                distances[mask][order],
                atoms[mask][order].astype(np.int64),
            )
        waiting, radius = lonely, radius * 1.5
    for index in waiting:
        out[index] = Neighbours(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=np.int64))
    return out


@cache
def _electronegativity(element: str) -> float:
    from pymatgen.core import Element

    value = float(Element(element).X)
    return value if value == value else 0.0  # NaN for the noble gases


@cache
def _bond_limit(a: str, b: str) -> float:
    from pymatgen.analysis.local_env import CovalentRadius

    radii = CovalentRadius.radius
    return float(_BOND * (radii.get(a, 1.5) + radii.get(b, 1.5)))


def oxo_centres(
    indices: list[int],
    orbits: dict[int, list[int]],
    elements: list[str],
    neighbours: dict[int, Neighbours],
) -> frozenset[int]:
    """Non-metal atoms bound to more electronegative ones (two; one for H): P of a phosphate."""
    centres: list[int] = []
    for index in indices:
        element = elements[index]
        if element not in NONMETALS:
            continue
        near = neighbours[index]
        bound = sum(
            elements[a] in NONMETALS
            and _electronegativity(elements[a]) > _electronegativity(element) + _CONTRAST
            and d < _bond_limit(element, elements[a])
            for a, d in zip(near.atoms, near.distances, strict=True)
        )
        if bound >= (1 if element == "H" else 2):
            centres.extend(orbits[index])
    return frozenset(centres)


def _donates(
    elements: list[str], centred: frozenset[int], donor: int, acceptor: int, distance_ang: float
) -> bool:
    """Whether an atom counts as a ligand of another; a centre only where it is bound itself."""
    limit = _bond_limit(elements[donor], elements[acceptor]) * _CENTRE_BOND / _BOND
    return (
        elements[donor] in NONMETALS
        and (
            donor not in centred or (elements[donor] not in _NO_LONE_PAIR and distance_ang < limit)
        )
        and _electronegativity(elements[donor]) > _electronegativity(elements[acceptor]) + _CONTRAST
    )


def ligands(
    elements: list[str], centred: frozenset[int], index: int, near: Neighbours
) -> NDArray[np.int64]:
    """Positions in ``near`` of the ligands; an anion's are the atoms it is a ligand of."""
    atoms = [int(a) for a in near.atoms]
    apart = [float(d) for d in near.distances]
    donors = [
        k
        for k, (a, d) in enumerate(zip(atoms, apart, strict=True))
        if _donates(elements, centred, a, index, d)
    ]
    candidates = donors or [
        k
        for k, (a, d) in enumerate(zip(atoms, apart, strict=True))
        if _donates(elements, centred, index, a, d)
    ]
    candidates = candidates or list(range(len(atoms)))
    if not candidates:
        return np.zeros(0, dtype=np.int64)
    chosen = np.array(candidates, dtype=np.int64)
    kept = chosen[_within_reach(near.distances[chosen])]
    return _with_hidden(elements, index, near, kept, donors) if donors else kept


def _within_reach(distances: FloatArray) -> NDArray[np.bool_]:
    """Which are at most ``_REACH`` times Hoppe's mean."""
    mean = float(distances.min())
    for _ in range(20):
        weights = np.exp(1.0 - (distances / mean) ** 6)
        updated = float(weights @ distances / weights.sum())
        if abs(updated - mean) < 1e-6:
            break
        mean = updated
    return np.asarray(distances <= _REACH * mean)


def _with_hidden(
    elements: list[str], index: int, near: Neighbours, kept: NDArray[np.int64], donors: list[int]
) -> NDArray[np.int64]:
    """A shell with the ligands of elements that a short bond to another one hides (Cl beside V=O).

    Lengths to different elements tell nothing beside each other, in units of the bond of unit
    valence they do. Elements that have such bonds within reach are taken where they carry more
    than ``_HIDDEN`` of the valence, each with the ligands that are within reach of its own mean.
    """

    def relative(k: int) -> float:
        unit = bond_length_of_unit_valence(elements[index], elements[near.atoms[k]])
        return float(near.distances[k]) / unit if unit else np.inf

    def valence(shell: Sequence[int]) -> float:
        pairs = ((elements[near.atoms[k]], float(near.distances[k])) for k in shell)
        return sum(bond_valence(elements[index], other, d) for other, d in pairs)

    there = {elements[near.atoms[k]] for k in kept}
    reach = _REACH * float(np.mean([relative(k) for k in kept]))
    hidden = [k for k in donors if elements[near.atoms[k]] not in there and relative(k) <= reach]
    if valence(hidden) <= _HIDDEN * (valence(hidden) + valence(kept.tolist())):
        return kept
    found = kept.tolist()
    for element in {elements[near.atoms[k]] for k in hidden}:
        of_it = np.array([k for k in donors if elements[near.atoms[k]] == element])
        found += of_it[_within_reach(near.distances[of_it])].tolist()
    return np.array(sorted(found), dtype=np.int64)


def bond_valence_sum(
    elements: list[str], centred: frozenset[int], index: int, near: Neighbours
) -> float:
    """Signed sum: what the site gives to its ligands less what it takes as one."""
    total = 0.0
    element = elements[index]
    for a, d in zip(near.atoms, near.distances, strict=True):
        other = elements[a]
        if d > 1.1 * _bond_limit(element, other) or other == element:
            continue
        if _donates(elements, centred, int(a), index, float(d)):
            total += bond_valence(element, other, float(d))
        elif _donates(elements, centred, index, int(a), float(d)):
            total -= bond_valence(other, element, float(d))
    return total


def paired(elements: list[str], index: int, near: Neighbours) -> bool:
    """Whether a non-metal is bound to its like: peroxide, disulphide."""
    return elements[index] in NONMETALS and any(
        elements[a] == elements[index] and d < _bond_limit(elements[index], elements[index])
        for a, d in zip(near.atoms, near.distances, strict=True)
    )
