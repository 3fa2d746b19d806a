"""Importing measured files: what is stored, once, and what the report says."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from spectradb.models import Measurement, SourceFile, Spectrum, Status
from spectradb.services.imports.spectra import import_file, import_spectra
from tests.compute.io.samples import HEAD, group, kek
from tests.compute.io.test_xdi import xdi
from tests.shared_data import shared_data

pytestmark = pytest.mark.django_db
KEYS = {
    "path", "status", "format", "element", "edge", "n_points", "energy_min_ev", "energy_max_ev",
    "warnings", "errors",
}  # fmt: skip


def run(*arguments: object, fails: bool = False) -> list[dict[str, Any]]:
    out = StringIO()
    call = (*map(str, arguments), "--output", "-")
    if fails:
        with pytest.raises(CommandError):
            call_command("import_spectra", *call, stdout=out, stderr=StringIO())
    else:
        call_command("import_spectra", *call, stdout=out, stderr=StringIO())
    return list(json.loads(out.getvalue()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.xdi").write_bytes(xdi())
    (tmp_path / "bad.xdi").write_bytes(xdi({"Element.edge": "Foo"}))
    (tmp_path / "side.json").write_text("{}")
    (tmp_path / ".hidden").write_text("x")
    sub = tmp_path / "sub"
    sub.mkdir()
    (sub / "two.prj").write_text(HEAD + group("a", "one") + group("b", "two"))
    (sub / "open.dat").write_text(kek())
    return tmp_path


def test_a_folder_is_imported_file_by_file_and_faults_stop_nothing(folder: Path) -> None:
    report = {Path(one["path"]).name: one for one in run(folder, fails=True)}
    assert {name: one["status"] for name, one in report.items()} == {
        "good.xdi": "imported",
        "bad.xdi": "failed",
        "side.json": "skipped",
        "two.prj": "imported",
        "open.dat": "imported",
    }
    assert all(set(one) >= KEYS for one in report.values())
    assert all(Path(one["path"]).is_absolute() for one in report.values())
    good = report["good.xdi"]
    assert (good["format"], good["element"], good["edge"], good["n_points"]) == (
        "xdi", "Cu", "K", 20,
    )  # fmt: skip
    assert (good["energy_min_ev"], good["energy_max_ev"]) == (8900, 9090)
    assert "'Foo' is not an edge" in report["bad.xdi"]["errors"][0]
    assert "side-car" in report["side.json"]["warnings"][0]
    assert report["open.dat"]["element"] is None
    assert Spectrum.objects.count() == 4
    assert SourceFile.objects.count() == 3


def test_what_is_stored_otherwise_stays_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nickel.csv"
    rows = [f"{850 + 0.1 * n:.1f},{1 / (1 + (n - 30) ** 2):.6f}" for n in range(200)]
    path.write_text("\n".join(["energy_ev,mu", *rows]))
    run(path, "--element", "Ni", "--edge", "L23")
    Spectrum.objects.update(edge="L2")  # a curator's correction
    (again,) = run(path, "--element", "Ni", "--edge", "L3")
    assert (again["status"], again["element"], again["edge"]) == ("unchanged", "Ni", "L2")
    assert any("edge L3: it is stored as L2" in text for text in again["warnings"])
    assert Spectrum.objects.get().edge == "L2"


def test_importing_again_changes_nothing(folder: Path) -> None:
    run(folder, fails=True)
    before = list(Spectrum.objects.values_list("pk", "content_hash", "updated"))
    report = run(folder, fails=True)
    assert sorted(one["status"] for one in report) == [
        "failed", "skipped", "unchanged", "unchanged", "unchanged",
    ]  # fmt: skip
    assert list(Spectrum.objects.values_list("pk", "content_hash", "updated")) == before


def test_a_dry_run_reports_the_same_and_stores_nothing(folder: Path) -> None:
    dry = run(folder, "--dry-run", fails=True)
    assert (Spectrum.objects.count(), SourceFile.objects.count()) == (0, 0)
    assert Measurement.objects.count() == 0
    real = run(folder, fails=True)
    assert [one["status"] for one in dry] == [one["status"] for one in real]


def test_the_row_holds_the_file_verbatim_and_all_its_fields(tmp_path: Path) -> None:
    fields = {"Sample.name": "copper foil", "Sample.stoichiometry": "Cu", "GSE.EXTRA": "config 1"}
    data = xdi({**fields, "Sample.temperature": "10 K"})
    done = import_file("up/load.xdi", data)
    row = Spectrum.objects.get(pk=done.spectra[0]["id"])
    assert row.measurement is not None
    assert row.measurement.file is not None
    assert bytes(row.measurement.file.data) == data
    assert row.measurement.file.name == "load.xdi"
    assert row.measurement.header["GSE.EXTRA"] == "config 1"
    assert row.measurement.temperature_k == 10
    assert (row.status, row.kind, row.formula, row.title, row.quantity) == (
        Status.DRAFT, "experiment", "Cu", "copper foil", "mu",
    )  # fmt: skip
    assert row.sparkline
    assert row.checks


def test_a_file_that_does_not_say_its_absorber_becomes_a_draft_that_cannot_be_published() -> None:
    done = import_file("a.dat", kek().encode())
    row = Spectrum.objects.get(pk=done.spectra[0]["id"])
    assert (row.absorber, row.edge) == ("", "")
    assert any(check["verdict"] == "fail" for check in row.checks)
    assert any("which element and edge" in text for text in done.warnings)


def test_what_is_given_later_completes_the_draft() -> None:
    first = import_file("a.dat", kek().encode())
    second = import_file("a.dat", kek().encode(), element="Ni", edge="K")
    assert second.status == "imported"
    assert second.spectra[0]["id"] == first.spectra[0]["id"]
    row = Spectrum.objects.get()
    assert (row.absorber, row.edge) == ("Ni", "K")
    assert import_file("a.dat", kek().encode(), element="Ni", edge="K").status == "unchanged"


def test_a_published_row_is_never_changed_by_an_import() -> None:
    import_file("a.dat", kek().encode())
    Spectrum.objects.update(status=Status.PUBLISHED)
    assert import_file("a.dat", kek().encode(), element="Ni", edge="K").status == "unchanged"
    assert Spectrum.objects.get().absorber == ""


def test_an_option_completes_a_bad_file(folder: Path) -> None:
    (one,) = run(folder / "bad.xdi", "--edge", "K")
    assert (one["status"], one["element"], one["edge"]) == ("imported", "Cu", "K")


def test_an_unknown_element_or_user_is_refused(folder: Path) -> None:
    with pytest.raises(CommandError, match="--element Xx"):
        call_command("import_spectra", str(folder), "--element", "Xx", stderr=StringIO())
    with pytest.raises(CommandError, match="no such user"):
        call_command("import_spectra", str(folder), "--contributor", "nobody", stderr=StringIO())


def test_a_missing_path_is_reported_and_the_rest_goes_on(folder: Path) -> None:
    report = run(folder / "none.xdi", folder / "good.xdi", fails=True)
    assert [one["status"] for one in report] == ["failed", "imported"]
    assert "No such file" in report[0]["errors"][0]


def test_copies_are_stored_once(folder: Path) -> None:
    (folder / "copy.xdi").write_bytes(xdi())
    report = list(import_spectra([folder / "copy.xdi", folder / "good.xdi"]))
    assert [one.status for one in report] == ["imported", "imported"]
    assert any("the same bytes as" in text for text in report[1].warnings)
    assert Spectrum.objects.count() == 1


def test_a_failure_in_the_database_leaves_nothing_of_that_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.db import IntegrityError

    calls = []

    def second_fails(self: Spectrum, *arguments: Any, **options: Any) -> None:
        calls.append(self)
        if len(calls) == 2:
            raise IntegrityError("refused")
        original(self, *arguments, **options)

    original = Spectrum.save
    monkeypatch.setattr(Spectrum, "save", second_fails)
    done = import_file("two.prj", (HEAD + group("a", "one") + group("b", "two")).encode())
    assert done.status == "failed"
    assert "refused" in done.errors[0]
    assert (Spectrum.objects.count(), SourceFile.objects.count()) == (0, 0)


def test_a_scan_over_a_position_keeps_its_unit_and_fails_its_check() -> None:
    fields = {"Column.1": "x mm", "Element.symbol": None, "Element.edge": None}
    done = import_file("map.xdi", xdi(fields))
    assert (done.status, done.energy_min_ev, done.n_points) == ("imported", None, 20)
    row = Spectrum.objects.get()
    assert row.technique == "other"
    assert any(c["name"] == "Axis" and c["verdict"] == "fail" for c in row.checks)


@pytest.mark.slow
def test_the_real_files_are_imported_as_the_acceptance_asks() -> None:
    root = shared_data("spectra")
    report = {one["path"]: one for one in run(root, fails=True)}

    def of(part: str) -> list[dict[str, Any]]:
        return [one for path, one in report.items() if f"/{part}/" in path]

    assert [one["status"] for one in of("xdi_good")] == ["imported"] * 16
    library = of("xdi_xaslib")
    assert sum(one["status"] == "imported" for one in library) >= 0.99 * len(library)
    expected = json.loads((root / "expected_bad_xdi.json").read_text())
    for name, verdict in expected.items():
        one = report[str(root / name)]
        assert (one["status"] == "failed") == verdict.startswith("error:"), name
    skipped = {Path(p).name for p, one in report.items() if one["status"] == "skipped"}
    assert "cu.chi" in skipped
    assert all(one["status"] == "imported" for one in of("athena"))
    again = run(root, fails=True)
    assert {one["status"] for one in again} == {"unchanged", "skipped", "failed"}
    for row in Spectrum.objects.iterator():
        assert np.all(np.diff(row.energy) > 0)
