"""Arrangements of what is around an atom whose ligand shell is mixed, partly empty or split.

Every arrangement is a set of occupants that can be there at once; those that the site's symmetry
turns into each other are one. The likeliest are kept, a bounded number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.sites.coordination import Neighbours, ligands
from compute.sites.occupants import Occupant, States, exclude, given, groups, joint_states

FloatArray = NDArray[np.float64]

MOST = 8  # arrangements of one site; each is a calculation
_ENOUGH = 0.98  # of the weight: rarer ones are odd, cost as much and change nothing that is seen
_BEAM = 4096  # sets that are followed while groups are combined
_REACH = 1.1  # ligands of any arrangement lie within this times the farthest of the mean one
_SAME_ANG = 0.1


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One way to fill the places around an occupant.

    Attributes
    ----------
    weight : float
        Its probability, with all that symmetry makes of it.
    ligands : tuple of int
        Occupants, nearest first.
    vectors : float64 (n, 3)
        To the ligands, Å, Cartesian.
    kept : int (g,)
        Which of the site's point operations leave it as it is.
    places : tuple of (float64 (3,), tuple of int, tuple of int)
        Near places whose content is settled here: vector, who is there, who may be.
    """

    weight: float
    ligands: tuple[int, ...]
    vectors: FloatArray
    kept: NDArray[np.int64]
    places: tuple[tuple[FloatArray, tuple[int, ...], tuple[int, ...]], ...]


def arrangements(
    held: Sequence[Occupant],
    elements: list[str],
    centred: frozenset[int],
    index: int,
    near: Neighbours,
    rotations: FloatArray,
    *,
    all_of_them: bool,
) -> list[Arrangement]:
    """The arrangements around an occupant, the likeliest first; of an ordered shell the one.

    Parameters
    ----------
    held, elements : sequence
        All occupants and their elements.
    centred : frozenset of int
        Occupants that are centres of oxo-anions.
    near : Neighbours
        All occupants around, those included that cannot be there beside this one.
    rotations : float64 (g, 3, 3)
        Point operations of the place.
    all_of_them : bool
        False gives the likeliest alone.
    """
    ids = np.concatenate([[index], near.atoms]).astype(np.int64)
    vectors = np.vstack([np.zeros((1, 3)), near.vectors])
    distances = np.concatenate([[0.0], near.distances])
    barred = np.array(
        [k > 0 and exclude(held[index], held[ids[k]], float(distances[k])) for k in range(len(ids))]
    )
    free = np.flatnonzero(~barred)[1:]
    chosen = free[ligands(elements, centred, index, _part(vectors, distances, ids, free))]
    every = np.arange(len(rotations))
    if not len(chosen):
        return [Arrangement(1.0, (), np.zeros((0, 3)), every, ())]
    reach = _REACH * float(distances[chosen].max())
    kinds = {elements[ids[k]] for k in chosen}
    uncertain = [k for k in range(len(ids)) if not held[ids[k]].certain]
    candidates = {
        k for k in uncertain
        if k in set(free.tolist()) and distances[k] <= reach and elements[ids[k]] in kinds
    } | {0}  # fmt: skip
    excludes = _exclusions(held, ids, vectors, uncertain)
    open_groups = [g for g in groups(uncertain, excludes) if candidates & set(g)]
    occupancies = [held[k].occupancy for k in ids]
    sets: States = [((), 1.0)]
    settled: list[int] = []
    for group in open_groups:
        states = joint_states(group, occupancies, excludes)
        settled += [k for k in group[: _members(states, group)] if k != 0]
        if 0 in group:
            states = given(states, 0)
        sets = [(a + b, v * w) for a, v in sets for b, w in states]
        sets = sorted(sets, key=lambda one: -one[1])[:_BEAM]
    turned = _permutations(held, ids, vectors, rotations, settled)
    merged = _merged(sets, turned)
    if not all_of_them:
        merged = [(merged[0][0], 1.0)]
    certain = [int(k) for k in free if held[ids[k]].certain]
    out: list[Arrangement] = []
    for present, weight in merged[:MOST]:
        there = np.array(sorted([*certain, *present], key=lambda k: (distances[k], k)), dtype=int)
        shell = there[ligands(elements, centred, index, _part(vectors, distances, ids, there))]
        kept = [
            g for g, moved in enumerate(turned)
            if moved is not None and {moved[k] for k in present} == set(present)
        ] if settled else every  # fmt: skip
        out.append(
            Arrangement(
                weight,
                tuple(int(ids[k]) for k in shell),
                vectors[shell],
                np.asarray(kept, dtype=np.int64),
                _places(ids, vectors, settled, present),
            )
        )
        if sum(one.weight for one in out) > _ENOUGH:
            break
    return out


def _members(states: States, group: Sequence[int]) -> int:
    """How many of a group were settled: the nearest ones, as many as can be followed."""
    seen = {k for chosen, _ in states for k in chosen}
    return max((n for n, k in enumerate(group, start=1) if k in seen), default=0)


def _part(
    vectors: FloatArray, distances: FloatArray, ids: NDArray[np.int64], chosen: NDArray[np.int64]
) -> Neighbours:
    return Neighbours(vectors[chosen], distances[chosen], ids[chosen])


def _exclusions(
    held: Sequence[Occupant], ids: NDArray[np.int64], vectors: FloatArray, among: Sequence[int]
) -> NDArray[np.bool_]:
    out = np.zeros((len(ids), len(ids)), dtype=bool)
    for n, a in enumerate(among):
        for b in among[n + 1 :]:
            apart = float(np.linalg.norm(vectors[a] - vectors[b]))
            if exclude(held[ids[a]], held[ids[b]], apart):
                out[a, b] = out[b, a] = True
    return out


def _permutations(
    held: Sequence[Occupant],
    ids: NDArray[np.int64],
    vectors: FloatArray,
    rotations: FloatArray,
    settled: Sequence[int],
) -> list[dict[int, int] | None]:
    """What each operation makes of the settled occupants; None where it leads elsewhere."""
    alike = {
        (a, b)
        for a in settled
        for b in settled
        if held[ids[a]].element == held[ids[b]].element
        and abs(held[ids[a]].occupancy - held[ids[b]].occupancy) < 1e-6
    }
    out: list[dict[int, int] | None] = []
    for rotation in rotations:
        moved: dict[int, int] = {}
        for a in settled:
            aim = rotation @ vectors[a]
            away = {b: float(np.linalg.norm(vectors[b] - aim)) for b in settled if (a, b) in alike}
            nearest = min(away, key=away.__getitem__)  # of a split atom others lie near as well
            if away[nearest] < _SAME_ANG:
                moved[a] = nearest
        whole = len(set(moved.values())) == len(settled)
        out.append(moved if whole else None)
    return out


def _merged(sets: States, turned: Sequence[dict[int, int] | None]) -> States:
    """Sets that symmetry turns into each other as one, the likeliest first."""
    weights: dict[tuple[int, ...], float] = {}
    moves = [moved for moved in turned if moved is not None]
    for present, weight in sets:
        images = (tuple(sorted(moved[k] for k in present)) for moved in moves)
        key = min(images, default=tuple(sorted(present)))
        weights[key] = weights.get(key, 0.0) + weight
    return sorted(weights.items(), key=lambda one: (-round(one[1], 12), one[0]))


def _places(
    ids: NDArray[np.int64], vectors: FloatArray, settled: Sequence[int], present: Sequence[int]
) -> tuple[tuple[FloatArray, tuple[int, ...], tuple[int, ...]], ...]:
    at: dict[tuple[float, ...], list[int]] = {}
    for k in settled:
        at.setdefault(tuple(np.round(vectors[k], 6).tolist()), []).append(k)
    there = set(present)
    return tuple(
        (
            vectors[group[0]],
            tuple(int(ids[k]) for k in group if k in there),
            tuple(int(ids[k]) for k in group),
        )
        for group in at.values()
    )
