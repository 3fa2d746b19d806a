"""References of a series: records by number, or files, brought to its energies."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError, ReadError, SkipFile
from compute.io import read
from spectradb.models import Quantity, Spectrum

Floats = NDArray[np.float64]

_NEAR = 1e-6  # eV
_ABSOLUTE = (Quantity.NORMALISED, Quantity.RADIAL)  # heights by the absorbing atom


@dataclass(frozen=True)
class Reference:
    """A reference on the energies of a series; ``name`` is that of its maps."""

    name: str
    values: Floats

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name.encode() + self.values.tobytes()).hexdigest()


@contextmanager
def by_name(curves: Sequence[Reference]) -> Iterator[None]:
    """A reference that cannot be used is told by its name, not by its place."""
    try:
        yield
    except InputError as error:
        found = re.fullmatch(r"references\[(\d+)\]", error.field)
        if found is None:
            raise
        raise InputError("references", curves[int(found[1])].name, error.reason) from error


def references_on(
    asked: Sequence[str], energy_ev: Floats
) -> tuple[list[Reference], slice, list[str]]:
    """References named by number or path, on the channels that all reach over; what is told of it.

    Where one is no normalised spectrum and no cross section, all are brought to the mean 1 over
    the series' energies: fractions then count areas.

    Raises
    ------
    InputError
        One that is not there or cannot be read; those that leave less than half of the energies
        to all.
    """
    curves: list[tuple[str, Floats, Floats, str]] = []
    for text in asked:
        path = Path(text)
        if text.isdecimal():
            row = Spectrum.objects.filter(pk=int(text)).first()
            if row is None:
                raise InputError("references", text, "there is no such spectrum")
            label = f"{row.pk} {row.formula or row.title}".strip().replace("/", "-")
            curves.append((label, row.energy, row.intensity, row.quantity))
        elif path.is_file():
            try:
                first = read(path)[0]
            except (ReadError, SkipFile) as error:
                raise InputError("references", text, str(error)) from error
            # "300 K.csv" is no record 300 of the library.
            number, blank, rest = path.stem.partition(" ")
            label = f"{number}_{rest}" if blank and number.isdecimal() else path.stem
            curves.append((label, first.energy_ev, first.intensity, first.quantity))
        else:
            raise InputError("references", text, "is no number of a spectrum and no file")
    names = [name for name, *_ in curves]
    if len(set(names)) < len(names):
        raise InputError("references", names, "each may be named once")
    out, warnings = [], []
    alike = all(quantity in _ABSOLUTE for *_, quantity in curves) and (
        len({quantity for *_, quantity in curves}) < 2
    )
    if curves and not alike:
        warnings.append(
            "references are brought to the same mean over the energies: fractions count areas"
        )
    low = max([float(energy[0]) for _, energy, _, _ in curves], default=-np.inf)
    high = min([float(energy[-1]) for _, energy, _, _ in curves], default=np.inf)
    index = np.flatnonzero((energy_ev >= low - _NEAR) & (energy_ev <= high + _NEAR))
    if index.size < energy_ev.size // 2:
        raise InputError(
            "references", names,
            f"share {low:g} … {high:g} eV; the series has {energy_ev[0]:g} … {energy_ev[-1]:g}",
        )  # fmt: skip
    inside = slice(int(index[0]), int(index[-1]) + 1)
    n_channels = energy_ev.size
    energy_ev = energy_ev[inside]
    if index.size < n_channels:
        warnings.append(f"compared from {energy_ev[0]:g} to {energy_ev[-1]:g} eV, where all reach")
    for name, energy, values, _ in curves:
        row_values = np.interp(energy_ev, energy, values)
        if not alike:
            mean = float(row_values.mean())
            if not mean > 0:
                raise InputError("references", name, "has no positive mean over the energies")
            row_values = row_values / mean
        out.append(Reference(name, row_values))
    return out, inside, warnings
