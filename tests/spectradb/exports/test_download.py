"""The file of a finished export: had under its own name, or told to be gone."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.core.files.storage import FileSystemStorage, storages
from django.test import Client

from spectradb.models import Export
from spectradb.services.exports.jobs import keep, write
from tests.factories import make_spectrum

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(settings: LazySettings, tmp_path) -> Export:
    local = "django.core.files.storage.FileSystemStorage"
    own = {"BACKEND": local, "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"exports": own}
    make_spectrum()
    row = Export.objects.create(query={}, format="csv", public=True)
    keep(row, write(row))
    Export.objects.filter(pk=row.pk).update(job_status="done")
    return row


@pytest.mark.parametrize("path", ["/export/{}/", "/api/v1/exports/{}/file/"])
def test_the_file_has_the_name_of_its_export(export: Export, path: str) -> None:
    answer = Client().get(path.format(export.pk))
    assert f'filename="spectradb-{export.pk}.csv"' in answer["Content-Disposition"]
    assert len(answer.getvalue()) == export.n_bytes


@pytest.mark.parametrize("path", ["/export/{}/", "/api/v1/exports/{}/file/"])
def test_a_file_in_a_folder_is_sent_however_large(
    export: Export, path: str, settings: LazySettings
) -> None:
    settings.EXPORT_SIGNED_MB = 1
    Export.objects.filter(pk=export.pk).update(n_bytes=10**7)
    assert Client().get(path.format(export.pk)).status_code == 200


def test_the_job_page_calls_the_file_as_its_copy_is_called(export: Export) -> None:
    page = Client().get("/jobs/?kind=exports").content.decode()
    assert f">spectradb-{export.pk}.csv</a>" in page
    assert export.file_name not in page


def test_a_second_attempt_leaves_the_file_of_the_first_as_it_is(export: Export) -> None:
    before = export.file_name
    keep(export, write(export))
    assert export.file_name != before
    assert storages["exports"].exists(before)


@pytest.mark.parametrize("path", ["/export/{}/", "/api/v1/exports/{}/file/"])
def test_a_file_that_is_cleared_away_while_it_is_asked_for_is_told_to_be_gone(
    export: Export, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages["exports"].delete(export.file_name)
    monkeypatch.setattr(FileSystemStorage, "exists", lambda self, name: True)
    answer = Client().get(path.format(export.pk))
    assert answer.status_code == 404
    assert "cleared away" in answer.content.decode()


def test_a_table_is_the_same_in_every_language() -> None:
    address = f"/spectra/{make_spectrum().pk}/download/csv/"
    client = Client()
    english = client.get(address).content
    assert b"# intensity: " in english
    client.cookies["django_language"] = "ja"
    assert client.get(address).content == english
