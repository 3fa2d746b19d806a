"""What lies in a bucket is in a backup, and comes back into another or into folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError

from spectradb.environment import storages_of
from spectradb.models import Export, Series, SeriesAnalysis, TrainedModel
from spectradb.services.backup import archive, remote, rows
from spectradb.services.backup import restore as restore_module
from spectradb.services.backup.archive import BackupError
from spectradb.services.backup.restore import _keep
from spectradb.services.backup.snapshot import FILES, _files
from spectradb.services.exports.jobs import keep, opened, write
from spectradb.services.files.local import local_file
from spectradb.services.learning.stored import model_folder
from tests.factories import make_series, make_series_analysis, make_spectrum
from tests.spectradb.files.test_remote import KINDS, bucket, trained

__all__ = ["bucket"]
WEIGHTS = b"1" * 1000
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def objects(client: Any, prefix: str) -> dict[str, str]:
    """Names below a prefix, with the hash of what they hold; of packed models the name alone."""
    found = {}
    for one in client.list_objects_v2(Bucket="spectra", Prefix=prefix).get("Contents", []):
        data = client.get_object(Bucket="spectra", Key=one["Key"])["Body"].read()
        name = one["Key"].removeprefix(prefix)
        found[name] = "" if name.endswith(".zip") else hashlib.sha256(data).hexdigest()
    return found


@pytest.fixture
def kept(bucket: Any, tmp_path: Path) -> Path:
    """A backup of the files of a site that has one of each kind."""
    make_spectrum()
    export = Export.objects.create(query={}, format="csv", public=True, job_status="done")
    keep(export, write(export))
    make_series_analysis(make_series())
    trained(WEIGHTS)
    path = tmp_path / "site.sdb"
    with archive.write(path, None, {"migrations": {}}) as writer:
        assert remote.add_to(writer, FILES, "default") == 5  # a model is a folder of two
    return path


def take_over(path: Path, var: Path, settings: LazySettings) -> None:
    """As a restore does, behind the rows."""
    settings.VAR_DIR = var
    settings.STORAGES = settings.STORAGES | storages_of(var, KINDS)
    var.mkdir()
    assert remote.what_is_there() == ""

    def take(name: str, source: IO[bytes]) -> None:
        _keep(var, name.removeprefix(FILES), source)

    archive.read(path, None, take)
    remote.take_over()


def restored(
    path: Path, var: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command's own way, but into the tables that are there."""
    monkeypatch.setenv("FILES_URL", "s3://spectra/other")
    settings.VAR_DIR = var
    settings.STORAGES = settings.STORAGES | storages_of(var, KINDS)
    monkeypatch.setattr(restore_module, "_what_is_there", remote.what_is_there)
    monkeypatch.setattr(restore_module, "_migrate", lambda applied: None)
    monkeypatch.setattr(rows, "tables", lambda state: [])
    restore_module.restore(path)


def files_below(folder: Path) -> list[str]:
    return [
        str(one.relative_to(folder))
        for one in folder.rglob("*")
        if one.is_file() and "model-copies" not in one.parts
    ]


def all_is_read() -> None:
    export = Export.objects.get()
    file = opened(export)
    assert file is not None
    assert len(file.read()) == export.n_bytes
    for row in [*Series.objects.all(), *SeriesAnalysis.objects.all()]:
        local_file("series", row.file_name, row.n_bytes, row.sha256)
    assert (model_folder("ni") / "weights.safetensors").read_bytes() == WEIGHTS


def test_they_come_back_into_another_bucket(
    bucket: Any, kept: Path, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILES_URL", "s3://spectra/other")
    take_over(kept, tmp_path / "other", settings)
    found = objects(bucket, "other/")
    assert [name.split("/")[0] for name in found] == ["exports", "models", "series", "series"]
    assert found == objects(bucket, "site/")
    left = [one.parent.name for one in (tmp_path / "other").rglob("*") if one.is_file()]
    assert set(left) <= {next(iter((tmp_path / "other" / "model-copies").iterdir())).name}
    all_is_read()
    assert "exports/" in remote.what_is_there()


def test_they_come_back_into_folders(
    kept: Path, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FILES_URL")
    take_over(kept, tmp_path / "folders", settings)
    all_is_read()


def test_a_model_that_is_not_its_row_s_leaves_the_bucket_empty(
    bucket: Any, kept: Path, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrainedModel.objects.update(weights_hash="0" * 64)
    with pytest.raises(BackupError, match="model ni is not the one of its row"):
        restored(kept, tmp_path / "other", settings, monkeypatch)
    assert objects(bucket, "other/") == {}
    assert files_below(tmp_path / "other") == []


def test_a_commit_that_fails_leaves_the_bucket_and_the_folder_empty(
    bucket: Any, kept: Path, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full: list[int] = []

    @contextmanager
    def lost() -> Iterator[None]:
        yield
        full.append(len(objects(bucket, "other/")))
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(restore_module, "transaction", SimpleNamespace(atomic=lost))
    with pytest.raises(OperationalError):
        restored(kept, tmp_path / "other", settings, monkeypatch)
    assert full == [4]
    assert objects(bucket, "other/") == {}
    assert files_below(tmp_path / "other") == []


def test_a_model_that_the_bucket_has_not_ends_the_backup(bucket: Any, tmp_path: Path) -> None:
    trained(WEIGHTS)
    TrainedModel.objects.update(weights_hash="0" * 64)
    with (
        archive.write(tmp_path / "site.sdb", None, {}) as writer,
        pytest.raises(BackupError, match="model ni: its files are missing from the bucket"),
    ):
        remote.add_to(writer, FILES, "default")


def test_what_was_left_in_a_folder_is_not_beside_the_bucket_s(
    bucket: Any, settings: LazySettings
) -> None:
    left = Path(settings.VAR_DIR) / "exports" / "left.csv"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("x")
    assert all(place != left for place, _ in _files())
