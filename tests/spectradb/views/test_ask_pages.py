"""Predict, models and coverage: who may ask, what is answered, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ml.kinds.base import FitOptions
from spectradb.models import (
    JobStatus,
    Prediction,
    Structure,
    TrainedModel,
)
from spectradb.services.learning import predictions
from spectradb.services.learning.train import TrainingRequest, train_model
from spectradb.words import in_words
from tests.factories import make_spectrum, make_structure, rocksalt
from tests.spectradb.learning.library import squeezed
from tests.spectradb.views.asking import ROLES, cif, client_of, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]


@pytest.fixture(autouse=True)
def _no_models_loaded() -> None:
    predictions._loaded.cache_clear()


def test_an_adapted_model_comes_after_the_computed_ones_unless_it_is_the_default() -> None:
    common = {"absorber": "Cu", "edge": "K", "job_status": JobStatus.DONE}
    weak, strong = (
        TrainedModel.objects.create(
            name=name, kind="krr-nmf", metrics={"cross_validation": {"r2_vs_mean": r2}}, **common
        )
        for name, r2 in (("weak", -0.2), ("strong", 0.8))
    )
    TrainedModel.objects.create(name="older", kind="krr-nmf", **common)
    adapted = TrainedModel.objects.create(
        name="adapted", kind="adapted", finished=timezone.now(), **common
    )
    names = [row.name for row in predictions.models_for({"Cu"})["Cu", "K"]]
    assert names == [strong.name, weak.name, "older", adapted.name]
    TrainedModel.objects.filter(pk=adapted.pk).update(is_default=True)
    assert predictions.models_for({"Cu"})["Cu", "K"][0] == adapted


@pytest.fixture
def model() -> TrainedModel:
    """Ni L2,3 of squeezed nickel oxides, by the cheapest kind of model."""
    squeezed(48)
    asked = TrainingRequest("krr-nmf", "rule", {"absorber": ["Ni"]}, options=FitOptions())
    row = train_model(asked)
    assert row is not None
    return row


# --- predict ----------------------------------------------------------------------------------


def test_a_structure_file_is_predicted_and_forgotten_unless_saved(
    model: TrainedModel, tmp_path: Path
) -> None:
    response = upload(Client(), reverse("predict"), "new.cif", cif(rocksalt("NiO", 4.31), tmp_path))
    assert response.status_code == 302
    text = Client().get(response["Location"]).content.decode()
    assert "Ni1" in text
    assert "no model covers O" in text
    assert "Trust" in text
    row = Prediction.objects.get()
    assert row.structure is None
    peak = row.energy[int(np.argmax(row.intensity))]
    assert abs(peak - (860 + 4 * 0.11)) < 0.5
    assert Client().get("/api/v1/predictions/").json()["count"] == 0  # no one else's business
    address = reverse("predict-table")
    assert Client().get(address, {"id": row.pk}).status_code == 404
    assert row.upload is not None
    table = Client().get(address, {"id": row.pk, "token": row.upload.token})
    assert table.content.decode().startswith("energy_ev,intensity,sigma")


@pytest.mark.parametrize(("role", "status"), zip(ROLES, (403, 403, 403, 302), strict=True))
def test_only_curators_save_a_predicted_structure(
    role: str, status: int, model: TrainedModel, tmp_path: Path
) -> None:
    before = Structure.objects.count()
    address = upload(
        Client(), reverse("predict"), "new.cif", cif(rocksalt("NiO", 4.85), tmp_path)
    ).url
    assert client_of(role).post(f"{address}save/").status_code == status
    assert Structure.objects.count() == before + int(status == 302)
    kept = Prediction.objects.filter(structure__isnull=False)
    assert kept.count() == int(status == 302)


def test_a_stored_structure_keeps_its_predictions_and_shows_what_was_computed(
    model: TrainedModel,
) -> None:
    row = Structure.objects.get(source_id="mp-7")
    page = Client().get(reverse("predict"), {"structure": "mp-7"})
    assert page["Location"] == reverse("predict-structure", args=[row.pk])
    assert "Not predicted with rule yet." in Client().get(page["Location"]).content.decode()
    assert not Prediction.objects.exists()  # looking computes nothing
    assert Client().post(reverse("predict"), {"structure": "mp-7"}).status_code == 302
    assert Prediction.objects.get().structure == row
    text = Client().get(page["Location"]).content.decode()
    assert "Computed, where known" in text
    assert "±2σ" in text


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no absorber", "No model covers an element of"),
        ("partial", "partly occupied"),
        ("broken", "no data_ block"),
        ("large", "at most 500"),
    ],
)
def test_a_structure_that_cannot_be_predicted_says_why(
    case: str, words: str, model: TrainedModel, tmp_path: Path
) -> None:
    structure = rocksalt("MnO" if case == "no absorber" else "NiO")
    if case == "partial":
        structure.replace_species({"Ni": {"Ni": 0.5, "Mn": 0.5}})
    if case == "large":
        structure.make_supercell([7, 6, 6])
    data = b"no structure" if case == "broken" else cif(structure, tmp_path)
    response = Client().post(
        reverse("predict"), {"file": SimpleUploadedFile("one.cif", data)}, follow=True
    )
    assert response.status_code == (200 if case == "no absorber" else 400)
    assert words in response.content.decode()


def test_more_absorbers_than_a_page_waits_for_are_told(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectradb.services.learning.predictions.MAX_SITES", 0)
    file = SimpleUploadedFile("one.cif", cif(rocksalt("NiO"), tmp_path))
    uploaded = Client().post(reverse("predict"), {"file": file}, follow=True)
    stored = Client().post(reverse("predict"), {"structure": "mp-7"}, follow=True)
    for response in (uploaded, stored):
        assert "a page predicts 0 at most, predict_spectra any number" in response.content.decode()
    assert not Prediction.objects.exists()


def test_the_api_predicts_a_file(model: TrainedModel, tmp_path: Path) -> None:
    file = SimpleUploadedFile("one.cif", cif(rocksalt("NiO", 4.2), tmp_path))
    told = Client().post("/api/v1/predict/", {"file": file}).json()
    (one,) = told["predictions"]
    assert one["absorber"] == "Ni"
    assert len(one["energy"]) == len(one["sigma"])
    file = SimpleUploadedFile("one.cif", cif(rocksalt("MnO"), tmp_path))
    none = Client().post("/api/v1/predict/", {"file": file})
    assert none.status_code == 422
    assert "no trained model" in none.json()["errors"][0]


# --- models -----------------------------------------------------------------------------------


def test_a_model_has_a_card_with_examples_parity_and_surprises(model: TrainedModel) -> None:
    assert set(model.held_out["examples"]) == {"best", "median", "worst"}
    errors = [model.held_out["examples"][name]["error"] for name in ("best", "median", "worst")]
    assert errors == sorted(errors)
    page = Client().get(reverse("model", args=["rule"]))
    text = page.content.decode()
    for words in (
        "Metrics",
        "Main peak, predicted against true",
        "What the model finds surprising",
    ):
        assert words in text
    worst = Client().get(reverse("model", args=["rule"]), {"example": "worst"}).content.decode()
    assert model.held_out["examples"]["worst"]["source_id"] in worst
    assert "rule" in Client().get(reverse("models")).content.decode()


def test_a_model_has_a_map_of_its_residuals(model: TrainedModel) -> None:
    card = Client().get(reverse("model", args=["rule"])).content.decode()
    assert reverse("model-residuals", args=["rule"]) in card
    page = Client().get(reverse("model-residuals", args=["rule"]))
    text = page.content.decode()
    measured = [model.metrics[part]["n"] for part in ("val", "test") if part in model.metrics]
    assert page.context["n"] == model.metrics["n_train"] + sum(measured)
    for words in ("Surprise of each spectrum", "Cross-validated", "Held out", "Off by"):
        assert words in text
    surprises = [one.surprise for one in page.context["rows"]]
    assert surprises == sorted(surprises, reverse=True)


def test_a_model_whose_residuals_were_not_kept_says_how_to_have_them(
    model: TrainedModel, settings: LazySettings
) -> None:
    (settings.VAR_DIR / "models" / "rule" / "residuals.npz").unlink()
    address = reverse("model-residuals", args=["rule"])
    command = "residual_map --model rule"  # of whoever may give it
    assert command in client_of("curator").get(address).text
    read = Client().get(address).text
    assert "No residuals are kept" in read
    assert command not in read


@pytest.mark.parametrize(("role", "status"), zip(ROLES, (403, 403, 403, 302), strict=True))
def test_only_curators_train(
    role: str, status: int, django_capture_on_commit_callbacks: Any
) -> None:
    squeezed(48)
    fields = {"name": "asked", "kind": "krr-nmf", "element": "Ni", "edge": "L23"}
    client = client_of(role)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("model-train"), fields).status_code == status
    assert TrainedModel.objects.count() == int(status == 302)
    if status == 302:
        row = TrainedModel.objects.get()
        assert (row.job_status, row.absorber) == ("done", "Ni"), row.error
        assert row.metrics["val"]["n"] > 0


def test_a_training_that_fails_says_why(django_capture_on_commit_callbacks: Any) -> None:
    client = client_of("curator")
    fields = {"name": "empty", "kind": "krr-nmf", "element": "Ni", "edge": "L23"}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("model-train"), fields)
    row = TrainedModel.objects.get()
    assert row.job_status == "failed"
    assert row.error
    page = client.get(reverse("models")).content.decode().replace("&#x27;", "'")
    assert in_words(row.error)[1:40] in page  # begins its sentence large


# --- coverage ---------------------------------------------------------------------------------


def test_each_count_of_the_map_opens_what_it_counts() -> None:
    from tests.factories import make_site

    structure = make_structure()
    make_spectrum(structure=structure, site=make_site(structure))
    page = Client().get(reverse("coverage"))
    link = reverse("results") + "?absorber=Ni&amp;edge=L23&amp;oxidation_state=2"
    text = page.content.decode()
    assert link in text
    address = text.split('href="' + link)[1].split('"')[0]
    found = Client().get((link + address).replace("&amp;", "&"))
    assert "1 spectrum" in found.content.decode()


def test_an_empty_map_offers_to_show_all() -> None:
    text = Client().get(reverse("coverage"), {"kind": "experiment"}).content.decode()
    assert "No spectrum meets these choices." in text
