"""Models as they were stored before kinds had versions: each is read and predicts what it did.

``stored_before_versions.tar.xz`` was written by commit c0553f9: tiny models of all kinds, some as
parts of others, and in ``predicted.npz`` what they said of :func:`halides` after loading.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from ml.checkpoints import LAYOUT, write
from ml.crystals import Crystal
from ml.data import Dataset
from ml.errors import LearningError
from ml.kinds import EVERY_KIND
from ml.kinds.doors import load_model
from tests.ml.kinds.models import every_kind

STORED = Path(__file__).with_name("stored_before_versions.tar.xz")
GRID = np.linspace(0.0, 20.0, 21)
WHERE = {
    "mixed": "mixed",
    "krr-nmf": "mixed/krr-nmf",
    "mlp": "mixed/mlp",
    "ace": "mixed/ace",
    "cgcnn": "cgcnn",
    "adapted": "adapted",
    "mixed-chgnet": "mixed-chgnet",
    "chgnet-krr": "mixed-chgnet/chgnet-krr",
    "chgnet-mlp": "mixed-chgnet/chgnet-mlp",
    "chgnet-ace": "mixed-chgnet/chgnet-ace",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stored")
    with tarfile.open(STORED) as file:
        file.extractall(place, filter="data")
    return place


def halides() -> Dataset:
    """Four rocksalt cells; a fluoride's copper is called divalent, a chloride's monovalent."""
    rng = np.random.default_rng(1)
    crystals = []
    for _ in range(4):
        a, anion = rng.uniform(4.0, 6.0), int(rng.choice([9, 17]))
        lattice = a / 2 * (np.ones((3, 3)) - np.eye(3))
        places = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
        crystals.append(Crystal(lattice, np.array([29, anion]), places))
    rows, target = np.arange(4), np.zeros((4, GRID.size), np.float32)
    valence = np.array([2.0 if crystal.numbers[1] == 9 else 1.0 for crystal in crystals])
    return Dataset(GRID, crystals, rows, np.zeros(4, np.int64), target, valence=valence)


@pytest.mark.parametrize("kind", every_kind(tuple(WHERE)))
def test_a_model_of_before_predicts_what_it_did(kind: str, folder: Path, tmp_path: Path) -> None:
    model = load_model(folder / WHERE[kind])
    assert model.kind == kind
    assert model.code_version().startswith(f"{kind} unknown")
    model.save(tmp_path)  # in the present layout
    again = load_model(tmp_path)
    assert again.code_version() == model.code_version()
    with np.load(folder / "predicted.npz") as told:
        for one in (model.predict(halides()), again.predict(halides())):
            # Distances among a dozen training rows are ill-conditioned: σ and trust, which grow
            # with them, follow the rounding of the BLAS kernel and of the processor (2 % seen).
            for name, rtol in (("mean", 1e-4), ("sigma", 5e-2), ("trust", 5e-2)):
                expected = told[f"{WHERE[kind]}/{name}"]
                np.testing.assert_allclose(getattr(one, name), expected, rtol=rtol, atol=1e-5)
            np.testing.assert_array_equal(one.neighbours, told[f"{WHERE[kind]}/neighbours"])
        np.testing.assert_allclose(model.energy_ev, told[f"{WHERE[kind]}/energy_ev"])


def test_every_kind_of_then_is_still_known() -> None:
    assert set(WHERE) <= set(EVERY_KIND)


def test_a_model_of_a_later_layout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.checkpoints.LAYOUT", LAYOUT + 1)
    write(tmp_path, "mlp", 1, {}, {"x": np.zeros(1)})
    monkeypatch.undo()
    with pytest.raises(LearningError, match="later release"):
        load_model(tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="holds no model"):
        load_model(tmp_path)
