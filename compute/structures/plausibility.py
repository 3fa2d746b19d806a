"""Whether a structure can be one: distances against radii, lonely metals, packing, bond valences.

Limits leave room for what exists. Over 142 published crystals and 1,626 computed ones the
shortest contact is 0.70 of the sum of covalent radii (uranyl 0.67), the loneliest metal atom has
its neighbour at 1.35 of it, and atoms of covalent radius fill at most 0.98 of the cell.
Radii: B. Cordero et al., Dalton Trans. (2008) 2832, as tabulated by pymatgen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.sites.bondvalence import bond_valence
from compute.structures.cell import FULL, OVERFULL
from compute.structures.findings import Finding, Weight

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

SHORTEST = 0.65  # of the sum of covalent radii
SHORTEST_H = 0.5  # of a contact of hydrogen, which X-rays place badly
ON_TOP_ANG = 0.4  # no two atoms are closer, whatever they are
LONELY = 1.45  # a metal atom without a neighbour within this times the sum of radii …
VACUUM_ANG = 6.0  # … is one atom in a box only if nothing is nearer than this
PACKED = 1.15  # spheres of covalent radius over the volume
_OVERBONDED = 2.0  # bond-valence sum over the highest valence of the element, and one more
_MOST_TAKEN = {"O": 3.5, "F": 2.0}  # bond-valence sums; in 1,626 crystals at most 2.7 and 1.1
_REACH_ANG = 4.5
_CONTRAST = 0.1  # as in compute.sites.coordination


@dataclass(frozen=True, eq=False)
class Contacts:
    """Every pair of atoms within 4.5 Å, both ways: indices, distances in Å and over the radii."""

    elements: list[str]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distances: FloatArray
    ratios: FloatArray


def find_contacts(structure: Structure) -> Contacts:
    """Contacts of a structure; a mixed place counts as its most frequent element."""
    elements = [majority(site) for site in structure]
    radii = np.array([_radius(element) for element in elements])
    first, second, _, distances = structure.get_neighbor_list(_REACH_ANG)
    real = (distances > 1e-4) | (first != second)
    first, second, distances = first[real], second[real], distances[real]
    ratios = distances / (radii[first] + radii[second])
    return Contacts(elements, first.astype(np.int64), second.astype(np.int64), distances, ratios)


def geometry(structure: Structure, contacts: Contacts | None = None) -> list[Finding]:
    """What speaks against a structure; empty where nothing does."""
    found = contacts or find_contacts(structure)
    return [
        *_too_close(structure, found),
        *_lonely(structure, found),
        *_packed(structure, found),
        *_overbonded(structure, found),
    ]


def misfit(structure: Structure, contacts: Contacts | None = None) -> float:
    """How far the bonds are from usual ones, to compare readings of one file; 0 is perfect.

    Mean distance of the bond-valence sums of cations and anions to their nearest usual valence,
    or of the logarithm of the nearest distance over the radii where there are no such bonds.
    """
    found = contacts or find_contacts(structure)
    n = len(found.elements)
    sums, known = _bond_valence_sums(found)
    if known.any():
        off = [
            min(abs(abs(total) - valence) for valence in _usual(found.elements[i]))
            for i, total in enumerate(sums)
            if known[i]
        ]
        return float(np.mean(off))
    nearest = np.full(n, np.log(2.0))
    np.minimum.at(nearest, found.first, np.abs(np.log(np.maximum(found.ratios, 1e-3))))
    return float(nearest.mean())


def _too_close(structure: Structure, found: Contacts) -> list[Finding]:
    total = np.array([sum(site.species.values()) for site in structure])
    partial = total < FULL
    limit = np.full(len(found.ratios), SHORTEST)
    hydrogen = np.array([element == "H" for element in found.elements])
    limit[hydrogen[found.first] | hydrogen[found.second]] = SHORTEST_H
    # Two partly occupied places may exclude each other: alternatives, not neighbours.
    either = partial[found.first] & partial[found.second]
    either &= total[found.first] + total[found.second] <= OVERFULL
    bad = ((found.ratios < limit) | (found.distances < ON_TOP_ANG)) & ~either
    if not bad.any():
        return []
    worst = int(np.argmin(np.where(bad, found.ratios, np.inf)))
    pair = "–".join(found.elements[i] for i in (found.first[worst], found.second[worst]))
    n = int(bad.sum()) // 2
    return [
        Finding(
            "contact",
            f"{pair} {found.distances[worst]:.2f} Å, {found.ratios[worst]:.2f} of the sum of the "
            f"covalent radii; {n} contact{'s' if n > 1 else ''} a cell shorter than atoms allow",
            Weight.DOUBT,
        )
    ]


def _lonely(structure: Structure, found: Contacts) -> list[Finding]:
    n = len(found.elements)
    nearest, distance = np.full(n, np.inf), np.full(n, np.inf)
    np.minimum.at(nearest, found.first, found.ratios)
    np.minimum.at(distance, found.first, found.distances)
    out = [i for i in range(n) if nearest[i] > LONELY and _is_metal(found.elements[i])]
    if n > 1 and not len(found.first):
        return _scattered(structure)
    if not out:
        return []
    i = out[0]
    if not np.isfinite(distance[i]):
        distance[i] = _nearest_far(structure, i)
    if distance[i] > VACUUM_ANG:  # atoms in a box, made so on purpose
        return []
    return [
        Finding(
            "lonely atom",
            f"{found.elements[i]} has no neighbour within {distance[i]:.2f} Å, farther than any "
            f"bond of it; {len(out)} such atom{'s' if len(out) > 1 else ''} a cell",
            Weight.DOUBT,
        )
    ]


def _scattered(structure: Structure) -> list[Finding]:
    """A cell of several atoms of which no two are near each other: one atom in a box has one."""
    if len(structure.get_neighbor_list(VACUUM_ANG)[0]):
        return []
    shape = ", ".join(f"{length:.4g}" for length in structure.lattice.abc)
    return [
        Finding(
            "lonely atom",
            f"no two of the {len(structure)} atoms are within {VACUUM_ANG:g} Å of each other; is "
            f"the cell ({shape}) in Å?",
            Weight.DOUBT,
        )
    ]


def _nearest_far(structure: Structure, index: int) -> float:
    near = structure.get_neighbors(structure[index], VACUUM_ANG + 1e-6)
    return min((float(one.nn_distance) for one in near if one.nn_distance > 1e-4), default=np.inf)


def _packed(structure: Structure, found: Contacts) -> list[Finding]:
    occupied = np.array([min(sum(site.species.values()), 1.0) for site in structure])
    radii = np.array([_radius(element) for element in found.elements])
    share = float(4 / 3 * np.pi * (occupied * radii**3).sum() / structure.volume)
    if share < PACKED:
        return []
    return [
        Finding(
            "density",
            f"{float(structure.density):.2f} g/cm³: atoms of covalent radius would fill "
            f"{share:.0%} of the cell",
            Weight.DOUBT,
        )
    ]


def _overbonded(structure: Structure, found: Contacts) -> list[Finding]:
    sums, known = _bond_valence_sums(found, judged=True)
    out = []
    for i, total in enumerate(sums):
        element = found.elements[i]
        if not known[i] or not structure[i].is_ordered:
            continue
        # An anion between large cations is overbonded by the rule, but not without limit.
        highest = max(_usual(element)) if total > 0 else 2.0 if element == "O" else 1.0
        limit = _OVERBONDED * highest + 1.0 if total > 0 else _MOST_TAKEN.get(element, np.inf)
        if abs(total) > limit:
            out.append((abs(total) / highest, element, abs(total), highest))
    if not out:
        return []
    _, element, total, highest = max(out)
    return [
        Finding(
            "bond valence",
            f"the bonds of {element} add up to a valence of {total:.1f}; it has at most {highest}",
            Weight.DOUBT,
        )
    ]


def _bond_valence_sums(
    found: Contacts, *, judged: bool = False
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Signed sums, positive for who gives, and which atoms have any such bond.

    ``judged`` leaves out bonds whose lengths say little of a valence: those of hydrogen, which
    X-rays place badly, and of a metal to carbon, which may be a ring.
    """
    n = len(found.elements)
    sums = np.zeros(n)
    known = np.zeros(n, dtype=bool)
    near = found.ratios < 1.4
    for i, j, d in zip(found.first[near], found.second[near], found.distances[near], strict=True):
        giver, taker = found.elements[i], found.elements[j]
        if _is_metal(taker) or _electronegativity(taker) < _electronegativity(giver) + _CONTRAST:
            continue
        if judged and (giver == "H" or (taker == "C" and _is_metal(giver))):
            continue
        value = bond_valence(giver, taker, float(d))
        if value:
            sums[i] += value
            sums[j] -= value
            known[i] = known[j] = True
    return sums, known


def majority(site: object) -> str:
    """The most frequent element of a place; D and T are H."""
    species = site.species.element_composition  # type: ignore[attr-defined]
    symbol = str(max(species, key=lambda element: (species[element], str(element))))
    return "H" if symbol in ("D", "T") else symbol


@cache
def _radius(element: str) -> float:
    from pymatgen.analysis.local_env import CovalentRadius

    return float(CovalentRadius.radius.get(element, 1.5))


@cache
def _is_metal(element: str) -> bool:
    from pymatgen.core import Element

    return bool(Element(element).is_metal)


@cache
def _electronegativity(element: str) -> float:
    from pymatgen.core import Element

    value = float(Element(element).X)
    return value if value == value else 0.0


@cache
def _usual(element: str) -> tuple[float, ...]:
    """Sizes of the usual valences; at least 1."""
    from pymatgen.core import Element

    known = Element(element)
    sizes = {abs(float(v)) for v in (*known.common_oxidation_states, *known.icsd_oxidation_states)}
    return tuple(sorted(sizes - {0.0})) or (1.0,)
