"""The searchable columns: brought up to date, and kept in a file that processes share."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from spectradb.models import Spectrum
from spectradb.services.search import columns as module
from spectradb.services.search import kept
from spectradb.services.search.columns import CODED, Columns, is_large
from tests.factories import make_site, make_spectrum

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(module, "_KEPT_FROM", 1)
    monkeypatch.setattr(module, "_columns", {})


def filled(n: int = 6) -> None:
    for number in range(n):
        site = make_site(oxidation_state=float(number % 3 + 1))
        make_spectrum(structure=site.structure, site=site, absorber=("Ni", "Fe")[number % 2])


def long_ago() -> None:
    """No transaction of then is still open."""
    Spectrum.objects.update(updated=timezone.now() - timedelta(minutes=1))


def read() -> Columns:
    found = Columns()
    found.refresh()
    return found


def same(one: Columns, other: Columns) -> None:
    for name in ("pk", "structure", "contributor", "published", "embargo"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in CODED:
        for found in (one, other):
            assert len(found.codes[name]) == found.pk.size
        values = [
            [found.values[name][code] for code in found.codes[name]] for found in (one, other)
        ]
        assert values[0] == values[1]


def test_a_new_process_starts_from_the_file_without_reading_the_rows() -> None:
    filled()
    long_ago()
    first = read()
    with CaptureQueriesContext(connection) as asked:
        second = read()
    assert not any("spectradb_site" in query["sql"] for query in asked)
    same(first, second)
    assert not second.pk.flags.writeable  # mapped, not copied


def test_what_changed_since_the_file_was_written_is_merged() -> None:
    filled()
    read()
    row = Spectrum.objects.order_by("pk")[2]
    Spectrum.objects.filter(pk=row.pk).update(status="withdrawn", edge="K")
    make_spectrum(absorber="Cu")
    Spectrum.objects.order_by("pk")[0].delete()
    found = read()
    (kept_folder,) = Path(kept._path()).parent.iterdir()
    kept_folder.unlink()
    same(found, read())


def test_nothing_is_asked_twice_while_nothing_is_stored() -> None:
    filled(2)
    found = read()
    with CaptureQueriesContext(connection) as asked:
        found.refresh()
    assert len(asked) == 1
    make_spectrum()
    found.refresh()
    assert found.pk.size == 3


def test_the_file_of_another_database_is_not_taken() -> None:
    filled()
    read()
    Spectrum.objects.all().delete()
    filled(3)
    same(read(), read())
    assert read().pk.size == 3


@pytest.mark.parametrize("data", [b"", b"no columns", b"SDBCOL4\n" + b"\xff" * 8])
def test_a_broken_file_is_not_taken(data: bytes) -> None:
    filled(2)
    read()
    kept._path().write_bytes(data)
    assert read().pk.size == 2


def test_a_read_only_site_writes_none(settings: LazySettings) -> None:
    settings.READ_ONLY = True
    filled(2)
    assert read().pk.size == 2
    assert not kept._path().exists()


def test_the_api_counts_a_large_library_as_the_database_does() -> None:
    filled(7)
    read()
    make_spectrum(status="draft")
    assert is_large()
    for query, n in (("", 7), ("absorber=Ni", 4), ("oxidation_state=1&absorber=Fe", 1)):
        assert Client().get(f"/api/v1/spectra/?page_size=2&{query}").json()["count"] == n
    assert Client().get("/api/v1/spectra/?nonsense=1").status_code == 400


def test_what_is_deleted_is_not_counted_even_between_counts_of_all_rows() -> None:
    filled(4)
    held = read()
    make_spectrum()
    held.refresh()
    assert held.pk.size == 5
    Spectrum.objects.order_by("pk")[1].delete()
    held.refresh()
    assert held.pk.size == 4


@pytest.mark.parametrize("kept_from", [1, 1000])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_slow_transaction_is_seen_though_a_newer_change_was_before(
    kept_from: int, is_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_FROM", kept_from)
    filled(3)
    held = read()
    begun = timezone.now()
    first, last = Spectrum.objects.order_by("pk")[0], Spectrum.objects.order_by("pk")[2]
    Spectrum.objects.filter(pk=last.pk).update(edge="K")
    held.refresh()
    # What is stored now was stamped before that.
    Spectrum.objects.filter(pk=first.pk).update(status="withdrawn", updated=begun)
    (process := Columns() if is_new else held).refresh()
    assert np.count_nonzero(process.among("status", ["withdrawn"])) == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others do not wait with a stamp")
def test_a_stamp_from_before_its_writer_had_to_wait_is_seen() -> None:
    filled(3)
    held = read()
    first = Spectrum.objects.order_by("pk")[0]
    Spectrum.objects.exclude(pk=first.pk).update(edge="K")
    held.refresh()
    waited = timezone.now() - timedelta(seconds=25)  # of the 30 that SQLite waits at most
    Spectrum.objects.filter(pk=first.pk).update(status="withdrawn", updated=waited)
    held.refresh()
    assert np.count_nonzero(held.among("status", ["withdrawn"])) == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("kept_from", [1, 1000])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_transaction_that_stays_open_for_long_is_seen_when_it_ends(
    kept_from: int, is_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_FROM", kept_from)
    monkeypatch.setattr(module, "_OVERLAP", timedelta(0))  # any time is long
    filled(3)
    read()
    pks = list(Spectrum.objects.order_by("pk").values_list("pk", flat=True))
    stored, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            Spectrum.objects.select_for_update().get(pk=pks[0])  # begun before it stamps
            Spectrum.objects.filter(pk=pks[0]).update(status="withdrawn")
            stored.set()
            go_on.wait(30)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert stored.wait(30)
    Spectrum.objects.filter(pk=pks[2]).update(edge="K")
    held = read()
    monkeypatch.setattr(module, "_KEPT_CHANGED", 0.0)
    Spectrum.objects.filter(pk=pks[1]).update(edge="K")
    held.refresh()  # and it is written to the file
    assert not held.among("status", ["withdrawn"]).any()
    go_on.set()
    thread.join()
    (process := Columns() if is_new else held).refresh()
    assert np.count_nonzero(process.among("status", ["withdrawn"])) == 1


def test_rows_that_were_put_back_as_they_were_are_read_anew() -> None:
    filled(3)
    long_ago()
    rows = list(Spectrum.objects.values("pk", "updated", "status"))
    Spectrum.objects.update(status="withdrawn")
    held = read()
    for row in rows:
        told = {"updated": row["updated"], "status": row["status"]}
        Spectrum.objects.filter(pk=row["pk"]).update(**told)
    held.refresh()
    for found in (held, read()):
        assert not found.among("status", ["withdrawn"]).any()


def test_a_file_that_another_process_wrote_meanwhile_is_not_taken_for_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(3)
    read()
    older = kept._path().read_bytes()
    save = kept.save

    def overtaken(columns: kept.Kept) -> bool:
        save(columns)
        kept._path().write_bytes(older)
        return True

    monkeypatch.setattr(kept, "save", overtaken)
    monkeypatch.setattr(module, "_KEPT_CHANGED", 0.0)
    Spectrum.objects.update(status="withdrawn")
    assert read().among("status", ["withdrawn"]).all()


def test_a_full_disk_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    filled(2)
    monkeypatch.setattr(Path, "replace", full)
    assert read().pk.size == 2
    assert not list(kept._path().parent.iterdir())
