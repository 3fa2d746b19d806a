"""A crystal at hand: its sites, the spectra that the engine can do, and links to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from spectradb.models import BroughtSpectrum, JobStatus, Share, Upload
from spectradb.services.calculations import brought
from spectradb.services.queue import jobs
from tests.factories import make_user, rocksalt

pytestmark = [pytest.mark.django_db]


def cif(structure: Any, tmp_path: Path) -> bytes:
    path = tmp_path / "one.cif"
    structure.to(str(path))
    return path.read_bytes()


def bring(client: Client, data: bytes, name: str = "nio.cif") -> Upload:
    answer = client.post("/bring/", {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 302, answer.content.decode()
    row = Upload.objects.order_by("-pk")[0]
    assert answer["Location"] == f"/crystal/{row.token}/"
    return row


def test_every_spectrum_that_is_small_is_computed_at_once_as_the_command_does(
    client: Client, tmp_path: Path
) -> None:
    from spectradb.services.calculations.files import compute_files

    data = cif(rocksalt("NiO"), tmp_path)
    upload = bring(client, data)
    assert "not a 3d ion" in client.get(f"/crystal/{upload.token}/").content.decode()
    page = client.post(f"/crystal/{upload.token}/compute/", follow=True).content.decode()
    row = BroughtSpectrum.objects.get()
    assert (row.element, row.job_status, row.route) == ("Ni", JobStatus.DONE, "cheap")
    assert 'id="plot"' in page
    (same,) = compute_files([tmp_path / "one.cif"], "Ni", "L23", "cheap")
    np.testing.assert_allclose(row.energy, same.energy_ev)
    np.testing.assert_allclose(row.intensity, same.intensity)


def test_what_is_too_large_to_wait_for_is_queued(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(brought, "_AT_ONCE_STATES", 0)
    monkeypatch.setattr(jobs, "enqueue", lambda _model, ids: sent.extend(ids))
    upload = bring(client, cif(rocksalt("NiO"), tmp_path))
    page = client.post(f"/crystal/{upload.token}/compute/", follow=True).content.decode()
    assert sent == [BroughtSpectrum.objects.get().pk]
    assert "this page updates itself" in page


def test_a_cif_without_its_ending_is_known_by_what_it_holds(client: Client, tmp_path: Path) -> None:
    bring(client, cif(rocksalt("NiO"), tmp_path), "crystal.txt")


def test_a_site_that_the_engine_cannot_do_is_refused_with_the_reason(
    client: Client, tmp_path: Path
) -> None:
    upload = bring(client, cif(rocksalt("NiO"), tmp_path))
    oxygen = next(one for one in upload.told["sites"] if one["element"] == "O")
    asked = {"site": oxygen["key"]}
    page = client.post(f"/crystal/{upload.token}/compute/", asked, follow=True).content.decode()
    assert "not a 3d ion" in page
    assert not BroughtSpectrum.objects.exists()


def test_a_link_shows_the_crystal_until_it_ends_or_is_taken_back(
    client: Client, tmp_path: Path
) -> None:
    upload = bring(client, cif(rocksalt("NiO"), tmp_path))
    assert Client().get(f"/crystal/{upload.token}/").status_code == 404
    client.post(f"/share/{upload.token}/", {"days": "7"})
    link = Share.objects.get()
    ends = Upload.objects.get().expires
    assert ends is not None
    assert link.expires <= ends  # no longer than the file itself
    seen = Client().get(f"/shared/{link.token}/")
    assert seen.status_code == 200
    assert seen["X-Robots-Tag"] == "noindex, nofollow"
    assert seen["Referrer-Policy"] == "no-referrer"
    assert upload.token not in seen.content.decode()
    assert Client().post(f"/share/{upload.token}/revoke/", {"link": link.token}).status_code == 404
    Share.objects.update(expires=timezone.now() - timedelta(minutes=1))
    assert Client().get(f"/shared/{link.token}/").status_code == 404
    client.post(f"/share/{upload.token}/", {"days": "1"})
    link = Share.objects.order_by("-pk")[0]
    client.post(f"/share/{upload.token}/revoke/", {"link": link.token})
    assert Client().get(f"/shared/{link.token}/").status_code == 404


def test_an_account_keeps_its_crystal(client: Client, tmp_path: Path) -> None:
    client.force_login(make_user("somebody"))
    assert bring(client, cif(rocksalt("NiO"), tmp_path)).expires is None
