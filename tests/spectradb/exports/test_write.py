"""Exports hold what is stored, to the last bit, and appear whole or not at all."""

from __future__ import annotations

import csv
import json
import tracemalloc
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compute.io import read
from spectradb.models import Kind, Spectrum
from spectradb.services.exports.columns import COLUMNS, usual_columns
from spectradb.services.exports.nxxas import write_nxxas
from spectradb.services.exports.write import ExportError, export_spectra, xdi_text
from spectradb.services.imports.spectra import import_file
from tests.compute.io.samples import kek
from tests.compute.io.test_xdi import xdi
from tests.factories import make_spectrum

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> list[Spectrum]:
    fields: dict[str, str | None] = {"Sample.name": "=cmd()", "GSE.EXTRA": "config 1"}
    import_file("a.xdi", xdi(fields, extra="# ///\n# a comment\n"))
    import_file("b.dat", kek().encode(), element="Ni", edge="K")
    make_spectrum(edge="L23", absorber="Ni")
    return list(Spectrum.objects.order_by("pk"))


def everything() -> Any:
    return Spectrum.objects.order_by("pk")


def same(rows: list[Spectrum], arrays: list[tuple[Any, Any]]) -> None:
    assert len(rows) == len(arrays)
    for row, (energy, intensity) in zip(rows, arrays, strict=True):
        np.testing.assert_array_equal(np.asarray(energy, float), row.energy)
        np.testing.assert_array_equal(np.asarray(intensity, float), row.intensity)


def test_parquet(rows: list[Spectrum], tmp_path: Path) -> None:
    done = export_spectra(everything(), "parquet", tmp_path / "a.parquet")
    table = pq.read_table(done.path).to_pylist()
    assert [one["id"] for one in table] == [row.pk for row in rows]
    assert table[2]["edge"] == "L23"
    same(rows, [(one["energy_ev"], one["intensity"]) for one in table])


def test_json(rows: list[Spectrum], tmp_path: Path) -> None:
    done = export_spectra(everything(), "json", tmp_path / "a.json")
    table = json.loads(done.path.read_text())
    assert list(table[0]) == [*COLUMNS, "energy_ev", "intensity"]
    same(rows, [(one["energy_ev"], one["intensity"]) for one in table])


def test_csv_marks_text_that_a_spreadsheet_would_run(rows: list[Spectrum], tmp_path: Path) -> None:
    done = export_spectra(everything(), "csv", tmp_path / "a.csv", columns=["id", "sample_name"])
    with done.path.open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert table[0]["sample_name"] == "'=cmd()"
    of = [[one for one in table if one["id"] == str(row.pk)] for row in rows]
    same(rows, [([x["energy_ev"] for x in one], [x["intensity"] for x in one]) for one in of])


def test_a_csv_repeats_no_kilobytes_at_each_point() -> None:
    assert set(COLUMNS) - set(usual_columns("csv")) == {"structure", "parameters"}


def test_only_the_fields_of_the_columns_leave_the_database(
    rows: list[Spectrum], tmp_path: Path
) -> None:
    with CaptureQueriesContext(connection) as asked:
        export_spectra(everything(), "parquet", tmp_path / "a.parquet", columns=["id", "engine"])
    (sql,) = [one["sql"] for one in asked if '"intensity"' in one["sql"]]
    read = sql[: sql.index(" FROM ")]
    assert '"engine"' in read
    assert not [name for name in ("sparkline", "parameters", "data", "title") if name in read]


def test_hdf5_reads_back_with_our_own_reader(rows: list[Spectrum], tmp_path: Path) -> None:
    done = export_spectra(everything(), "hdf5", tmp_path / "a.h5")
    with h5py.File(done.path) as file:
        assert file[f"SDB-{rows[0].pk}/data"].attrs["NX_class"] == "NXdata"
    found = {one.header["path"].split("/")[1]: one for one in read(done.path)}
    for row in rows:
        one = found[f"SDB-{row.pk}"]
        np.testing.assert_array_equal(one.energy_ev, row.energy)
        assert (one.element, one.edge) == (row.absorber, row.edge)


def test_xdi_as_one_file_a_folder_or_an_archive(rows: list[Spectrum], tmp_path: Path) -> None:
    one = everything().filter(pk=rows[0].pk)
    assert read(export_spectra(one, "xdi", tmp_path / "a.xdi").path)[0].element == "Cu"
    folder = export_spectra(everything(), "xdi", tmp_path / "folder")
    assert {path.name for path in folder.path.iterdir()} == {f"SDB-{row.pk}.xdi" for row in rows}
    done = export_spectra(everything(), "xdi", tmp_path / "a.zip")
    with zipfile.ZipFile(done.path) as archive:
        assert len(archive.namelist()) == 3
    with pytest.raises(ExportError, match="do not fit into one XDI file"):
        export_spectra(everything(), "xdi", tmp_path / "b.xdi")


def test_an_exported_xdi_imports_again_as_the_same_spectrum(rows: list[Spectrum]) -> None:
    """In the same database it is recognised; in another one it becomes an equal row."""
    texts = {row.pk: xdi_text(row).encode() for row in rows}
    for row in rows:
        done = import_file("again.xdi", texts[row.pk])
        assert done.status == "unchanged"
        assert done.spectra[0]["id"] == row.pk
    assert Spectrum.objects.count() == 3
    Spectrum.objects.all().delete()
    for row in rows:
        done = import_file("again.xdi", texts[row.pk])
        assert done.status == "imported"
        new = Spectrum.objects.get(pk=done.spectra[0]["id"])
        np.testing.assert_array_equal(new.energy, row.energy)
        np.testing.assert_array_equal(new.intensity, row.intensity)
        assert (new.absorber, new.edge) == (row.absorber, row.edge)
        if row.kind == Kind.EXPERIMENT:
            assert new.measurement is not None
            assert row.measurement is not None
            assert new.quantity == row.quantity
            assert new.technique == row.technique
            assert new.measurement.mode == row.measurement.mode
        else:
            assert any("exported from a calculation" in text for text in done.warnings)


def test_an_xdi_export_keeps_fields_and_comments(rows: list[Spectrum]) -> None:
    text = xdi_text(rows[0])
    assert "# GSE.EXTRA: config 1\n" in text
    assert "# ///\n# a comment\n" in text
    assert "# Element.edge: L\n" in xdi_text(rows[2])
    assert "# SpectraDB.edge: L23\n" in xdi_text(rows[2])


@pytest.mark.parametrize(
    ("format", "columns", "said"),
    [("xls", None, "choose one of"), ("json", ["secret"], "columns secret")],
)
def test_unknown_formats_and_columns_are_refused(
    rows: list[Spectrum], tmp_path: Path, format: str, columns: list[str] | None, said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        export_spectra(everything(), format, tmp_path / "a", columns=columns)
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_stays(
    rows: list[Spectrum], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text("old")
    monkeypatch.setitem(COLUMNS, "title", COLUMNS["title"]._replace(of=lambda title: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        export_spectra(everything(), "json", tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"


def test_the_command_selects_by_the_search_language(rows: list[Spectrum], tmp_path: Path) -> None:
    out = StringIO()
    call_command(
        "export_spectra", "--where", "absorber=Ni", "edge=L23", "--format", "json",
        "--to", str(tmp_path / "a.json"), "--output", "-", stdout=out, stderr=StringIO(),
    )  # fmt: skip
    assert json.loads(out.getvalue())["n_spectra"] == 1
    for where, said in (("absorber=Xx", "absorber"), ("nonsense=1", "nonsense")):
        with pytest.raises(CommandError, match=said):
            call_command(
                "export_spectra", "--where", where, "--format", "json",
                "--to", str(tmp_path / "b.json"), stderr=StringIO(),
            )  # fmt: skip
    with pytest.raises(CommandError, match="no spectrum"):
        call_command(
            "export_spectra", "--where", "absorber=Au", "--format", "json",
            "--to", str(tmp_path / "b.json"), stderr=StringIO(),
        )  # fmt: skip


@pytest.mark.parametrize(
    "format",
    ["parquet", "hdf5", "json", "csv", pytest.param("xdi", marks=pytest.mark.slow)],
)
def test_memory_does_not_grow_with_the_number_of_rows(
    format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectradb.services.exports.write._BATCH", 10)
    energy = np.linspace(800, 900, 1000)
    for _ in range(80):
        make_spectrum(energy=energy, intensity=np.random.default_rng(0).normal(size=1000))
    pks = list(everything().values_list("pk", flat=True))
    peaks = []
    for chosen in (pks[:20], pks[:20], pks):  # the first run warms up caches
        tracemalloc.start()
        place = tmp_path / ("a.zip" if format == "xdi" else "a.out")
        export_spectra(everything().filter(pk__in=chosen), format, place)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]


def test_nxxas_has_what_the_definition_asks_and_reads_back_the_same(
    rows: list[Spectrum], tmp_path: Path
) -> None:
    done = export_spectra(everything(), "nxxas", tmp_path / "a.nxs")
    with h5py.File(done.path) as file:
        assert file.attrs["default"] == f"SDB-{rows[0].pk}"
        for row in rows:
            entry = file[f"SDB-{row.pk}"]
            assert entry["definition"].asstr()[()] == "NXxas"
            assert entry["element/symbol"].asstr()[()] == row.absorber
            assert entry["edge/name"].asstr()[()] == row.edge
            assert entry["sample/name"].asstr()[()]
            assert bool(entry["calculated"][()]) == (row.kind == Kind.THEORY)
            assert entry["data/energy"] == entry["energy"]
            kinds = {name: entry[name].attrs["NX_class"] for name in ("element", "edge", "sample")}
            assert kinds == {
                "element": "NXelement", "edge": "NXabsorption_edge", "sample": "NXsample",
            }  # fmt: skip
    found = read(done.path)
    assert len(found) == len(rows)
    by_entry = {one.header["path"].split("/")[1]: one for one in found}
    for row in rows:
        one = by_entry[f"SDB-{row.pk}"]
        np.testing.assert_array_equal(one.energy_ev, row.energy)
        np.testing.assert_array_equal(one.intensity, row.intensity)
        assert (one.element, one.edge) == (row.absorber, row.edge)
        if row.measurement is not None:
            assert (one.quantity, one.role) == (row.quantity, "sample")
            assert (one.mode or "") == row.measurement.mode
            assert (one.measurement.sample_name or "") == (
                row.measurement.sample_name or row.title or row.formula
            )


def test_nxxas_takes_any_title(tmp_path: Path) -> None:
    row = make_spectrum()
    row.title = "a\0/b; ミ"  # as SQLite may hold it; PostgreSQL does not
    write_nxxas(iter([row]), tmp_path / "a.nxs")
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file[f"SDB-{row.pk}/title"].asstr()[()] == "a /b; ミ"
    (found,) = read(tmp_path / "a.nxs")
    np.testing.assert_array_equal(found.intensity, row.intensity)
