"""HDF5 files that are no NXdata: legacy NXxas, BLISS scans, HyperSpy, plain groups of columns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from compute.errors import ReadError
from compute.io.assemble import log_ratio, ratio
from compute.io.axis import Asker, find_axis
from compute.io.choice import fingerprint
from compute.io.hdf5_access import (
    array,
    child,
    curves,
    descend,
    fields_of,
    scalar,
    text_of,
    unit_of,
)
from compute.io.question import QuestionError
from compute.io.raw import LIMITS, Faults, FloatArray, Given, Mode
from compute.io.roles import role_of
from compute.io.select import choose
from compute.io.signals import Signal


@dataclass
class Found:
    """Signals over one energy axis, before they become spectra.

    ``energy`` is in ``unit`` (None if the file does not say); a signal's values are (n,) or, for a
    stack, (rows, n), with ``coordinates`` telling the rows apart.
    """

    path: str
    energy: FloatArray
    unit: str | None
    unit_text: str
    fields: dict[str, str]
    signals: list[Signal]
    warnings: list[str] = field(default_factory=list)
    coordinates: list[str] = field(default_factory=list)
    eels: bool = False


def legacy_nxxas(path: str, group: h5py.Group, given: Given, faults: Faults) -> list[Found] | None:
    """The first NXxas: beams as detectors, ``ln(incoming/absorbed)`` in transmission.

    The beam that it calls absorbed is the one behind the sample, or the yield.
    """
    if "NXXAS" not in (scalar(group, "definition") or "").upper():
        return None
    after = _values(group, "instrument/absorbed_beam/data", faults)
    before = _values(group, "instrument/incoming_beam/data", faults)
    if before is None:
        before = _values(group, "monitor/data", faults)
    energy_set = descend(group, "instrument/monochromator/energy")
    if energy_set is None:
        energy_set = descend(group, "data/energy")
    energy = array(energy_set, f"{path}/energy", faults)
    if after is None or before is None or energy is None:
        return None
    if not after.shape == before.shape == energy.shape or energy.ndim != 1:
        return None
    fields = fields_of(group, group)
    mode_text = scalar(group, "data/mode") or fields.get("mode") or ""
    data = child(group, "data", faults)
    if isinstance(data, h5py.Group):
        mode_text = scalar(data, "mode") or mode_text
    mode = mode_text.strip().lower()
    own = Faults()
    unit, written = unit_of(energy_set)
    if "transmission" in mode or not mode:
        values = log_ratio(before, after, energy, "incoming/absorbed beam", own)
        said, kind = "ln(incoming beam/absorbed beam)", "transmission"
    else:
        values = ratio(after, before, energy, "absorbed/incoming beam", own)
        said, kind = "absorbed beam/incoming beam", "fluorescence" if "fluo" in mode else "TEY"
    if values is None:
        raise own.as_error() if own.errors else faults.fail(f"{path}: {own.warnings[-1]}")
    if not mode:
        own.warn("the mode is missing: taken as transmission")
    partial = "partial" in mode or "auger" in mode
    form: Mode | None = None if partial and kind == "TEY" else kind  # type: ignore[assignment]
    one = Signal(values, "mu", form, "sample", said, said)
    warnings = [f"intensity: {said}", *own.warnings]
    return [Found(path, energy, unit, written, fields, [one], warnings)]


def bliss(path: str, group: h5py.Group, given: Given, faults: Faults) -> list[Found] | None:
    """A scan of the ESRF's BLISS: an entry whose counters lie in ``measurement``."""
    counters = child(group, "measurement", faults)
    if not isinstance(counters, h5py.Group) or text_of(group.attrs.get("NX_class")) != "NXentry":
        return None
    columns = curves(counters, f"{path}/measurement", faults)
    if len(columns) < 2:
        return None
    title = scalar(group, "title") or ""
    fields = fields_of(counters, group)
    name = fields.get("sample.name")
    scan = path.strip("/").split("/")[-1]
    fields["title"] = ", ".join(part for part in (name, f"scan {scan}", title[:50]) if part)
    return _table(path, counters, columns, fields, given, faults)


def plain_group(path: str, group: h5py.Group, given: Given, faults: Faults) -> list[Found]:
    """A group that holds an energy beside columns of the same length, without any marks."""
    columns = curves(group, path, faults)
    if not any(role_of(name) in ("energy", "requested") for name in columns) or len(columns) < 2:
        return []
    found = _table(path, group, columns, fields_of(group), given, faults)
    return found or []


def _table(
    path: str,
    group: h5py.Group,
    columns: dict[str, FloatArray],
    fields: dict[str, str],
    given: Given,
    faults: Faults,
) -> list[Found]:
    """Columns of one length as a table of labelled columns; a scan over no energy is told."""
    size = Counter(values.size for values in columns.values()).most_common(1)[0][0]
    names = [name for name, values in columns.items() if values.size == size]
    table = np.array([columns[name] for name in names]).T
    asker = Asker(fingerprint(names, len(names)), tuple(names), table)
    choice = given.columns
    if choice is not None and choice.header not in (None, asker.header):
        choice = None
    units = [unit_of(child(group, name, faults)) for name in names]
    own = Faults()
    try:
        axis = find_axis(names, [unit for unit, _ in units], table, choice, asker)
        others = [i for i in range(len(names)) if i != axis.index and i not in axis.others]
        chosen = choose(
            [names[i] for i in others],
            len(others),
            table[:, others],
            table[:, axis.index] * (1000.0 if axis.unit == "keV" else 1.0),
            choice,
            own,
            element=fields.get("element") or given.element,
            eels=False,
            numbers=[i + 1 for i in others],
            ask=lambda what, choices: asker.ask(what, choices, energy=axis.index),
            all_names=names,
            all_values=table,
        )
    except QuestionError:
        if any(role_of(name) in ("energy", "requested") for name in names):
            raise
        faults.warn(f"{path}: no scan over an energy ({', '.join(names[:6])}); left out")
        return []
    except ReadError as error:
        faults.warn(f"{path}: left out: {error}")
        return []
    warnings = [f"energy: {axis.label}", *(f"intensity: {one.formed}" for one in chosen)]
    unit, written = units[axis.index]
    return [
        Found(
            path,
            table[:, axis.index],
            unit,
            written,
            fields,
            chosen,
            warnings + own.warnings,
        )
    ]


def hyperspy(path: str, group: h5py.Group, given: Given, faults: Faults) -> list[Found] | None:
    """A signal of HyperSpy (``.hspy``): energies from the scale and offset of its signal axis."""
    if path.rstrip("/").rsplit("/", 1)[0] != "/Experiments" or "data" not in group:
        return None
    y = array(child(group, "data", faults), f"{path}/data", faults)
    axes = [_axis(group, i, faults) for i in range(y.ndim if y is not None else 0)]
    if y is None or any(axis is None for axis in axes):
        return []
    known: list[dict[str, Any]] = [axis for axis in axes if axis is not None]
    signal = [i for i, axis in enumerate(known) if not axis["navigate"]]
    title = ""
    kind = ""
    metadata = child(group, "metadata", faults)
    if isinstance(metadata, h5py.Group):
        title = _attribute(metadata, "General", "title")
        kind = _attribute(metadata, "Signal", "signal_type")
    if len(signal) != 1 or known[signal[0]]["unit"] not in ("eV", "keV", "meV"):
        shown = ", ".join(f"{axis['name']} ({axis['written'] or 'no unit'})" for axis in known)
        faults.error(f"{path}: no single axis over an energy in eV or keV (axes: {shown})")
        return []
    axis = known[signal[0]]
    n_rows = y.size // max(y.shape[signal[0]], 1)
    if n_rows > LIMITS.spectra:
        faults.error(f"{path}: {n_rows} spectra; the limit is {LIMITS.spectra}")
        return []
    rows = np.moveaxis(y, signal[0], -1).reshape(-1, y.shape[signal[0]])
    others = [i for i in range(y.ndim) if i != signal[0]]
    places = np.indices([y.shape[i] for i in others]).reshape(len(others), rows.shape[0])
    coordinates = [
        ", ".join(
            f"{axis['name']} = {axis['values'][places[k, row]]:g} {axis['written']}".strip()
            for k, axis in enumerate(known[i] for i in others)
        )
        for row in range(rows.shape[0])
    ]
    eels = "EELS" in kind.upper() or "loss" in axis["name"].lower()
    label = title or path.rsplit("/", 1)[-1].strip("_")
    found = Found(path, axis["values"], axis["unit"], axis["written"], {"title": label}, [])
    found.coordinates = coordinates
    found.eels = eels
    values = rows if rows.shape[0] > 1 else rows[0]
    found.signals = [Signal(values, "counts", "EELS" if eels else None, "sample", "data", "")]
    return [found]


def _axis(group: h5py.Group, index: int, faults: Faults) -> dict[str, Any] | None:
    holder = child(group, f"axis-{index}", faults)
    if not isinstance(holder, h5py.Group):
        return None
    attributes = holder.attrs
    size = int(attributes.get("size", 0))
    if not 0 < size <= LIMITS.points:
        return None
    scale, offset = float(attributes.get("scale", 1.0)), float(attributes.get("offset", 0.0))
    stored = array(child(holder, "axis", faults), "axis", Faults())
    values = (
        stored if stored is not None and stored.size == size else offset + scale * np.arange(size)
    )
    unit, written = unit_of(holder)
    name = text_of(attributes.get("name")) or f"axis {index}"
    navigate = str(text_of(attributes.get("navigate"))) in ("True", "1", "true")
    if "undefined" in name.lower():
        name = f"axis {index}"
    return {"name": name, "values": values, "unit": unit, "written": written, "navigate": navigate}


def _attribute(group: h5py.Group, sub: str, name: str) -> str:
    holder = child(group, sub, Faults())
    if not isinstance(holder, h5py.Group):
        return ""
    return text_of(holder.attrs.get(name)) or scalar(holder, name) or ""


def _values(group: h5py.Group, path: str, faults: Faults) -> FloatArray | None:
    return array(descend(group, path), path, faults)
