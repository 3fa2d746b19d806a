"""Signing in by a provider: a real one on loopback, through real requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from spectradb.environment import openid_providers
from spectradb.services.imports.uploads import keep_spectrum_file
from spectradb.views.accounts.openid import Identities
from tests.factories import make_user
from tests.spectradb.accounts.oidc_server import CLIENT, SECRET, Provider
from tests.spectradb.matching.test_runs import csv

pytestmark = pytest.mark.django_db
USERS = get_user_model().objects
ADA = {"sub": "ada-1", "given_name": "Ada", "family_name": "Ito", "email": "ada@example.org"}


@pytest.fixture
def provider(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    server = Provider()
    for name, value in (
        ("OIDC_ISSUER", server.issuer), ("OIDC_NAME", "Loopback"),
        ("OIDC_CLIENT_ID", CLIENT), ("OIDC_CLIENT_SECRET", SECRET),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": openid_providers()}}
    yield server
    server.shutdown()
    server.server_close()


def go(client: Client, **sent: str) -> Any:
    """From the button to the page that one is back on."""
    left = client.post("/login/with/oidc/", {"process": "login"} | sent)
    to = left["Refresh"].removeprefix("0; url=")
    back = requests.get(to, allow_redirects=False, timeout=10).headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def test_without_a_provider_in_the_settings_there_is_no_such_sign_in(client: Client) -> None:
    assert "/login/with/" not in client.get("/login/").content.decode()
    assert client.post("/login/with/oidc/").status_code == 404
    assert client.get("/login/with/orcid/back/").status_code == 404


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_CLIENT_ID"),
        ({"ORCID_CLIENT_ID": "x"}, "ORCID_CLIENT_SECRET"),
        (
            {"OIDC_ISSUER": "http://id.example.org", "OIDC_CLIENT_ID": "a",
             "OIDC_CLIENT_SECRET": "b"},
            "https",
        ),
    ],
)  # fmt: skip
def test_half_a_provider_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=words):
        openid_providers()


def test_orcid_is_asked_for_nothing_but_who_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCID_CLIENT_ID", "APP-1")
    monkeypatch.setenv("ORCID_CLIENT_SECRET", "s")
    (one,) = openid_providers()
    assert (one["name"], one["settings"]["server_url"]) == ("ORCID", "https://orcid.org")
    assert one["settings"]["scope"] == ["openid"]


@pytest.mark.slow
def test_a_person_gets_an_account_once_and_is_back_where_they_were(
    client: Client, provider: Provider
) -> None:
    provider.person = ADA | {"email_verified": True}
    kept = keep_spectrum_file("kept.csv", csv("Ni", 2), None)
    session = client.session
    session["at_hand"] = [kept.token]
    session.save()
    assert "Sign in with Loopback" in client.get("/login/?next=/coverage/").content.decode()
    answer = go(client, next="/coverage/")
    assert answer["Location"] == "/coverage/"
    user = USERS.get()
    assert (user.first_name, user.email, user.has_usable_password()) == (
        "Ada", "ada@example.org", False,
    )  # fmt: skip
    assert user.has_perm("spectradb.add_spectrum")
    kept.refresh_from_db()
    assert kept.requested_by == user
    other = Client()
    assert go(other, next="https://elsewhere.example/")["Location"] == "/"
    assert USERS.count() == 1
    assert other.get("/account/").status_code == 200


@pytest.mark.slow
def test_two_first_sign_ins_of_one_person_at_once_are_one_account(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.person = ADA
    looked = Identities.pre_social_login

    def meanwhile(self: Any, request: Any, sociallogin: Any) -> None:
        looked(self, request, sociallogin)
        monkeypatch.setattr(Identities, "pre_social_login", looked)
        go(Client())  # the same person in another window, between the look and the account

    monkeypatch.setattr(Identities, "pre_social_login", meanwhile)
    assert go(client)["Location"] == "/"
    assert (USERS.count(), SocialAccount.objects.count()) == (1, 1)
    assert client.get("/account/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("verified", [True, False])
def test_an_account_is_never_found_by_an_address(provider: Provider, verified: bool) -> None:
    anna = make_user("anna", email="ada@example.org")
    provider.person = ADA | {"email_verified": verified}
    client = Client()
    answer = go(client)
    assert not SocialAccount.objects.filter(user=anna).exists()
    if verified:
        assert answer["Location"] == "/login/"
        assert "connect it there" in client.get("/login/").content.decode()
        assert USERS.count() == 1
    else:
        assert USERS.exclude(pk=anna.pk).get().email == ""


@pytest.mark.slow
def test_who_is_signed_in_connects_and_disconnects(client: Client, provider: Provider) -> None:
    anna = make_user("anna")
    client.force_login(anna)
    provider.person = ADA
    assert go(client, process="connect")["Location"] == "/account/"
    assert "ada-1" in client.get("/account/").content.decode()
    other = Client()
    go(other)
    assert other.get("/account/").wsgi_request.user == anna
    row = SocialAccount.objects.get()
    assert row.extra_data == {}
    assert Client().post(f"/account/identities/{row.pk}/").status_code == 302
    assert SocialAccount.objects.exists()
    client.post(f"/account/identities/{row.pk}/")
    assert not SocialAccount.objects.exists()


@pytest.mark.slow
def test_an_account_without_a_password_keeps_its_only_way_in_until_it_has_one(
    client: Client, provider: Provider
) -> None:
    provider.person = ADA
    go(client)
    row = SocialAccount.objects.get()
    client.post(f"/account/identities/{row.pk}/")
    assert SocialAccount.objects.exists()
    assert client.post("/account/delete/", {"password": "not me"}).status_code == 400
    words = {"new_password1": "long-enough-7", "new_password2": "long-enough-7"}
    assert client.post("/account/password/", words).status_code == 302
    client.post(f"/account/identities/{row.pk}/")
    assert not SocialAccount.objects.exists()
    client.post("/account/delete/", {"password": "long-enough-7"})
    assert not USERS.exists()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["no", "audience", "state", "twice"])
def test_a_word_that_is_not_for_us_signs_nobody_in(
    client: Client, provider: Provider, fault: str
) -> None:
    provider.person = None if fault == "no" else ADA
    provider.audience = "another client" if fault == "audience" else CLIENT
    if fault in {"no", "audience"}:
        answer = go(client)
    else:
        left = client.post("/login/with/oidc/", {"process": "login"})
        to = left["Refresh"].removeprefix("0; url=")
        back = requests.get(to, allow_redirects=False, timeout=10).headers["Location"]
        back = back.removeprefix("http://testserver")
        if fault == "twice":
            client.get(back)
            client.post("/logout/")
            USERS.all().delete()
            answer = client.get(back)
        else:
            answer = Client().get(back)
    assert answer["Location"] == "/login/"
    assert not USERS.exists()


@pytest.mark.slow
def test_a_provider_that_is_down_is_told_in_words(client: Client, provider: Provider) -> None:
    provider.shutdown()
    provider.server_close()
    answer = client.post("/login/with/oidc/", {"process": "login"}, follow=True)
    assert "does not answer" in answer.content.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("registration", "mail", "verified", "accounts", "opened"),
    [
        ("closed", "", True, 0, False),
        ("confirm", "mail.example.org", True, 1, True),
        ("confirm", "mail.example.org", False, 1, False),
        ("confirm", "", True, 1, False),
    ],
)
def test_who_gets_an_account_is_the_sites_own_rule(
    client: Client, provider: Provider, settings: LazySettings,
    registration: str, mail: str, verified: bool, accounts: int, opened: bool,
) -> None:  # fmt: skip
    settings.REGISTRATION, settings.EMAIL_HOST = registration, mail
    provider.person = ADA | {"email_verified": verified}
    go(client)
    assert USERS.count() == accounts
    assert (client.get("/account/").status_code == 200) is opened
