"""What one person may cost: sizes, rates, quotas; who counts as one person."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from spectradb.forms import RegisterForm
from spectradb.models import Export, Spectrum
from spectradb.services.accounts.quotas import QuotaError, check_jobs, check_storage
from spectradb.services.calculations.explicit import queue_case
from spectradb.services.exports.jobs import estimated_bytes
from spectradb.services.exports.write import FORMATS, export_spectra
from spectradb.services.imports.spectra import import_file
from spectradb.services.queue import jobs
from spectradb.throttle import Throttle
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db
COLUMNS = b"# energy mu\n" + b"".join(b"%d %d\n" % (8300 + n, n) for n in range(40))


@pytest.fixture(autouse=True)
def _empty_cache() -> Any:
    cache.clear()
    yield
    cache.clear()


# --- who asks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "seen"),
    [
        ([], "192.0.2.7", "198.51.100.1", "192.0.2.7"),
        (["127.0.0.1"], "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["127.0.0.1"], "127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (["127.0.0.1", "10.0.0.0/8"], "127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        (["unix"], "", "198.51.100.1", "198.51.100.1"),
        (["127.0.0.1"], "192.0.2.7", "198.51.100.1", "192.0.2.7"),
        (["127.0.0.1"], "127.0.0.1", "nonsense", "127.0.0.1"),
    ],
)
def test_only_a_named_proxy_says_who_asks(
    trusted: list[str], remote: str, forwarded: str, seen: str, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = trusted
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    answer = Client().get(
        "/cite/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded, HTTP_X_FORWARDED_PROTO="https"
    )
    request = answer.wsgi_request
    assert request.META["REMOTE_ADDR"] == seen
    assert request.is_secure() == (seen != remote or remote in trusted)


def test_another_forwarded_address_resets_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"optimade": "2/min"})
    answers = [
        Client().get("/optimade/v1/info", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code
        for n in range(3)
    ]
    assert answers == [200, 200, 429]


# --- signing in and registering -----------------------------------------------------------------


@pytest.mark.parametrize("page", ["/login/", "/admin/login/"])
def test_guessing_stops_at_this_address_and_locks_nobody_out(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"sign-in": "2/hour", "sign-ins": "9/hour"}
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", rates)
    make_user("curator", is_staff=True)
    right = {"username": "curator", "password": "password"}
    for _ in range(2):
        wrong = Client().post(page, right | {"password": "guess"}, REMOTE_ADDR="192.0.2.66")
        assert wrong.status_code == 200
    assert Client().post(page, right, REMOTE_ADDR="192.0.2.66").status_code == 200  # refused
    assert Client().post(page, right, REMOTE_ADDR="192.0.2.1").status_code == 302


def test_guesses_over_many_accounts_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"sign-in": "9/hour", "sign-ins": "2/hour"})
    make_user("anna")
    for name in ("a", "b"):
        Client().post("/login/", {"username": name, "password": "x"})
    answer = Client().post("/login/", {"username": "anna", "password": "password"})
    assert "Too many failed sign-ins" in answer.content.decode()


PERSON = {"username": "bela", "password1": "a long word 7", "password2": "a long word 7"}


def test_registration_can_be_closed(settings: LazySettings) -> None:
    settings.REGISTRATION = "closed"
    assert Client().post("/register/", PERSON).status_code == 403
    assert not get_user_model().objects.exists()


def test_a_name_that_differs_in_its_case_alone_is_refused() -> None:
    make_user("bela")
    answer = Client().post("/register/", PERSON | {"username": "Bela"})
    assert "already exists" in answer.content.decode()
    assert get_user_model().objects.count() == 1


def test_one_name_sent_twice_at_once_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RegisterForm, "validate_unique", lambda form: make_user("bela"))
    answer = Client().post("/register/", PERSON)
    assert answer.status_code == 200
    assert "was taken just now" in answer.content.decode()


def test_an_account_can_wait_for_an_administrator(settings: LazySettings) -> None:
    settings.REGISTRATION = "confirm"
    settings.EMAIL_HOST = ""
    Client().post("/register/", PERSON)
    assert not get_user_model().objects.get().is_active
    assert not Client().login(username="bela", password="a long word 7")


def test_an_account_can_wait_for_a_link_that_works_once(settings: LazySettings) -> None:
    settings.REGISTRATION, settings.EMAIL_HOST = "confirm", "localhost"
    assert Client().post("/register/", PERSON).status_code == 200  # the address is missing
    Client().post("/register/", PERSON | {"email": "b@example.org"})
    link = mail.outbox[0].body.split("testserver")[1].strip()
    assert Client().get(f"{link[:-2]}x/").status_code == 403
    assert Client().get(link).status_code == 302
    assert Client().login(username="bela", password="a long word 7")
    get_user_model().objects.update(is_active=False)  # by an administrator
    assert Client().get(link).status_code == 403


def test_accounts_are_made_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"register": "1/hour"})
    answers = [Client().post("/register/", {}).status_code for _ in range(2)]
    assert answers == [200, 429]


# --- quotas and sizes ---------------------------------------------------------------------------


def test_an_account_keeps_a_bounded_number_of_bytes(settings: LazySettings) -> None:
    anna = make_user(role="contributor")
    settings.ACCOUNT_MAX_MB = 1
    assert import_file("a.dat", COLUMNS, element="Ni", edge="K", contributor=anna).status
    check_storage(anna, 10**6 - len(COLUMNS))
    with pytest.raises(QuotaError, match="do not fit"):
        check_storage(anna, 10**6)
    settings.ACCOUNT_MAX_MB = 0
    done = import_file("b.dat", COLUMNS + b"9000 1\n", contributor=anna)
    assert (done.status, Spectrum.objects.count()) == ("failed", 1)
    check_storage(None, 10**12)


def test_an_account_has_a_bounded_number_of_jobs(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "enqueue", lambda *arguments: None)
    settings.ACCOUNT_MAX_JOBS = 1
    anna, curator = make_user(role="contributor"), make_user(role="curator")
    for user in (anna, curator):
        queue_case({"element": "Ti", "charge": 4}, user)
    queue_case({"element": "Sc", "charge": 3}, curator)
    client = Client()
    client.force_login(anna)
    make_spectrum()
    answer = client.post(
        "/api/v1/exports/", {"query": {}, "format": "csv"}, content_type="application/json"
    )
    assert (answer.status_code, "limit" in answer.json()["detail"]) == (403, True)
    with pytest.raises(QuotaError):
        queue_case({"element": "V", "charge": 5}, anna)
    check_jobs(None, 10**6)


def test_what_is_written_at_once_is_bounded_by_size(settings: LazySettings) -> None:
    make_spectrum()
    settings.EXPORT_AT_ONCE_MB = 1
    assert Client().get("/export/?go=1&format=csv").status_code == 200
    settings.EXPORT_AT_ONCE_MB = 0
    answer = Client().get("/export/?go=1&format=csv")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/export/")
    settings.EXPORT_MAX_MB = 0
    client = Client()
    client.force_login(make_user())
    assert client.get("/export/?go=1&format=csv").status_code == 400
    assert not Export.objects.exists()


@pytest.mark.parametrize("format", FORMATS)
def test_sizes_are_foreseen_and_never_far_too_small(format: str, tmp_path: Any) -> None:
    for _ in range(12):
        make_spectrum()
    rows = Spectrum.objects.all()
    ending = "zip" if format == "xdi" else format
    written = export_spectra(rows, format, tmp_path / f"a.{ending}").n_bytes
    assert 0.5 < estimated_bytes(rows)[format] / written < 4.0


# --- what is refused or broken ------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/spectra/", "/match/x%00y/", "/models/a%00/", "/api/v1/spectra/", "/nowhere/"]
)
def test_a_nul_is_refused_wherever_it_is(path: str) -> None:
    client = Client()
    assert client.get(path + "?q=a%00b").status_code == 400
    assert client.head(path + "?%00=1").status_code == 400
    if "%00" in path:
        assert client.get(path).status_code == 400
    assert client.post(path, {"name": "a\0b"} if "api" not in path else {}).status_code != 500
    body = '{"query": {"q": ["a\\u0000b"]}}'
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = client.generic(method, path, body, content_type="application/json")
        assert answer.status_code == 400
    assert client.get(path, HTTP_COOKIE='sessionid="a\\000b"').status_code == 400


def test_a_nul_in_a_form_is_refused() -> None:
    for path in ("/login/", "/register/", "/match/", "/multiplet/load/", "/theme/"):
        assert Client().post(path, {"username": "a\0b"}).status_code == 400


def test_words_that_only_look_like_a_nul_pass() -> None:
    body = '{"query": {"q": ["\\\\u0000"]}, "format": "wrong"}'
    answer = Client().post("/api/v1/exports/", body, content_type="application/json")
    assert list(answer.json()) == ["format"]


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/nothing", "/api/v1/spectra/1/x/"])
def test_errors_of_the_api_are_json(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert answer.json()["detail"]


def test_a_database_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: Any, **options: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(type(Spectrum.objects.all()), "visible_to", away)
    client = Client(raise_request_exception=False)
    answer = client.get("/api/v1/spectra/")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database does not answer.")
    assert int(answer["Retry-After"]) > 0
    page = client.get("/spectra/1/")
    assert (page.status_code, page["Content-Type"]) == (503, "text/html; charset=utf-8")
