"""HDF5 files: NeXus NXdata groups, and the layouts of other writers (:mod:`hdf5_layouts`).

A group's signal may be a stack: every row over the energy is a spectrum of its own, with its
coordinate in the label. Which axis is the energy is told by its name, its unit and the indices
that NeXus gives. Only what is stored inside the file itself is read.
"""

from __future__ import annotations

import io
from dataclasses import replace

import h5py
import numpy as np

from compute.edges import normalise_edge, normalise_element
from compute.errors import ReadError
from compute.io.assemble import Technique, spectrum
from compute.io.axis import Asker, in_ev, segments
from compute.io.choice import fingerprint
from compute.io.hdf5_access import (
    counted,
    groups,
    measurement_of,
    text_of,
)
from compute.io.hdf5_layouts import Found, bliss, hyperspy, legacy_nxxas, plain_group
from compute.io.nxdata import nxdata
from compute.io.question import QuestionError
from compute.io.raw import LIMITS, Faults, FloatArray, Given, Mode, RawSpectrum, Role

_MODES: dict[str, Mode] = {
    "transmission": "transmission",
    "fluorescence": "fluorescence",
    "fluorescence yield": "fluorescence",
    "tfy": "fluorescence",
    "pfy": "fluorescence",
    "tey": "TEY",
    "electron yield": "TEY",
    "total electron yield": "TEY",
    "eels": "EELS",
}
_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """A spectrum for each signal over an energy, and for each row of a stack.

    Raises
    ------
    ReadError
        If the file is broken, or has no such group.
    QuestionError
        If the energies may be eV or keV, or several counters could be the signal.
    """
    faults = Faults()
    try:
        with h5py.File(io.BytesIO(data), "r") as file, counted():
            found = _all(file, name, given, faults)
    except ReadError:
        raise
    except (*_ERRORS, AttributeError, IndexError, AssertionError) as error:
        raise faults.fail(f"this HDF5 file is broken: {error}") from error
    if not found:
        faults.errors += faults.warnings[:10]
        faults.raise_errors()
        raise faults.fail(
            "no NXdata group with a signal over an energy is found: mark it by the attributes "
            "NX_class=NXdata, signal and axes"
        )
    # What was skipped on the way is told with the first spectrum.
    more = [f"left out: {text}" for text in faults.errors] + faults.warnings
    first = found[0]
    extra = tuple(text for text in more if text not in first.warnings)
    return [_with(first, extra), *found[1:]]


def _with(first: RawSpectrum, extra: tuple[str, ...]) -> RawSpectrum:
    return replace(first, warnings=(*first.warnings, *extra)) if extra else first


def _all(file: h5py.File, name: str, given: Given, faults: Faults) -> list[RawSpectrum]:
    everything = groups(file, faults)
    spectra: list[RawSpectrum] = []
    done: list[str] = []
    for path, group in everything:
        if any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in done):
            continue
        for layout in (hyperspy, legacy_nxxas, bliss):
            tables = layout(path, group, given, faults)
            if tables is not None:
                done.append(path)
                for table in tables:
                    spectra += _finish(table, given, faults)
                break
        _check(spectra, faults)
    for path, group in everything:
        inside = any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in done)
        marked = text_of(group.attrs.get("NX_class")) == "NXdata" or "signal" in group.attrs
        if inside or not marked:
            continue
        for table in nxdata(path, group, faults):
            spectra += _finish(table, given, faults)
        _check(spectra, faults)
    if not spectra and not faults.errors:
        for path, group in everything:
            for table in plain_group(path, group, given, faults):
                spectra += _finish(table, given, faults)
            _check(spectra, faults)
    return spectra


def _check(spectra: list[RawSpectrum], faults: Faults) -> None:
    if len(spectra) > LIMITS.spectra:
        raise faults.fail(f"{len(spectra)} spectra; the limit is {LIMITS.spectra}")


def _finish(table: Found, given: Given, shared: Faults) -> list[RawSpectrum]:
    """Spectra of what a layout found; a table that is none is told and left out."""
    own = Faults()
    own.warnings = list(table.warnings)
    try:
        energy = _energy(table, given, own)
        fields = table.fields
        role: Role = "reference" if (fields.get("role") or "").lower() == "reference" else "sample"
        if table.eels or (fields.get("technique") or "").upper() == "EELS":
            technique: Technique = "EELS"
        else:
            technique = "XAS"
        theory = (fields.get("kind") or "").lower() == "theory"
        spectra: list[RawSpectrum] = []
        parts = segments(energy) if energy.ndim == 1 else [slice(None)]
        for one in table.signals:
            mode = one.mode or _MODES.get((fields.get("mode") or "").lower())
            reference = one.role == "reference" and role == "sample"
            label = fields.get("title") or table.path
            rows = np.atleast_2d(one.values)
            if rows.shape[0] * len(parts) + len(spectra) > LIMITS.spectra:
                raise own.fail(
                    f"{table.path}: {rows.shape[0] * len(parts)} spectra; the limit is "
                    f"{LIMITS.spectra}"
                )
            for index, row in enumerate(rows):
                x = energy if energy.ndim == 1 else energy[index]
                for number, part in enumerate(parts, start=1):
                    marks = [
                        one.name if len(table.signals) > 1 and not reference else "",
                        table.coordinates[index] if len(rows) > 1 and table.coordinates else "",
                        f"scan {number}" if len(parts) > 1 else "",
                        "reference" if reference else "",
                    ]
                    spectra.append(
                        spectrum(
                            format="hdf5",
                            energy=x[part],
                            intensity=row[part],
                            quantity=one.quantity,
                            element=None
                            if reference
                            else normalise_element(fields.get("element") or ""),
                            edge=None if reference else normalise_edge(fields.get("edge") or ""),
                            given=Given() if reference else given,
                            faults=own,
                            mode=mode,
                            role="reference" if reference else role,
                            label=", ".join([label, *(mark for mark in marks if mark)]),
                            header={"path": table.path, **fields},
                            measurement=measurement_of(fields),
                            technique=technique,
                            kind="theory" if theory else "experiment",
                            code=(fields.get("engine") or fields.get("code") or "unknown")
                            if theory
                            else "",
                        )
                    )
        return spectra
    except QuestionError:
        raise
    except ReadError as error:
        for text in error.errors:
            shared.error(f"{table.path}: {text}" if table.path not in text else text)
        return []


def _energy(table: Found, given: Given, faults: Faults) -> FloatArray:
    unit = table.unit
    named = given.columns.unit if given.columns is not None else None
    if named and unit is None:
        unit = named
    if unit is None and table.unit_text:
        raise ReadError(
            [f"{table.path}: units {table.unit_text!r}; an energy in eV or keV is needed"]
        )
    if unit is None:
        faults.warn(f"{table.path}: the energies have no units; taken as eV")
    elif unit == "keV":
        faults.warn(f"{table.path}: the energies are in keV, converted to eV")
    return in_ev(
        table.energy,
        unit,
        faults,
        asker=Asker(fingerprint([table.path], 2)),
        element=normalise_element(table.fields.get("element") or "") or given.element,
        edge=normalise_edge(table.fields.get("edge") or "") or given.edge,
        loss=table.eels,
        said=False,
    )
