"""A small series of counts with known fractions, in files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from django.conf import LazySettings

from tests.compute.series.made import CHANNELS, REFERENCES, mixtures

ENERGY = 640 + 0.1 * np.arange(CHANNELS)
SHAPE = (12, 10)


@pytest.fixture(autouse=True)
def own_storage(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    series = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "var" / "series"},
    }
    settings.STORAGES = settings.STORAGES | {"series": series}


@pytest.fixture
def truth() -> np.ndarray:
    return mixtures(SHAPE[0] * SHAPE[1], seed=5)[1].reshape(*SHAPE, 3)


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x", "energy"]})
        group["counts"] = mixtures(SHAPE[0] * SHAPE[1], seed=5)[0].reshape(*SHAPE, CHANNELS)
        for name, values in (("y", np.arange(12.0)), ("x", np.arange(10.0)), ("energy", ENERGY)):
            group[name] = values
            group[name].attrs["units"] = "eV" if name == "energy" else "nm"
    return path


@pytest.fixture
def reference_files(tmp_path: Path) -> list[Path]:
    paths = []
    for name, row in zip("ABC", REFERENCES, strict=True):
        paths.append(tmp_path / f"phase{name}.dat")
        rows = "\n".join(f"{e:.4f} {i:.8f}" for e, i in zip(ENERGY, row, strict=True))
        paths[-1].write_text(f"# energy norm\n{rows}\n")
    return paths
