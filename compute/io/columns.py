"""Plain columns of numbers, with or without a header: beamline files, ``.xmu``, ``.csv``, SPEC …

There is no standard to follow, so each choice (energy column, signal, unit) is told in the
warnings, and an element or edge that the header does not name is left open. What the file leaves
open between several columns is a question (:class:`compute.io.question.QuestionError`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from compute.errors import ReadError, SkipFile
from compute.io.assemble import Technique, spectrum
from compute.io.axis import Asker, Axis, find_axis, in_ev, segments
from compute.io.choice import COLUMNS_HEADER, ColumnChoice, fingerprint
from compute.io.column_header import (
    absorber_of,
    fields_of,
    is_eels,
    label_of_file,
    measurement_of,
    title_of,
)
from compute.io.column_table import ColumnTable, find_tables
from compute.io.labels import Labels, find_labels, is_index, unused_roles
from compute.io.question import Choice
from compute.io.raw import (
    LIMITS,
    Faults,
    FloatArray,
    Given,
    RawSpectrum,
)
from compute.io.roles import role_of, speaks_of_another_axis
from compute.io.select import choose, pairs_of
from compute.io.signals import Signal
from compute.io.text import decode, first_float, short_lines
from compute.io.theory import Theory, absolute, recognise

_E0 = ("e0", "edge_energy", "scan.edge_energy", "edge energy", "scanparameters.e0", "e_edge")


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """Every spectrum of the file: one a scan, a region, a sample and a detector.

    Raises
    ------
    ReadError
        If no table of numbers, no energy or no intensity is found.
    QuestionError
        If several columns could be the energy or the signal, or eV and keV are both possible.
    SkipFile
        If the file is a side-car or holds chi(k).
    """
    faults = Faults()
    lines = short_lines(decode(data, faults), faults)
    tables = find_tables(lines, name, faults)
    found: list[RawSpectrum] = []
    left_out: list[str] = []
    previous = Labels()
    for table in tables:
        own = Faults()
        own.warnings = list(faults.warnings)
        labels = find_labels(table, own)
        if not labels.names and len(previous.names) == table.values.shape[1]:
            labels = replace(previous)
        previous = labels
        reading = _Table(table, labels, name, given, own, several=len(tables) > 1)
        try:
            found += reading.spectra()
        except SkipFile as error:
            left_out.append(error.reason)
        except ReadError as error:
            # One scan of many that is no energy scan (an alignment) does not hide the others.
            if len(tables) == 1 or hasattr(error, "question"):
                raise
            left_out.append(f"{reading.title or f'line {table.first_line}'}: {error}")
        if len(found) > LIMITS.spectra:
            raise faults.fail(f"more than {LIMITS.spectra} spectra; that is the limit")
    if not found:
        if len(tables) == 1 or all("chi(k)" in text for text in left_out):
            raise SkipFile(left_out[0])
        raise ReadError(left_out)
    if left_out:
        more = [f"left out: {text}" for text in left_out[:20]]
        found[0] = replace(found[0], warnings=(*found[0].warnings, *more))
    return found


def header_of(data: bytes, name: str) -> str | None:
    """The fingerprint of the file's first table; None if it has none."""
    faults = Faults()
    try:
        table = find_tables(short_lines(decode(data, faults), faults), name, faults)[0]
        reading = _Table(table, find_labels(table, faults), name, Given(), faults, several=False)
    except (ReadError, SkipFile):
        return None
    return reading.header()


@dataclass
class _Table:
    """One table on its way to spectra."""

    table: ColumnTable
    labels: Labels
    name: str
    given: Given
    faults: Faults
    several: bool
    title: str = ""

    def spectra(self) -> list[RawSpectrum]:
        self._drop_index()
        header = [*self.table.preamble, *self.table.header]
        self.theory = recognise(header)
        self._name_fixed_columns()
        self.title = title_of(self.table, self.labels, self.several)
        self.fields = fields_of(header)
        _refuse_chi(self.table.values, self.labels.names, self.name, self.theory)
        self.element, self.edge = absorber_of(self.fields, self.faults)
        if self.theory is not None:
            self.element = self.theory.element or self.element
            self.edge = self.theory.edge or self.edge
        self.eels = is_eels(self.labels.names, header, self.name)
        choice = self._choice()
        values = self.table.values
        asker = self._asker()
        wanted = choice
        if self._fixed() is not None:
            wanted = ColumnChoice(energy=self.labels.names[0])
        above = next((line for line in reversed(header) if line.strip()), "")
        named = self.labels.names or (wanted is not None and wanted.energy)
        if not named and speaks_of_another_axis(above):
            raise asker.ask(
                f"No column is named, and the line above them reads {above.strip()[:80]!r}. Is "
                "the first one the energy of the photons?",
                [Choice("column 1 is the energy", (("energy", "1"),))],
            )
        loose = self.eels or self.theory is not None
        try:
            axis = find_axis(
                self.labels.names, self.labels.units, values, wanted, asker, any_sign=loose
            )
        except ReadError as error:
            axis, values = self._relative(error, values)
        groups = pairs_of(self.labels.names, values, axis) if choice is None else []
        if not groups:
            return self._of_axis(axis, list(range(values.shape[1])), values, choice, "")
        found: list[RawSpectrum] = []
        for one, columns in groups:
            found += self._of_axis(one, columns, values, choice, one.label)
        return found

    def header(self) -> str:
        """The fingerprint of this table: for which other files an answer holds."""
        self._drop_index()
        self.theory = recognise([*self.table.preamble, *self.table.header])
        self._name_fixed_columns()
        return self._asker().header

    def _of_axis(
        self,
        axis: Axis,
        columns: list[int],
        values: FloatArray,
        choice: ColumnChoice | None,
        pair: str,
    ) -> list[RawSpectrum]:
        """The spectra over one energy column."""
        faults = Faults()
        faults.warnings = list(self.faults.warnings)
        energy = self._energy(axis, values, choice, faults)
        others = [i for i in columns if i != axis.index and i not in axis.others]
        names = [self.labels.names[i] if self.labels.names else f"column {i + 1}" for i in others]
        named = others[: self._named(others)]
        fixed = self._fixed()
        signal = ColumnChoice(signal=(fixed,)) if fixed is not None else choice
        chosen = choose(
            names,
            len(named) if self.labels.names else 0,
            values[:, others],
            energy,
            signal,
            faults,
            element=self.element or self.given.element,
            eels=self.eels,
            numbers=[i + 1 for i in others],
            ask=lambda what, choices: self._asker().ask(what, choices, energy=axis.index),
            all_names=self.labels.names,
            all_values=values,
        )
        self._tell(chosen, names, faults)
        chosen = _by_suffix(chosen, self.name)
        parts = segments(energy)
        if len(parts) > 1:
            faults.warn(
                f"the energy runs back {len(parts) - 1} times: {len(parts)} scans, a spectrum each"
            )
        if len(parts) * len(chosen) > LIMITS.spectra:
            raise faults.fail(f"more than {LIMITS.spectra} spectra; that is the limit")
        several = len({one.name for one in chosen if one.role == "sample"}) > 1
        found = []
        for number, part in enumerate(parts, start=1):
            for one in chosen:
                label = self._label(
                    self.title,
                    f"scan {number}" if len(parts) > 1 else "",
                    one.name if several and one.role == "sample" else "",
                    pair,
                )
                found.append(self._spectrum(energy[part], one, part, label, faults))
        return found

    def _energy(
        self, axis: Axis, values: FloatArray, choice: ColumnChoice | None, faults: Faults
    ) -> FloatArray:
        unit = axis.unit
        if choice is not None and choice.unit:
            if unit and unit != choice.unit:
                faults.warn(
                    f"the file says {unit} of its energies; {choice.unit} is taken as given"
                )
            unit = choice.unit
        if self.theory is not None:
            energy = in_ev(values[:, axis.index], unit, faults, loss=True)
            return absolute(self.theory, energy, faults)
        said = f"energy: {axis.label}" + (f" in {unit}" if unit else "")
        faults.warn(said)
        energy = in_ev(
            values[:, axis.index],
            unit,
            faults,
            asker=self._asker(),
            element=self.element or self.given.element,
            edge=self.edge or self.given.edge,
            header=[*self.table.preamble, *self.table.header],
            loss=self.eels,
        )
        finite = energy[np.isfinite(energy)]
        told = choice is not None and (choice.unit or choice.energy)
        few = finite.size and ((finite <= 0).mean() > 0.05 or finite.min() <= 1.0)
        if few and not self.eels and not told:
            raise ReadError(
                [
                    f"the energies start at {finite.min():.6g}: they are counted from an edge, or "
                    "are energy losses, and the file does not say so; write absolute energies, or "
                    "give --unit eV if they are meant as they stand"
                ]
            )
        return energy

    def _relative(self, error: ReadError, values: FloatArray) -> tuple[Axis, FloatArray]:
        """An axis E − E0 made absolute where the header gives E0; else the error again."""
        roles = [role_of(name) for name in self.labels.names]
        lower = {key.lower(): text for key, text in self.fields.items()}
        stated = next((first_float(lower[key]) for key in _E0 if key in lower), None)
        if hasattr(error, "question") or "relative" not in roles or stated is None:
            raise error
        index = roles.index("relative")
        unit = self.labels.units[index] or "eV"
        start = stated[0] * (1000.0 if stated[1].lower().startswith("kev") else 1.0)
        if unit not in ("eV", "keV") or start < 10:
            raise error
        values = values.copy()
        values[:, index] = values[:, index] * (1000.0 if unit == "keV" else 1.0) + start
        self.faults.warn(
            f"{self.labels.names[index]}: energies counted from the edge; the header puts it at "
            f"{start:.6g} eV, which is added"
        )
        return Axis(index, self.labels.names[index], "eV"), values

    def _spectrum(
        self, energy: FloatArray, one: Signal, part: slice, label: str, faults: Faults
    ) -> RawSpectrum:
        own = Faults()
        own.warnings = list(faults.warnings)
        reference = one.role == "reference"
        if reference:
            own.warn("the element of the reference channel is left open")
        technique: Technique = "EELS" if self.eels and self.theory is None else "XAS"
        text = [*self.table.preamble, *self.table.header]
        return spectrum(
            format="columns",
            energy=energy,
            intensity=one.values[part],
            quantity=one.quantity,
            element=None if reference else self.element,
            edge=None if reference else self.edge,
            given=Given() if reference else self.given,
            faults=own,
            mode=one.mode,
            role=one.role,
            label=label + (" (reference)" if reference else ""),
            header={"text": text[:400], **self.fields, COLUMNS_HEADER: self._asker().header},
            measurement=measurement_of(self.fields),
            technique=technique,
            kind="theory" if self.theory else "experiment",
            code=self.theory.code if self.theory else "",
            code_version=self.theory.version if self.theory else "",
        )

    def _drop_index(self) -> None:
        """A nameless column 0, 1, 2 … in front is the index of a data frame."""
        names, values = self.labels.names, self.table.values
        if (
            names
            and role_of(names[0]) == "index"
            and values.shape[1] > 2
            and is_index(values[:, 0])
        ):
            self.faults.warn("the first column counts the rows: left out")
            self.labels = Labels(
                names[1:],
                self.labels.units[1:],
                max(self.labels.n_named - 1, 0),
                self.labels.line,
            )
            self.table = replace(self.table, values=values[:, 1:])

    def _choice(self) -> ColumnChoice | None:
        choice = self.given.columns
        if choice is None or choice.header in (None, self._asker().header):
            return choice
        self.faults.warn("the columns that were named are for files of another header: not used")
        return None

    def _asker(self) -> Asker:
        width = self.table.values.shape[1]
        names = self.labels.names or [f"column {i + 1}" for i in range(width)]
        title = next((line for line in self.table.header if line.strip()), "")
        return Asker(fingerprint(self.labels.names, width, title), tuple(names), self.table.values)

    def _named(self, columns: list[int]) -> int:
        limit = self.labels.n_named
        return sum(i < limit for i in columns)

    def _fixed(self) -> str | None:
        """The signal of a format that fixes its columns."""
        return self.theory.signal if self.theory is not None else None

    def _name_fixed_columns(self) -> None:
        names = self.theory.columns if self.theory is not None else ()
        if names and self.table.values.shape[1] >= len(names):
            width = self.table.values.shape[1]
            more = [f"column {i}" for i in range(len(names) + 1, width + 1)]
            self.labels = Labels([*names, *more], [None] * width, len(names))
        elif self._fixed() is not None and not self.labels.names:
            raise self.faults.fail(
                f"line {self.table.first_line}: {self.table.values.shape[1]} columns without "
                f"labels; a file of {self.theory.code if self.theory else 'this program'} has "
                f"{len(names) or 'labelled ones'}"
            )

    def _tell(self, chosen: list[Signal], names: list[str], faults: Faults) -> None:
        for one in chosen:
            what = "reference" if one.role == "reference" else "intensity"
            faults.warn(f"{what}: {one.formed}")
        used = " ".join(one.formed for one in chosen)
        rest = [name for name in names if not _mentions(used, name)] if self.labels.names else []
        if rest:
            shown = [f"{n} ({why})" if (why := unused_roles(n)) else n for n in rest[:12]]
            more = f" and {len(rest) - 12} more" if len(rest) > 12 else ""
            faults.warn(f"columns not used: {', '.join(shown)}{more}")

    def _label(self, *parts: str) -> str:
        more = [part for part in parts if part]
        return ", ".join([label_of_file(self.fields, self.name), *more])


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _refuse_chi(values: FloatArray, names: list[str], name: str, theory: Theory | None) -> None:
    if theory is not None and theory.columns:
        return
    x = values[:, 0]
    roles = [role_of(label) for label in names]
    has_energy = "energy" in roles or "requested" in roles
    named = ("chi" in roles and not has_energy) or (
        roles and roles[0] == "wavenumber" and not has_energy and x.max() < 60
    )
    suffix = PurePath(name.lower()).suffix
    by_name = suffix in (".chi", ".chik", ".chir", ".chiq") and x.min() >= 0 and x.max() < 60
    step = np.diff(x)
    sign = np.sign(values[:, 1])
    by_grid = (
        not names
        and x[0] == 0
        and x[-1] <= 30
        and bool(np.allclose(step, 0.05, atol=1e-6))
        and int((sign[1:] * sign[:-1] < 0).sum()) > 4
    )
    if named or by_name or by_grid:
        raise SkipFile(
            "a chi(k) or its transform over the wavenumber, not a spectrum over energy: import "
            "the mu(E) it was made from"
        )


def _by_suffix(chosen: list[Signal], name: str) -> list[Signal]:
    """The name's ending tells the quantity where nothing else does."""
    suffix = PurePath(name.lower()).suffix
    first = chosen[0]
    if suffix == ".nor" and first.quantity == "arbitrary":
        first = replace(first, quantity="normalised")
    if suffix in (".xmu", ".mu") and first.quantity in ("arbitrary", "counts"):
        first = replace(first, quantity="mu")
    return [first, *chosen[1:]]
