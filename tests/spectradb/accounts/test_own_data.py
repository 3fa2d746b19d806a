"""One's own account: its password, its data as a file, its end."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.core.files.storage import storages
from django.test import Client

from spectradb.models import Kind, Measurement, Series, Spectrum, Status, Upload
from spectradb.services.accounts.own_data import delete_account, write_archive
from spectradb.services.imports.spectra import import_file
from spectradb.services.imports.uploads import keep_spectrum_file
from spectradb.throttle import Throttle
from tests.factories import make_series, make_spectrum, make_user
from tests.spectradb.matching.test_runs import csv

pytestmark = [pytest.mark.django_db]


def test_the_archive_holds_what_the_account_holds_and_nothing_of_others(client: Client) -> None:
    anna, other = make_user("anna", "contributor"), make_user("other", "contributor")
    import_file("ni.csv", csv("Ni", 1), element="Ni", edge="L3", contributor=anna)
    theirs = make_spectrum(contributor=other)
    keep_spectrum_file("kept.csv", csv("Ni", 2), anna)
    client.force_login(anna)
    answer = client.get("/account/archive/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:  # type: ignore[call-overload]
        told = json.loads(archive.read("account.json"))
        spectra = json.loads(archive.read("spectra.json"))
        names = archive.namelist()
    assert told["username"] == "anna"
    assert told["files_at_hand"] == ["kept.csv"]
    assert theirs.pk not in told["spectra"]
    assert [one["id"] for one in spectra] == told["spectra"]
    assert any(name.startswith("files/") and name.endswith("ni.csv") for name in names)
    assert any(name.startswith("at-hand/") and name.endswith("kept.csv") for name in names)
    assert Client().get("/account/archive/").status_code == 302


def test_a_file_that_two_people_sent_has_in_the_archive_the_name_that_its_owner_gave_it() -> None:
    anna, ben = make_user("anna", "contributor"), make_user("ben", "contributor")
    data = csv("Ni", 1)
    import_file("secret-of-ben.csv", data, element="Ni", edge="L3", contributor=ben)
    import_file("mine.csv", data, element="Ni", edge="L3", contributor=anna)
    kept = io.BytesIO()
    write_archive(anna, kept)
    with zipfile.ZipFile(kept) as archive:
        (name,) = (one for one in archive.namelist() if one.startswith("files/"))
    assert name.endswith("-mine.csv")


def test_a_deleted_account_takes_series_that_are_not_public_along(
    django_capture_on_commit_callbacks: Any,
) -> None:
    anna = make_user("anna", "contributor", first_name="Anna", last_name="Ito")
    draft = make_series(contributor=anna, status=Status.DRAFT)
    public = make_series(contributor=anna)
    cut = make_series(contributor=anna, status=Status.DRAFT)
    record = make_spectrum(Kind.EXPERIMENT, contributor=anna)
    Measurement.objects.filter(pk=record.measurement_id).update(series=cut)
    kept = io.BytesIO()
    write_archive(anna, kept)
    with zipfile.ZipFile(kept) as archive:
        told = json.loads(archive.read("account.json"))
    assert [one["series"] for one in told["series"]] == [draft.pk, public.pk, cut.pk]
    with django_capture_on_commit_callbacks(execute=True):
        delete_account(anna)
    assert not Series.objects.filter(pk=draft.pk).exists()
    assert not Series.history.filter(id=draft.pk).exists()
    assert not storages["series"].exists(draft.file_name)
    public.refresh_from_db()
    assert (public.contributor, public.citation) == (None, "Anna Ito")
    assert storages["series"].exists(public.file_name)
    cut.refresh_from_db()
    assert (cut.contributor, cut.status) == (None, Status.DRAFT)


def test_a_deleted_account_leaves_its_published_records_with_their_attribution(
    client: Client,
) -> None:
    anna = make_user("anna", "contributor", first_name="Anna", last_name="Ito")
    published = make_spectrum(Kind.EXPERIMENT, contributor=anna)
    cited = make_spectrum(Kind.EXPERIMENT, contributor=anna, citation="Ito 2024")
    draft = make_spectrum(Kind.EXPERIMENT, contributor=anna, status=Status.DRAFT)
    keep_spectrum_file("kept.csv", csv("Ni", 2), anna)
    client.force_login(anna)
    assert client.post("/account/delete/", {"password": "wrong"}).status_code == 400
    assert get_user_model().objects.filter(username="anna").exists()
    assert "That is 2 spectra." in client.get("/account/delete/").content.decode()
    client.post("/account/delete/", {"password": "password"})
    assert not get_user_model().objects.filter(username="anna").exists()
    assert not Spectrum.objects.filter(pk=draft.pk).exists()
    assert not Measurement.objects.filter(pk=draft.measurement_id).exists()
    assert not Spectrum.history.filter(id=draft.pk).exists()
    assert not Measurement.history.filter(id=draft.measurement_id).exists()
    assert Spectrum.history.filter(id=published.pk).exists()
    assert not Upload.objects.exists()
    for row in (published, cited):
        row.refresh_from_db()
    assert (published.contributor, published.citation) == (None, "Anna Ito")
    assert cited.citation == "Ito 2024"
    assert published.status == Status.PUBLISHED


def test_a_password_is_reset_by_a_link_that_works_once_and_only_with_a_mail_server(
    client: Client, settings: LazySettings
) -> None:
    make_user("anna", email="anna@example.org")
    assert client.get("/password/").status_code == 404
    assert "Forgotten" not in client.get("/login/").content.decode()
    settings.EMAIL_HOST = "mail.example.org"
    client.post("/password/", {"email": "nobody@example.org"})
    assert not mail.outbox
    client.post("/password/", {"email": "anna@example.org"})
    (link,) = re.findall(r"http://testserver(/password/\S+)", mail.outbox[0].body)
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"new_password1": "a-new-Pass-99", "new_password2": "a-new-Pass-99"})
    assert client.login(username="anna", password="a-new-Pass-99")
    assert "This link has ended" in client.get(link, follow=True).content.decode()


def test_links_for_new_passwords_are_mailed_at_a_bounded_rate(
    client: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("anna", email="anna@example.org")
    settings.EMAIL_HOST = "mail.example.org"
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"register": "1/hour"})
    cache.clear()
    answers = [client.post("/password/", {"email": "anna@example.org"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [302, 429]
    assert len(mail.outbox) == 1
    cache.clear()


def test_a_password_is_changed_by_who_knows_the_old_one(client: Client) -> None:
    client.force_login(make_user("anna"))
    new = {"new_password1": "a-new-Pass-99", "new_password2": "a-new-Pass-99"}
    client.post("/account/password/", {"old_password": "wrong"} | new)
    assert not client.login(username="anna", password="a-new-Pass-99")
    client.force_login(get_user_model().objects.get(username="anna"))
    client.post("/account/password/", {"old_password": "password"} | new)
    assert client.login(username="anna", password="a-new-Pass-99")
