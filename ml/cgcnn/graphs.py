"""Crystals as graphs: nodes are the atoms of the cell, edges their nearest periodic neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.crystals import Crystal, neighbours

CUTOFF = 6.0  # Å
MAX_NEIGHBOURS = 16


@dataclass(frozen=True)
class Graph:
    """One crystal.

    Attributes
    ----------
    numbers : (n,)
        Atomic numbers.
    edges : (2, e)
        Neighbour → centre.
    distance : (e,)
        Å.
    """

    numbers: NDArray[np.int64]
    edges: NDArray[np.int64]
    distance: NDArray[np.float32]


@dataclass(frozen=True)
class GraphBatch:
    """Several crystals and the absorbing atoms asked for.

    Attributes
    ----------
    numbers : (n,) int64
    edges : (2, e) int64
    distance : (e,) float32, Å
    crystal : (n,) int64
        Which crystal each atom is of.
    absorber : (s,) int64
        Atoms, one for each spectrum.
    """

    numbers: Tensor
    edges: Tensor
    distance: Tensor
    crystal: Tensor
    absorber: Tensor

    def to(self, device: torch.device) -> GraphBatch:
        return GraphBatch(
            self.numbers.to(device),
            self.edges.to(device),
            self.distance.to(device),
            self.crystal.to(device),
            self.absorber.to(device),
        )


def build_graph(
    crystal: Crystal, cutoff: float = CUTOFF, max_neighbours: int = MAX_NEIGHBOURS
) -> Graph:
    """The graph of a crystal; at most ``max_neighbours`` nearest atoms of each within ``cutoff``.

    An atom without any neighbour in reach gets its nearest image, so that no node is mute.
    """
    near = neighbours(crystal, cutoff)
    while (np.diff(near.start) == 0).any():
        cutoff *= 1.5
        near = neighbours(crystal, cutoff)
    counts = np.diff(near.start)
    rank = np.arange(near.atom.size) - np.repeat(near.start[:-1], counts)
    keep = rank < max_neighbours
    centre = np.repeat(np.arange(len(counts)), counts)[keep]
    return Graph(
        np.asarray(crystal.numbers, dtype=np.int64),
        np.stack([near.atom[keep], centre]),
        near.distance[keep].astype(np.float32),
    )


def collate(graphs: Sequence[Graph], absorbers: Sequence[Sequence[int]]) -> GraphBatch:
    """Join graphs; ``absorbers[k]`` are the atoms of graph k that are asked for."""
    sizes = np.array([g.numbers.size for g in graphs])
    offset = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return GraphBatch(
        torch.from_numpy(np.concatenate([g.numbers for g in graphs])),
        torch.from_numpy(
            np.concatenate([g.edges + o for g, o in zip(graphs, offset, strict=True)], axis=1)
        ),
        torch.from_numpy(np.concatenate([g.distance for g in graphs])),
        torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
        torch.from_numpy(
            np.concatenate(
                [np.asarray(a, np.int64) + o for a, o in zip(absorbers, offset, strict=True)]
            )
        ),
    )
