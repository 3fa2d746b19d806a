"""A folder that is written into."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from compute import isolation
from spectradb.models import Series
from spectradb.services.series import local, store
from spectradb.services.series.store import import_series, opened
from spectradb.services.series.watch import Watch
from tests.factories import make_series_analysis, make_user

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


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "beamline"
    path.mkdir()
    return path


def told_of(watch):
    """What is told of each once it has been seen to rest."""
    found = {path.name: one["status"] for path, one in watch.look()}
    for _ in range(200):
        found |= {path.name: one["status"] for path, one in watch.look()}
        if watch.quiet:
            break
        time.sleep(0.05)  # what took long to read is left to rest as long
    return found


def test_what_is_no_file_is_left_alone(map_file, folder):
    os.mkfifo(folder / "a-pipe.h5")  # opening it for reading would wait for ever
    (folder / "b-loop.h5").symlink_to("b-loop.h5")
    (folder / "c-gone.h5").symlink_to("nowhere")
    shutil.copy(map_file, folder / "map.h5")
    assert told_of(Watch(folder, rest_s=0.0)) == {"map.h5": "imported"}


def test_an_array_is_read_when_its_axes_come_later(folder):
    np.save(folder / "t.npy", np.random.default_rng(0).poisson(50, (4, 40)))
    watch = Watch(folder, rest_s=0.0)
    assert told_of(watch) == {"t.npy": "failed"}
    axes = [{"name": "t", "unit": "s", "start": 0, "step": 1, "size": 4}]
    axes.append({"name": "energy", "unit": "eV", "start": 640, "step": 0.5, "size": 40})
    (folder / "t.json").write_text(json.dumps({"axes": axes}))
    assert told_of(watch) == {"t.npy": "imported"}


def written(path, n, **mode):
    with h5py.File(path, "w", **mode) as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["t", "energy"]})
        group["counts"] = np.random.default_rng(0).poisson(50, (100, 40))[:n]
        group["t"], group["energy"] = np.arange(float(n)), 640 + 0.5 * np.arange(40)
        group["t"].attrs["units"], group["energy"].attrs["units"] = "s", "eV"
    return path


def test_a_file_that_grows_is_one_draft(folder, django_capture_on_commit_callbacks):
    watch = Watch(folder, rest_s=0.0)
    written(folder / "run.h5", 10)
    assert told_of(watch) == {"run.h5": "imported"}
    (first,) = Series.objects.all()
    written(folder / "run.h5", 25)
    with django_capture_on_commit_callbacks(execute=True):
        assert told_of(Watch(folder, rest_s=0.0)) == {"run.h5": "grown"}  # after a restart, too
    (row,) = Series.objects.all()
    assert (row.pk, row.shape) == (first.pk, (25,))
    with opened(row) as stored:
        assert stored.n_spectra == 25
    assert len(list((Path(settings.VAR_DIR) / "series").rglob("*.h5"))) == 1


def test_a_series_keeps_its_file_if_the_draft_that_had_it_goes_meanwhile(map_file, monkeypatch):
    """It grew or was deleted between the look for its file and the row that is of it, too."""
    first = import_series([map_file], contributor=make_user("anna", "contributor"))

    def late(content_hash):
        row = Series.objects.get(pk=first.id)
        row.delete()
        local.remove_unused(row.file_name, content_hash)
        local.alone_with(content_hash)

    monkeypatch.setattr(store, "alone_with", late)
    done = import_series([map_file])
    with opened(Series.objects.get(pk=done.id)) as stored:
        assert stored.n_spectra == first.n_spectra


def test_a_file_that_was_replaced_is_a_draft_of_its_own(folder):
    watch = Watch(folder, rest_s=0.0)
    path = written(folder / "run.h5", 10)
    assert told_of(watch) == {"run.h5": "imported"}
    with h5py.File(path, "a") as file:
        file["entry/data/counts"][3, 7] += 1
    assert told_of(watch) == {"run.h5": "imported"}
    assert Series.objects.count() == 2


def test_a_draft_that_somebody_works_with_does_not_grow(folder):
    watch = Watch(folder, rest_s=0.0)
    written(folder / "run.h5", 10)
    told_of(watch)
    (row,) = Series.objects.all()
    make_series_analysis(row)
    written(folder / "run.h5", 25)
    assert told_of(watch) == {"run.h5": "imported"}
    assert sorted(one.shape for one in Series.objects.all()) == [(10,), (25,)]


def test_a_file_that_its_writer_holds_is_read_once_he_lets_go(folder, monkeypatch):
    """Also where nothing of the file changes by that."""
    monkeypatch.setattr("spectradb.services.series.watch._AGAIN_SECONDS", 0.0)
    path = written(folder / "run.h5", 10)
    watch = Watch(folder, rest_s=0.0)
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert told_of(watch) == {"run.h5": "failed"}
        assert told_of(watch) == {}  # tried again, and told once
    assert told_of(watch) == {"run.h5": "imported"}


def test_a_file_in_swmr_mode_is_read_while_it_is_written(folder):
    path = folder / "run.h5"
    written(path, 10, libver="latest")
    with h5py.File(path, "a", libver="latest") as file:
        file.swmr_mode = True
        assert told_of(Watch(folder, rest_s=0.0)) == {"run.h5": "imported"}


def test_a_folder_that_is_away_for_a_moment_loses_nothing(map_file, folder):
    shutil.copy(map_file, folder / "a.h5")
    watch = Watch(folder, rest_s=0.0)
    assert told_of(watch) == {"a.h5": "imported"}
    folder.rename(folder.with_name("elsewhere"))
    assert told_of(watch) == {"beamline": "away"}
    assert told_of(watch) == {}
    folder.with_name("elsewhere").rename(folder)
    written(folder / "b.h5", 5)
    assert told_of(watch) == {"beamline": "back", "b.h5": "imported"}


def test_what_changes_while_it_is_read_is_read_again(map_file, folder, monkeypatch):
    shutil.copy(map_file, folder / "a.h5")
    watch = Watch(folder, rest_s=0.0)
    seconds = itertools.count()

    def slowly(*args, **kwargs):
        done = isolation.apart_within(*args, **kwargs)
        os.utime(folder / "a.h5", (1, next(seconds)))
        return done

    monkeypatch.setattr("spectradb.services.series.store.apart_within", slowly)
    assert [*watch.look(), *watch.look(), *watch.look()] == []
    monkeypatch.undo()
    assert told_of(watch) == {"a.h5": "imported"}


@pytest.mark.parametrize(("name", "maps"), [("a.npy", 2), ("a.dm4", 2), ("a.h5", 0)])
def test_a_file_that_is_mapped_may_be_as_large_as_it_is(folder, name, maps):
    """What is mapped counts as memory of the child, and takes none."""
    size = 3 * 2**30
    with (folder / name).open("wb") as file:
        file.truncate(size)
    beyond = store._allowance([folder]).memory_bytes - store._READING.memory_bytes
    assert beyond == maps * size
