"""The file of a backup: whole or refused; rows that read back as they were."""

from __future__ import annotations

import gzip
import io
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.core.management import call_command

from spectradb.models import Calculation, Spectrum
from spectradb.services.backup import archive, rows
from spectradb.services.backup.archive import BackupError
from spectradb.services.backup.crypt import PassphraseError
from tests.factories import make_peak_fit, make_spectrum, make_user


def written(path: Path, passphrase: str | None = None, size: int = 3_000_000) -> bytes:
    data = np.random.default_rng(1).bytes(size)
    with archive.write(path, passphrase, {"made": "now"}) as writer:
        writer.add("files/a", io.BytesIO(data))
        writer.add("rows/b", io.BytesIO(b"[1]\n"), rows=1)
    return data


PASSPHRASES = [None, "correct horse"]


@pytest.fixture(params=PASSPHRASES, ids=["plain", "encrypted"])
def passphrase(request: pytest.FixtureRequest) -> str | None:
    if request.param:
        pytest.importorskip("cryptography", reason="requirements-backup.txt is not installed")
    given: str | None = request.param
    return given


def test_what_is_written_is_read_and_nobody_else_may(
    tmp_path: Path, passphrase: str | None
) -> None:
    path, found = tmp_path / "a.sdb", {}
    data = written(path, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = archive.read(path, passphrase, lambda name, of: found.update({name: of.read()}))
    assert found == {"files/a": data, "rows/b": b"[1]\n"}
    assert told["members"]["rows/b"]["rows"] == 1
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(BackupError, match="exists"):
        written(path)


@pytest.mark.parametrize("harm", ["cut at once", "cut late", "cut at the end", "changed"])
def test_what_is_cut_or_changed_is_refused(
    tmp_path: Path, passphrase: str | None, harm: str
) -> None:
    path = tmp_path / "a.sdb"
    written(path, passphrase)
    data = bytearray(path.read_bytes())
    size = {"cut at once": 40, "cut late": len(data) // 2, "cut at the end": len(data) - 9}
    if harm == "changed":
        data[len(data) // 2] ^= 1
    path.write_bytes(data[: size.get(harm, len(data))])
    with pytest.raises((BackupError, PassphraseError)):
        archive.read(path, passphrase)


def test_a_member_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sdb"
    written(path, size=1000)
    content = bytearray(gzip.decompress(path.read_bytes()))
    place = content.index(b"[1]\n")
    content[place : place + 3] = b"[2]"
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(BackupError, match="rows/b is not what was written"):
        archive.read(path, None)


def test_without_its_passphrase_nothing_is_read(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="requirements-backup.txt is not installed")
    path = tmp_path / "a.sdb"
    written(path, "right")
    assert b"files/a" not in path.read_bytes()
    with pytest.raises(BackupError, match="encrypted"):
        archive.read(path, None)
    with pytest.raises(PassphraseError, match="another passphrase"):
        archive.read(path, "wrong")


def test_other_files_are_no_backups(tmp_path: Path) -> None:
    path = tmp_path / "a.sdb"
    path.write_bytes(b"anything else" * 100)
    with pytest.raises(BackupError, match="no whole backup"):
        archive.read(path, None)


@pytest.mark.django_db
def test_rows_of_every_kind_come_back_from_their_lines() -> None:
    owner = make_user("anna", "contributor")
    spectrum = make_spectrum("experiment", contributor=owner, measurement_header={"a": [1.5, None]})
    computed = make_spectrum(calculation_results={"x": 1e22, "y": -0.0, "z": 300.0})
    make_peak_fit(spectrum, (853.0, 0.3, 1.0))
    assert computed.calculation is not None
    computed.calculation.requesters.add(owner)
    for model in rows.tables(apps):
        for line in rows.lines(model, "default"):
            again = rows.instance(model, line)
            old = model._base_manager.get(pk=again.pk)
            for one in model._meta.concrete_fields:
                found, kept = getattr(again, one.attname), getattr(old, one.attname)
                same = (
                    np.array_equal(found, kept)
                    if isinstance(kept, np.ndarray)
                    else (found == kept or bytes(found) == bytes(kept))
                )
                assert same, one
    labels = {model._meta.label_lower for model in rows.tables(apps)}
    assert {"spectradb.calculation_requesters", "auth.user_groups"} <= labels
    assert not labels & rows.LEFT_OUT.keys()


@pytest.mark.parametrize("number", [1e22, 1e16, 1e15, 2**60, -0.0, 1e-7, 300.0, 7])
def test_numbers_of_json_are_told_alike_however_a_database_writes_them(number: Any) -> None:
    as_decimal = json.loads(np.format_float_positional(float(number), trim="0"))
    decimal = int(as_decimal) if abs(number) > 2**53 else as_decimal
    wanted = json.dumps(rows._plain({"a": [number]}))
    if isinstance(number, float):
        assert json.dumps(rows._plain({"a": [decimal]})) == wanted


@pytest.mark.django_db
def test_dumpdata_and_loaddata_bring_arrays_back(tmp_path: Path) -> None:
    spectrum = make_spectrum()
    before = spectrum.energy.copy(), spectrum.intensity.copy()
    Calculation.objects.update(sticks=np.arange(6.0).reshape(3, 2))
    path = tmp_path / "a.json"
    call_command("dumpdata", "spectradb", output=str(path), verbosity=0)
    Spectrum.objects.all().delete()
    Calculation.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)
    again = Spectrum.objects.get()
    assert (again.energy == before[0]).all()
    assert (again.intensity == before[1]).all()
    assert Calculation.objects.get().sticks.tolist() == [[0, 1], [2, 3], [4, 5]]
