"""What lies around the absorbing atoms, as the network of :mod:`ml.kinds.ace` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.cgcnn import Graph, GraphBatch, collate
from ml.crystals import neighbours
from ml.data import Dataset
from ml.prefetch import to_device

CUTOFF = 6.0  # Å


@dataclass(frozen=True)
class Surroundings:
    """Neighbours of every row's absorber, one row after the other.

    Attributes
    ----------
    start : (n + 1,)
        Neighbours of row i are ``start[i]:start[i + 1]``, the nearest first.
    atom : (p,) int32
        Atom of the row's crystal.
    vector : (p, 3) float32
        From the absorber, Å.
    first : (c,)
        Place of each crystal's first atom in :func:`every_atom`.
    """

    start: NDArray[np.int64]
    atom: NDArray[np.int32]
    vector: NDArray[np.float32]
    first: NDArray[np.int64]

    @classmethod
    def of(cls, data: Dataset) -> Surroundings:
        counts = np.zeros(len(data) + 1, np.int64)
        found: list[tuple[NDArray[np.int32], NDArray[np.float32]]] = [
            (np.empty(0, np.int32), np.empty((0, 3), np.float32))
        ] * len(data)
        order = np.argsort(data.crystal_of, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(data.crystal_of[order])) + 1):
            near = neighbours(data.crystals[data.crystal_of[rows[0]]], CUTOFF, data.site[rows])
            for row, start, stop in zip(rows, near.start[:-1], near.start[1:], strict=True):
                part = slice(start, stop)
                found[row] = near.atom[part].astype(np.int32), near.vector[part].astype(np.float32)
                counts[row + 1] = len(found[row][0])
        return cls(
            np.cumsum(counts),
            np.concatenate([atom for atom, _ in found]),
            np.concatenate([vector for _, vector in found]),
            first_atoms(data),
        )


@dataclass(frozen=True)
class Stars:
    """Rows of a batch with the nodes of their crystals: atoms, or kinds of atoms of a graph.

    Attributes
    ----------
    numbers, count : (a,) int64
        Atomic number of each node and atoms that it stands for.
    known : (a, f)
        What is known of each beside its element.
    crystal : (a,) int64
        Which crystal each is of.
    absorber : (s,) int64
        Node of each row.
    source : (s, m) int64
        Node of each neighbour of each row; rows with fewer are filled up.
    vector : (s, m, 3)
        From the absorber to the neighbour, Å; as long as the cutoff where filled up.
    graph : GraphBatch, optional
        Bonds between the nodes.
    beside : (s, g), optional
        What is known of each row.
    """

    numbers: Tensor
    count: Tensor
    known: Tensor
    crystal: Tensor
    absorber: Tensor
    source: Tensor
    vector: Tensor
    graph: GraphBatch | None = None
    beside: Tensor | None = None

    def to(self, device: torch.device) -> Stars:
        if device.type == "cpu":
            return self
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: to_device(v, device) for k, v in told.items() if isinstance(v, Tensor)}
        return replace(self, **moved, graph=None if self.graph is None else self.graph.to(device))


def every_atom(data: Dataset) -> Dataset:
    """A row for each atom of each crystal that has rows, in order, without spectra."""
    used = np.unique(data.crystal_of)
    sizes = [len(data.crystals[c].numbers) for c in used]
    return Dataset(
        data.energy_ev,
        data.crystals,
        np.repeat(used, sizes),
        np.concatenate([np.arange(size) for size in sizes]),
        np.empty((sum(sizes), 0), np.float32),
        data.cache,
    )


def first_atoms(data: Dataset) -> NDArray[np.int64]:
    """(crystals,) place of each crystal's first atom in :func:`every_atom`; -1 without rows."""
    used = np.unique(data.crystal_of)
    sizes = np.array([len(data.crystals[c].numbers) for c in used])
    first = np.full(len(data.crystals), -1, np.int64)
    first[used] = np.cumsum(sizes) - sizes
    return first


def stars(
    data: Dataset, surroundings: Surroundings, known: NDArray[np.float32], rows: NDArray[np.int64]
) -> Stars:
    """The batch of these rows, with a node for each atom; ``known`` is of :func:`every_atom`."""
    crystals, of = np.unique(data.crystal_of[rows], return_inverse=True)
    numbers = [data.crystals[c].numbers for c in crystals]
    sizes = np.array([n.size for n in numbers])
    offset = np.cumsum(sizes) - sizes
    source, vector = _padded(surroundings, rows)
    return Stars(
        torch.from_numpy(np.concatenate(numbers).astype(np.int64)),
        torch.ones(int(sizes.sum()), dtype=torch.int64),
        torch.from_numpy(known[_ranges(surroundings.first[crystals], sizes)]),
        torch.from_numpy(np.repeat(np.arange(len(crystals)), sizes)),
        torch.from_numpy(data.site[rows] + offset[of]),
        torch.from_numpy(source + offset[of][:, None]),
        torch.from_numpy(vector),
    )


def graph_stars(
    data: Dataset, surroundings: Surroundings, graphs: Sequence[Graph], rows: NDArray[np.int64]
) -> Stars:
    """The batch of these rows with the nodes and bonds of the ``graphs``, one of each crystal."""
    crystals, of = np.unique(data.crystal_of[rows], return_inverse=True)
    graph = collate([graphs[c] for c in crystals], [np.empty(0, np.int64)] * len(crystals))
    sizes = np.array([graphs[c].numbers.size for c in crystals])
    atoms = np.array([graphs[c].node.size for c in crystals])
    node = np.concatenate([graphs[c].node for c in crystals])
    node = node + np.repeat(np.cumsum(sizes) - sizes, atoms)
    offset = np.cumsum(atoms) - atoms
    source, vector = _padded(surroundings, rows)
    return Stars(
        graph.numbers,
        graph.count,
        torch.empty(len(graph.numbers), 0),
        graph.crystal,
        torch.from_numpy(node[data.site[rows] + offset[of]]),
        torch.from_numpy(node[source + offset[of][:, None]]),
        torch.from_numpy(vector),
        graph,
    )


def _padded(
    surroundings: Surroundings, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(s, m) atoms and (s, m, 3) vectors of the rows' neighbours, filled up to the most."""
    counts = surroundings.start[rows + 1] - surroundings.start[rows]
    places = _ranges(surroundings.start[rows], counts)
    shape = (len(counts), max(int(counts.max()), 1))
    filled = np.arange(shape[1]) < counts[:, None]
    atom = np.zeros(shape, np.int64)
    atom[filled] = surroundings.atom[places]
    vector = np.full((*shape, 3), CUTOFF / np.sqrt(3), np.float32)
    vector[filled] = surroundings.vector[places]
    return atom, vector


def _ranges(start: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """start[0] … start[0] + counts[0] − 1, start[1] …, one after the other."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(counts.sum()) + np.repeat(start - before, counts))
