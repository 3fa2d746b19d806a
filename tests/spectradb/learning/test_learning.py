"""Train, measure and predict through the database, on crystals whose spectra follow a rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError

from ml.errors import LearningError
from spectradb.models import Prediction, Spectrum, Structure, TrainedModel
from spectradb.services.learning.as_trained import trained_on
from spectradb.services.learning.predict import Predictor
from tests.factories import rocksalt
from tests.spectradb.learning.library import SPLIT, run, shared, squeezed

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("split") / "split.json"
    path.write_text(json.dumps(SPLIT))
    return path


@pytest.fixture(scope="module")
def trained(
    django_db_setup: None,
    django_db_blocker: Any,
    split: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A library and what training the model ``rule`` on it printed."""
    with shared(django_db_blocker, tmp_path_factory.mktemp("var")):
        squeezed()
        yield run("train_model", "krr-nmf", "--name", "rule", "--split", split)


def test_a_rule_is_learnt_measured_and_predicted(trained: Any, split: Path, tmp_path: Path) -> None:
    val = trained["metrics"]["val"]
    assert val["n"] == 6
    assert val["r2_vs_mean"]["value"] > 0.95
    assert val["r2_vs_mean"]["low"] <= val["r2_vs_mean"]["value"] <= val["r2_vs_mean"]["high"]

    again = run("evaluate_model", "--model", "rule", "--split", split, "--on", "val")
    assert again["mse"] == pytest.approx(val["mse"], rel=1e-6)

    path = tmp_path / "squeezed.cif"
    rocksalt("NiO", 4.31).to(str(path))
    (answer,) = run("predict_spectra", path, "--model", "rule")
    assert answer["element"] == "Ni"
    assert answer["error"] is None
    peak = answer["energy_ev"][int(np.argmax(answer["intensity"]))]
    assert abs(peak - (860 + 4 * 0.11)) < 0.5
    assert len(answer["sigma"]) == len(answer["intensity"])
    assert min(answer["intensity"]) >= 0


def test_the_target_scale_multiplies_and_leaves_out(
    trained: Any, split: Path, tmp_path: Path
) -> None:
    scale = tmp_path / "scale.json"
    scale.write_text(json.dumps({f"mp-{n}:0": 2.0 for n in range(30)}))
    run("train_model", "krr-nmf", "--name", "double", "--split", split, "--target-scale", scale)
    row = TrainedModel.objects.get(name="double")
    assert row.metrics["left_out"] == 6
    predictor = Predictor("double")
    (answer,) = predictor.of_structure(rocksalt("NiO", 4.2), "", "mp-x")
    assert answer.intensity is not None
    assert answer.intensity.max() == pytest.approx(2.0, rel=0.15)


def test_stored_structures_keep_their_predictions(trained: Any) -> None:
    answers = run("predict_spectra", "--model", "rule", "--where", "source_id=mp-7")
    assert len(answers) == 1
    prediction = Prediction.objects.get()
    assert prediction.structure.source_id == "mp-7"
    np.testing.assert_allclose(prediction.intensity, answers[0]["intensity"])
    run("predict_spectra", "--model", "rule", "--where", "source_id=mp-7")
    assert Prediction.objects.count() == 1


def test_a_structure_that_is_unlike_the_training_set_is_trusted_less(trained: Any) -> None:
    predictor = Predictor("rule")
    (like,) = predictor.of_structure(rocksalt("NiO", 4.3), "", "like")
    strange = rocksalt("NiO", 4.3)
    strange.replace_species({"O": "Te"})
    (unlike,) = predictor.of_structure(strange, "", "unlike")
    assert like.trust is not None
    assert unlike.trust is not None
    assert unlike.trust < 0.05 <= like.trust


def test_a_structure_that_cannot_be_answered_says_why(trained: Any, tmp_path: Path) -> None:
    partial = rocksalt("NiO")
    partial.replace_species({"Ni": {"Ni": 0.5, "Mn": 0.5}})
    path = tmp_path / "broken.cif"
    for text, words in (
        (rocksalt("MnO").to(fmt="cif"), "holds no Ni"),
        (partial.to(fmt="cif"), "(?i)occup"),
        ("not a cif", "broken.cif"),
    ):
        path.write_text(text)
        with pytest.raises(CommandError, match=words):
            run("predict_spectra", path, "--model", "rule")


def test_a_model_is_adapted_to_measured_spectra(trained: Any, tmp_path: Path) -> None:
    for number in (2, 6, 13, 27):
        structure = Structure.objects.get(source_id=f"mp-{number}")
        spectrum = Spectrum.objects.get(structure=structure)
        path = tmp_path / f"{number}.xdi"
        lines = ["# XDI/1.0", "# Column.1: energy eV", "# Column.2: mutrans"]
        lines += ["# Element.symbol: Ni", "# Element.edge: L", "# SpectraDB.edge: L23", "#---"]
        energy, intensity = np.asarray(spectrum.energy), np.asarray(spectrum.intensity)
        lines += [f"{e - 3:.3f} {i:.6f}" for e, i in zip(energy, intensity, strict=True)]
        path.write_text("\n".join(lines))
        run("import_spectra", path, "--edge", "L23", "--structure", structure.source_id)
    measured = ("--base", "rule", "--name", "real", "--where", "kind=experiment")
    with pytest.raises(CommandError, match="none is published.* 4 are not published"):
        run("fine_tune_model", *measured)
    found = run("fine_tune_model", *measured, "status=draft")
    mse = found["metrics"]["leave_one_out"]["mse"]
    compounds = Structure.objects.filter(source_id__in=("mp-2", "mp-27"))
    keys = [(one.source_id, one.pk, 0) for one in compounds]
    assert trained_on("real", [*keys, ("mp-other", -1, 0)]).tolist() == [True, True, False]
    assert found["hyperparameters"]["shift_ev"] == pytest.approx(-3, abs=0.2)
    assert mse["adapted"] < min(mse["unadapted"], mse["mean"])
    path = tmp_path / "squeezed.cif"
    rocksalt("NiO", 4.31).to(str(path))
    (answer,) = run("predict_spectra", path, "--model", "real")
    peak = answer["energy_ev"][int(np.argmax(answer["intensity"]))]
    assert abs(peak - (857 + 4 * 0.11)) < 0.6


def test_an_unknown_model_names_those_there_are(trained: Any) -> None:
    with pytest.raises(LearningError, match="trained models: rule"):
        Predictor("nothing")


def test_a_split_with_an_unknown_part_is_refused(trained: Any, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text('{"mp-1": "holdout"}')
    with pytest.raises(CommandError, match="holdout"):
        run("train_model", "krr-nmf", "--name", "x", "--split", path)
