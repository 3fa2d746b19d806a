"""Embeddings of the pretrained potential, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.data import Dataset
from ml.errors import LearningError
from ml.inputs import Inputs
from ml.kinds.base import FitOptions
from ml.kinds.chgnet_ace import ChgnetAce
from ml.kinds.doors import fit_model
from ml.pretrained import describe_sites, embed
from tests.ml.samples import GRID, halides, lonely, random_crystal, rotation


def test_without_the_package_its_kinds_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.pretrained.is_available", lambda: False)
    monkeypatch.setattr(
        "ml.pretrained._model", __import__("ml.pretrained").pretrained._model.__wrapped__
    )
    with pytest.raises(LearningError, match="pip install chgnet"):
        fit_model("chgnet-mlp", halides(30), FitOptions(epochs=1, n_members=2), lambda step: None)


@pytest.mark.slow
def test_a_rotated_crystal_has_the_same_embedding() -> None:
    pytest.importorskip("chgnet")
    crystal = random_crystal(3, 4)
    turned = Crystal(crystal.lattice @ rotation(0), crystal.numbers, crystal.frac)
    a, b = describe_sites([crystal, turned], [[0, 2], [0, 2]]).reshape(2, 2, -1)
    np.testing.assert_allclose(a, b, atol=2e-3)
    assert np.abs(a[0] - a[1]).max() > 0.01


@pytest.mark.slow
def test_crystals_in_one_batch_do_not_see_each_other() -> None:
    pytest.importorskip("chgnet")
    crystals = [random_crystal(seed, 3) for seed in range(3)]
    together = list(embed(crystals))
    (alone,) = embed([crystals[1]])
    np.testing.assert_allclose(together[1], alone, atol=1e-3)


@pytest.mark.slow
def test_an_atom_without_neighbours_has_an_embedding() -> None:
    pytest.importorskip("chgnet")
    assert np.isfinite(describe_sites([lonely()], [[0]])).all()


@pytest.mark.slow
def test_atoms_of_new_rows_are_put_on_the_scale_of_the_training_rows() -> None:
    pytest.importorskip("chgnet")
    crystals = [random_crystal(k, 3) for k in range(4)]
    rows = np.arange(4)
    data = Dataset(GRID, crystals, rows, rows % 3, np.ones((4, GRID.size), np.float32))
    inputs = Inputs.prepare(data, ChgnetAce.sees)
    again = inputs.again(data.rows(np.array([2])))
    assert inputs.matrix is not None
    assert again.matrix is not None
    np.testing.assert_allclose(again.matrix, inputs.matrix[6:9], atol=1e-3)
