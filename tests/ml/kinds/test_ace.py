"""The network that correlates the density around the absorber: what must not change."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ml.crystals import Crystal, neighbours
from ml.data import Dataset
from ml.inputs import Inputs
from ml.kinds.ace import Ace, AceNetwork, AceSize, harmonics
from ml.output import Basis
from ml.surroundings import CUTOFF, Surroundings, every_atom
from tests.ml.samples import GRID, random_crystal


def dataset(crystals: list[Crystal], rows: list[tuple[int, int]]) -> Dataset:
    """Rows of (crystal, site) with spectra of no meaning."""
    target = np.random.default_rng(0).random((len(rows), GRID.size), np.float32)
    crystal_of, site = np.array(rows, np.int64).T
    return Dataset(GRID, crystals, crystal_of, site, target)


def spectra(data: Dataset) -> NDArray[np.float32]:
    """From an untrained network, the same for all data."""
    torch.manual_seed(0)
    target = np.random.default_rng(1).random((50, GRID.size), np.float32)
    inputs = Inputs.prepare(data, Ace.sees)
    network = AceNetwork(inputs, Basis.of(target), AceSize()).eval()
    (batch,) = inputs.batches(data, None, None, 100)(None)
    found = np.empty(data.target.shape, np.float32)
    with torch.no_grad():
        found[batch.rows] = network(batch.inputs).numpy()
    return found


def test_harmonics_obey_the_addition_theorem() -> None:
    rng = np.random.default_rng(0)
    a, b = (
        torch.tensor(v / np.linalg.norm(v, axis=1)[:, None]) for v in rng.normal(size=(2, 9, 3))
    )
    for l, (left, right) in enumerate(zip(harmonics(a), harmonics(b), strict=True)):
        legendre = np.polynomial.Legendre.basis(l)((a * b).sum(dim=1).numpy())
        np.testing.assert_allclose(
            (left * right).sum(dim=1).numpy(), (2 * l + 1) * legendre, atol=1e-12
        )


def test_bond_angles_are_told_apart() -> None:
    """Two neighbours at the same distances, on one line or at a right angle."""
    box = np.eye(3) * 14.0
    numbers = np.array([29, 8, 8])
    line = Crystal(box, numbers, np.array([[0, 0, 0], [2, 0, 0], [-2, 0, 0]]) / 14)
    bent = Crystal(box, numbers, np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]]) / 14)
    found = spectra(dataset([line, bent], [(0, 0), (1, 0)]))
    assert np.abs(found[0] - found[1]).max() > 1e-4  # numerical noise is a tenth of it


def test_a_supercell_gives_the_same_spectrum() -> None:
    small = random_crystal(5, 3)
    doubled = Crystal(
        small.lattice * np.array([[2.0], [1.0], [1.0]]),
        np.tile(small.numbers, 2),
        np.concatenate([small.frac, small.frac + [1, 0, 0]]) / [2, 1, 1],
    )
    found = spectra(dataset([small, doubled], [(0, 2), (1, 5)]))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


def test_a_site_alone_and_in_a_batch_gives_the_same_spectrum() -> None:
    data = dataset([random_crystal(k, 4) for k in range(3)], [(0, 1), (2, 0), (1, 3), (2, 2)])
    alone = spectra(data.rows(np.array([2])))
    np.testing.assert_allclose(spectra(data)[2], alone[0], atol=1e-5)


def test_surroundings_follow_the_rows_and_atoms_the_crystals_in_use() -> None:
    data = dataset([random_crystal(k, 4) for k in range(3)], [(2, 1), (0, 3), (2, 0)])
    around = Surroundings.of(data)
    for row in range(3):
        near = neighbours(data.crystals[data.crystal_of[row]], CUTOFF, data.site[[row]])
        part = slice(around.start[row], around.start[row + 1])
        np.testing.assert_array_equal(around.atom[part], near.atom)
        np.testing.assert_allclose(around.vector[part], near.vector, atol=1e-5)
    assert around.first.tolist() == [0, -1, 4]
    assert set(every_atom(data).crystal_of.tolist()) == {0, 2}
