"""Sets of measured spectra: proved whole, published by the gate, beside what people have made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pyarrow.parquet import read_table

from compute.io import read_bytes
from spectradb.models import Spectrum, Status
from spectradb.services.accounts.roles import CURATOR
from spectradb.services.curation.workflow import withdraw
from spectradb.services.imports.spectra import import_file
from spectradb.services.library.measured import TABLE, load_measured, row_of, write_measured
from spectradb.services.library.release import MEASURED, read_tables
from tests.factories import make_structure, make_user

pytestmark = pytest.mark.django_db
STARTER = Path(__file__).parents[3] / "spectradb" / "starter"
SHIPPED = STARTER / "measured" / "xaslib"
ABOUT = {
    "source": "trial", "title": "Trial", "repository": "https://example.org/trial", "commit": "1",
    "licence": "CC0 1.0", "licence_stated": "LICENCE", "citation": "Trial, 2026",
}  # fmt: skip


def xdi(step: float = 1.0) -> bytes:
    """A scan of a foil; a file as it lies at a source."""
    energy = np.concatenate([np.arange(6960, 7100, 5.0), np.arange(7100, 7300, 1.0)])
    mu = 0.2 + step * (0.5 + np.arctan((energy - 7112) / 1.5) / np.pi) + 1e-4 * (energy - 7112)
    head = (
        "# XDI/1.0\n# Column.1: energy eV\n# Column.2: mutrans\n# Element.symbol: Fe\n"
        "# Element.edge: K\n# Mono.d_spacing: 3.1355\n# Sample.name: Fe foil\n"
        "# Sample.formula: Fe\n# Scan.start_time: 2001-08-10T11:45:00\n#---\n"
    )
    lines = (f"{e:.2f} {m:.9f}" for e, m in zip(energy, mu, strict=True))
    return (head + "\n".join(lines) + "\n").encode()


def trial(folder: Path, data: bytes | None = None, crystal: str = "") -> Path:
    """A set of one spectrum."""
    data = data or xdi()
    (raw,) = read_bytes("foil.xdi", data)
    digest = hashlib.sha256(data).hexdigest()
    row = row_of(raw, path="data/foil.xdi", sha256=digest, part="", crystal=crystal)
    write_measured(folder, "1", [row], ABOUT)
    return folder


@pytest.fixture(scope="module")
def shipped() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest, tables = read_tables(SHIPPED, MEASURED, (TABLE,))
    return manifest, tables[TABLE]


def test_the_shipped_set_holds_a_hundred_samples_of_stated_licence(shipped):
    manifest, rows = shipped
    assert manifest["licence"].startswith("CC0")
    assert len(manifest["commit"]) == 40
    assert "SHA-256" in manifest["licence_stated"]
    assert len({(one["element"], one["edge"], one["sample_name"]) for one in rows}) >= 100
    assert len(rows) >= 200
    assert len({one["sha256"] + one["part"] for one in rows}) == len(rows)
    texts = [str(value) for one in rows for value in one.values() if isinstance(value, str)]
    assert not [text for text in texts if "@" in text]


def test_every_crystal_that_is_named_comes_along_once_with_its_citation(shipped):
    rows = read_table(STARTER / "structures.parquet", columns=["digest", "about"]).to_pylist()
    assert len({row["digest"] for row in rows}) == len(rows)
    there = {
        f"{one['source']}:{one['source_id']}": one
        for one in (json.loads(row["about"]) for row in rows)
    }
    named = [there[one["crystal"]] for one in shipped[1] if one["crystal"]]
    assert named
    assert all(one["citation"] and one["licence"] and one["read_sha256"] for one in named)


def test_a_measured_spectrum_is_published_once_with_its_licence_source_and_crystal(tmp_path):
    iron = make_structure("FeO", source="amcsd", source_id="amcsd-1")
    folder = trial(tmp_path, crystal="amcsd:amcsd-1")
    assert (load_measured(folder).new, load_measured(folder).unchanged) == (1, 1)
    row = Spectrum.objects.get()
    assert (row.status, row.kind, row.absorber, row.edge) == ("published", "experiment", "Fe", "K")
    assert (row.licence, row.structure, row.quantity) == ("CC0 1.0", iron, "mu")
    assert row.citation == "Trial, 2026; https://example.org/trial, data/foil.xdi"
    assert row.measurement.header["sha256"] == hashlib.sha256(xdi()).hexdigest()
    assert row.checks
    assert row.measurement.file is None


def test_a_crystal_that_is_stored_later_is_linked_then(tmp_path):
    folder = trial(tmp_path, crystal="amcsd:amcsd-1")
    assert load_measured(folder).linked == 0
    make_structure("FeO", source="amcsd", source_id="amcsd-1")
    assert load_measured(folder).linked == 1
    assert Spectrum.objects.get().structure.source_id == "amcsd-1"


def test_newer_numbers_of_the_source_take_the_place_of_the_earlier_ones(tmp_path):
    load_measured(trial(tmp_path))
    assert load_measured(trial(tmp_path, xdi(2.0))).new == 1
    old, new = Spectrum.objects.order_by("pk")
    assert (old.status, new.status, new.replaces) == (Status.WITHDRAWN, Status.PUBLISHED, old)


def test_what_a_curator_withdrew_stays_withdrawn(tmp_path):
    load_measured(trial(tmp_path))
    curator = make_user(role=CURATOR)
    withdraw(Spectrum.objects.get(), curator, "Wrong sample.")
    assert load_measured(trial(tmp_path)).unchanged == 1
    assert load_measured(trial(tmp_path, xdi(2.0))).kept_out == 1
    assert Spectrum.objects.get().status == Status.WITHDRAWN


def test_the_file_itself_imported_before_or_after_is_the_same_record(tmp_path):
    load_measured(trial(tmp_path))
    done = import_file("foil.xdi", xdi())
    assert (done.status, done.errors) == ("unchanged", [])
    Spectrum.objects.all().delete()
    mine = import_file("foil.xdi", xdi(), contributor=make_user("author"))
    assert mine.status == "imported"
    assert load_measured(trial(tmp_path)).new == 1  # a draft is known to its author alone
    theirs = Spectrum.objects.exclude(contributor=None)
    assert theirs.get().status == Status.DRAFT
    Spectrum.objects.filter(contributor=None).delete()
    theirs.update(status=Status.PUBLISHED)
    assert load_measured(trial(tmp_path)).unchanged == 1


def test_a_set_that_was_changed_is_refused_whole(tmp_path):
    folder = trial(tmp_path)
    table = folder / "spectra.parquet"
    table.write_bytes(table.read_bytes()[:-1] + b"x")
    with pytest.raises(CommandError, match="was changed"):
        call_command("import_library", str(folder))
    assert not Spectrum.objects.exists()


def test_a_spectrum_that_a_check_stops_is_told_and_left_out(tmp_path):
    nameless = xdi().replace(b"# Sample.formula: Fe\n", b"")
    done = load_measured(trial(tmp_path, nameless))
    assert (done.new, len(done.refused)) == (0, 1)
    assert "data/foil.xdi" in done.refused[0]
