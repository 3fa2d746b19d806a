"""Match: who may ask, what is answered, what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from spectradb.models import (
    Kind,
    MatchRun,
    Spectrum,
    Upload,
)
from spectradb.services.matching import index as match_index
from tests.factories import make_spectrum, make_structure, make_user
from tests.spectradb.matching.test_match import _theory
from tests.spectradb.matching.test_runs import csv
from tests.spectradb.views.asking import ROLES, client_of, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]
MOST_QUERIES = 20


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
