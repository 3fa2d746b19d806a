"""Crystals and spectra that the tests of learning share."""

from __future__ import annotations

import numpy as np

from ml.crystals import Crystal
from ml.data import Dataset

GRID = np.linspace(0.0, 20.0, 61)


def random_crystal(seed: int, n: int) -> Crystal:
    """Any n atoms in a cell without symmetry."""
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(2.5, 8.0, 3)) + rng.uniform(-1.2, 1.2, (3, 3))
    return Crystal(lattice, rng.integers(1, 90, n), rng.uniform(-1, 2, (n, 3)))


def halides(n: int, seed: int = 0) -> Dataset:
    """Rocksalt cells of two anions; the line sits where bond length and anion say."""
    rng = np.random.default_rng(seed)
    crystals, target = [], []
    for k in range(n):
        a, anion = rng.uniform(4.0, 6.0), int(rng.choice([9, 17]))
        lattice = a / 2 * (np.ones((3, 3)) - np.eye(3))
        crystals.append(
            Crystal(lattice, np.array([29, anion]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), f"m{k}")
        )
        centre = 6 + 3 * (a - 4) + (2 if anion == 17 else 0)
        target.append(1 / (1 + (GRID - centre) ** 2))
    index = np.arange(n)
    return Dataset(GRID, crystals, index, np.zeros(n, np.int64), np.array(target, np.float32))


def lonely() -> Crystal:
    """One atom without a neighbour in reach."""
    return Crystal(np.eye(3) * 14.0, np.array([29]), np.zeros((1, 3)), "lonely")


def mixed_octahedron(order: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)) -> Crystal:
    """Copper among three oxide and three fluoride ions, all at 2 Å; ``order`` of the atoms."""
    places = np.concatenate([np.zeros((1, 3)), 2 * np.eye(3), -2 * np.eye(3)]) / 15
    numbers = np.array([29, 8, 8, 9, 9, 9, 8])
    chosen = list(order)
    return Crystal(15.0 * np.eye(3), numbers[chosen], places[chosen], "mixed")


def rotation(seed: int) -> np.ndarray:
    """Any proper rotation (3, 3)."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return np.asarray(turn * np.sign(np.linalg.det(turn)))
