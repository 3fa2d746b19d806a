"""Models in the box: halved weights answer as the model in full, people's own models stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings

from compute.errors import ReadError
from ml.errors import LearningError
from ml.kinds.base import FitOptions
from ml.kinds.doors import load_model
from spectradb.models import JobStatus, Spectrum, TrainedModel
from spectradb.services.learning.predict import Predictor
from spectradb.services.learning.selection import Selected
from spectradb.services.learning.shipped import load_shipped, write_shipped
from spectradb.services.learning.train import TrainingRequest, learn
from spectradb.services.learning.training_data import TrainingRows
from spectradb.services.library.starter import load_beside
from tests.factories import rocksalt
from tests.ml.samples import halides

pytestmark = pytest.mark.django_db
ABOUT = {"source": "made up", "licence": "CC0 1.0", "citation": "none", "command": "none"}


@pytest.fixture
def box(settings: LazySettings, tmp_path: Path) -> Path:
    """A model of 40 cells in ``models/ni-l`` of a box, and its folder in full in ``full``."""
    settings.VAR_DIR = tmp_path / "var"
    data = halides(40)
    keys = [(one.group, 0, 0) for one in data.crystals]
    rows = TrainingRows(data, keys, "hash", {}, list(range(40)))
    query = {"absorber": ["Cu"], "edge": ["K"], "kind": ["theory"]}
    request = TrainingRequest("krr-nmf", "cu-k", query, options=FitOptions(seed=1))
    trained = learn(request, rows, Selected(Spectrum.objects.none(), "Cu", "K", "normalised"))
    assert trained is not None
    write_shipped(trained, request, 1.0, ABOUT, tmp_path / "box" / "models" / "cu-k")
    trained.folder.rename(tmp_path / "full")
    return tmp_path / "box"


def test_halved_weights_answer_as_the_model_in_full(box: Path):
    full, half = load_model(box.parent / "full"), load_model(box / "models" / "cu-k")
    data = halides(6, seed=3)
    before, after = full.answer(data), half.answer(data)
    assert np.abs(after.mean - before.mean).max() < 0.01 * before.mean.max()
    assert np.abs(after.sigma / before.sigma - 1).max() < 0.03
    assert (after.neighbours == before.neighbours).mean() > 0.9  # near ties may change places
    assert not len(half.validation.mean)  # with the errors it would be the training spectra
    with pytest.raises(LearningError, match="without its training rows"):
        half.validation.of_training_rows(np.arange(3))
    sizes = [
        (one / "weights.safetensors").stat().st_size
        for one in (box.parent / "full", box / "models" / "cu-k")
    ]
    assert sizes[1] < 0.6 * sizes[0]


def test_a_shipped_model_predicts_on_a_fresh_install_and_is_stored_once(box: Path):
    assert list(load_beside(box)) == ["Models ready: cu-k."]
    assert list(load_beside(box)) == []
    row = TrainedModel.objects.get()
    assert (row.job_status, row.absorber, row.edge) == (JobStatus.DONE, "Cu", "K")
    assert row.request["shipped"]["licence"] == "CC0 1.0"
    assert "left_out_because" not in row.metrics  # by numbers of records of another database
    cell = rocksalt("NiO")
    cell.replace(0, "Cu")
    (answer,) = Predictor("cu-k").of_structure(cell, "x.cif", "x")
    assert answer.error == ""
    assert answer.intensity is not None
    assert answer.trust is not None


def test_a_model_that_somebody_trained_here_stays(box: Path):
    mine = TrainedModel.objects.create(name="cu-k", kind="mlp", request={"kind": "mlp"})
    assert not load_shipped(box / "models" / "cu-k")
    mine.refresh_from_db()
    assert mine.kind == "mlp"


def test_a_model_that_was_changed_is_refused(box: Path):
    weights = box / "models" / "cu-k" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ReadError, match="weights.safetensors is missing or was changed"):
        load_shipped(box / "models" / "cu-k")
    assert not TrainedModel.objects.exists()
