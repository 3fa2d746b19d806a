"""Sites of a disordered crystal: each element of each place, its valence, what it is surrounded by.

Far atoms are their mean: the charge of a place is that of its occupants, weighted. Around an atom
that is to absorb, where the ligand shell itself is mixed, partly empty or split, the shell is a
number of *alternatives*, ordered sites with weights (:mod:`compute.sites.shells`). Places are
filled at random but for what excludes each other; no short-range order is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.ions import ELEMENTS_3D
from compute.sites.analysis import Site
from compute.sites.coordination import Neighbours, bond_valence_sum, oxo_centres
from compute.sites.disordered_valences import with_valences
from compute.sites.frame import local_axes, orbits, point_group
from compute.sites.occupants import Occupant, exclude, occupants
from compute.sites.oxidation import STATED
from compute.sites.polyhedra import nearest_shape
from compute.sites.shells import Arrangement, arrangements
from compute.sites.spin import spin_state

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_REACH_ANG, _FAR_ANG = 4.2, 9.0
_ON_TOP_ANG = 0.5
# At most, of an ion with several states that shares its place: the bonds are a mean of several.
_CONFIDENCE_OF_MEAN = 0.8


def analyze_disordered(
    structure: Structure,
    *,
    symprec: float = 0.01,
    stated: Mapping[int | str, float] | None = None,
) -> list[Site]:
    """The distinct sites, one for each element of each orbit of places, in order of place.

    Of an ordered crystal they are those of :func:`compute.sites.analyze_sites`.

    Parameters
    ----------
    stated : mapping, optional
        Oxidation states by place, by element, or by both (``"Fe:3"``), which goes first.

    Raises
    ------
    InputError
        As :func:`compute.sites.analyze_sites`.
    """
    held = occupants(structure)
    places, turned = orbits(structure, [one.element for one in _first_of_each(held)], symprec)
    numbers = _numbers(held)
    members = {
        numbers[first, one.element]: [numbers[place, one.element] for place in places[first]]
        for first in sorted(places)
        for one in held
        if one.place == first
    }
    elements = [one.element for one in held]
    near = _around(structure, held, list(members))
    there = {index: _present(near[index], held, index) for index in members}
    centred = oxo_centres(list(members), members, elements, there)
    shells = {
        index: arrangements(
            held, elements, centred, index, near[index], turned[held[index].place][1],
            all_of_them=elements[index] in ELEMENTS_3D,
        )
        for index in members
    }  # fmt: skip
    bare = [
        _bare(held, members[index], turned[held[index].place], shells[index][0])
        for index in members
    ]
    bare = [
        replace(site, bond_valence_sum=_bond_valences(held, elements, centred, site.index, there))
        for site in bare
    ]
    filled = with_valences(structure, held, bare, there, _by_number(stated or {}, held))
    charges = np.zeros(len(held))
    for site in filled:
        charges[list(site.equivalent_indices)] = site.oxidation_state
    return [
        _told(site, shells[site.index], held, charges, turned[held[site.index].place])
        for site in filled
    ]


def _first_of_each(held: Sequence[Occupant]) -> list[Occupant]:
    seen: dict[int, Occupant] = {}
    for one in held:
        seen.setdefault(one.place, one)
    return list(seen.values())


def _numbers(held: Sequence[Occupant]) -> dict[tuple[int, str], int]:
    return {(one.place, one.element): k for k, one in enumerate(held)}


def _around(
    structure: Structure, held: Sequence[Occupant], chosen: Sequence[int]
) -> dict[int, Neighbours]:
    """All occupants around some, those left in that cannot be there beside them; ``atoms`` are
    occupants."""
    cartesian = np.asarray(structure.cart_coords, dtype=float)
    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    at = _occupants_at(held)
    waiting, radius = sorted({held[index].place for index in chosen}), _REACH_ANG
    by_place: dict[int, list[tuple[FloatArray, float, int]]] = {place: [] for place in waiting}
    while waiting and radius < _FAR_ANG:
        sites = [structure[place] for place in waiting]
        centre, atoms, images, distances = structure.get_neighbor_list(radius, sites=sites)
        vectors = cartesian[atoms] + images @ lattice
        for k, place in enumerate(waiting):
            mask = (centre == k) & (distances > 1e-4)
            order = np.flatnonzero(mask)[np.argsort(distances[mask], kind="stable")]
            by_place[place] = [
                (vectors[n] - cartesian[place], float(distances[n]), other)
                for n in order
                for other in at[int(atoms[n])]
            ]
        waiting = [place for place in waiting if not by_place[place]]
        radius *= 1.5
    return {index: _checked(held, index, by_place[held[index].place]) for index in chosen}


def _checked(
    held: Sequence[Occupant], index: int, found: Sequence[tuple[FloatArray, float, int]]
) -> Neighbours:
    """After a look for atoms that are no alternatives and on top of each other."""
    for _, distance, other in found:
        if distance >= _ON_TOP_ANG:
            break
        if not exclude(held[index], held[other], distance):
            raise InputError(
                f"structure.sites[{held[index].place}]",
                f"{held[index].element} {distance:.3f} Å from its neighbour",
                "atoms on top of each other",
            )
    return Neighbours(
        np.array([one[0] for one in found]).reshape(-1, 3),
        np.array([one[1] for one in found]),
        np.array([one[2] for one in found], dtype=np.int64),
    )


def _occupants_at(held: Sequence[Occupant]) -> dict[int, list[int]]:
    at: dict[int, list[int]] = {}
    for k, one in enumerate(held):
        at.setdefault(one.place, []).append(k)
    return at


def _present(near: Neighbours, held: Sequence[Occupant], index: int) -> Neighbours:
    """Those that can be there beside the occupant."""
    keep = [
        not exclude(held[index], held[int(other)], float(distance))
        for other, distance in zip(near.atoms, near.distances, strict=True)
    ]
    return Neighbours(near.vectors[keep], near.distances[keep], near.atoms[keep])


def _bond_valences(
    held: Sequence[Occupant],
    elements: list[str],
    centred: frozenset[int],
    index: int,
    there: Mapping[int, Neighbours],
) -> float:
    """Mean bond-valence sum: each neighbour by its occupancy."""
    near = there[index]
    shares = np.array([held[int(other)].occupancy for other in near.atoms])
    total = 0.0
    for occupancy in np.unique(shares):
        keep = shares == occupancy
        part = Neighbours(near.vectors[keep], near.distances[keep], near.atoms[keep])
        total += float(occupancy) * bond_valence_sum(elements, centred, index, part)
    return total


def _bare(
    held: Sequence[Occupant],
    members: list[int],
    turned: tuple[NDArray[np.int64], FloatArray],
    likely: Arrangement,
) -> Site:
    """A site without valence, numbered by occupants, in its likeliest surroundings."""
    name, schoenflies = point_group(turned[0])
    one = held[members[0]]
    empty = Site(
        index=members[0],
        element=one.element,
        multiplicity=len(members),
        equivalent_indices=tuple(members),
        oxidation_state=0.0,
        oxidation_source="",
        oxidation_confidence=0.0,
        bond_valence_sum=0.0,
        spin_state="",
        coordination_number=0,
        geometry="",
        geometry_deviation=float("nan"),
        ligand_elements=(),
        ligand_indices=(),
        ligand_vectors=np.zeros((0, 3)),
        mean_bond_length_ang=float("nan"),
        point_group=name,
        point_group_schoenflies=schoenflies,
        symmetry_rotations=turned[1],
        local_axes=np.eye(3),
        occupancy=one.occupancy,
    )
    return _shaped(empty, held, likely, turned[1][likely.kept])


def _by_number(
    stated: Mapping[int | str, float], held: Sequence[Occupant]
) -> dict[int | str, float]:
    """What is stated, places turned into the numbers of occupants."""
    numbers, places = _numbers(held), {one.place for one in held}
    out: dict[int | str, float] = {}
    for key, value in sorted(stated.items(), key=lambda one: str(one[0]).count(":")):
        if isinstance(key, int):
            if key not in places:
                raise InputError(
                    f"oxidation_states[{key}]", value, "the structure has no such atom"
                )
            out |= {k: value for (place, _), k in numbers.items() if place == key}
        elif ":" in key:
            element, _, place = key.partition(":")
            number = numbers.get((int(place), element)) if place.isdecimal() else None
            if number is None:
                raise InputError(
                    f"oxidation_states[{key}]", value, "the structure has no such atom"
                )
            out[number] = value
        else:
            out[key] = value
    return out


def _told(
    site: Site,
    shells: Sequence[Arrangement],
    held: Sequence[Occupant],
    charges: FloatArray,
    turned: tuple[NDArray[np.int64], FloatArray],
) -> Site:
    """The site numbered by places, with its alternatives."""
    kept = sum(shell.weight for shell in shells)
    ordered = [_in(site, shell, held, charges, turned) for shell in shells]
    left = max(0.0, 1.0 - kept)
    if len(shells) == 1:
        return replace(ordered[0], left_out=left)
    return replace(
        ordered[0],
        point_group=site.point_group,
        point_group_schoenflies=site.point_group_schoenflies,
        alternatives=tuple(
            (shell.weight / kept, one) for shell, one in zip(shells, ordered, strict=True)
        ),
        left_out=left,
    )


def _in(
    site: Site,
    shell: Arrangement,
    held: Sequence[Occupant],
    charges: FloatArray,
    turned: tuple[NDArray[np.int64], FloatArray],
) -> Site:
    """The site in one arrangement, with places for occupants."""
    name, schoenflies = point_group(turned[0][shell.kept])
    shared = sum(one.place == held[site.index].place for one in held) > 1
    confidence = site.oxidation_confidence
    if shared and site.element in ELEMENTS_3D and site.oxidation_source != STATED:
        confidence = min(confidence, _CONFIDENCE_OF_MEAN)
    filled = replace(
        _shaped(site, held, shell, turned[1][shell.kept]),
        oxidation_confidence=confidence,
        index=held[site.index].place,
        equivalent_indices=tuple(held[k].place for k in site.equivalent_indices),
        ligand_indices=tuple(held[k].place for k in shell.ligands),
        point_group=name,
        point_group_schoenflies=schoenflies,
        charge_corrections=_corrections(shell, held, charges),
    )
    return replace(filled, spin_state=spin_state(filled))


def _shaped(
    site: Site, held: Sequence[Occupant], shell: Arrangement, rotations: FloatArray
) -> Site:
    """The site with the ligands of an arrangement; ``ligand_indices`` are occupants."""
    shape = nearest_shape(shell.vectors)
    lengths = np.linalg.norm(shell.vectors, axis=1)
    return replace(
        site,
        coordination_number=len(shell.vectors),
        geometry=shape.name,
        geometry_deviation=shape.deviation,
        ligand_elements=tuple(held[k].element for k in shell.ligands),
        ligand_indices=shell.ligands,
        ligand_vectors=shell.vectors,
        mean_bond_length_ang=float(lengths.mean()) if len(lengths) else float("nan"),
        symmetry_rotations=rotations,
        local_axes=local_axes(shape.name, shape.axes, shell.vectors, rotations),
    )


def _corrections(shell: Arrangement, held: Sequence[Occupant], charges: FloatArray) -> FloatArray:
    """Charges (m, 4) by which the near places differ from their means: Å, Å, Å, e."""
    out: list[tuple[float, float, float, float]] = []
    for vector, present, everybody in shell.places:
        mean = sum(held[k].occupancy * charges[k] for k in everybody)
        actual = sum(charges[k] for k in present)
        if abs(actual - mean) > 1e-9:
            out.append((float(vector[0]), float(vector[1]), float(vector[2]), actual - mean))
    return np.array(out, dtype=float).reshape(-1, 4)
