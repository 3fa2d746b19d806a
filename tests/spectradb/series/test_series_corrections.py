"""Corrections as a part of an analysis."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.errors import InputError
from spectradb.models import Series
from spectradb.services.series import writing
from spectradb.services.series.analyse import analyse
from spectradb.services.series.store import import_series
from tests.compute.series.made import CHANNELS, mixtures
from tests.spectradb.series.conftest import ENERGY, SHAPE

pytestmark = pytest.mark.django_db

N = SHAPE[0] * SHAPE[1]


def saved(path: Path, cube: np.ndarray, energy: np.ndarray = ENERGY) -> Series:
    np.save(path, cube)
    axes = [{"name": name, "unit": "nm", "start": 0, "step": 1} for name in "yx"]
    axes.append({"name": "energy", "unit": "eV", "values": energy.tolist()})
    path.with_suffix(".json").write_text(json.dumps({"axes": axes}))
    return Series.objects.get(pk=import_series([path]).id)


@pytest.fixture
def soiled(tmp_path: Path) -> Series:
    """The mixtures of `truth` with spikes and a dead channel."""
    spectra = mixtures(N, seed=5)[0]
    spectra[::9, 40] += 4000
    spectra[:, 200] = 0
    return saved(tmp_path / "soiled.npy", spectra.reshape(*SHAPE, CHANNELS))


def run(*words: object) -> None:
    call_command(*map(str, words), stdout=io.StringIO(), stderr=io.StringIO())


def test_corrections_are_done_told_and_kept(soiled, truth, reference_files, tmp_path):
    target = tmp_path / "maps.h5"
    words = ("analyze_series", soiled.pk, "--references", *reference_files, "--output", target)
    run(*words)
    with h5py.File(target) as maps:
        assert (maps["none_of_these"][()] > 0.5).all()
    run(*words, "--dead", "--spikes")
    with h5py.File(target) as maps:
        off = maps["components/phaseA/value"][()] - truth[..., 0]
        assert np.mean(np.abs(off) < maps["components/phaseA/err"][()]) > 0.5
        assert (maps["none_of_these"][()] > 0.5).mean() < 0.1
        assert (maps["corrections/spikes"][()].ravel()[::9] >= 1).all()
        told = json.loads(maps.attrs["corrections"])
        assert [one["correction"] for one in told] == ["spikes", "dead"]
        assert told[1]["channels"] == [200]
        asked = json.loads(maps.attrs["asked"])["corrections"]
        assert asked == [["spikes", 8.0], ["dead", True]]
        assert json.loads(maps.attrs["content_hash"]) == soiled.content_hash


def test_a_corrected_analysis_that_was_stopped_goes_on(
    soiled, reference_files, tmp_path, monkeypatch
):
    monkeypatch.setattr(writing, "PART", 50)
    references = tuple(map(str, reference_files))
    asked = writing.Asked("references", references, corrections=(("spikes", 8.0), ("bin", 2)))
    other = writing.Asked("references", references, corrections=(("spikes", 8.0), ("bin", 4)))
    assert asked.key(soiled, []) != other.key(soiled, [])
    whole, again = tmp_path / "whole.h5", tmp_path / "again.h5"
    list(analyse(soiled, asked, whole))
    work = analyse(soiled, asked, again)
    assert next(work).done == 50
    del work  # as if killed
    assert [one.done for one in analyse(soiled, asked, again)] == [100, 120, 120]
    with h5py.File(whole) as a, h5py.File(again) as b:
        assert a["spectra"].shape == (3, CHANNELS // 2)
        for name in ("components/phaseA/value", "none_of_these", "corrections/spikes"):
            np.testing.assert_allclose(a[name][()], b[name][()], rtol=1e-6)


def test_drift_is_taken_from_a_series_beside(truth, reference_files, tmp_path):
    rng = np.random.default_rng(1)
    drift = rng.normal(0, 0.3, N)
    clean = mixtures(N, seed=5, counts=1e6)[0]
    x = np.arange(CHANNELS)
    moved = np.array([np.interp(x - d / 0.1, x, row) for d, row in zip(drift, clean, strict=True)])
    row = saved(tmp_path / "moved.npy", moved.reshape(*SHAPE, CHANNELS))
    low = np.arange(-10, 10, 0.1)
    zero = np.exp(-0.5 * ((low - drift[:, None]) / 0.4) ** 2)
    beside = saved(tmp_path / "zero.npy", zero.reshape(*SHAPE, low.size), low)
    target = tmp_path / "maps.h5"
    words = ("analyze_series", row.pk, "--references", *reference_files, "--output", target)
    run(*words, "--align", beside.pk)
    with h5py.File(target) as maps:
        off = 0.1 * maps["corrections/shift"][()].ravel() - drift
        assert np.std(off) < 0.01
        assert np.abs(maps["components/phaseA/value"][()] - truth[..., 0]).max() < 0.02


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("--i0", "999"), "i0"),
        (("--align", "nowhere"), "--align nowhere"),
        (("--low-loss", "nothing.msa"), "--low-loss nothing.msa"),
        (("--power-law", "1", "2"), "--power-law 1 2"),
        (("--over-absorption", "MnO"), "--over-absorption"),
        (("--bin", "0"), "--bin 0"),
        (("--spikes", "--power-law", "640", "650", "--noise", "poisson"), "noise"),
    ],
)
def test_what_cannot_be_corrected_is_an_error(soiled, reference_files, tmp_path, words, name):
    with pytest.raises(CommandError, match=name):
        run("analyze_series", soiled.pk, *words, "--references", *reference_files)


def test_a_correction_that_is_none_is_named(soiled):
    asked = writing.Asked("parameters", corrections=(("colour", 1),))
    with pytest.raises(InputError, match="colour"):
        list(analyse(soiled, asked, Path("maps.h5")))
