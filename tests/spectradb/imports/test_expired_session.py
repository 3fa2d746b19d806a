"""A session that has ended loses nothing and never says that there is no right."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from spectradb.models import Kind, Spectrum, Upload
from tests.factories import make_spectrum, make_user
from tests.spectradb.matching.test_runs import csv

pytestmark = pytest.mark.django_db


def test_what_was_sent_without_a_session_is_read_after_signing_in() -> None:
    anna = make_user("anna", "contributor")
    client = Client()
    files = [SimpleUploadedFile(f"ni{k}.csv", csv("Ni", k)) for k in (1, 2)]
    answer = client.post("/upload/", {"files": files, "element": "Ni", "edge": "L23"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=/upload/")
    assert not Spectrum.objects.exists()
    assert "kept until then" in client.get(answer["Location"]).content.decode()
    client.post(answer["Location"], {"username": "anna", "password": "password"})
    page = client.get("/upload/")
    assert [row.contributor for row in Spectrum.objects.all()] == [anna, anna]
    assert [row.absorber for row in Spectrum.objects.all()] == ["Ni", "Ni"]
    assert "ni1.csv" in page.content.decode()
    assert not Upload.objects.exists()
    client.get("/upload/")
    assert Spectrum.objects.count() == 2


def test_files_of_one_session_are_not_anothers() -> None:
    make_user("anna", "contributor")
    one, other = Client(), Client()
    one.post("/upload/", {"files": [SimpleUploadedFile("ni.csv", csv("Ni", 1))]})
    other.login(username="anna", password="password")
    other.get("/upload/")
    assert not Spectrum.objects.exists()


@pytest.mark.parametrize("address", ["fit/accept/", "submit/"])
def test_a_form_sent_without_a_session_leads_back_to_its_page(address: str) -> None:
    row = make_spectrum(Kind.EXPERIMENT)
    page = f"http://testserver/spectra/{row.pk}/fit/?go=1&lo=846"
    answer = Client().post(f"/spectra/{row.pk}/{address}", HTTP_REFERER=page)
    if answer.status_code == 302:
        assert answer["Location"].startswith("/login/")
        return
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "session has ended" in text
    assert "does not have the right" not in text
    assert f"/login/?next=%2Fspectra%2F{row.pk}%2Ffit%2F%3Fgo%3D1%26lo%3D846" in text


@pytest.mark.parametrize("address", ["submit/", "delete/", "comment/"])
def test_after_signing_in_one_is_at_the_page_of_the_form_not_at_what_takes_forms_alone(
    address: str,
) -> None:
    row = make_spectrum(Kind.EXPERIMENT)
    make_user("anna", "contributor")
    client, page = Client(), f"/spectra/{row.pk}/?norm=raw"
    sent = client.post(
        f"/spectra/{row.pk}/{address}", headers={"referer": f"http://testserver{page}"}
    )
    signed_in = client.post(
        sent["Location"], {"username": "anna", "password": "password"}, follow=True
    )
    assert signed_in.redirect_chain[-1][0] == page
    assert signed_in.status_code == 200


def test_an_address_for_forms_alone_has_a_page_that_says_so() -> None:
    answer = Client().get("/multiplet/load/")
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    text = answer.content.decode()
    assert "only takes what a form sends" in text
    assert "<h1>" in text


def test_a_foreign_page_is_not_gone_back_to() -> None:
    row = make_spectrum(Kind.EXPERIMENT)
    answer = Client().post(f"/spectra/{row.pk}/fit/accept/", HTTP_REFERER="https://evil.example/x")
    assert "evil" not in answer.content.decode()
