"""Descriptors see the crystal, not the way it is written down."""

from __future__ import annotations

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.descriptors import BLOCKS, site_descriptors
from tests.ml.samples import lonely, mixed_octahedron, random_crystal, rotation


@pytest.mark.parametrize("block", BLOCKS)
def test_turning_the_crystal_changes_nothing(block: str) -> None:
    crystal = random_crystal(7, 6)
    turned = Crystal(crystal.lattice @ rotation(1), crystal.numbers, crystal.frac)
    a = site_descriptors(crystal, [0, 3], [block])[block]
    b = site_descriptors(turned, [0, 3], [block])[block]
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
def test_relabelling_and_moving_the_atoms_changes_nothing(block: str) -> None:
    crystal = random_crystal(8, 6)
    order = np.array([3, 1, 5, 0, 2, 4])
    moved = Crystal(crystal.lattice, crystal.numbers[order], crystal.frac[order] + 0.37)
    a = site_descriptors(crystal, [3], [block])[block]
    b = site_descriptors(moved, [0], [block])[block]
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("block", ["rdf", "bonds", "power", "coulomb"])
def test_another_environment_is_told_apart(block: str) -> None:
    crystal = random_crystal(9, 6)
    both = site_descriptors(crystal, [0, 1], [block])[block]
    assert np.abs(both[0] - both[1]).max() > 1e-3


@pytest.mark.parametrize("block", BLOCKS)
def test_an_atom_without_neighbours_is_described(block: str) -> None:
    assert np.isfinite(site_descriptors(lonely(), [0], [block])[block]).all()


@pytest.mark.parametrize("block", BLOCKS)
def test_unlike_neighbours_at_one_distance_have_no_order(block: str) -> None:
    crystal = mixed_octahedron()
    turned = Crystal(crystal.lattice @ rotation(1), crystal.numbers, crystal.frac)
    found = [
        site_descriptors(one, [0], [block])[block]
        for one in (crystal, mixed_octahedron((0, 6, 5, 4, 3, 2, 1)), turned)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)


def test_a_large_first_shell_is_described_by_whole_shells() -> None:
    """Eight neighbours and six at 1.15 times their distance, of two elements."""
    step = 2.9
    places = np.array([[x, y, z] for x in (0, 0.5) for y in (0, 0.5) for z in (0, 0.5)])
    frac = np.concatenate([places, places + 0.25])
    numbers = np.array([26, 26, 26, 26, 26, 26, 26, 29] + [26] * 7 + [29])
    order = np.random.default_rng(3).permutation(len(numbers))
    one = Crystal(2 * step * np.eye(3), numbers, frac)
    two = Crystal(2 * step * np.eye(3), numbers[order], frac[order])
    site = int(np.flatnonzero(order == 3)[0])
    np.testing.assert_allclose(
        site_descriptors(one, [3], ["shell"])["shell"],
        site_descriptors(two, [site], ["shell"])["shell"],
        atol=1e-9,
    )
