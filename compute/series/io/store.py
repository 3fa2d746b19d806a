"""The file of a stored series: one chunked dataset as NXdata, written once, read in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from compute.errors import ReadError
from compute.series.io.raw import Axis, Floats, RawSeries

VERSION = "series-1"
CHUNK_BYTES = 2**20
LARGEST = 1e100  # squares of it are numbers


@dataclass(frozen=True)
class Written:
    """What was seen while a series was written.

    Attributes
    ----------
    total : float64 (m,)
        Sum of all spectra, gaps left out.
    level : float64 (n,)
        Mean of each spectrum.
    gaps : int
        Spectra without a single value.
    full : str
        How many values are the largest that the integers of the file hold; empty where none are.
    below : str
        How many whole numbers are negative; empty where none are.
    """

    sha256: str
    n_bytes: int
    total: Floats
    level: Floats
    gaps: int
    full: str = ""
    below: str = ""


def write(series: RawSeries, path: Path) -> Written:
    """Write to ``path``, which must not exist, a part at a time; it is whole once this returns.

    Raises
    ------
    ReadError
        Fewer or more spectra than the axes say, infinite values.
    """
    n, m = series.n_spectra, series.energy_ev.size
    dtype = np.dtype(series.dtype)
    rows = max(1, min(n, CHUNK_BYTES // (m * dtype.itemsize)))
    total, level = np.zeros(m), np.empty(n)
    done = full = below = 0
    with h5py.File(path, "w-") as file:
        file.attrs.update({"version": VERSION, "default": "entry"})
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        spectra = data.create_dataset("spectra", (n, m), dtype, chunks=(rows, m))
        spectra.attrs["shape"] = [*series.shape, m]
        energy = data.create_dataset("energy", data=series.energy_ev)
        energy.attrs["units"] = "eV"
        for i, axis in enumerate(series.axes):
            values = data.create_dataset(f"axis{i}", data=axis.values)
            values.attrs.update({"units": axis.unit, "long_name": axis.name})
        data.attrs.update({"NX_class": "NXdata", "signal": "spectra", "axes": [".", "energy"]})
        for part in series.parts():
            if done + len(part) > n:
                raise ReadError([f"more than the {n} spectra that the axes say"])
            if (beyond := np.abs(part, dtype=float) > LARGEST).any():
                raise ReadError([_too_large(series, done, part, beyond)])
            spectra[done : done + len(part)] = part
            kind = part.dtype
            if kind.kind in "iu":
                full += int((part == np.iinfo(kind).max).sum())
                below += int((part < 0).sum())
            filled = np.nan_to_num(np.asarray(part, float))
            total += filled.sum(axis=0)
            with np.errstate(invalid="ignore"):
                level[done : done + len(part)] = filled.sum(axis=1) / (~np.isnan(part)).sum(axis=1)
            done += len(part)
    if done != n:
        raise ReadError([f"the file ends after {done} of {n} spectra"])
    if not np.isfinite(level).any():
        raise ReadError(["no spectrum holds a value"])
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        while block := raw.read(2**20):
            digest.update(block)
    gaps = int(np.isnan(level).sum())
    most = f"{full} values are {np.iinfo(kind).max}, the most that {kind} holds" if full else ""
    low = f"{below} values of type {kind} are negative" if below else ""
    return Written(digest.hexdigest(), path.stat().st_size, total, level, gaps, most, low)


def _too_large(series: RawSeries, done: int, part: NDArray[Any], beyond: NDArray[np.bool_]) -> str:
    """The first value of a part that no analysis can work with, and where it is."""
    row, channel = np.argwhere(beyond)[0]
    index = np.unravel_index(done + row, series.shape or (1,))
    place = ", ".join(
        f"{axis.name} {axis.values[i]:g} {axis.unit}".rstrip()
        for axis, i in zip(series.axes, index, strict=False)
    )
    return (
        f"{place}: the value at {series.energy_ev[channel]:g} eV is {part[row, channel]:g}: "
        f"infinite ones, and those beyond {LARGEST:g}, are refused"
    )


class Stored:
    """A stored series, open for reading."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = h5py.File(path, "r")
            data = self._file["entry/data"]
            self._spectra = data["spectra"]
            self.energy_ev: Floats = np.asarray(data["energy"][()], float)
            shape = tuple(int(size) for size in self._spectra.attrs["shape"])
            self.axes = tuple(
                Axis(
                    str(data[f"axis{i}"].attrs["long_name"]),
                    str(data[f"axis{i}"].attrs["units"]),
                    np.asarray(data[f"axis{i}"][()], float),
                )
                for i in range(len(shape) - 1)
            )
        except (OSError, KeyError) as error:
            raise ReadError([f"{path.name}: no stored series: {error}"]) from error
        self.shape = shape[:-1]
        self.n_spectra, self.n_channels = self._spectra.shape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Spectra (stop - start, m) in the order of the axes."""
        return np.asarray(self._spectra[start:stop])

    def sample(self, most: int) -> NDArray[Any]:
        """At most so many of the spectra, evenly over the series."""
        index = np.unique(np.linspace(0, self.n_spectra - 1, most).round().astype(int))
        return np.array([self._spectra[i] for i in index])

    def parts(self, rows: int) -> Iterator[tuple[int, NDArray[Any]]]:
        for start in range(0, self.n_spectra, rows):
            yield start, self.rows(start, min(start + rows, self.n_spectra))
