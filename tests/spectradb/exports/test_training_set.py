"""A training set in one call, and what the README does with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError

from ml.errors import LearningError
from ml.exported import open_training_set
from ml.kinds.base import FitOptions
from ml.kinds.doors import fit_model
from spectradb.models import Quantity, Spectrum
from spectradb.services.exports.training_set import training_set
from tests.factories import make_spectrum
from tests.spectradb.learning.library import ENERGY, SPLIT, N, run, shared, squeezed

pytestmark = pytest.mark.django_db
README = Path(__file__).parents[3] / "README.md"


@pytest.fixture(scope="module")
def folder(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """With ``ni.h5`` and ``ni.parquet``."""
    place = tmp_path_factory.mktemp("export")
    (place / "split.json").write_text(json.dumps(SPLIT))
    with shared(django_db_blocker, place / "var"):
        squeezed()
        for name, format in (("ni.h5", "hdf5"), ("ni.parquet", "parquet")):
            told = run(
                *("export_spectra", "--training-set", "--where", "absorber=Ni", "edge=L23"),
                *("--split", place / "split.json", "--format", format, "--to", place / name),
            )
            assert told["split"] == {"train": 30, "val": 6, "test": 0}
        yield place


def test_the_lines_of_the_readme_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    monkeypatch.chdir(folder)
    exec(compile(code, "README.md", "exec"), {})
    told = capsys.readouterr().out
    assert re.search(r"train +30", told)
    assert "16 tensor([28,  8])" in told


def test_both_formats_hold_the_same(folder: Path) -> None:
    import pandas as pd

    rows, table = open_training_set(folder / "ni.h5"), pd.read_parquet(folder / "ni.parquet")
    assert isinstance(rows.intensity, np.memmap)
    np.testing.assert_array_equal(np.stack(table.intensity), rows.intensity)
    np.testing.assert_array_equal(table.energy_ev[0], rows.energy_ev)
    assert table.split.tolist() == rows.split.tolist()
    assert table.material.tolist() == rows.material.tolist()
    crystal = rows.data.crystals[rows.data.crystal_of[7]]
    np.testing.assert_allclose(table.lattice[7], crystal.lattice.ravel())
    assert table.sigma.tolist() == [0.0] * N  # computed


def test_it_is_what_a_training_learns_from(folder: Path) -> None:
    rows = open_training_set(folder / "ni.h5")
    spectrum = Spectrum.objects.get(pk=rows.spectrum[5])
    expected = np.interp(rows.energy_ev, spectrum.energy, spectrum.intensity)
    np.testing.assert_allclose(rows.intensity[5], expected, rtol=1e-6)
    data = rows.data.rows(rows.part("train"))
    model = fit_model("krr-nmf", data, FitOptions(), lambda step: None)
    assert model.energy_ev.size == rows.energy_ev.size


def test_the_noise_of_measured_spectra_is_told(folder: Path) -> None:
    first = Spectrum.objects.earliest("pk")
    noise = np.random.default_rng(0).normal(0, 0.02, ENERGY.size)
    make_spectrum(
        "experiment",
        structure=first.structure,
        site=first.site,
        absorber="Ni",
        edge="L23",
        quantity=Quantity.NORMALISED,
        energy=ENERGY,
        intensity=np.asarray(first.intensity) + noise,
    )
    rows, _ = training_set({"kind": ["experiment"]}, grid=(851.0, 879.0, 0.25))
    assert rows.sigma.tolist() == [pytest.approx(0.02, rel=0.35)]


def test_what_is_no_training_set_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(LearningError, match="no training set"):
        open_training_set(tmp_path / "text.h5")
    with pytest.raises(LearningError, match="choose from train"):
        open_training_set(folder / "ni.h5").part("holdout")
    for more, words in (
        (("--training-set", "--format", "csv"), "parquet or hdf5"),
        (("--training-set", "--format", "hdf5", "--columns", "id"), "--columns"),
        (("--format", "hdf5", "--grid", "850", "870", "1"), "--grid"),
    ):
        with pytest.raises(CommandError, match=words):
            run("export_spectra", "--where", "edge=L23", "--to", tmp_path / "x", *more)
