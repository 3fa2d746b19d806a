"""What a page or a program asks of a stored series: one pixel, a region's mean, a waterfall.

Parts of the file are read, never the whole of it into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from spectradb.models import Series
from spectradb.services.series.store import opened

Floats = NDArray[np.float64]
Cut = tuple[tuple[int, int], ...]

_PART = 4096  # spectra read at once
LARGE = 4096
"""Spectra of a region that are read at any time; larger ones one at a time for each person."""
WATERFALL_ROWS, WATERFALL_CHANNELS = 256, 512


@dataclass(frozen=True)
class Region:
    """``[start, stop)`` on every axis of a series."""

    cut: Cut
    sizes: tuple[int, ...]

    @classmethod
    def parse(cls, text: str, row: Series) -> Self:
        """``3,5-8``: index 3 on the first axis, 5 to 8 on the second; ``*`` is all of an axis.

        Raises
        ------
        InputError
            What is written otherwise, or lies outside the series.
        """
        words = [one.strip() for one in text.split(",")] if text.strip() else []
        if len(words) > len(row.shape):
            raise InputError("region", text, f"the series has {len(row.shape)} axes")
        cut = []
        for word, axis in zip(words, row.axes, strict=False):
            try:
                first, _, last = word.partition("-")
                pair = (0, axis["size"]) if word == "*" else (int(first), int(last or first) + 1)
            except ValueError:
                raise InputError(
                    f"region.{axis['name']}", word, "is a number, two as 3-7, or *"
                ) from None
            cut.append(pair)
        return cls.checked(cut, row)

    @classmethod
    def checked(cls, cut: Sequence[tuple[int, int]], row: Series) -> Self:
        """Of starts and stops; all of an axis that is not given.

        Raises
        ------
        InputError
            A region outside the series.
        """
        sizes = row.shape
        if len(cut) > len(sizes):
            raise InputError("region", list(cut), f"the series has {len(sizes)} axes")
        whole = [*cut, *[(0, size) for size in sizes[len(cut) :]]]
        for (start, stop), size, axis in zip(whole, sizes, row.axes, strict=True):
            if not 0 <= start < stop <= size:
                given = f"{start}" if stop - start == 1 else f"{start}-{stop - 1}"
                raise InputError(f"region.{axis['name']}", given, f"is within 0 … {size - 1}")
        return cls(tuple(whole), sizes)

    @property
    def n(self) -> int:
        """Spectra in it."""
        return int(np.prod([stop - start for start, stop in self.cut])) if self.cut else 1

    @property
    def is_whole(self) -> bool:
        return self.cut == tuple((0, size) for size in self.sizes)

    def text(self) -> str:
        """As :meth:`parse` reads it; empty where it is all."""
        if self.is_whole:
            return ""
        return ",".join(
            "*" if (start, stop) == (0, size) and size > 1 else
            str(start) if stop - start == 1 else f"{start}-{stop - 1}"
            for (start, stop), size in zip(self.cut, self.sizes, strict=True)
        )  # fmt: skip

    def words(self, row: Series) -> str:
        """Axes and indices, as a measurement remembers its place."""
        return ", ".join(
            f"{axis['name']} {start}" + (f"…{stop - 1}" if stop - start > 1 else "")
            for (start, stop), axis in zip(self.cut, row.axes, strict=True)
        )

    def runs(self) -> Iterator[tuple[int, int]]:
        """Start and stop of the spectra that lie together in the file."""
        inner = 1
        outer = list(self.cut)
        while outer and outer[-1] == (0, self.sizes[len(outer) - 1]):
            inner *= self.sizes[len(outer) - 1]
            outer.pop()
        first, last = outer.pop() if outer else (0, 1)
        sizes = self.sizes[: len(outer)]
        width = self.sizes[len(outer)] if len(outer) < len(self.sizes) else 1
        for place in np.ndindex(*[stop - start for start, stop in outer]):
            index = [one + start for one, (start, _) in zip(place, outer, strict=True)]
            base = int(np.ravel_multi_index(index, sizes)) * width if sizes else 0
            yield (base + first) * inner, (base + last) * inner


@dataclass(frozen=True)
class Summed:
    """The spectra of a region together.

    Attributes
    ----------
    energy_ev : float64 (m,)
    total : float64 (m,)
        Their sum, gaps left out.
    count : float64 (m,)
        How many of them have a value there.
    """

    energy_ev: Floats
    total: Floats
    count: Floats

    @property
    def mean(self) -> Floats:
        """NaN where none has a value."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(self.count > 0, self.total / self.count, np.nan))


def summed(row: Series, region: Region) -> Summed:
    """The sum of a region.

    Raises
    ------
    ReadError
        If the file of the series is missing or damaged.
    """
    total, count = np.zeros(row.n_channels), np.zeros(row.n_channels)
    with opened(row) as stored:
        for start, stop in region.runs():
            for first in range(start, stop, _PART):
                rows = np.asarray(stored.rows(first, min(first + _PART, stop)), float)
                total += np.nan_to_num(rows).sum(axis=0)
                count += np.isfinite(rows).sum(axis=0)
        return Summed(stored.energy_ev, total, count)


@dataclass(frozen=True)
class Picture:
    """Values in rows and columns, with the index in the series of each row and column."""

    values: NDArray[Any]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def waterfall(row: Series) -> Picture:
    """Spectra of a series with one axis, one a row, at most 256 of them and 512 channels.

    Of more spectra every n-th is shown; of more channels the mean of n neighbours.
    """
    if len(row.shape) != 1:
        raise InputError("axes", len(row.shape), "a waterfall is of a series with one axis")
    rows = np.unique(
        np.linspace(0, row.shape[0] - 1, min(row.shape[0], WATERFALL_ROWS)).round().astype(int)
    )
    with opened(row) as stored:
        values = np.array([stored.rows(int(k), int(k) + 1)[0] for k in rows], float)
    block = -(-row.n_channels // WATERFALL_CHANNELS)
    starts = np.arange(0, row.n_channels, block)
    sums = np.add.reduceat(np.nan_to_num(values), starts, axis=1)
    counts = np.add.reduceat(np.isfinite(values).astype(float), starts, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.where(counts > 0, sums / counts, np.nan)
    return Picture(shown, rows, starts)


def picture(row: Series, frame: Sequence[int] = ()) -> Picture:
    """The mean of each spectrum over the last two axes, thinned as the row keeps it.

    ``frame`` is the index on each axis before these.
    """
    level = np.asarray(row.preview, float)
    place = _thinned(row, frame, level.shape)
    image = level[place]
    return Picture(image, *(_starts(size, n) for size, n in zip(
        row.shape[-2:], image.shape, strict=True)))  # fmt: skip


def _thinned(row: Series, frame: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(row.shape) < 2 or len(frame) != len(row.shape) - 2:
        raise InputError("frame", list(frame), f"names {max(len(row.shape) - 2, 0)} indices")
    for index, size in zip(frame, row.shape, strict=False):
        if not 0 <= index < size:
            raise InputError("frame", index, f"is within 0 … {size - 1}")
    blocks = (-(-size // n) for size, n in zip(row.shape, shape, strict=True))
    return tuple(index // block for index, block in zip(frame, blocks, strict=False))


def _starts(size: int, n: int) -> NDArray[np.intp]:
    return np.arange(n) * -(-size // n)
