"""Analyses of series that hold gaps, negative or tiny values, or too little."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from spectradb.services.series.analyse import analyse
from spectradb.services.series.references import references_on
from spectradb.services.series.writing import Asked
from spectradb.views.series.describe import component_words
from tests.compute.series.made import CHANNELS, mixtures
from tests.spectradb.series.conftest import SHAPE
from tests.spectradb.series.test_series_corrections import saved

pytestmark = pytest.mark.django_db

CUBE = mixtures(SHAPE[0] * SHAPE[1], seed=5)[0].reshape(*SHAPE, CHANNELS)


def analysed(folder: Path, name: str, cube: np.ndarray, *words: object) -> tuple[Any, list[str]]:
    """A map of the first component and what was told."""
    row = saved(folder / f"{name}.npy", cube)
    target = folder / "maps.h5"
    call_command(
        *map(str, ("analyze_series", row.pk, *words, "--output", target)),
        stdout=io.StringIO(), stderr=io.StringIO(),
    )  # fmt: skip
    with h5py.File(target) as maps:
        first = sorted(maps["components"])[0]
        return maps[f"components/{first}/value"][()], json.loads(maps.attrs["warnings"])


def test_factors_do_not_depend_on_the_unit_of_the_values(tmp_path):
    words = ("--method", "nmf", "--components", 3)
    plain, _ = analysed(tmp_path, "plain", CUBE, *words)
    tiny, _ = analysed(tmp_path, "tiny", CUBE * 2.0**-100, *words)
    np.testing.assert_allclose(tiny * 2.0**100, plain, rtol=1e-4, atol=1e-4 * plain.max())


def test_negative_values_that_factors_cannot_have_are_told(tmp_path):
    _, told = analysed(tmp_path, "low", CUBE - 300, "--method", "nmf", "--components", 2)
    assert any("negative and count as 0" in text for text in told)


def test_factors_leave_out_a_dead_channel_and_not_all_spectra(tmp_path):
    cube = CUBE.copy()
    cube[..., 30] = np.nan
    cube[2] = np.nan
    values, told = analysed(tmp_path, "gaps", cube, "--method", "nmf", "--components", 2)
    assert np.isnan(values[2]).all()
    assert np.isfinite(np.delete(values, 2, axis=0)).all()
    assert any(text.startswith("1 channels that are gaps") for text in told)


@pytest.mark.parametrize(
    "words",
    [("--method", "parameters"), ("--method", "parameters", "--quantity", "peak_position")],
)
def test_how_many_spectra_have_no_number_is_told(tmp_path, words):
    cube = CUBE.copy()
    cube[1] = np.nan
    values, told = analysed(tmp_path, "gaps", cube, *words)
    assert np.isnan(values[1]).all()
    count = int(np.isnan(values).sum())
    assert any(f"{count} of {values.size} spectra have no value" in text for text in told)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--align", "self", "--calibrate", "nan"), "--calibrate nan"),
        (("--dead-time", "1", "1e-9"), "^--dead-time 1 1e-09: .*the shorter one first"),
        (("--power-law", "1", "2"), "^--power-law 1 2: holds at least five"),
        (("--bin", "10000"), "^--bin 10000: "),
        (("--power-law", "640", "645"), "^--power-law 640 645: leaves no value"),
    ],
)
def test_the_correction_that_leaves_nothing_is_named(tmp_path, words, why):
    cube = CUBE - 1e4 if "--power-law" in words else CUBE
    with pytest.raises(CommandError, match=why):
        analysed(tmp_path, "map", cube, "--method", "parameters", *words)


def test_two_spectra_do_not_say_how_many_components_they_have(tmp_path):
    with pytest.raises(CommandError, match="are not found from 2 spectra"):
        analysed(tmp_path, "few", CUBE[:1, :2], "--method", "nmf")


def test_a_folder_is_no_file_of_maps(tmp_path):
    row = saved(tmp_path / "map.npy", CUBE)
    with pytest.raises(CommandError, match="is a folder"):
        call_command(
            "analyze_series", str(row.pk), "--method", "parameters", "--output", str(tmp_path)
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("library", "--components", 3), "--components: is of the method references or nmf or mcr"),
        (("library", "--window", 640, 650), "--window: is of the method parameters, no library"),
        (("nmf", "--components", 2, "--free", "shift"), "--free: is of the method references"),
        (("mcr", "--components", 2, "--noise", "poisson"), "--noise: is of the method"),
        (("parameters", "--references", 1), "--references: is of the method references or nmf"),
        (("nmf", "--components", 0), "0: is a number from 1 or auto"),
        (("parameters", "--quantity", "e0", "--window", 1, 2), "--window 1 2: e0 takes 2 of them"),
        (
            ("parameters", "--quantity", "centre_of_mass", "--window", 1, 2),
            "--window 1 2: holds no two",
        ),
        (("parameters", "--align", "self", "--calibrate", 1e9), "outside the energies of the"),
        (("parameters", "--quantity", "e0"), "--window none: e0 takes 2 of them"),
        (
            ("parameters", "--power-law", 650, 640),
            "--power-law 650 640: is two energies, the lower",
        ),
        (("parameters", "--low-loss", __file__), f"--low-loss {__file__}: "),
        (("parameters", "--i0", 1), "--i0 1: "),
        (("parameters", "--smooth", "none"), "--smooth: is of the method library"),
        (("parameters", "--angles", 0, 90), "--angles: are of --over-absorption"),
    ],
)
def test_options_that_make_no_sense_are_refused_as_they_were_given(tmp_path, words, told):
    with pytest.raises(CommandError) as refused:
        analysed(tmp_path, "cube", CUBE, "--method", *words)
    assert told in str(refused.value)
    assert not (tmp_path / "maps.h5").exists()


def test_a_reference_that_cannot_be_used_is_named(tmp_path):
    empty, line = tmp_path / "empty.txt", tmp_path / "line.txt"
    empty.write_text("")
    np.savetxt(line, np.column_stack([np.linspace(100.5, 1500.0, 2800), np.linspace(1, 2, 2800)]))
    with pytest.raises(CommandError, match=r"--references \S*empty.txt: the file is empty"):
        analysed(tmp_path, "one", CUBE, "--references", empty)
    with pytest.raises(CommandError, match="--references line: have no structure"):
        analysed(tmp_path, "two", CUBE, "--references", line)


def test_a_file_that_begins_with_a_number_is_not_taken_for_a_record_of_the_library(tmp_path):
    energy = np.linspace(100.0, 1500.0, 2800)
    warm, cold = tmp_path / "300 K.csv", tmp_path / "cold 2.csv"
    for path, at in ((warm, 650.0), (cold, 645.0)):
        np.savetxt(path, np.column_stack([energy, 1.0 + np.exp(-0.1 * (energy - at) ** 2)]))
    curves, _, _ = references_on([str(warm), str(cold)], energy)
    assert [one.name for one in curves] == ["300_K", "cold 2"]
    assert [component_words(one.name) for one in curves] == ["300_K", "cold 2"]


def test_references_that_are_the_same_are_told_by_name(tmp_path, reference_files):
    twin = tmp_path / "twin.dat"
    twin.write_text(reference_files[0].read_text())
    with pytest.raises(CommandError, match="--references phaseA: is a combination of the others"):
        analysed(tmp_path, "cube", CUBE, "--references", *reference_files, twin)


def test_a_series_is_no_monitor_of_itself(tmp_path):
    row = saved(tmp_path / "cube.npy", CUBE)
    with pytest.raises(CommandError, match=f"--i0 {row.pk}: is this series itself"):
        call_command("analyze_series", str(row.pk), "--method", "parameters", "--i0", str(row.pk))


def test_what_is_not_used_is_told(tmp_path, reference_files):
    words = ("--method", "nmf", "--components", 3, "--references", *reference_files)
    _, told = analysed(tmp_path, "cube", CUBE, *words)
    assert any("nmf finds all its components" in text for text in told)
    _, told = analysed(tmp_path, "drift", CUBE, "--method", "parameters", "--align", "self")
    assert any("taken for drift" in text for text in told)


def test_the_same_question_asked_twice_at_once_is_answered_twice(tmp_path, reference_files):
    row = saved(tmp_path / "cube.npy", CUBE)
    asked = Asked("references", tuple(map(str, reference_files)))
    both = [analyse(row, asked, tmp_path / f"{i}.h5", "cpu") for i in range(2)]
    for step in zip(*both, strict=True):  # a part each in turn
        assert step[0].done == step[1].done
    with h5py.File(tmp_path / "0.h5") as one, h5py.File(tmp_path / "1.h5") as other:
        name = "components/phaseA/value"
        np.testing.assert_array_equal(one[name][()], other[name][()])
    assert not list((Path(settings.VAR_DIR) / "series-maps").iterdir())
