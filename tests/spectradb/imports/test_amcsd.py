"""``import_amcsd``: one structure a compound, through the gate, safe to repeat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.crystals.published import crystal
from spectradb.models import Structure
from spectradb.services.imports import amcsd
from spectradb.services.library.build import store_crystals
from tests.amcsd_file import Cell, rocksalt, write

pytestmark = pytest.mark.django_db

CELLS = [
    Cell(1, "Ni O", 4.0, rocksalt("Ni", "O"), title="Sample: P = 30 GPa", refined=2),
    Cell(2, "Ni O", 4.178, rocksalt("Ni", "O"), mineral="Bunsenite", refined=1, year=1971),
    Cell(3, "Ni O", 4.19, rocksalt("Ni", "O"), year=2001),
    Cell(4, "Mn O", 1.5, rocksalt("Mn", "O"), year=2005, refined=2),  # atoms on top of each other
    Cell(5, "Mn O", 4.4457, rocksalt("Mn", "O"), mineral="Manganosite"),
    Cell(6, "(Fe.9) O", 4.3, rocksalt("Fe", "O", 0.9), mineral="Wuestite"),
    Cell(7, "Mg O", 4.21, rocksalt("Mg", "O")),
]


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "cells.db", CELLS)
    monkeypatch.setattr(amcsd, "installed_file", lambda: path)
    monkeypatch.setattr(amcsd, "installed", lambda name: "1.0")


def run(tmp_path: Path, *options: str) -> dict:
    output = tmp_path / "report.json"
    call_command("import_amcsd", *options, "--output", str(output))
    return json.loads(output.read_text())


def test_the_best_ambient_entry_of_each_compound_is_stored_ordered_ones_first(tmp_path: Path):
    report = run(tmp_path)
    assert (report["compounds"], report["entries"]) == (3, 6)
    assert (report["new"], report["refused"]) == (3, 1)
    refused = next(one for one in report["report"] if one["status"] == "refused")
    assert refused["source_id"] == "amcsd-4"
    assert refused["cause"] in report["causes"]
    rows = list(Structure.objects.order_by("pk").values_list("source_id", flat=True))
    assert rows == ["amcsd-2", "amcsd-5", "amcsd-6"]
    row = Structure.objects.get(source_id="amcsd-2")
    assert row.name == "Bunsenite"
    assert "American Mineralogist 75 (1971) 12" in row.citation
    assert "Downs" in row.citation
    assert row.licence
    assert row.read_from == "larixite 1.0: AMCSD entry 2"
    assert len(row.read_sha256) == 64
    told = Structure.objects.get(source_id="amcsd-6").told
    assert "partial occupancy" in {one.code for one in told}


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path):
    assert run(tmp_path, "--limit", "1")["new"] == 1
    report = run(tmp_path)
    assert (report["new"], report["unchanged"]) == (2, 1)
    assert Structure.objects.count() == 3
    assert run(tmp_path)["new"] == 0


def test_elements_choose_compounds(tmp_path: Path):
    assert run(tmp_path, "--elements", "Mg")["new"] == 1
    assert Structure.objects.get().formula == "MgO"
    with pytest.raises(CommandError, match="no such element"):
        run(tmp_path, "--elements", "Xx")


def test_a_cell_that_is_stored_without_a_file_is_verified_by_the_same_one(tmp_path: Path):
    list(store_crystals([crystal("rocksalt-MnO")]))
    Structure.objects.update(read_from="", licence="", read_sha256="")
    report = run(tmp_path, "--elements", "Mn")
    assert report["unchanged"] == 1
    row = Structure.objects.get()
    assert row.read_from == "larixite 1.0: AMCSD entry 5"
    assert row.licence


def test_without_the_package_the_command_says_how_to_have_it(tmp_path, monkeypatch):
    monkeypatch.setattr(amcsd, "installed_file", lambda: None)
    with pytest.raises(CommandError, match="pip install --no-deps -r requirements-amcsd.txt"):
        run(tmp_path)
