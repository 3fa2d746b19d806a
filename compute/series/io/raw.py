"""What a reader of a series returns: axes, energies, and the spectra in parts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

Floats = NDArray[np.float64]

PART_BYTES = 32 * 2**20
MAX_CHANNELS = 200_000
_GIVEN = re.compile(
    r"^(?P<name>\w+)(?:=(?P<start>[^:]+):(?P<step>[^:]+)(?::(?P<unit>.+))?|:(?P<of_file>[^:=]+))$"
)


@dataclass(frozen=True)
class Axis:
    """One axis before the energy: x, y, z, t, T, U, angle …

    Attributes
    ----------
    values : float64 (size,)
    """

    name: str
    unit: str
    values: Floats

    @property
    def size(self) -> int:
        return int(self.values.size)

    def told(self) -> dict[str, Any]:
        return {"name": self.name, "unit": self.unit, "size": self.size}


@dataclass(frozen=True)
class GivenAxis:
    """``NAME=START:STEP[:UNIT]`` as a person states it; ``NAME:UNIT`` keeps the values read."""

    name: str
    grid: tuple[float, float] | None
    unit: str

    @classmethod
    def parse(cls, text: str) -> Self:
        found = _GIVEN.match(text.strip())
        try:
            if found is None:
                raise ValueError
            if found["of_file"]:
                return cls(found["name"], None, found["of_file"].strip())
            start, step = float(found["start"]), float(found["step"])
        except ValueError:
            raise InputError(
                "axis", text, "is written NAME=START:STEP or …:UNIT, or NAME:UNIT for values read"
            ) from None
        if not (np.isfinite([start, step]).all() and step != 0):
            raise InputError("axis", text, "needs a finite start and a step that is not 0")
        return cls(found["name"], (start, step), (found["unit"] or "").strip())

    def over(self, read: Axis) -> Axis:
        """In place of what the files said."""
        if self.grid is None:
            return Axis(self.name, self.unit, read.values)
        start, step = self.grid
        with np.errstate(over="ignore"):  # the reader refuses what is no number then
            values = start + step * np.arange(read.size, dtype=np.float64)
        return Axis(self.name, self.unit, values)


@dataclass(frozen=True)
class RawSeries:
    """Spectra on named axes, as files give them.

    Attributes
    ----------
    axes : tuple of Axis
        Outermost first; the energy comes after them.
    energy_ev : float64 (m,)
        Strictly ascending.
    parts : callable
        An iterator over the spectra in the order of the axes, (some, m) each; never all at once.
    dtype : str
        ``<f4`` where the file has no more digits, else ``<f8``.
    """

    axes: tuple[Axis, ...]
    energy_ev: Floats
    parts: Callable[[], Iterator[NDArray[Any]]]
    format: str
    dtype: str = "<f8"
    element: str | None = None
    edge: str | None = None
    quantity: str = "arbitrary"
    technique: str = "XAS"
    header: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)

    @property
    def n_spectra(self) -> int:
        return math.prod(self.shape)
