"""Answers that visitors share: made once, gone with the first change, never anybody's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from spectradb import kept_answers
from spectradb.kept_answers import ANSWERS
from spectradb.models import Spectrum
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db(transaction=True)
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w{64})"')


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    ANSWERS.clear()
    yield
    ANSWERS.clear()


@pytest.mark.parametrize("path", ["/", "/spectra/", "/spectra/{pk}/", "/api/v1/spectra/"])
def test_the_second_visitor_costs_the_look_at_the_state_alone(path: str) -> None:
    path = path.format(pk=make_spectrum().pk)
    second = Client().get(path)
    for _ in range(30):  # PostgreSQL counts what is stored in its other databases as well
        first = second
        with CaptureQueriesContext(connection) as asked:
            second = Client().get(path)
        if len(asked) == 1:
            break
    assert len(asked) == 1
    assert second.status_code == first.status_code == 200
    assert _TOKEN.sub("", second.text) == _TOKEN.sub("", first.text)
    for name in ("Content-Security-Policy", "Content-Language", "X-Frame-Options", "Vary"):
        assert second.get(name) == first.get(name)


def test_what_is_withdrawn_is_gone_at_once() -> None:
    row = make_spectrum()
    assert Client().get(f"/spectra/{row.pk}/").status_code == 200
    assert Client().get("/api/v1/spectra/").json()["count"] == 1
    Spectrum.objects.filter(pk=row.pk).update(status="withdrawn")
    assert Client().get(f"/spectra/{row.pk}/").status_code == 410
    assert Client().get("/api/v1/spectra/").json()["count"] == 0


def test_each_visitor_gets_a_form_of_their_own() -> None:
    make_spectrum()
    first, second = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    tokens = [_TOKEN.search(client.get("/").text) for client in (first, second)]
    texts = [token[1] for token in tokens if token]
    assert len(set(texts)) == 2
    for client, own, other in ((first, *texts), (second, *reversed(texts))):
        form = {"theme": "dark", "next": "/"}
        assert client.post("/theme/", form | {"csrfmiddlewaretoken": other}).status_code == 403
        assert client.post("/theme/", form | {"csrfmiddlewaretoken": own}).status_code == 302


def test_people_who_are_signed_in_are_neither_given_nor_giving() -> None:
    make_spectrum(status="draft", contributor=(owner := make_user(role="contributor")))
    person = Client()
    person.force_login(owner)
    for path in ("/spectra/", "/api/v1/spectra/"):
        mine, everybodys = person.get(path), Client().get(path)
        assert mine.content != everybodys.content
        assert "ETag" not in mine
        assert person.get(path).status_code == 200
    assert Client().get("/api/v1/spectra/").json()["count"] == 0


def test_language_theme_and_fragments_are_kept_apart() -> None:
    make_spectrum()
    english = Client().get("/").text
    assert Client(headers={"accept-language": "ja"}).get("/").text != english
    dark = Client()
    dark.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in dark.get("/").text
    assert 'data-theme="dark"' not in Client().get("/").text


@pytest.mark.parametrize("path", ["/", "/api/v1/spectra/"])
def test_who_has_it_already_is_told_so_until_it_changes(path: str) -> None:
    row = make_spectrum()
    client = Client()
    client.get(path)
    etag = client.get(path)["ETag"]
    again = client.get(path, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    Spectrum.objects.filter(pk=row.pk).update(status="withdrawn")
    changed = client.get(path, headers={"if-none-match": etag})
    assert changed.status_code == 200
    assert changed["ETag"] != etag


def test_a_form_of_a_lost_cookie_is_not_confirmed() -> None:
    make_spectrum()
    etag = Client().get("/")["ETag"]
    assert Client().get("/", headers={"if-none-match": etag}).status_code == 200


def test_what_changes_while_an_answer_is_made_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter(["before", "after", "before"])
    monkeypatch.setattr(kept_answers, "database_state", lambda: next(states))
    Client().get("/cite/")
    assert not ANSWERS._cache  # type: ignore[attr-defined]


@pytest.mark.parametrize(("path", "seconds"), [("/", 60), ("/cite/", 600)])
def test_what_tells_how_long_ago_something_was_is_made_each_minute(
    path: str, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[object] = []
    # PostgreSQL's changes with what others store in its other databases.
    monkeypatch.setattr(kept_answers, "database_state", lambda: "as it was")
    monkeypatch.setattr(ANSWERS, "set", lambda key, value, *timeout: kept.extend(timeout))
    Client().get(path)
    assert [600 if one is DEFAULT_TIMEOUT else one for one in kept] == [seconds]


def test_errors_are_made_anew() -> None:
    assert Client().get("/spectra/77/").status_code == 404
    assert not ANSWERS._cache  # type: ignore[attr-defined]


def test_no_text_of_a_record_is_taken_for_a_token() -> None:
    text = "{csrf token of this reader}"
    row = make_spectrum(title=text)
    for _ in range(2):
        assert text in Client().get(f"/spectra/{row.pk}/").text
        assert Client().get(f"/api/v1/spectra/{row.pk}/").json()["title"] == text


@pytest.mark.parametrize("first", ["application/json", "text/csv"])
def test_who_accepts_no_json_is_told_so_whoever_asked_before(first: str) -> None:
    Client().get("/api/v1/spectra/", headers={"accept": first})
    assert Client().get("/api/v1/spectra/", headers={"accept": "text/csv"}).status_code == 406
    assert Client().get("/api/v1/spectra/", headers={"accept": "*/*"}).status_code == 200
