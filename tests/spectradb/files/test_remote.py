"""Files in a bucket: a server of S3's protocol on loopback, and hosts that share nothing else."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from compute.errors import ReadError
from ml.checkpoints import WEIGHTS, weights_hash
from spectradb.environment import storages_of
from spectradb.models import Export, SeriesFile, SeriesUpload, TrainedModel
from spectradb.services.exports.jobs import KEEP_SECONDS, _clear, keep, write
from spectradb.services.learning.stored import model_folder, new_folder, put_in_place
from spectradb.services.series import incoming
from spectradb.services.series.store import opened
from tests.factories import make_series, make_spectrum, make_user

KINDS = ("exports", "models", "series", "series-uploads")


@pytest.mark.parametrize("url", ["https://host/x", "s3://", "s3://key:secret@bucket", "bucket"])
def test_an_address_that_is_no_bucket_is_refused(url, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FILES_URL", url)
    with pytest.raises(ImproperlyConfigured, match="FILES_URL: write s3://BUCKET"):
        storages_of(tmp_path, KINDS)


def test_without_the_package_its_extra_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FILES_URL", "s3://bucket")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"requirements-s3\.txt"):
        storages_of(tmp_path, KINDS)


def test_unset_each_kind_has_its_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FILES_URL", raising=False)
    told = storages_of(tmp_path, KINDS)
    assert {one: told[one]["OPTIONS"]["location"] for one in KINDS} == {
        one: tmp_path / one for one in KINDS
    }


@pytest.fixture
def bucket(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """An empty bucket that all files go to."""
    server_of = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "FILES_URL": "s3://spectra/site",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    everything = Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    urlopen(everything).close()  # its buckets outlive it
    client = boto3.client("s3")
    client.create_bucket(Bucket="spectra")
    settings.STORAGES = settings.STORAGES | storages_of(tmp_path, KINDS)
    settings.VAR_DIR = tmp_path / "here"
    settings.VAR_DIR.mkdir()
    try:
        yield client
    finally:
        server.stop()


def names(client: Any) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket="spectra").get("Contents", [])]


@pytest.mark.slow
@pytest.mark.django_db
def test_an_export_is_written_by_one_host_and_fetched_from_another(bucket, settings) -> None:
    make_spectrum()
    row = Export.objects.create(query={}, format="csv", public=True)
    keep(row, write(row))
    Export.objects.filter(pk=row.pk).update(job_status="done")
    (name,) = names(bucket)
    assert re.fullmatch(rf"site/exports/[0-9a-f]{{8}}-spectradb-{row.pk}\.csv", name)
    assert not any(settings.VAR_DIR.iterdir())
    answer = Client().get(f"/export/{row.pk}/")
    assert answer.status_code == 200
    assert len(answer.getvalue()) == row.n_bytes


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/export/{}/", "/api/v1/exports/{}/file/"])
def test_a_large_export_is_fetched_from_the_bucket_by_whoever_may_have_it(
    bucket, settings, path
) -> None:
    anna = make_user("anna", "contributor")
    make_spectrum()
    row = Export.objects.create(query={}, format="csv", public=False, requested_by=anna)
    keep(row, write(row))
    Export.objects.filter(pk=row.pk).update(job_status="done", n_bytes=10**6 + 1)
    path, owner, stranger = path.format(row.pk), Client(), Client()
    owner.force_login(anna)
    stranger.force_login(make_user("ben", "contributor"))
    assert owner.get(path).status_code == 200  # unless it is switched on
    settings.EXPORT_SIGNED_MB = 1
    for other in (Client(), stranger):
        assert other.get(path).status_code in (401, 404)
    answer = owner.get(path)
    assert (answer.status_code, answer["Cache-Control"]) == (302, "private, no-store")
    told = parse_qs(urlsplit(answer["Location"]).query)
    assert (told["X-Amz-Expires"], told["X-Amz-Algorithm"]) == (["600"], ["AWS4-HMAC-SHA256"])
    with urlopen(answer["Location"]) as file:
        assert file.headers["Content-Disposition"] == (
            f'attachment; filename="spectradb-{row.pk}.csv"'
        )
        assert len(file.read()) == storages["exports"].size(row.file_name)
    assert owner.head(path).status_code == 200
    Export.objects.filter(pk=row.pk).update(n_bytes=10**6)
    assert owner.get(path).status_code == 200
    Export.objects.filter(pk=row.pk).update(n_bytes=10**6 + 1)
    storages["exports"].delete(row.file_name)
    assert owner.get(path).status_code == 404


@pytest.mark.slow
@pytest.mark.django_db
def test_an_old_export_is_cleared_away(bucket, monkeypatch) -> None:
    make_spectrum()
    row = Export.objects.create(query={}, format="csv", public=True)
    keep(row, write(row))
    _clear()
    assert len(names(bucket)) == 1
    later = timezone.now() + timedelta(seconds=KEEP_SECONDS + 60)
    monkeypatch.setattr(timezone, "now", lambda: later)
    _clear()
    assert names(bucket) == []
    assert Client().get(f"/export/{row.pk}/").status_code == 404


@pytest.mark.slow
@pytest.mark.django_db
def test_a_series_is_read_by_a_host_that_never_had_it_and_damage_is_told(
    bucket, settings, tmp_path
) -> None:
    row = make_series()
    key = f"site/series/{row.file_name}"
    assert names(bucket) == [key]
    for host in ("first", "second"):
        settings.VAR_DIR = tmp_path / host
        settings.VAR_DIR.mkdir()
        with opened(row) as stored:
            assert stored is not None
        assert len(list((settings.VAR_DIR / "series-copies").glob("*.h5"))) == 1
    bucket.put_object(Bucket="spectra", Key=key, Body=b"x" * row.n_bytes)
    settings.VAR_DIR = tmp_path / "third"
    settings.VAR_DIR.mkdir()
    with pytest.raises(ReadError, match="is damaged"), opened(row):
        pass
    whole = next((tmp_path / "first" / "series-copies").glob("*.h5")).read_bytes()
    bucket.put_object(Bucket="spectra", Key=key, Body=whole)  # from a backup
    with opened(row) as stored:
        assert stored is not None


@pytest.mark.slow
@pytest.mark.django_db
def test_files_sent_to_one_host_are_read_by_another(bucket, settings, tmp_path) -> None:
    anna = make_user("anna", "contributor")
    upload = SeriesUpload.objects.create(requested_by=anna, n_files=1, n_bytes=5)
    file = SeriesFile.objects.create(upload=upload, name="a.dat", sent_name="a.dat", n_bytes=5)
    upload.folder.mkdir(parents=True)
    file.path.write_bytes(b"hello")
    incoming.has_arrived(file)
    assert names(bucket) == [f"site/series-uploads/{upload.token}/{file.pk}"]
    settings.VAR_DIR = tmp_path / "worker"
    settings.VAR_DIR.mkdir()
    assert not incoming.run_upload(upload.pk)  # it is no series
    assert file.path.read_bytes() == b"hello"
    assert incoming.forget(SeriesUpload.objects.get())
    assert names(bucket) == []


def trained(weights: bytes) -> TrainedModel:
    folder = new_folder("ni")
    (folder / WEIGHTS).parent.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(weights)
    (folder / "rows.json").write_text("[]")
    row, _ = TrainedModel.objects.update_or_create(
        name="ni", defaults={"kind": "mlp", "weights_hash": weights_hash(folder)}
    )
    put_in_place(folder, "ni")
    return row


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_model_is_had_by_another_host_in_the_version_of_its_row(
    bucket, settings, tmp_path
) -> None:
    settings.MODELS_CACHE_MB = 1
    first = trained(b"1" * 700_000)
    settings.VAR_DIR = tmp_path / "there"
    settings.VAR_DIR.mkdir()
    folder = model_folder("ni")
    assert (folder / WEIGHTS).read_bytes() == b"1" * 700_000
    assert (folder / "rows.json").read_text() == "[]"
    assert model_folder("ni") == folder
    second = trained(b"2" * 700_000)
    assert (model_folder("ni") / WEIGHTS).read_bytes() == b"2" * 700_000
    assert not folder.exists()  # two are more than the limit
    assert names(bucket) == [f"site/models/ni/{second.weights_hash}.zip"]
    assert first.weights_hash != second.weights_hash
    assert not model_folder("none").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_not_what_was_stored_is_refused(bucket, settings, tmp_path) -> None:
    row = trained(b"1")
    TrainedModel.objects.update(weights_hash="0" * 64)
    with storages["models"].open(f"ni/{row.weights_hash}.zip") as file:
        bucket.put_object(Bucket="spectra", Key=f"site/models/ni/{'0' * 64}.zip", Body=file.read())
    with pytest.raises(ReadError, match="not what was stored"):
        model_folder("ni")
