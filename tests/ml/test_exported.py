"""A training set in a file: whole, or refused by the name of what is wrong with it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from ml.errors import LearningError
from ml.exported import TrainingSet, open_training_set, write_training_set
from tests.ml.samples import halides

N = 36


def made() -> TrainingSet:
    data = halides(N)
    split = np.array(["train"] * 30 + ["val"] * 6)
    return TrainingSet(data, np.zeros(N), split, data.groups, np.arange(N))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_training_set(made(), tmp_path / "set.h5")
    return tmp_path / "set.h5"


def test_what_was_written_is_read(file: Path) -> None:
    first, again = made(), open_training_set(file)
    assert isinstance(again.intensity, np.memmap)
    assert again.data.content_hash() == first.data.content_hash()
    assert again.split.tolist() == first.split.tolist()


def test_workers_that_start_anew_read_the_file_themselves(file: Path) -> None:
    rows = open_training_set(file)
    sent = pickle.dumps(rows.torch("train"))
    assert len(sent) < 2_000  # not a copy of the spectra
    again = pickle.loads(sent)
    assert len(again) == 30
    np.testing.assert_array_equal(again[3]["intensity"], rows.intensity[3])


def test_a_training_set_in_memory_is_sent_as_it_is() -> None:
    again = pickle.loads(pickle.dumps(made()))
    np.testing.assert_array_equal(again.intensity, made().intensity)


def _replaced(name: str, change: Callable[..., object], **how: object) -> Callable[..., None]:
    def spoil(file: h5py.File) -> None:
        values = change(file[name][:])
        del file[name]
        file.create_dataset(name, data=values, **how)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.pop("sigma"), "sigma is missing"),
        (_replaced("material", lambda v: v[:-1]), r"material has the shape \(35,\), .*\(n 36\)"),
        (_replaced("intensity", lambda v: v.astype("f8")), "not float32 in one piece"),
        (_replaced("intensity", lambda v: v, compression="gzip"), "not float32 in one piece"),
        (_replaced("site", lambda v: v + 2), "site names an atom that its crystal has not"),
        (_replaced("site", lambda v: v.astype("f8")), "site holds float64"),
        (_replaced("crystal", lambda v: v - 1), "crystal names one beyond the 36"),
        (_replaced("crystals/start", lambda v: v * 0), "start does not divide the atoms"),
        (_replaced("crystals/lattice", lambda v: v[:-1]), "start has 37 numbers for 35 crystals"),
    ],
    ids=["missing", "short", "doubles", "packed", "site", "kind", "crystal", "start", "lattice"],
)
def test_a_file_whose_arrays_do_not_fit_is_refused_by_name(
    file: Path, spoil: Callable[[h5py.File], object], words: str
) -> None:
    with h5py.File(file, "a") as opened:
        spoil(opened)
    with pytest.raises(LearningError, match=words):
        open_training_set(file)
