"""Groups of covalently bound non-metals: molecules, linkers, polyatomic and bonded anions.

Atoms of one group are held together by bonds among non-metals, so that its charge follows from
counting valences (:mod:`compute.sites.lewis`), whatever metal it is bound to. Bond limits are
multiples of the sum of covalent radii (B. Cordero et al., Dalton Trans. (2008) 2832).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FIRST_ROWS = frozenset(("B", "C", "N", "O", "F", "Si", "P", "S", "Cl"))
_WITH_OXYGEN = frozenset(("As", "Se", "Br", "I"))  # XO3 and XO4
_LIKE = frozenset(("As", "Se", "Te", "Sb"))  # bound to their like: As4 rings, Se–Se
_PNICTOGENS, _CHALCOGENS = frozenset(("As", "Sb")), frozenset(("S", "Se", "Te"))
_PAIRED = frozenset(("Si", "Ge", "Sn", "P", "As", "Sb"))  # P2Se6, Ge2Te6
_NONMETALS = _FIRST_ROWS | _WITH_OXYGEN | _LIKE | {"H"}
_BOND, _HEAVY_BOND = 1.25, 1.15  # of the sum of radii; heavier atoms have close non-bonded pairs
_TO_METAL = 1.25
_HYDROGEN_BOND_ANG = {"H": 0.95, "C": 1.4, "N": 1.4, "O": 1.4, "F": 1.4}  # others 1.75
_REACH_ANG = 3.4


@dataclass(frozen=True, eq=False)
class Bonds:
    """Covalent bonds among the non-metals of a cell, and who is bound to a metal.

    Attributes
    ----------
    elements : tuple of str
    neighbours : tuple of dict
        Of each atom: bound non-metal atoms of the cell and how many of their images, with the
        shortest distance in Å.
    metals : tuple of frozenset
        Of each non-metal: the metal atoms it is bound to.
    """

    elements: tuple[str, ...]
    neighbours: tuple[dict[int, tuple[int, float]], ...]
    metals: tuple[frozenset[int], ...]

    def degree(self, atom: int) -> int:
        """How many non-metal atoms an atom is bound to."""
        return sum(count for count, _ in self.neighbours[atom].values())


def covalent_bonds(
    structure: Structure,
    elements: Sequence[str],
    places: Sequence[int] | None = None,
    certain: Sequence[bool] | None = None,
) -> Bonds:
    """The covalent bonds of a structure.

    Parameters
    ----------
    elements : sequence of str
        Of each atom, D and T as H.
    places, certain : sequence, optional
        Of a disordered crystal, whose atoms share places: the place in the structure of each, and
        whether it is always there. Others are bound to nothing.
    """
    n = len(elements)
    neighbours: list[dict[int, tuple[int, float]]] = [{} for _ in range(n)]
    metals: list[set[int]] = [set() for _ in range(n)]
    first, second, _, distances = structure.get_neighbor_list(_REACH_ANG)
    order = np.argsort(distances, kind="stable")
    first, second, distances = first[order], second[order], distances[order]
    if places is not None and certain is not None:
        first, second, distances = _of_atoms(first, second, distances, places, certain)
    pairs_of = _centres_of_pairs(elements, first, second, distances)
    nonmetal = np.array([e in _NONMETALS or i in pairs_of for i, e in enumerate(elements)])
    for i, j, d in _near(first, second, distances, nonmetal[first] & ~nonmetal[second]):
        if d < _TO_METAL * (radius(elements[i]) + radius(elements[j])):
            metals[i].add(j)
    hydrogens = {i: -1 for i, element in enumerate(elements) if element == "H"}
    pairs = []
    for i, j, d in _near(first, second, distances, nonmetal[first] & nonmetal[second]):
        a, b = elements[i], elements[j]
        if a == "H":
            if hydrogens[i] < 0 and d < _HYDROGEN_BOND_ANG.get(b, 1.75):
                hydrogens[i] = j  # to the nearest only
                pairs.append((i, j, d))
                if b != "H":
                    pairs.append((j, i, d))
        elif b != "H" and (_bound(a, b, d) or _bound_in_pair(i, j, elements, pairs_of, d)):
            pairs.append((i, j, d))
    for i, j, d in pairs:
        count, nearest = neighbours[i].get(j, (0, d))
        neighbours[i][j] = (count + 1, min(nearest, d))
    _drop_cations(elements, neighbours, metals, pairs_of)
    _drop_oxygen_chains(elements, neighbours)
    return Bonds(tuple(elements), tuple(neighbours), tuple(frozenset(m) for m in metals))


def fragments(bonds: Bonds) -> list[list[int]]:
    """Atoms of each connected group of non-metals, single anions among them, in order."""
    seen: set[int] = set()
    out = []
    for start, element in enumerate(bonds.elements):
        if start in seen or not (element in _NONMETALS or bonds.neighbours[start]):
            continue
        waiting, group = [start], []
        seen.add(start)
        while waiting:
            atom = waiting.pop()
            group.append(atom)
            for other in bonds.neighbours[atom]:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
        out.append(sorted(group))
    return out


def _of_atoms(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    distances: NDArray[np.float64],
    places: Sequence[int],
    certain: Sequence[bool],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Contacts of places as those of the atoms that are always there."""
    atom = np.full(max(places) + 1, -1)
    for n, (place, always) in enumerate(zip(places, certain, strict=True)):
        if always:
            atom[place] = n
    kept = (atom[first] >= 0) & (atom[second] >= 0)
    return atom[first[kept]], atom[second[kept]], distances[kept]


def _near(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    distances: NDArray[np.float64],
    chosen: NDArray[np.bool_],
) -> list[tuple[int, int, float]]:
    real = chosen & (distances > 1e-4)
    return [
        (int(i), int(j), float(d))
        for i, j, d in zip(first[real], second[real], distances[real], strict=True)
    ]


def _bound(a: str, b: str, distance_ang: float) -> bool:
    limit = radius(a) + radius(b)
    if a in _FIRST_ROWS and b in _FIRST_ROWS:
        heavy = a in ("Si", "P", "S", "Cl") and b in ("Si", "P", "S", "Cl")
        return distance_ang < (_HEAVY_BOND if heavy else _BOND) * limit
    pair = {a, b}
    known = (
        (a == b and a in _LIKE)
        or ("O" in pair and pair & _WITH_OXYGEN)
        or ("C" in pair)
        or (pair & _PNICTOGENS and pair & _CHALCOGENS)
    )
    return bool(known) and distance_ang < _HEAVY_BOND * limit


def _centres_of_pairs(
    elements: Sequence[str],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    distances: NDArray[np.float64],
) -> frozenset[int]:
    """Atoms with one bond to their like and others to S, Se, Te alone: P2Se6⁴⁻, Ge2Te6⁶⁻.

    The bond to its like makes of an atom that is a cation among chalcogens part of an anion.
    """
    like: dict[int, int] = {}
    chalcogens: dict[int, int] = {}
    others: set[int] = set()
    centre = np.array([element in _PAIRED for element in elements])
    for i, j, d in _near(first, second, distances, centre[first]):
        a, b = elements[i], elements[j]
        limit = radius(a) + radius(b)
        if b in _CHALCOGENS and d < _HEAVY_BOND * limit:
            chalcogens[i] = chalcogens.get(i, 0) + 1
        elif a == b and d < _HEAVY_BOND * limit:
            like[i] = like.get(i, 0) + 1
        elif d < (_HEAVY_BOND if b in _NONMETALS else _TO_METAL) * limit and a != b:
            others.add(i)
    return frozenset(
        i for i, n in like.items() if n == 1 and chalcogens.get(i, 0) >= 2 and i not in others
    )


def _bound_in_pair(
    i: int, j: int, elements: Sequence[str], pairs: frozenset[int], distance_ang: float
) -> bool:
    if i not in pairs and j not in pairs:
        return False
    a, b = elements[i], elements[j]
    return distance_ang < _HEAVY_BOND * (radius(a) + radius(b)) and (
        a == b or bool({a, b} & _CHALCOGENS)
    )


def _drop_cations(
    elements: Sequence[str],
    neighbours: list[dict[int, tuple[int, float]]],
    metals: list[set[int]],
    pairs: frozenset[int],
) -> None:
    """As and Sb among several S are cations (AsS4, SbS3); with one S and metals, AsS³⁻."""
    for i, element in enumerate(elements):
        if element not in _PNICTOGENS or i in pairs:
            continue
        chalcogens = [j for j in neighbours[i] if elements[j] in _CHALCOGENS]
        if len(chalcogens) == 1 and len(metals[i]) >= 2:
            continue
        for j in chalcogens:
            neighbours[i].pop(j, None)
            neighbours[j].pop(i, None)


def _drop_oxygen_chains(
    elements: Sequence[str], neighbours: list[dict[int, tuple[int, float]]]
) -> None:
    """Oxygens near two or more others are water on places too close, all of them occupied."""
    oxygens = [
        {j: n for j, (n, _) in near.items() if elements[j] == "O"} if elements[i] == "O" else {}
        for i, near in enumerate(neighbours)
    ]
    for i, near in enumerate(oxygens):
        if sum(near.values()) < 2:
            continue
        for j in near:
            neighbours[i].pop(j, None)
            neighbours[j].pop(i, None)


@cache
def radius(element: str) -> float:
    """Covalent radius, Å; 1.5 where none is tabulated."""
    from pymatgen.analysis.local_env import CovalentRadius

    return float(CovalentRadius.radius.get(element, 1.5))
