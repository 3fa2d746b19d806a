"""Match, predict, models and coverage: who may ask, what is answered, what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ml.kinds.base import FitOptions
from spectradb.models import (
    JobStatus,
    Kind,
    MatchRun,
    Prediction,
    Spectrum,
    Structure,
    TrainedModel,
    Upload,
)
from spectradb.services.learning import predictions
from spectradb.services.learning.train import TrainingRequest, train_model
from spectradb.services.matching import index as match_index
from spectradb.words import in_words
from tests.factories import make_spectrum, make_structure, make_user, rocksalt
from tests.spectradb.learning.library import squeezed
from tests.spectradb.matching.test_match import _theory
from tests.spectradb.matching.test_runs import csv

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]
ROLES = ("visitor", "person", "contributor", "curator")
MOST_QUERIES = 20


@pytest.fixture(autouse=True)
def _no_models_loaded() -> None:
    predictions._loaded.cache_clear()


def client_of(role: str) -> Client:
    client = Client()
    if role != "visitor":
        client.force_login(make_user(role, role if role != "person" else ""))
    return client


def upload(client: Client, address: str, name: str, data: bytes) -> Any:
    return client.post(address, {"file": SimpleUploadedFile(name, data)})


def cif(structure: Any, tmp_path: Path) -> bytes:
    path = tmp_path / "one.cif"
    structure.to(str(path))
    return path.read_bytes()


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


# --- match ------------------------------------------------------------------------------------


def test_anyone_matches_a_file_and_the_answer_has_an_address() -> None:
    rows = [_theory("Ni", k) for k in range(4)]
    response = upload(Client(), reverse("match"), "ni.csv", csv("Ni", 2))
    assert response.status_code == 302
    page = Client().get(response["Location"])
    text = page.content.decode()
    assert f"SDB-{rows[2].pk}" in text
    assert "None of these" in text
    assert "Probabilities come from" in text  # what is shipped is taught by measured spectra
    report = Client().get(f"{response['Location']}report.json").json()
    assert report["matches"][0]["spectrum_id"] == rows[2].pk


def test_the_answer_costs_a_constant_number_of_queries() -> None:
    counts = []
    for n in (3, 9):
        for k in range(n):
            _theory("Ni", 20 * n + k)
        match_index.refresh_all()
        run = upload(Client(), reverse("match"), "ni.csv", csv("Ni", 20 * n + 1))
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert Client().get(run.url).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= MOST_QUERIES


def test_a_stored_draft_is_matched_by_its_contributor_alone() -> None:
    for k in range(3):
        _theory("Ni", k)
    author = make_user("author", "contributor")
    draft = make_spectrum(Kind.EXPERIMENT, status="draft", contributor=author)
    assert Client().post(reverse("match"), {"spectrum": f"SDB-{draft.pk}"}).status_code == 404
    own = Client()
    own.force_login(author)
    response = own.post(reverse("match"), {"spectrum": f"SDB-{draft.pk}"})
    assert response.status_code == 302
    assert own.get(response["Location"]).status_code == 200
    assert Client().get(response["Location"]).status_code == 404
    assert Client().get(f"{response['Location']}report.json").status_code == 404
    token = response["Location"].strip("/").split("/")[-1]
    assert Client().get(f"/api/v1/match/{token}/").status_code == 404


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("words.txt", b"nothing to see\n", "words.txt"),
        ("", b"", "Choose a file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, words: str) -> None:
    fields = {"file": SimpleUploadedFile(name, data)} if name else {}
    response = Client().post(reverse("match"), fields)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Upload.objects.exists()


def test_a_file_without_a_library_in_range_shows_the_reason_and_the_form() -> None:
    _theory("Ni", 1)
    response = upload(Client(), reverse("match"), "mn.csv", csv("Mn", 1))
    text = Client().get(response["Location"]).content.decode()
    assert "Not matched." in text
    assert "no published spectrum" in text
    assert 'name="max_shift"' in text


def test_asking_again_narrows_the_search_and_bad_fields_are_told() -> None:
    _theory("Ni", 1)
    _theory("Ni", 2)
    first = upload(Client(), reverse("match"), "ni.csv", csv("Ni", 1)).url
    bad = Client().post(first, {"where": "Ni-L23", "lo": "eight", "holding": "Zz"})
    assert bad.status_code == 400
    text = bad.content.decode()
    assert "eight is no number" in text
    assert "Zz" in text
    again = Client().post(first, {"where": "Ni-L23", "kind": "theory", "lo": "845", "hi": "880"})
    assert again.status_code == 302
    assert again["Location"] != first
    run = MatchRun.objects.get(token=again["Location"].strip("/").split("/")[-1])
    assert run.options["energy_range"] == [845.0, 880.0]
    odd = Client().post(first, {"where": "Ni-L23", "sample": "Ni, Qq"})
    assert odd.status_code == 400
    assert "Qq" in odd.content.decode()
    made_of = Client().post(first, {"where": "Ni-L23", "sample": "Ni O; H、Li"})
    run = MatchRun.objects.get(token=made_of["Location"].strip("/").split("/")[-1])
    assert run.options["where"] == {"only_elements": ["Ni", "O", "H", "Li"]}


@pytest.mark.parametrize(
    ("setting", "routes"),
    [
        ("SPECTRUM_MAX_MB", ("match", "api:match", "upload", "api:upload")),
        ("STRUCTURE_MAX_MB", ("predict", "api:predict")),
    ],
)
def test_every_door_tells_and_keeps_one_limit(
    settings: LazySettings, setting: str, routes: tuple[str, ...]
) -> None:
    setattr(settings, setting, 1)
    client = Client()
    client.force_login(make_user(role="contributor"))
    large = b"1 2\n" * 300_000
    for route in routes:
        if not route.startswith("api:"):
            assert " 1 MB" in client.get(reverse(route)).content.decode(), route
        field = "files" if route == "upload" else "file"
        answer = client.post(reverse(route), {field: SimpleUploadedFile("large.txt", large)})
        assert answer.status_code in (400, 413), route
        assert "1.2 MB" in answer.content.decode(), route


def test_questions_are_throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    from spectradb.throttle import Throttle

    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"ask": "2/hour"})
    codes = [Client().post(reverse("match"), {}).status_code for _ in range(3)]
    assert codes == [400, 400, 429]
    assert Client().get(reverse("match")).status_code == 200


@pytest.mark.parametrize(("role", "status"), zip(ROLES, (403, 403, 302, 302), strict=True))
def test_only_contributors_submit_the_file_they_matched(role: str, status: int) -> None:
    _theory("Ni", 1)
    address = upload(Client(), reverse("match"), "ni.csv", csv("Ni", 1)).url
    assert client_of(role).post(f"{address}submit/").status_code == status
    assert Spectrum.objects.filter(kind="experiment").count() == int(status == 302)


@pytest.mark.parametrize(("role", "status"), zip(ROLES, (403, 403, 403, 302), strict=True))
def test_only_curators_have_reliability_measured(role: str, status: int) -> None:
    for k in range(6):
        _theory("Ni", k)
    answer = client_of(role).post(reverse("match-measure"), {"library": "Ni-L23-theory"})
    assert answer.status_code == status
    text = Client().get(reverse("match-how")).content.decode()
    assert ("Not measured yet." in text) == (status == 403)


def test_the_api_matches_a_file_a_number_and_refuses_both() -> None:
    rows = [_theory("Ni", k) for k in range(4)]
    file = SimpleUploadedFile("ni.csv", csv("Ni", 3))
    told = Client().post("/api/v1/match/", {"file": file, "kind": "theory"})
    assert told.status_code == 200, told.content
    assert told.json()["matches"][0]["spectrum_id"] == rows[3].pk
    by_number = Client().post("/api/v1/match/", {"spectrum": rows[0].pk})
    assert rows[0].pk not in [one["spectrum_id"] for one in by_number.json()["matches"]]
    file = SimpleUploadedFile("ni.csv", csv("Ni", 3))
    both = Client().post("/api/v1/match/", {"file": file, "spectrum": rows[0].pk})
    assert both.status_code == 400


def test_the_api_matches_within_the_elements_of_the_sample() -> None:
    _theory("Ni", 0, structure=make_structure("LiNiO2"))
    oxide = _theory("Ni", 1, structure=make_structure("NiO"))

    def ask(elements: str) -> Any:
        file = SimpleUploadedFile("ni.csv", csv("Ni", 0))
        return Client().post("/api/v1/match/", {"file": file, "only_elements": elements})

    assert [one["spectrum_id"] for one in ask("Ni,O").json()["matches"]] == [oxide.pk]
    refused = ask("Ni,Qq")
    assert refused.status_code == 400
    assert "Qq" in refused.content.decode()


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
    from tests.factories import make_site, make_structure

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
