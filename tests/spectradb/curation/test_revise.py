"""A new version of a measured spectrum, by its page and by the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from spectradb.models import Kind, Spectrum, Status
from spectradb.services.imports.uploads import spectra_of
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db
ENERGY = np.linspace(850.0, 880.0, 121)


def text(scale: float) -> bytes:
    rows = zip(ENERGY, scale / (1 + (ENERGY - 853.0) ** 2), strict=True)
    lines = ["# energy_ev mu", *(f"{e:.4f} {m:.6f}" for e, m in rows)]
    return "\n".join(lines).encode()


@pytest.fixture
def author() -> User:
    return make_user(role="contributor")


@pytest.fixture
def old(author: User) -> Spectrum:
    return make_spectrum(Kind.EXPERIMENT, contributor=author, absorber="Ni", edge="L23")


def send(person: User | None, address: str, data: bytes, reason: str = "Dead time") -> Any:
    client = Client()
    if person is not None:
        client.force_login(person)
    given = {"file": SimpleUploadedFile("again.dat", data), "reason": reason}
    return client.post(address, given)


@pytest.mark.parametrize("route", ["spectrum-revise", "api:spectrum-revise"])
def test_a_file_becomes_the_next_version_and_the_old_one_stays(
    old: Spectrum, author: User, route: str
) -> None:
    before = old.intensity.copy()
    answer = send(author, reverse(route, args=[old.pk]), text(2.0))
    assert answer.status_code in (201, 302), answer.content
    new = Spectrum.objects.get(replaces=old)
    assert (new.version, new.status, new.contributor) == (old.version + 1, Status.DRAFT, author)
    assert new.absorber == "Ni"
    assert new.measurement is not None
    assert new.measurement.file is not None
    assert bytes(new.measurement.file.data) == text(2.0)
    assert new.checks
    np.testing.assert_allclose(new.intensity.max(), 2.0)
    old.refresh_from_db()
    np.testing.assert_array_equal(old.intensity, before)


@pytest.mark.parametrize("route", ["spectrum-revise", "api:spectrum-revise"])
def test_strangers_and_what_is_incomplete_are_refused(
    old: Spectrum, author: User, route: str
) -> None:
    address = reverse(route, args=[old.pk])
    stranger = make_user(role="contributor")
    assert send(stranger, address, text(2.0)).status_code == 403
    assert send(None, address, text(2.0)).status_code in (302, 401)
    assert send(author, address, text(2.0), reason=" ").status_code == 400
    assert send(author, address, b"no numbers").status_code == 400
    assert not Spectrum.objects.filter(replaces=old).exists()


def test_only_the_newest_version_is_revised(old: Spectrum, author: User) -> None:
    address = reverse("api:spectrum-revise", args=[old.pk])
    assert send(author, address, text(2.0)).status_code == 201
    assert send(author, address, text(3.0)).status_code == 409
    page = Client()
    page.force_login(author)
    newer = Spectrum.objects.get(replaces=old)
    links = {
        row.pk: reverse("spectrum-revise", args=[row.pk])
        in page.get(reverse("spectrum", args=[row.pk])).content.decode()
        for row in (old, newer)
    }
    assert links == {old.pk: False, newer.pk: True}


def test_a_file_of_several_spectra_must_hold_the_place_of_the_old_one(
    old: Spectrum, author: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = spectra_of("a.dat", text(2.0))
    (two,) = spectra_of("a.dat", text(5.0))
    both = [replace(one, label="foil"), replace(two, label="oxide")]
    monkeypatch.setattr("spectradb.services.curation.revise.spectra_of", lambda name, data: both)
    address = reverse("api:spectrum-revise", args=[old.pk])
    refused = send(author, address, b"x")
    assert refused.status_code == 409
    assert "1: foil; 2: oxide" in refused.content.decode()
    assert old.measurement is not None
    old.measurement.file_part = "2: oxide"
    old.measurement.save()
    assert send(author, address, b"x").status_code == 201
    assert Spectrum.objects.get(replaces=old).intensity.max() == pytest.approx(5.0)
