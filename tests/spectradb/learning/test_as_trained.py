"""A model is measured with the split and scale of its training, and never on what it learnt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from spectradb.models import TrainedModel
from tests.spectradb.learning.library import SPLIT, N, run, shared, squeezed

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def trained(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A model with a split and a scale of its own."""
    folder = tmp_path_factory.mktemp("var")
    split, scale = folder / "split.json", folder / "scale.json"
    split.write_text(json.dumps(SPLIT))
    scale.write_text(json.dumps({f"mp-{n}:0": 3.0 for n in range(N)}))
    with shared(django_db_blocker, folder):
        squeezed()
        yield run(
            *("train_model", "krr-nmf", "--name", "own"),
            *("--split", split, "--target-scale", scale),
        )


def test_the_split_and_scale_of_the_training_are_taken_when_none_is_named(trained: Any) -> None:
    found = run("evaluate_model", "--model", "own")
    assert found["n"] == 6
    assert found["mse"] == pytest.approx(trained["metrics"]["val"]["mse"], rel=1e-6)
    assert found["split"]["as_trained"]
    assert found["target_scale"]["as_trained"]


def test_their_hashes_are_kept(trained: Any) -> None:
    row = TrainedModel.objects.get(name="own")
    found = run("evaluate_model", "--model", "own")
    assert row.split["hash"] == found["split"]["hash"] != ""
    assert row.hyperparameters["target_scale"] == found["target_scale"]["hash"] != ""


def test_another_split_counts_no_material_that_was_trained_on(trained: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({f"mp-{n}": "val" for n in range(N)}))
    found = run("evaluate_model", "--model", "own", "--split", other)
    assert (found["n"], found["left_out_trained_on"]) == (6, 30)
    assert not found["split"]["as_trained"]
    other.write_text(json.dumps({"mp-0": "val", "mp-1": "val"}))
    with pytest.raises(CommandError, match="was trained on all 2 spectra"):
        run("evaluate_model", "--model", "own", "--split", other)


def test_training_rows_are_scored_only_when_named(trained: Any) -> None:
    found = run("evaluate_model", "--model", "own", "--on", "train")
    assert (found["n"], found["trained_on"]) == (30, 30)


def test_spectra_as_stored_are_scored_only_when_named(trained: Any) -> None:
    found = run("evaluate_model", "--model", "own", "--target-scale", "none")
    assert found["mse"]["value"] > 10 * trained["metrics"]["val"]["mse"]["value"]
    assert not found["target_scale"]["as_trained"]


def test_the_residual_map_has_the_scale_of_the_training(trained: Any) -> None:
    own = run("residual_map", "--model", "own")
    stored = run("residual_map", "--model", "own", "--target-scale", "none")
    assert min(one["rms"] for one in stored) > max(one["rms"] for one in own)


def test_one_material_has_no_interval(trained: Any, tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps({"mp-3": "val"}))
    found = run("evaluate_model", "--model", "own", "--split", one)
    assert found["mse"]["low"] is found["mse"]["high"] is None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("--split", '["mp-1"]', "split: must be {source_id"),
        ("--split", '{"mp-1": "train", "mp-1": "val"}', "mp-1 is both 'train' and 'val'"),
        ("--target-scale", '{"mp-1:0": NaN}', "factors are positive numbers"),
        ("--target-scale", '{"mp-1:0": "two"}', "factors are positive numbers"),
        ("--target-scale", "[1.0]", "site_index"),
        ("--split", "{", "--split"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(
    trained: Any, tmp_path: Path, name: str, content: str, words: str
) -> None:
    path = tmp_path / "given.json"
    path.write_text(content)
    for command in (("evaluate_model", "--model", "own"), ("train_model", "mlp", "--name", "x")):
        with pytest.raises(CommandError, match=words) as caught:
            run(*command, name, path)
        assert "np." not in str(caught.value)
