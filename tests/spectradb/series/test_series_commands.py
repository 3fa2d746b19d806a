"""Series from file to maps."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.errors import InputError, ReadError
from compute.series.references import Unmixing
from spectradb.models import Series, Spectrum
from spectradb.services.series import analyse as analyses
from spectradb.services.series import writing
from spectradb.services.series.spectrum import spectrum_of
from spectradb.services.series.store import import_series, opened

pytestmark = pytest.mark.django_db


def run(*words: object) -> Any:
    out = io.StringIO()
    call_command(*map(str, words), stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue()) if out.getvalue() else None


@pytest.fixture
def stored(map_file):
    return import_series([map_file], element="Mn", edge="L23")


def test_a_map_is_stored_once_and_told(map_file):
    words = ("import_series", map_file, "--element", "Mn", "--edge", "L23", "--output", "-")
    told = run(*words)
    assert told["axes"] == [
        {"name": "y", "unit": "nm", "size": 12},
        {"name": "x", "unit": "nm", "size": 10},
    ]
    assert (told["absorber"], told["edge"]) == ("Mn", "L23")
    assert (told["n_spectra"], told["n_channels"], told["errors"]) == (120, 256, [])
    row = Series.objects.get()
    assert row.summed.shape == (256,)
    assert row.preview.shape == (12, 10)
    assert run(*words) == told | {"status": "unchanged"}
    assert Series.objects.count() == 1


def test_drafts_are_seen_by_the_rule_of_spectra(stored):
    assert not Series.objects.visible_to(None).exists()
    Series.objects.update(status="published")
    assert Series.objects.visible_to(None).exists()


def test_references_become_maps_with_errors(stored, truth, reference_files, tmp_path):
    target = tmp_path / "maps.h5"
    run("analyze_series", stored.id, "--references", *reference_files, "--output", target)
    with h5py.File(target) as maps:
        for j, name in enumerate(("phaseA", "phaseB", "phaseC")):
            value, err = (maps[f"components/{name}/{part}"][()] for part in ("value", "err"))
            assert value.shape == (12, 10)
            z = (value - truth[..., j]) / err
            assert 0.5 < (np.abs(z) < 1).mean() < 0.85
        assert maps["residual"][()].mean() == pytest.approx(1, abs=0.1)
        assert maps["none_of_these"][()].mean() < 0.2
        assert maps["spectra"].shape == (3, 256)
        assert maps["energy"][0] == pytest.approx(640)
    assert not list((tmp_path / "var" / "series-maps").iterdir())


def test_an_analysis_that_was_stopped_goes_on(stored, reference_files, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "PART", 50)
    row = Series.objects.get()
    asked = writing.Asked("references", tuple(map(str, reference_files)), noise="poisson")
    whole, again = tmp_path / "whole.h5", tmp_path / "again.h5"
    list(analyses.analyse(row, asked, whole))
    work = analyses.analyse(row, asked, again)
    assert next(work).done == 50
    assert isinstance(work, Generator)
    work.close()
    assert not again.exists()
    seen: list[int] = []
    answers = Unmixing.of

    def watched(self: Unmixing, y: Any, *device: Any) -> Any:
        seen.append(len(y))
        return answers(self, y, *device)

    monkeypatch.setattr(Unmixing, "of", watched)
    list(analyses.analyse(row, asked, again))
    assert seen == [50, 20]
    with h5py.File(whole) as a, h5py.File(again) as b:
        for name in ("components/phaseA/value", "none_of_these"):
            np.testing.assert_allclose(a[name][()], b[name][()], rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "there is no GPU here"),
        (("--free", "shift"), "free shift and width: on processors only"),
        (("--method", "parameters"), "method parameters: on processors only"),
    ],
)
def test_a_gpu_that_cannot_help_is_told(stored, reference_files, tmp_path, monkeypatch, words, why):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    target = tmp_path / "maps.h5"
    references = () if "parameters" in words else ("--references", *reference_files)
    with pytest.raises(CommandError, match=f"--device cuda: {why}"):
        run(
            "analyze_series", stored.id, *references, "--device", "cuda", "--output", target,
            *words,
        )  # fmt: skip
    assert not target.exists()


@pytest.mark.parametrize("method", ["nmf", "mcr"])
def test_components_are_found_without_references(stored, tmp_path, method):
    target = tmp_path / "maps.h5"
    run("analyze_series", stored.id, "--method", method, "--components", 3, "--output", target)
    with h5py.File(target) as maps:
        assert maps["spectra"].shape == (3, 256)
        assert maps["components/component1/value"].shape == (12, 10)
        assert np.isfinite(maps["components/component3/err"][()]).all()


def test_parameters_have_errors(stored, tmp_path):
    target = tmp_path / "maps.h5"
    run(
        "analyze_series", stored.id, "--method", "parameters", "--quantity", "centre_of_mass",
        "--window", 645, 655, "--output", target,
    )  # fmt: skip
    with h5py.File(target) as maps:
        value = maps["components/centre_of_mass/value"][()]
        assert ((value > 645) & (value < 655)).all()
        assert (maps["components/centre_of_mass/err"][()] > 0).all()


def test_a_region_becomes_a_spectrum_that_knows_its_place(stored, map_file):
    row = Series.objects.get()
    record = spectrum_of(row, [(2, 4), (5, 6)])
    with h5py.File(map_file) as file:
        np.testing.assert_allclose(record.intensity, file["entry/data/counts"][2:4, 5].sum(axis=0))
    assert record.measurement.series == row
    assert record.measurement.file_part == "y 2…3, x 5"
    assert record.absorber == "Mn"
    assert spectrum_of(row, [(2, 4), (5, 6)]).pk == record.pk
    np.testing.assert_allclose(spectrum_of(row).intensity, row.summed)
    assert Spectrum.objects.count() == 2
    with pytest.raises(InputError, match="region.x"):
        spectrum_of(row, [(0, 1), (0, 11)])


def test_what_fails_leaves_nothing_half(map_file, tmp_path):
    data = map_file.read_bytes()
    map_file.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(CommandError):
        run("import_series", map_file, "--output", tmp_path / "told.json")
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["errors"]
    assert told["id"] is None
    assert not Series.objects.exists()
    assert not [one for one in (tmp_path / "var").rglob("*") if one.is_file()]


def test_more_data_than_disk_is_said_before(map_file, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Disk", (), {"free": 1000})())
    with pytest.raises(ReadError, match="GB are needed"):
        import_series([map_file])


def test_a_changed_file_is_not_taken_for_the_stored_one(stored):
    row = Series.objects.get()
    with Path(storages["series"].path(row.file_name)).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ReadError, match="not the"), opened(row):
        pass


@pytest.mark.parametrize(
    "words",
    [
        ("999", "--references", "1"),
        ("ID", "--references", "77"),
        ("ID", "--references"),
        ("ID", "--method", "parameters", "--quantity", "colour"),
        ("ID", "--method", "parameters", "--quantity", "e0"),
        ("ID", "--method", "nmf", "--components", "5000"),
        ("ID", "--method", "nmf", "--components", "0"),
        ("ID", "--method", "mcr", "--components", "1", "--references", "1", "2"),
    ],
)
def test_what_cannot_be_analysed_is_an_error(stored, words):
    with pytest.raises(CommandError):
        run("analyze_series", *[stored.id if one == "ID" else one for one in words])
