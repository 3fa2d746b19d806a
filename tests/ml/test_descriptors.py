"""Descriptors see the crystal, not the way it is written down."""

from __future__ import annotations

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.descriptors import BLOCKS, site_descriptors
from tests.ml.samples import lonely, random_crystal, rotation


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
