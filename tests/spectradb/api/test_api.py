"""The API: what lists leave out, fields, paging, refusals, keys, decisions."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from spectradb.models import ApiKey, Calculation, Spectrum
from tests.factories import make_peak_fit, make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db
SPECTRA = "/api/v1/spectra/"


@pytest.fixture
def api() -> APIClient:
    return APIClient()


def get(api: APIClient, path: str, **query: Any) -> Any:
    response = api.get(path, query)
    assert response.status_code == 200, response.content
    return response.json()


def test_a_list_leaves_out_arrays_unless_they_are_asked_for(api: APIClient) -> None:
    spectrum = make_spectrum()
    [row] = get(api, SPECTRA)["results"]
    assert "energy" not in row
    [row] = get(api, SPECTRA, fields="id,intensity")["results"]
    assert set(row) == {"id", "intensity"}
    assert row["intensity"] == spectrum.intensity.tolist()
    detail = get(api, f"{SPECTRA}{spectrum.pk}/")
    assert detail["energy"] == spectrum.energy.tolist()


@pytest.mark.parametrize("path", ["spectra", "structures", "sites", "fits", "calculations"])
def test_queries_do_not_grow_with_rows(
    path: str, api: APIClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        site = make_site()
        spectrum = make_spectrum(structure=site.structure, site=site)
        make_peak_fit(spectrum, (853.0, 0.3, 1.0))
        make_spectrum("experiment")
    with django_assert_max_num_queries(3):
        found = get(api, f"/api/v1/{path}/")
    assert found["count"] >= 5


@pytest.mark.parametrize("ordering", ["", "formula", "-energy_above_hull", "-published_at"])
def test_pages_hold_every_row_once_even_while_rows_are_added(api: APIClient, ordering: str) -> None:
    hulls = [0.1, None, 0.0, None, 0.1, 0.3, 0.0]
    rows = [
        make_spectrum(structure=make_structure(energy_above_hull=hull), formula=f"F{n % 3}")
        for n, hull in enumerate(hulls)
    ]
    query = {"page_size": 2, **({"ordering": ordering} if ordering else {})}
    page = get(api, SPECTRA, fields="id", **query)
    assert page["count"] == 7
    seen = [row["id"] for row in page["results"]]
    make_spectrum(formula="A0")  # comes first by formula: must not shift the pages
    while page["next"]:
        page = get(api, page["next"])
        seen += [row["id"] for row in page["results"]]

    def hull(n: int) -> tuple[bool, float]:
        return hulls[n] is None, -(hulls[n] or 0.0)

    order = list(range(7))
    if ordering:
        order.sort(key=hull if "hull" in ordering else (lambda n: rows[n].formula))  # type: ignore[arg-type]
    if "published" in ordering:
        order = list(range(7))
    assert [one for one in seen if one <= rows[-1].pk] == [rows[n].pk for n in order]


BAD = {
    "absorbr=Ni": "absorbr",
    "absorber=Xx": "absorber",
    "fields=id,colour": "fields",
    "fields=": "fields",
    "page_size=0": "page_size",
    "page_size=x": "page_size",
    "cursor=WzEsIDk5OTk5OTk5OTk5OTk5OTk5OTk5XQ==": "cursor",
    "format=xml": "format",
}


@pytest.mark.parametrize("query", BAD)
def test_a_bad_parameter_is_a_400_that_names_it(api: APIClient, query: str) -> None:
    response = api.get(f"{SPECTRA}?{query}")
    assert response.status_code == 400
    assert list(response.json()) == [BAD[query]]


def test_details_refuse_parameters_too(api: APIClient) -> None:
    spectrum = make_spectrum()
    assert api.get(f"{SPECTRA}{spectrum.pk}/?absorber=Ni").status_code == 400
    assert api.get(f"{SPECTRA}{spectrum.pk}/?fields=id").json() == {"id": spectrum.pk}


def test_what_is_not_published_is_not_there_for_visitors(api: APIClient) -> None:
    author = make_user(role="contributor")
    hidden = make_spectrum("experiment", status="submitted", contributor=author)
    fit = make_peak_fit(hidden, (853.0, 0.3, 1.0))
    calculated = make_spectrum(status="draft")
    open_job = Calculation.objects.create(
        engine="x", absorber="Ni", edge="L23", input_hash="open", job_status="queued"
    )
    places = {
        f"{SPECTRA}{hidden.pk}/": False,
        f"/api/v1/fits/{fit.pk}/": False,
        f"/api/v1/calculations/{calculated.calculation_id}/": False,
        f"/api/v1/calculations/{open_job.pk}/": True,
    }
    for path, is_open in places.items():
        assert api.get(path).status_code == (200 if is_open else 404), path
    api.force_authenticate(author)
    assert api.get(f"{SPECTRA}{hidden.pk}/").status_code == 200
    assert api.get(f"/api/v1/fits/{fit.pk}/").status_code == 200


def test_a_key_is_told_once_works_and_can_be_revoked(client: Client) -> None:
    user = make_user("ada", role="contributor")
    draft = make_spectrum("experiment", status="draft", contributor=user)
    client.force_login(user)
    made = client.post("/api/v1/keys/", {"name": "laptop"}, content_type="application/json")
    assert made.status_code == 201
    text = made.json()["key"]
    stored = ApiKey.objects.get()
    assert text not in (stored.key_hash, stored.prefix)
    path = f"{SPECTRA}{draft.pk}/"
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get(path).status_code == 404
    assert Client().get(path, headers=headers).status_code == 200
    [listed] = client.get("/api/v1/keys/").json()
    assert "key" not in listed
    assert client.delete(f"/api/v1/keys/{listed['id']}/").status_code == 204
    answer = Client().get(path, headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_a_session_needs_the_csrf_token_to_change_anything() -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user(role="curator"))
    assert strict.post("/api/v1/keys/", {"name": "x"}).status_code == 403
    assert not ApiKey.objects.exists()


def test_decisions_over_the_api(api: APIClient) -> None:
    author, curator = make_user(role="contributor"), make_user(role="curator")
    spectrum = make_spectrum("experiment", status="draft", contributor=author)
    path = f"{SPECTRA}{spectrum.pk}/"
    api.force_authenticate(author)
    assert api.post(f"{path}submit/", {}, format="json").json()["status"] == "submitted"
    assert api.post(f"{path}publish/", {}, format="json").status_code == 403
    api.force_authenticate(curator)
    refused = api.post(f"{path}reject/", {"note": " "}, format="json")
    assert (refused.status_code, refused.json()) == (
        409,
        {"detail": "A note is needed: say why."},
    )
    done = api.post(f"{path}publish/", {"note": "Good"}, format="json")
    assert done.json()["status"] == "published"
    story = get(api, f"{path}history/")
    assert story[0]["reason"] == "Published. Good"
    api.force_authenticate(None)
    assert api.get(path).status_code == 200
    assert api.get(f"{path}history/").status_code == 401


def test_jobs_can_be_cancelled_by_who_asked(api: APIClient) -> None:
    user = make_user()
    job = Calculation.objects.create(
        engine="x", absorber="Ni", edge="L23", input_hash="a", public=False
    )
    job.requesters.add(user)
    path = f"/api/v1/calculations/{job.pk}/cancel/"
    api.force_authenticate(make_user())
    assert api.post(path).status_code == 404
    api.force_authenticate(user)
    assert api.post(path).json() == {"status": "cancelled"}
    assert api.post(path).status_code == 409
    assert get(api, "/api/v1/calculations/summary/")["counts"]["cancelled"] == 1


def test_too_many_requests_are_told(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.cache import cache
    from rest_framework.throttling import AnonRateThrottle

    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "2/min"})
    cache.clear()
    statuses = [api.get("/api/v1/sites/").status_code for _ in range(3)]
    cache.clear()
    assert statuses == [200, 200, 429]


def test_a_deep_page_reads_no_arrays(api: APIClient, django_assert_num_queries: Any) -> None:
    make_spectrum()
    with django_assert_num_queries(2) as queries:
        get(api, SPECTRA)
    assert all('"intensity"' not in one["sql"] for one in queries.captured_queries)
    assert Spectrum.objects.count() == 1


def test_counts_of_a_search(api: APIClient) -> None:
    make_spectrum()
    make_spectrum("experiment")
    found = get(api, f"{SPECTRA}counts/", absorber="Ni")
    assert found["spectra"] == 2
    assert {one["value"]: one["count"] for one in found["facets"]["kind"]} == {
        "theory": 1,
        "experiment": 1,
    }
    assert api.get(f"{SPECTRA}counts/", {"absorbr": "Ni"}).status_code == 400
