"""Train, measure and predict through the database, on crystals whose spectra follow a rule."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from ml.errors import LearningError
from spectradb.models import (
    Calculation,
    JobStatus,
    Kind,
    Prediction,
    Spectrum,
    Status,
    Structure,
    TrainedModel,
)
from spectradb.services.imports.structures import store_structure
from spectradb.services.learning.predict import Predictor
from tests.factories import rocksalt

pytestmark = pytest.mark.django_db
ENERGY = np.linspace(850.0, 880.0, 121)


def store(number: int, a: float, off: float = 0.0) -> None:
    """Nickel oxide squeezed to a; its line moves with a, as any model can learn, plus off."""
    structure, _ = store_structure(rocksalt("NiO", a), source="mp", source_id=f"mp-{number}")
    site = structure.sites.get(element="Ni")
    calculation = Calculation.objects.create(
        engine="rule",
        absorber="Ni",
        edge="L23",
        input_hash=f"rule-{number}",
        job_status=JobStatus.DONE,
    )
    spectrum = Spectrum(
        kind=Kind.THEORY,
        absorber="Ni",
        edge="L23",
        structure=structure,
        site=site,
        formula="NiO",
        status=Status.PUBLISHED,
        calculation=calculation,
    )
    centre = 860 + 4 * (a - 4.2) + off
    spectrum.set_arrays(ENERGY, 1 / (1 + (ENERGY - centre) ** 2))
    spectrum.content_hash = spectrum.hash_content(number)
    spectrum.save()


@pytest.fixture
def library(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    for number, a in enumerate(np.linspace(3.8, 4.8, 60)):
        store(number, float(a))


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "split.json"
    parts = {f"mp-{n}": "val" if n % 6 == 3 else "train" for n in range(60)}
    path.write_text(json.dumps(parts))
    return path


def run(*arguments: Any) -> Any:
    out = StringIO()
    call_command(*map(str, arguments), "--output", "-", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def test_a_rule_is_learnt_measured_and_predicted(
    library: None, split: Path, tmp_path: Path
) -> None:
    trained = run("train_model", "krr-nmf", "--name", "rule", "--split", split)
    val = trained["metrics"]["val"]
    assert val["n"] == 10
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
    library: None, split: Path, tmp_path: Path
) -> None:
    scale = tmp_path / "scale.json"
    scale.write_text(json.dumps({f"mp-{n}:0": 2.0 for n in range(50)}))
    run("train_model", "krr-nmf", "--name", "double", "--split", split, "--target-scale", scale)
    row = TrainedModel.objects.get(name="double")
    assert row.metrics["left_out"] == 10
    predictor = Predictor("double")
    (answer,) = predictor.of_structure(rocksalt("NiO", 4.2), "", "mp-x")
    assert answer.intensity is not None
    assert answer.intensity.max() == pytest.approx(2.0, rel=0.15)


def test_stored_structures_keep_their_predictions(library: None, split: Path) -> None:
    run("train_model", "krr-nmf", "--name", "kept", "--split", split)
    answers = run("predict_spectra", "--model", "kept", "--where", "source_id=mp-7")
    assert len(answers) == 1
    prediction = Prediction.objects.get()
    assert prediction.structure.source_id == "mp-7"
    np.testing.assert_allclose(prediction.intensity, answers[0]["intensity"])
    run("predict_spectra", "--model", "kept", "--where", "source_id=mp-7")
    assert Prediction.objects.count() == 1


def test_a_structure_that_is_unlike_the_training_set_is_trusted_less(
    library: None, split: Path
) -> None:
    run("train_model", "krr-nmf", "--name", "wary", "--split", split)
    predictor = Predictor("wary")
    (like,) = predictor.of_structure(rocksalt("NiO", 4.3), "", "like")
    strange = rocksalt("NiO", 4.3)
    strange.replace_species({"O": "Te"})
    (unlike,) = predictor.of_structure(strange, "", "unlike")
    assert like.trust is not None
    assert unlike.trust is not None
    assert unlike.trust < 0.05 <= like.trust


def test_a_structure_that_cannot_be_answered_says_why(
    library: None, split: Path, tmp_path: Path
) -> None:
    run("train_model", "krr-nmf", "--name", "clear", "--split", split)
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
            run("predict_spectra", path, "--model", "clear")


def test_a_model_is_adapted_to_measured_spectra(library: None, split: Path, tmp_path: Path) -> None:
    run("train_model", "krr-nmf", "--name", "base", "--where", "kind=theory", "--split", split)
    for number in (3, 9, 21, 45):
        structure = Structure.objects.get(source_id=f"mp-{number}")
        spectrum = Spectrum.objects.get(structure=structure)
        path = tmp_path / f"{number}.xdi"
        lines = ["# XDI/1.0", "# Column.1: energy eV", "# Column.2: mutrans"]
        lines += ["# Element.symbol: Ni", "# Element.edge: L", "# SpectraDB.edge: L23", "#---"]
        energy, intensity = np.asarray(spectrum.energy), np.asarray(spectrum.intensity)
        lines += [f"{e - 3:.3f} {i:.6f}" for e, i in zip(energy, intensity, strict=True)]
        path.write_text("\n".join(lines))
        run("import_spectra", path, "--edge", "L23", "--structure", structure.source_id)
    found = run("fine_tune_model", "--base", "base", "--name", "real", "--where", "kind=experiment")
    mse = found["metrics"]["leave_one_out"]["mse"]
    assert found["hyperparameters"]["shift_ev"] == pytest.approx(-3, abs=0.2)
    assert mse["adapted"] < min(mse["unadapted"], mse["mean"])
    path = tmp_path / "squeezed.cif"
    rocksalt("NiO", 4.31).to(str(path))
    (answer,) = run("predict_spectra", path, "--model", "real")
    peak = answer["energy_ev"][int(np.argmax(answer["intensity"]))]
    assert abs(peak - (857 + 4 * 0.11)) < 0.6


def test_an_unknown_model_names_those_there_are(library: None) -> None:
    with pytest.raises(LearningError, match="trained models: none"):
        Predictor("nothing")


def test_a_split_with_an_unknown_part_is_refused(library: None, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text('{"mp-1": "holdout"}')
    with pytest.raises(CommandError, match="holdout"):
        run("train_model", "krr-nmf", "--name", "x", "--split", path)
