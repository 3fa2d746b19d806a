"""What a model knows of a structure: plain arrays, and periodic neighbours found fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ml.errors import LearningError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

MAX_ATOMS = 2000
_SAME_PLACE = 1e-6  # of the cell


@dataclass(frozen=True)
class Crystal:
    """One periodic structure.

    Attributes
    ----------
    lattice : (3, 3)
        Rows are the cell vectors, Å.
    numbers : (n,)
        Atomic numbers.
    frac : (n, 3)
        Fractional coordinates.
    group : str
        The material; rows of one group never fall on both sides of a split.
    """

    lattice: Float
    numbers: Int
    frac: Float
    group: str = ""

    def __post_init__(self) -> None:
        # Not the other way round: comparisons with NaN are false.
        if self.lattice.shape != (3, 3) or not 1e-3 <= abs(np.linalg.det(self.lattice)) < np.inf:
            raise LearningError(
                "lattice", self.lattice.tolist(), "must be three independent vectors"
            )
        if self.frac.shape != (len(self.numbers), 3):
            raise LearningError("frac", self.frac.shape, f"must be ({len(self.numbers)}, 3)")
        if not np.isfinite(self.frac).all():
            at = int(np.flatnonzero(~np.isfinite(self.frac).all(axis=1))[0])
            raise LearningError(f"site {at}", self.frac[at].tolist(), "is nowhere")
        if not 0 < len(self.numbers) <= MAX_ATOMS:
            raise LearningError("n_atoms", len(self.numbers), f"must be 1 … {MAX_ATOMS}")
        if self.numbers.min() < 1 or self.numbers.max() > 103:
            raise LearningError("numbers", self.numbers.tolist(), "must be atomic numbers 1 … 103")


def together(crystal: Crystal) -> tuple[int, int] | None:
    """The first two atoms at one place, if there are any: no descriptor divides by nothing."""
    inside = crystal.frac - np.floor(crystal.frac)
    inside[inside >= 1.0] = 0.0  # of -1e-17
    found = cKDTree(inside, boxsize=1.0).query_pairs(_SAME_PLACE)
    return min(found) if found else None


@dataclass(frozen=True)
class Neighbours:
    """Directed pairs centre → neighbour, sorted by centre and then by distance.

    Attributes
    ----------
    start : (m + 1,)
        Pairs of the k-th asked centre are ``start[k]:start[k + 1]``.
    atom : (p,)
        Index of the neighbour in the cell.
    vector : (p, 3)
        From centre to neighbour, Å.
    distance : (p,)
        Å.
    """

    start: Int
    atom: Int
    vector: Float
    distance: Float


def neighbours(crystal: Crystal, cutoff: float, centres: Int | None = None) -> Neighbours:
    """All periodic neighbours within ``cutoff`` (Å) of the centres (every atom when None)."""
    chosen = np.arange(len(crystal.numbers)) if centres is None else np.asarray(centres, np.int64)
    lattice = np.ascontiguousarray(crystal.lattice, np.float64)
    frac = crystal.frac - np.floor(crystal.frac)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)  # Å between cell faces
    reach = np.ceil(cutoff / heights).astype(np.int64)
    counts = np.zeros(len(chosen), np.int64)
    empty_i, empty_f = np.zeros(0, np.int64), np.zeros((0, 3))
    _pairs(lattice, frac, chosen, cutoff, reach, counts, empty_i, empty_f, empty_i, False)
    start = np.concatenate([[0], np.cumsum(counts)])
    atom = np.empty(start[-1], np.int64)
    vector = np.empty((start[-1], 3))
    _pairs(lattice, frac, chosen, cutoff, reach, counts, atom, vector, start, True)
    distance = np.sqrt(np.einsum("ij,ij->i", vector, vector))
    order = np.lexsort((distance, np.repeat(np.arange(len(chosen)), counts)))
    return Neighbours(start, atom[order], vector[order], distance[order])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pairs(lattice, frac, centres, cutoff, reach, counts, atom, vector, start, fill):  # type: ignore[no-untyped-def]
    """Count the pairs of each centre, or with ``fill`` write them; the images are scanned row by
    row, and a row of images along the last axis is cut to the interval that can be in reach."""
    square = cutoff * cutoff
    row = lattice[2]
    row_square = row[0] * row[0] + row[1] * row[1] + row[2] * row[2]
    for k in range(centres.size):
        i = centres[k]
        n = 0
        for j in range(frac.shape[0]):
            d0 = frac[j, 0] - frac[i, 0]
            d1 = frac[j, 1] - frac[i, 1]
            d2 = frac[j, 2] - frac[i, 2]
            for p in range(-reach[0] - 1, reach[0] + 2):
                for q in range(-reach[1] - 1, reach[1] + 2):
                    u, v = d0 + p, d1 + q
                    x = u * lattice[0, 0] + v * lattice[1, 0]
                    y = u * lattice[0, 1] + v * lattice[1, 1]
                    z = u * lattice[0, 2] + v * lattice[1, 2]
                    along = (x * row[0] + y * row[1] + z * row[2]) / row_square
                    apart = x * x + y * y + z * z - along * along * row_square
                    if apart > square:
                        continue
                    half = np.sqrt((square - apart) / row_square)
                    first = int(np.ceil(-along - half - d2))
                    last = int(np.floor(-along + half - d2))
                    for r in range(first, last + 1):
                        w = d2 + r
                        a = x + w * row[0]
                        b = y + w * row[1]
                        c = z + w * row[2]
                        if a * a + b * b + c * c < 1e-8:
                            continue  # the centre itself
                        if fill:
                            at = start[k] + n
                            atom[at] = j
                            vector[at, 0] = a
                            vector[at, 1] = b
                            vector[at, 2] = c
                        n += 1
        counts[k] = n
