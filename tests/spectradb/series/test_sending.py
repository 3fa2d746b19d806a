"""Series sent in pieces over tus: what is taken, what is refused, and what becomes of it."""

from __future__ import annotations

import base64
import fcntl
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from spectradb.models import JobStatus, Series, SeriesFile, SeriesUpload
from spectradb.services.queue import jobs
from spectradb.services.series import incoming
from spectradb.services.series.incoming import harmless
from tests.factories import make_user

pytestmark = pytest.mark.django_db
OCTETS = "application/offset+octet-stream"


class Sender:
    """A client that speaks tus, as far as a test asks it to."""

    def __init__(self, name: str) -> None:
        self.client = Client()
        self.client.force_login(make_user(name, "contributor"))

    def announce(self, n_files: int, n_bytes: int, **stated: str) -> Any:
        return self.client.post(
            "/series/upload/", {"n_files": n_files, "n_bytes": n_bytes, **stated}
        )

    def create(self, at: str, name: str, n_bytes: int, data: bytes = b"") -> Any:
        told = base64.b64encode(name.encode()).decode()
        return self.client.post(
            at, data, content_type=OCTETS,
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(n_bytes),
                     "Upload-Metadata": f"filename {told}"},
        )  # fmt: skip

    def piece(self, at: str, offset: int, data: bytes, **headers: str) -> Any:
        return self.client.patch(
            at, data, content_type=OCTETS,
            headers={"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers},
        )  # fmt: skip

    def send(self, *files: Path, **stated: str) -> SeriesUpload:
        answer = self.announce(len(files), sum(one.stat().st_size for one in files), **stated)
        assert answer.status_code == 201, answer.content
        for path in files:
            data = path.read_bytes()
            done = self.create(answer.json()["files"], path.name, len(data), data)
            assert (done.status_code, done["Upload-Offset"]) == (201, str(len(data)))
        token = answer.json()["sent"].rstrip("/").rsplit("/", 1)[1]
        return SeriesUpload.objects.get(token=token)


@pytest.fixture
def anna() -> Sender:
    return Sender("anna")


@pytest.fixture
def started(anna: Sender) -> tuple[Sender, str]:
    """A file of 10 bytes, announced and created."""
    at = anna.announce(1, 10).json()["files"]
    return anna, anna.create(at, "a.h5", 10)["Location"]


def test_pieces_become_a_draft_of_their_sender(
    anna: Sender, map_file: Path, django_capture_on_commit_callbacks: Any
) -> None:
    data = map_file.read_bytes()
    told = anna.announce(1, len(data), element="Mn", edge="L23").json()
    made = anna.create(told["files"], "map.h5", len(data))
    assert (made.status_code, made["Upload-Offset"]) == (201, "0")
    at, half = made["Location"], len(data) // 2
    assert anna.piece(at, 0, data[:half]).status_code == 204
    head = anna.client.head(at)
    assert (head["Upload-Offset"], head["Upload-Length"]) == (str(half), str(len(data)))
    assert head["Cache-Control"] == "no-store"
    assert not Series.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        last = anna.piece(at, half, data[half:])
    assert (last.status_code, last["Upload-Offset"]) == (204, str(len(data)))
    upload = SeriesUpload.objects.get()
    assert (upload.job_status, upload.error) == (JobStatus.DONE, "")
    row = Series.objects.get()
    assert upload.series == row
    assert (row.contributor.username, row.status, row.absorber) == ("anna", "draft", "Mn")
    assert row.source_names == ["map.h5"]
    assert not upload.folder.exists()
    assert f"SDB-M{row.pk}" in anna.client.get(told["sent"]).content.decode()
    assert anna.piece(at, 0, b"x").status_code == 409
    assert anna.client.head(at)["Upload-Offset"] == str(len(data))


def test_a_folder_is_one_series_and_names_give_its_coordinate(
    anna: Sender, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    energy = np.linspace(640, 660, 60)
    paths = []
    for kelvin in (300, 310, 320):
        path = tmp_path / f"scan_{kelvin}.dat"
        rows = (f"{e:.3f} {1 + np.exp(-((e - 650) ** 2)) * kelvin:.6f}" for e in energy)
        path.write_text("# energy mu\n" + "\n".join(rows))
        paths.append(path)
    with django_capture_on_commit_callbacks(execute=True):
        upload = anna.send(*paths, axes="T=300:10:K")
    upload.refresh_from_db()
    assert upload.job_status == JobStatus.DONE, upload.error
    [axis] = Series.objects.get().axes
    assert (axis["name"], axis["unit"], axis["first"], axis["last"]) == ("T", "K", 300, 320)


def test_two_people_with_the_same_series_have_a_draft_each_and_one_file(
    anna: Sender, map_file: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for sender in (anna, Sender("bert"), anna):
            sender.send(map_file)
    mine, others = Series.objects.order_by("pk")
    assert (mine.contributor.username, others.contributor.username) == ("anna", "bert")
    assert mine.file_name == others.file_name
    assert storages["series"].exists(mine.file_name)
    last = SeriesUpload.objects.order_by("-pk")[0]
    assert (last.told["status"], last.series) == ("unchanged", mine)


def test_what_cannot_be_read_is_told_kept_and_read_again_with_other_axes(
    anna: Sender, map_file: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        upload = anna.send(map_file, axes="t=0:1:s")
    upload.refresh_from_db()
    assert (upload.job_status, upload.error_permanent) == (JobStatus.FAILED, True)
    page = f"/series/upload/{upload.token}/"
    assert "the series has 2" in anna.client.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        anna.client.post(page + "again/", {"axes": "b=0:1:nm, a=0:2:nm"})
    upload.refresh_from_db()
    assert upload.job_status == JobStatus.DONE
    assert [axis["name"] for axis in upload.series.axes] == ["b", "a"]


def test_rubbish_is_told_in_words(
    anna: Sender, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + os.urandom(500))
    with django_capture_on_commit_callbacks(execute=True):
        upload = anna.send(tmp_path / "x.h5")
    upload.refresh_from_db()
    assert upload.job_status == JobStatus.FAILED
    assert "x.h5" in upload.error
    assert not Series.objects.exists()


def test_one_request_at_a_time_writes_a_file(started: tuple[Sender, str]) -> None:
    anna, at = started
    path = SeriesFile.objects.get().path
    path.parent.mkdir(parents=True)
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert anna.piece(at, 0, b"12345").status_code == 423
        assert anna.client.delete(at).status_code == 423
    assert anna.piece(at, 0, b"12345").status_code == 204


@pytest.mark.parametrize(
    ("offset", "data", "headers", "status"),
    [
        ("0", b"1" * 11, {}, 413),
        ("4", b"1", {}, 409),
        ("x", b"1", {}, 400),
        ("0", b"1", {"Tus-Resumable": "0.2.2"}, 412),
    ],
    ids=["too long", "a gap", "no number", "another protocol"],
)
def test_a_wrong_piece_changes_nothing(
    started: tuple[Sender, str], offset: Any, data: bytes, headers: dict[str, str], status: int
) -> None:
    anna, at = started
    assert anna.piece(at, offset, data, **headers).status_code == status
    assert anna.client.head(at)["Upload-Offset"] == "0"
    wrong = anna.client.patch(at, b"1", content_type="text/plain", headers={"Upload-Offset": "0"})
    assert wrong.status_code == 415


def test_no_more_is_taken_than_was_announced(anna: Sender) -> None:
    at = anna.announce(2, 10).json()["files"]
    assert anna.create(at, "a.h5", 11).status_code == 413
    assert anna.create(at, "a.h5", 4).status_code == 201
    assert anna.create(at, "../a.h5", 4).status_code == 409
    assert anna.create(at, "b.h5", 0).status_code == 400
    assert anna.create(at, "b.h5", 7).status_code == 413


def test_quota_disk_and_statements_are_checked_before_anything_is_sent(
    anna: Sender, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCOUNT_SERIES_MAX_MB = 1
    assert anna.announce(1, 700_000).status_code == 201
    assert "0.3 of the 1 MB" in anna.announce(1, 700_000).json()["detail"]
    assert anna.announce(1, 100, element="Qq").status_code == 400
    assert anna.announce(1, 100, axes="t").status_code == 400
    assert anna.announce(0, 100).status_code == 400
    usage = type("Usage", (), {"free": 300 * 2**20})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    settings.ACCOUNT_SERIES_MAX_MB = 10_000
    assert "no room" in anna.announce(1, 10**9).json()["detail"]
    assert SeriesUpload.objects.count() == 1


def test_what_is_not_finished_goes_after_a_day_and_each_piece_prolongs_it(
    started: tuple[Sender, str],
) -> None:
    anna, at = started
    SeriesUpload.objects.update(expires=timezone.now() + timedelta(minutes=1))
    anna.piece(at, 0, b"1")
    upload = SeriesUpload.objects.get()
    assert upload.expires > timezone.now() + timedelta(hours=23)
    assert incoming.forget_old() == 0
    SeriesUpload.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert anna.client.head(at).status_code == 410
    assert incoming.forget_old() == 1
    assert not upload.folder.exists()
    assert anna.client.head(at).status_code == 404


def test_what_is_read_stays_until_it_is(started: tuple[Sender, str]) -> None:
    SeriesUpload.objects.update(
        expires=timezone.now() - timedelta(days=1), job_status=JobStatus.RUNNING
    )
    assert incoming.forget_old() == 0


def test_a_last_byte_whose_note_was_lost_counts(
    started: tuple[Sender, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, at = started
    sent: list[Any] = []
    monkeypatch.setattr(jobs, "enqueue", lambda model, ids: sent.extend(ids))
    file = SeriesFile.objects.get()
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(b"1234567890")
    assert anna.client.head(at)["Upload-Offset"] == "10"
    assert sent == [file.upload_id]
    anna.client.head(at)
    assert len(sent) == 1


def test_others_learn_nothing_and_visitors_are_asked_to_sign_in(
    started: tuple[Sender, str],
) -> None:
    _, at = started
    assert Sender("bert").client.head(at).status_code == 404
    assert Client().head(at).status_code == 401
    assert Client().options(at)["Tus-Version"] == "1.0.0"
    reader = Client()
    reader.force_login(make_user("reader"))
    assert reader.head(at).status_code == 403


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\scan 300K.h5", "scan 300K.h5"),
        ("..", "file"),
        (".hidden", "hidden"),
        ("a\x00b\n.dat", "a_b_.dat"),
        ("試料.xdi", "試料.xdi"),
        ("x" * 300 + ".npy", "x" * 96 + ".npy"),
        ("", "file"),
    ],
)
def test_names_are_made_harmless(sent: str, kept: str) -> None:
    assert harmless(sent) == kept
