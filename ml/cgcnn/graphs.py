"""Crystals as graphs: nodes are kinds of atoms that see the same surroundings.

A convolution over element and distance cannot tell two atoms apart whose neighbours are of the
same kinds at the same distances. Such atoms are found by colour refinement (Weisfeiler & Leman
1968) and share one node, and their equal bonds one edge with a count: the network's answer is the
one that the full graph gives, at about a third of the edges for crystals as they occur.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from ml.crystals import Crystal, neighbours
from ml.prefetch import to_device

CUTOFF = 6.0  # Å
MAX_NEIGHBOURS = 16
STEP = 0.005  # Å, of bond lengths: equal ones share their filter
_SAME = 1e-3  # Å: distances closer than this are equal in one crystal

Int = NDArray[np.int64]


@dataclass(frozen=True)
class Graph:
    """One crystal.

    Attributes
    ----------
    numbers : (c,)
        Atomic number of each node.
    count : (c,)
        Atoms of the cell that the node stands for.
    edges : (2, e)
        Neighbour → centre.
    length : (e,)
        In units of ``STEP``.
    weight : (e,)
        Equal bonds that the edge stands for, float32.
    node : (n,)
        Node of each atom of the cell.
    """

    numbers: Int
    count: Int
    edges: Int
    length: Int
    weight: NDArray[np.float32]
    node: Int


_NONE = np.zeros(0, np.int64)
NO_GRAPH = Graph(_NONE, _NONE, np.zeros((2, 0), np.int64), _NONE, np.zeros(0, np.float32), _NONE)


@dataclass(frozen=True)
class GraphBatch:
    """Several crystals and the absorbing atoms asked for.

    Attributes
    ----------
    numbers, count : (c,) int64
    distance : (l,) float32
        Distinct bond lengths, Å.
    edges : (2, e) int64
    level : (e,) int64
        Which of these lengths each edge has.
    weight : (e,) float32
    crystal : (c,) int64
        Which crystal each node is of.
    absorber : (u,) int64
        Nodes to be read out, each once.
    answer : (s,) int64
        Which of these each spectrum is of.
    """

    numbers: Tensor
    count: Tensor
    distance: Tensor
    edges: Tensor
    level: Tensor
    weight: Tensor
    crystal: Tensor
    absorber: Tensor
    answer: Tensor

    def to(self, device: torch.device) -> GraphBatch:
        if device.type == "cpu":
            return self
        return GraphBatch(
            **{f.name: to_device(getattr(self, f.name), device) for f in fields(self)}
        )


def build_graph(
    crystal: Crystal, cutoff: float = CUTOFF, max_neighbours: int = MAX_NEIGHBOURS
) -> Graph:
    """The graph of a crystal; the ``max_neighbours`` nearest atoms of each within ``cutoff``.

    Atoms as far away as the last of these are all taken, so that equal atoms have equal
    neighbours. An atom without any neighbour in reach gets its nearest image, so that no node is
    mute.
    """
    near = neighbours(crystal, cutoff)
    while (np.diff(near.start) == 0).any():
        cutoff *= 1.5
        near = neighbours(crystal, cutoff)
    numbers = np.asarray(crystal.numbers, dtype=np.int64)
    counts = np.diff(near.start)
    last = near.start[:-1] + np.minimum(counts, max_neighbours) - 1
    keep = near.distance <= np.repeat(near.distance[last] + _SAME, counts)
    centre = np.repeat(np.arange(len(counts)), counts)[keep]
    atom, distance = near.atom[keep], near.distance[keep]
    level = _levels(distance)
    node = _kinds(numbers, centre, atom, level)
    _, first, count = np.unique(node, return_index=True, return_counts=True)
    shown = first[node[centre]] == centre  # bonds of the first atom of each node
    source, target = node[atom[shown]], node[centre[shown]]
    key = (target * (level.max() + 1) + level[shown]) * len(first) + source
    _, edge, weight = np.unique(key, return_index=True, return_counts=True)
    return Graph(
        numbers[first],
        count,
        np.stack([source[edge], target[edge]]),
        np.rint(distance[shown][edge] / STEP).astype(np.int64),
        weight.astype(np.float32),
        node,
    )


def _levels(distance: NDArray[np.float64]) -> Int:
    """(p,) number of each distance among the distinct ones, in ascending order."""
    order = np.argsort(distance)
    level = np.empty(distance.size, np.int64)
    level[order] = _steps(distance[order])
    return level


def _kinds(numbers: Int, centre: Int, atom: Int, level: Int) -> Int:
    """(n,) kind of each atom: same element and the same kinds at the same distances."""
    kind = np.unique(numbers, return_inverse=True)[1]
    while True:
        finer = np.unique(_seen(kind, centre, atom, level), return_inverse=True)[1]
        if finer.max() == kind.max():
            return kind.astype(np.int64)
        kind = finer


@njit(cache=True)  # type: ignore[untyped-decorator]
def _steps(ascending):  # type: ignore[no-untyped-def]
    """Levels of ascending distances; none spans more than the tolerance."""
    level = np.empty(ascending.size, np.int64)
    first, at = -1.0, -1
    for i in range(ascending.size):
        if at < 0 or ascending[i] - first > _SAME:
            first = ascending[i]
            at += 1
        level[i] = at
    return level


@njit(cache=True)  # type: ignore[untyped-decorator]
def _seen(kind, centre, atom, level):  # type: ignore[no-untyped-def]
    """(n,) 64-bit hash of an atom's own kind and of what is around it, in no order."""
    total = np.zeros(kind.size, np.uint64)
    for p in range(centre.size):
        total[centre[p]] += _mix(_mix(np.uint64(level[p])) + np.uint64(kind[atom[p]]))
    for i in range(kind.size):
        total[i] = _mix(total[i] + _mix(np.uint64(kind[i])))
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _mix(x):  # type: ignore[no-untyped-def]
    """The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def collate(graphs: Sequence[Graph], absorbers: Sequence[Sequence[int] | Int]) -> GraphBatch:
    """Join graphs; ``absorbers[k]`` are the atoms of graph k that are asked for."""
    sizes = np.array([g.numbers.size for g in graphs])
    offset = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    edges = np.concatenate([g.edges for g in graphs], axis=1)
    edges += np.repeat(offset, [g.length.size for g in graphs])
    length, level = np.unique(np.concatenate([g.length for g in graphs]), return_inverse=True)
    asked = np.concatenate(
        [g.node[np.asarray(a)] + o for g, a, o in zip(graphs, absorbers, offset, strict=True)]
    )
    absorber, answer = np.unique(asked, return_inverse=True)
    arrays = (
        np.concatenate([g.numbers for g in graphs]),
        np.concatenate([g.count for g in graphs]),
        (STEP * length).astype(np.float32),
        edges,
        level,
        np.concatenate([g.weight for g in graphs]),
        np.repeat(np.arange(len(graphs)), sizes),
        absorber,
        answer,
    )
    return GraphBatch(*(torch.from_numpy(array) for array in arrays))
