"""A folder that is written into."""

from __future__ import annotations

import shutil

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from spectradb.models import Series
from spectradb.services.series.watch import Watch

pytestmark = pytest.mark.django_db


def test_a_file_is_taken_when_it_rests_and_a_bad_one_stops_nothing(map_file, tmp_path):
    folder = tmp_path / "beamline"
    folder.mkdir()
    watch = Watch(folder, rest_s=0.0)
    data = map_file.read_bytes()
    (folder / "a.h5").write_bytes(data[: len(data) // 2])
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    assert list(watch.look()) == []  # seen for the first time
    (folder / "a.h5").write_bytes(data)
    told = {path.name: one["status"] for path, one in watch.look()}
    assert told == {"broken.h5": "failed"}
    assert not watch.quiet
    told = {path.name: one["status"] for path, one in watch.look()}
    assert told == {"a.h5": "imported"}
    assert watch.quiet
    assert list(watch.look()) == []
    assert Series.objects.count() == 1


def test_a_file_that_is_still_written_is_left(map_file, tmp_path):
    folder = tmp_path / "beamline"
    folder.mkdir()
    shutil.copy(map_file, folder / "a.h5")
    watch = Watch(folder, rest_s=60.0)
    assert list(watch.look()) == list(watch.look()) == []
    assert not watch.quiet


def test_a_folder_looked_at_once_ends_with_how_many_had_faults(map_file, tmp_path, capsys):
    folder = tmp_path / "beamline"
    folder.mkdir()
    shutil.copy(map_file, folder / "a.h5")
    (folder / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    with pytest.raises(CommandError, match="1 of 2"):
        call_command("watch_series", str(folder), "--once", "--rest", "0")
    assert Series.objects.count() == 1
