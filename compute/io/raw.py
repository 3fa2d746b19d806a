"""What a reader returns, the limits it works under, and the faults it collects on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError, ReadError
from compute.io.choice import ColumnChoice

FloatArray = NDArray[np.float64]
Quantity = Literal["mu", "normalised", "counts", "arbitrary"]
Mode = Literal["transmission", "fluorescence", "TEY", "EELS"]
Role = Literal["sample", "reference"]
Kind = Literal["experiment", "theory"]

_SHOWN_FAULTS = 20


@dataclass(frozen=True)
class Limits:
    """What one file may cost. Beyond any of these it is refused, with the number that was met."""

    bytes: int = 64 * 2**20
    expanded_bytes: int = 64 * 2**20
    expansion: float = 200.0
    json_bytes: int = 16 * 2**20
    lines: int = 400_000
    header_lines: int = 10_000
    line: int = 2**18  # characters of a line of a table or header
    points: int = 200_000
    columns: int = 4_096
    values: int = 8_000_000  # numbers of all curves of a file
    chunk_bytes: int = 64 * 2**20  # of HDF5, which unpacks whole chunks
    spectra: int = 2_000


LIMITS = Limits()


@dataclass(frozen=True)
class Measurement:
    """How a spectrum was measured, as far as its file says so; None where it does not."""

    facility: str | None = None
    beamline: str | None = None
    source: str | None = None
    monochromator: str | None = None
    d_spacing_angstrom: float | None = None
    resolution_ev: float | None = None
    temperature_k: float | None = None
    sample_name: str | None = None
    sample_formula: str | None = None
    sample_preparation: str | None = None
    reference: str | None = None
    date: datetime | None = None


@dataclass(frozen=True)
class RawSpectrum:
    """One spectrum as its file gives it.

    Attributes
    ----------
    format : str
        ``xdi``, ``9809``, ``emsa``, ``athena``, ``columns``, ``hdf5`` or ``dm``.
    energy_ev : float64 (n,)
        Strictly ascending. eV, unless ``axis_unit`` says that the scan was no energy scan.
    intensity : float64 (n,)
    quantity : str
        What the intensity is: ``mu`` (raw), ``normalised``, ``counts`` or ``arbitrary``.
    element, edge : str or None
        None where neither the file nor the caller says; never guessed.
    technique : str
        ``XANES``, ``XAFS`` (reaching into the EXAFS), ``EELS`` or ``other``.
    label : str
        Group, channel or sample name: tells the spectra of one file apart.
    header : mapping
        Every field of the file's header, as text or JSON values.
    warnings : tuple of str
        What was odd, what was changed and which columns were taken.
    kind : str
        ``experiment``, or ``theory`` for the output of a program.
    code, code_version : str
        The program that calculated it; empty for a measurement.
    """

    format: str
    energy_ev: FloatArray
    intensity: FloatArray
    quantity: Quantity
    element: str | None
    edge: str | None
    technique: str
    mode: Mode | None
    role: Role = "sample"
    label: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)
    measurement: Measurement = Measurement()
    warnings: tuple[str, ...] = ()
    axis_unit: str = "eV"
    kind: Kind = "experiment"
    code: str = ""
    code_version: str = ""

    @property
    def n_points(self) -> int:
        return int(self.energy_ev.size)


@dataclass(frozen=True)
class Given:
    """What the caller knows and the file may not: used where the file is silent or wrong."""

    element: str | None = None
    edge: str | None = None
    columns: ColumnChoice | None = None

    @classmethod
    def checked(
        cls, element: str | None, edge: str | None, columns: ColumnChoice | None = None
    ) -> Given:
        """Raises InputError if there is no such element or edge."""
        symbol = None if element is None else normalise_element(element)
        name = None if edge is None else normalise_edge(edge)
        if element is not None and symbol is None:
            raise InputError("element", element, "no such element")
        if edge is not None and name is None:
            raise InputError("edge", edge, "no such edge; write K, L3, L23, M45 …")
        return cls(symbol, name, columns)


class Faults:
    """Errors and warnings of one file, collected so that all are told at once."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._hidden = 0

    def error(self, text: str) -> None:
        if len(self.errors) < _SHOWN_FAULTS:
            self.errors.append(text)
        else:
            self._hidden += 1

    def warn(self, text: str) -> None:
        if text not in self.warnings and len(self.warnings) < 3 * _SHOWN_FAULTS:
            self.warnings.append(text)

    def fail(self, text: str) -> ReadError:
        """The error to raise: this fault after all that came before."""
        self.error(text)
        return self.as_error()

    def as_error(self) -> ReadError:
        more = [f"and {self._hidden} more faults of this kind"] if self._hidden else []
        return ReadError([*self.errors, *more])

    def raise_errors(self) -> None:
        if self.errors:
            raise self.as_error()


def absorber(
    element: str | None, edge: str | None, given: Given, faults: Faults
) -> tuple[str | None, str | None]:
    """The file's element and edge (already valid or None), filled from what was given."""
    for name, mine, theirs in (("element", element, given.element), ("edge", edge, given.edge)):
        if mine and theirs and mine != theirs:
            faults.warn(f"{name} {theirs} was given, but the file says {mine}: {mine} is kept")
    return element or given.element, edge or given.edge


ASKS_ABSORBER = "the file does not say which "
"""How the warning of an open element or edge begins."""


def ask_for_absorber(element: str | None, edge: str | None, faults: Faults) -> None:
    """Tell that element or edge is open: a question to whoever knows, never a guess."""
    missing = [name for name, value in (("element", element), ("edge", edge)) if value is None]
    if missing:
        what = " and ".join(missing)
        faults.warn(
            f"{ASKS_ABSORBER}{what} was measured: name it ("
            + ", ".join(f"--{name}" for name in missing)
            + ") or fill it in before publishing"
        )
