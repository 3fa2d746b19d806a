"""Training asked for on a page: queued, run by a worker, looked at afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ml.errors import LearningError
from ml.kinds.base import FitOptions
from spectradb.models import JobStatus, TrainedModel
from spectradb.services.learning.residual_map import (
    kept_residuals,
    most_surprising,
    residual_map,
)
from spectradb.services.learning.results import Scored, scored
from spectradb.services.learning.stored import model_folder
from spectradb.services.learning.train import TrainingRequest, queue_training, run_training
from tests.spectradb.learning.library import SPLIT, N, shared, squeezed, store

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def library(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    with shared(django_db_blocker, tmp_path_factory.mktemp("var")):
        squeezed()
        yield


@pytest.fixture
def crystals(library: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # Queued messages are run by hand here.
    monkeypatch.setattr("spectradb.services.queue.jobs.async_task", lambda *a, **k: None)


def request(**changes: object) -> TrainingRequest:
    return TrainingRequest(
        **{"kind": "krr-nmf", "name": "asked", "query": {}, "split": SPLIT} | changes
    )


def test_a_queued_model_is_trained_once_and_can_be_looked_at(crystals: None) -> None:
    row = queue_training(request(grid=(851.0, 879.0, 0.5), options=FitOptions(seed=2)))
    assert row.job_status == JobStatus.QUEUED
    assert run_training(row.pk)
    assert not run_training(row.pk)
    row.refresh_from_db()
    assert row.job_status == JobStatus.DONE
    assert (row.absorber, row.edge, row.seed) == ("Ni", "L23", 2)
    assert row.metrics["val"]["n"] == 6
    assert row.metrics["cross_validation"]["mse"] > 0
    kept = scored("asked")
    assert kept.truth.shape == (6, 57)
    assert len(kept.keys) == 6
    assert kept.mse.mean() == pytest.approx(row.metrics["val"]["mse"]["value"], rel=1e-3)
    with pytest.raises(LearningError, match="test"):
        scored("asked", "test")


def test_a_training_that_fails_says_why_and_leaves_no_model(crystals: None) -> None:
    row = queue_training(request(name="few", split={"mp-0": "train", "mp-1": "val"}))
    assert not run_training(row.pk)
    row.refresh_from_db()
    assert row.job_status == JobStatus.FAILED
    assert "at least 25 are needed; the training part holds 1 of 36 spectra" in row.error
    assert not model_folder("few").exists()


def test_a_split_that_trains_on_nothing_is_told_in_the_persons_words(crystals: None) -> None:
    row = queue_training(request(split={f"mp-{n}": "val" for n in range(N)}))
    assert not run_training(row.pk)
    row.refresh_from_db()
    assert row.error == "split: no row is in the training part (got ['val'])"
    assert row.error_cause == "Cannot be learnt from"
    assert row.error_permanent


def test_progress_and_request_are_columns_of_their_own(
    crystals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainedModel] = []

    def look(*_: object) -> None:
        seen.append(TrainedModel.objects.get(name="asked"))
        raise LearningError("look", None, "seen enough")

    monkeypatch.setattr("spectradb.services.learning.train.fit_model", look)
    row = queue_training(request())
    assert row.request["kind"] == "krr-nmf"
    run_training(row.pk)
    assert seen[0].progress["part"] == "data"
    assert seen[0].curves == {}
    assert seen[0].hyperparameters == {}


_REFUSED: list[tuple[dict[str, object], str]] = [
    ({"name": "a/b"}, "letters"),
    ({"kind": "oracle"}, "choose from"),
    ({"split": ["mp-1"]}, "source_id"),
    ({"split": {"mp-1": ["train"]}}, "parts are train"),
    ({"split": {"mp-1": 3, "mp-2": "held"}}, "parts are train"),
    ({"target_scale": [1.0]}, "site_index"),
    ({"target_scale": {"mp-1:0": "two"}}, "positive numbers"),
    ({"target_scale": {"mp-1:0": float("nan")}}, "positive numbers"),
    ({"options": FitOptions(epochs=0)}, "epochs: at least one"),
    ({"options": FitOptions(n_members=0)}, "members: at least one"),
    ({"options": FitOptions(seed=-1)}, "seed"),
    ({"grid": (3.0, 1.0, 0.5)}, "START < STOP"),
    ({"grid": (0.0, float("nan"), 0.5)}, "START < STOP"),
    ({"grid": (850.0, 880.0, 1e-9)}, "more than"),
    ({"grid": (850.0, 880.0, 40.0)}, "fewer than 5 energies"),
    ({"options": FitOptions(epochs=-3)}, "epochs: at least one"),
    ({"options": FitOptions(device="quantum")}, "device: cannot be used here"),
    ({"n_trials": -1}, "trials"),
]


def test_a_request_that_cannot_be_kept_is_refused(
    crystals: None, subtests: pytest.Subtests
) -> None:
    for changes, words in _REFUSED:
        with subtests.test(msg=str(changes)):
            with pytest.raises(LearningError, match=words):
                queue_training(request(**changes))
            assert not TrainedModel.objects.exists()
    queue_training(request())
    with pytest.raises(LearningError, match="taken"):
        queue_training(request())
    assert TrainedModel.objects.count() == 1


def test_examples_are_the_best_the_middle_and_the_worst() -> None:
    truth = np.zeros((5, 3), np.float32)
    predicted = np.array([3, 1, 0, 4, 2], np.float32)[:, None] * np.ones(3, np.float32)
    some = Scored(np.arange(3.0), truth, predicted, truth, np.ones(5), [("m", i) for i in range(5)])
    assert some.examples() == {"best": [2], "median": [4], "worst": [3]}


def test_a_spectrum_that_breaks_the_rule_is_the_most_surprising(crystals: None) -> None:
    store({99: 4.25}, off=6.0)
    assert run_training(queue_training(request(name="odd", split=SPLIT | {"mp-99": "val"})).pk)
    found = residual_map("odd", {})
    assert len(found) == N + 1
    assert found[0].source_id == "mp-99"
    assert not found[0].seen  # it is in the validation part
    assert found[0].correlation < 0.5 < found[-1].correlation
    assert sum(one.seen for one in found) == 30
    assert residual_map("odd", {}, top=3) == found[:3]
    kept = kept_residuals("odd")
    assert kept is not None
    again = most_surprising(kept)
    assert {one.source_id for one in again} == {one.source_id for one in found}
    np.testing.assert_allclose(
        [one.surprise for one in again], [one.surprise for one in found], rtol=1e-3
    )


def test_the_map_of_a_model_of_before_is_not_there(crystals: None) -> None:
    assert kept_residuals("never trained") is None
