"""One file that costs too much is one failed row; the import goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from compute.isolation import parent
from spectradb.services.imports.structures import import_structures
from tests.hostile_files import SPECTRA, STRUCTURES

GOOD = "# energy mu\n" + "".join(f"{7100 + n} {n * n % 7}.5\n" for n in range(30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("kek-min.dat", "chunk.h5", "huge.dat", "npoints.msa"):
        (tmp_path / name).write_bytes(SPECTRA[name]())
    (tmp_path / "kek-cr.dat").write_bytes(b"  9809     KEK-PF   BL12C \r\r\r\rOffset\r")
    (tmp_path / "z-good.dat").write_text(GOOD)
    return tmp_path


@pytest.mark.django_db
@pytest.mark.parametrize("more", [[], ["--trusted"]])
def test_hostile_spectra_are_failed_rows(
    folder: Path, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if more:  # nothing may be sent into a child
        monkeypatch.setattr(parent, "_ask", None)
    out = tmp_path / "out.json"
    with pytest.raises(CommandError, match="5 of 6 files"):
        call_command(
            "import_spectra", str(folder), "--element=Fe", "--edge=K", *more, f"--output={out}"
        )
    found = {Path(one["path"]).name: one for one in json.loads(out.read_text())}
    assert found.pop("z-good.dat")["status"] == "imported"
    for one in found.values():
        assert one["status"] == "failed"
        assert one["errors"]


@pytest.mark.django_db
def test_hostile_structures_are_failed_rows(tmp_path: Path) -> None:
    names = ("POSCAR", "POSCAR.flat", "tiny.cif", "operations.cif", "charge.json")
    for name in names:
        (tmp_path / name).write_bytes(STRUCTURES[name]())
    found = list(import_structures([tmp_path]))
    assert [one.status for one in found] == ["failed"] * len(names)
    assert all(one.path.name in one.errors[0] for one in found)
