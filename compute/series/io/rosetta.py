"""DM3, DM4, Velox EMD and .zspy through rosettasciio, where a person has installed it.

rosettasciio is under the GPL and is therefore no requirement and part of nothing here: it is looked
for by its name when such a file comes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import ReadError
from compute.series.io.arrays import energy_axis, parts_of, series_of
from compute.series.io.raw import Axis, RawSeries

READERS = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph", ".emd": "emd",
           ".zspy": "zspy"}  # fmt: skip
MAPPED = frozenset((".dm3", ".dm4"))  # whose values are mapped from the file


def read_rosetta(path: Path) -> RawSeries | None:
    """The largest stack of spectra of a file; None where it holds none.

    Raises
    ------
    ReadError
        If rosettasciio is not installed, or the file is broken.
    """
    kind = READERS[path.suffix.lower()]
    try:
        reader = importlib.import_module(f"rsciio.{kind}").file_reader
    except ImportError as error:
        raise ReadError(
            [
                f"{path.name}: needs the optional package rosettasciio (GPL): install it with "
                "'pip install rosettasciio[zspy]', or export the series as .hspy or NXdata"
            ],
            permanent=False,
        ) from error
    try:
        signals: list[dict[str, Any]] = reader(str(path), lazy=True)
    # A foreign parser fails in ways of its own on a broken file.
    except Exception as error:
        raise ReadError([f"{path.name}: broken, or none of its kind: {error}"]) from error
    stacks = [one for one in signals if _is_stack(one)]
    if not stacks:
        return None
    chosen = max(stacks, key=lambda one: int(np.prod(one["data"].shape)))
    data = chosen["data"]
    axes = [_axis(one, i, size) for i, (one, size) in enumerate(
        zip(chosen["axes"], data.shape, strict=True))]  # fmt: skip
    at = energy_axis(axes, path.name)
    title = str(chosen.get("metadata", {}).get("General", {}).get("title") or path.stem)
    warnings = [f"{len(signals) - 1} other signals of the file are not taken"]

    def source() -> Iterator[np.ndarray[Any, Any]]:
        with _one_after_the_other():
            yield from parts_of(data, at)

    return series_of(
        path, axes, at, source, kind, np.dtype(data.dtype), {"title": title}, "counts",
        warnings if len(signals) > 1 else [],
    )  # fmt: skip


def _one_after_the_other() -> AbstractContextManager[Any]:
    """Dask reads in as many threads as there are cores, each with a map of the whole file."""
    dask: Any = sys.modules.get("dask")
    return nullcontext() if dask is None else dask.config.set(scheduler="synchronous")


def _is_stack(signal: dict[str, Any]) -> bool:
    data, axes = signal["data"], signal["axes"]
    spectral = [one for one in axes if not one.get("navigate", True)]
    return (
        len(axes) == len(data.shape) > 1
        and len(spectral) == 1
        and np.dtype(data.dtype).kind in "iuf"
        and int(np.prod(data.shape)) > int(spectral[0].get("size", 0))
    )


def _axis(told: dict[str, Any], i: int, size: int) -> Axis:
    if "axis" in told:  # energies one by one
        values = np.asarray(told["axis"], float)
    else:
        values = float(told.get("offset", 0)) + float(told.get("scale", 1)) * np.arange(size)
    name, unit = str(told.get("name") or ""), str(told.get("units") or "")
    return Axis(
        f"axis{i}" if name in ("", "<undefined>") else name,
        "" if unit.startswith("<") else unit,
        np.asarray(values, np.float64),
    )
