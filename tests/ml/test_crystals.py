"""Periodic neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.crystals import Crystal, neighbours, together
from ml.errors import LearningError
from tests.ml.samples import random_crystal


def by_brute_force(crystal: Crystal, cutoff: float) -> list[list[float]]:
    """Distances from each atom: the slow, obvious twin."""
    steps = np.arange(-8, 9)
    images = np.array(np.meshgrid(steps, steps, steps)).reshape(3, -1).T @ crystal.lattice
    places = (crystal.frac - np.floor(crystal.frac)) @ crystal.lattice
    found = []
    for place in places:
        apart = np.linalg.norm((places[:, None] + images[None] - place).reshape(-1, 3), axis=1)
        found.append(sorted(apart[(apart < cutoff) & (apart > 1e-4)]))
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_neighbours_are_those_of_the_brute_force_search(seed: int, n: int) -> None:
    crystal = random_crystal(seed, n)
    near = neighbours(crystal, 5.0)
    for k, expected in enumerate(by_brute_force(crystal, 5.0)):
        got = near.distance[near.start[k] : near.start[k + 1]]
        np.testing.assert_allclose(got, expected, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_vectors_end_at_the_neighbours(seed: int) -> None:
    crystal = random_crystal(seed, 4)
    near = neighbours(crystal, 4.0)
    centre = np.repeat(np.arange(4), np.diff(near.start))
    moved = (crystal.frac[centre] @ crystal.lattice + near.vector) @ np.linalg.inv(crystal.lattice)
    away = moved - crystal.frac[near.atom]
    np.testing.assert_allclose(away - np.round(away), 0, atol=1e-9)


def test_only_the_asked_centres_are_searched() -> None:
    crystal = random_crystal(3, 5)
    every, some = neighbours(crystal, 5.0), neighbours(crystal, 5.0, np.array([4, 1]))
    part = every.distance[every.start[4] : every.start[5]]
    np.testing.assert_array_equal(some.distance[: some.start[1]], part)


def test_a_flat_cell_is_refused() -> None:
    with pytest.raises(LearningError, match="lattice"):
        Crystal(np.ones((3, 3)), np.array([29]), np.zeros((1, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_atom_or_a_cell_without_numbers_is_refused(value: float) -> None:
    numbers, places = np.array([29, 8]), np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    with pytest.raises(LearningError, match="site 1"):
        Crystal(4 * np.eye(3), numbers, np.where(places == 0.5, value, places))
    with pytest.raises(LearningError, match="lattice"):
        Crystal(4 * np.eye(3) * value, numbers, places)


def test_atoms_at_one_place_are_found() -> None:
    places = np.array([[0.5, 0.5, 0.5], [0.0, 0.0, 0.2], [1.0, -1e-17, 0.2]])
    numbers = np.array([29, 8, 8])
    assert together(Crystal(4 * np.eye(3), numbers, places)) == (1, 2)
    assert together(Crystal(4 * np.eye(3), numbers, places + [[0], [0], [0.01]])) is None
