"""NeXus NXdata groups: the signal, the auxiliary ones, and which of their axes is the energy."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from compute.io.hdf5_access import array, child, fields_of, quantity_of, text_of, texts_of, unit_of
from compute.io.hdf5_layouts import Found
from compute.io.raw import LIMITS, Faults, FloatArray, Mode
from compute.io.roles import ABSCISSAS, NEVER, role_of
from compute.io.signals import Signal, signals

_MODES: dict[str, Mode] = {"mu_trans": "transmission", "mu_fluor": "fluorescence"}


@dataclass
class _Dimension:
    name: str
    values: FloatArray | None
    dim: int
    unit: str | None = None
    written: str = ""


def nxdata(path: str, group: h5py.Group, shared: Faults) -> list[Found]:
    """The group's signals over its energy; empty if it has none (told in ``shared``)."""
    faults = Faults()
    signal = text_of(group.attrs.get("signal")) or _marked_signal(group, faults)
    if not signal:
        return []
    y_set = child(group, signal, faults)
    y = array(y_set, f"{path}/{signal}", faults)
    if y is None or y.ndim == 0 or y.size < 2:
        shared.error(f"{path}: its signal {signal!r} is no dataset of numbers")
        for text in faults.warnings:
            shared.warn(text)
        return []
    dimensions = _dimensions(path, group, signal, y, faults)
    energy = _energy_dimension(dimensions, y)
    if energy is None or energy.values is None:
        names = ", ".join(one.name for one in dimensions) or "none"
        shared.error(f"{path}: none of its axes ({names}) is an energy of its signal {signal!r}")
        for text in faults.warnings:
            shared.warn(text)
        return []
    n_rows = y.size // y.shape[energy.dim]
    if n_rows > LIMITS.spectra:
        shared.error(f"{path}: {n_rows} spectra; the limit is {LIMITS.spectra}")
        return []
    fields = fields_of(group)
    rows, coordinates = _rows(y, energy, dimensions)
    found = Found(
        path, energy.values, energy.unit, energy.written, fields, [], list(faults.warnings)
    )
    found.eels = "loss" in energy.name.lower()
    found.coordinates = coordinates
    extra = [name for name in texts_of(group.attrs.get("auxiliary_signals")) if name != signal]
    found.signals = _signals(path, group, signal, rows, extra, energy, found, fields, y.shape)
    if not found.signals:
        shared.error(f"{path}: no spectrum can be formed: {'; '.join(found.warnings[-3:])}")
        return []
    return [found]


def _signals(
    path: str,
    group: h5py.Group,
    signal: str,
    rows: FloatArray,
    extra: list[str],
    energy: _Dimension,
    found: Found,
    fields: dict[str, str],
    shape: tuple[int, ...],
) -> list[Signal]:
    """The signal and the auxiliary ones: absorption as it is, counts over their I0."""
    faults = Faults()
    unit = unit_of(child(group, signal, faults))[1]
    own = Signal(rows, quantity_of(fields, signal, unit), None, "sample", signal, signal)
    role = role_of(signal)
    if rows.shape[0] > 1 or len(shape) > 1:
        if _is_no_signal(role):
            found.warnings.append(f"{signal} is no spectrum ({role})")
            return []
        found.warnings.append(f"intensity: {signal}")
        return [own]
    own = Signal(rows[0], own.quantity, None, "sample", signal, signal)
    columns = {signal: rows[0]}
    for name in [*extra, *group]:
        values = array(child(group, name, faults), f"{path}/{name}", Faults())
        usable = values is not None and values.ndim == 1 and values.size == rows.shape[1]
        if values is not None and usable and name != energy.name and "error" not in name.lower():
            columns.setdefault(name, values)
    counts = [n for n in [signal, *extra] if role_of(n) in ("it", "if", "ir", "tey")]
    chosen: list[Signal] = []
    if counts or _is_no_signal(role):
        formed = signals(list(columns), np.array(list(columns.values())).T, found.energy, faults)
        chosen += [one for one in formed if one.quantity != "counts"]
    for name in [signal, *extra]:
        role = role_of(name)
        if name not in columns or (name in counts and chosen):
            continue
        if _is_no_signal(role) or role == "it":
            what = "signal" if name == signal else "auxiliary signal"
            found.warnings.append(f"{what} not used: {name} ({role})")
            continue
        if any(one.formed == name for one in chosen):
            continue
        reference = role in ("mu_ref", "norm_ref", "ir")
        quantity = own.quantity if name == signal else quantity_of({}, name, "")
        mode = _MODES.get(role or "")
        values = columns[name]
        chosen.append(
            Signal(values, quantity, mode, "reference" if reference else "sample", name, name)
        )
    found.warnings += [f"intensity: {one.formed}" for one in chosen] + faults.warnings
    return chosen


def _is_no_signal(role: str | None) -> bool:
    """Times, errors, monitors, abscissas: also where a file marks one as its signal."""
    return role in NEVER or role in ABSCISSAS or role in ("i0", "i0_other")


def _marked_signal(group: h5py.Group, faults: Faults) -> str | None:
    """Older NeXus: the dataset with the attribute signal=1."""
    for name in group:
        member = child(group, name, faults)
        marked = isinstance(member, h5py.Dataset) and text_of(member.attrs.get("signal"))
        if marked in ("1", "1.0"):
            return str(name)
    return None


def _dimensions(
    path: str, group: h5py.Group, signal: str, y: FloatArray, faults: Faults
) -> list[_Dimension]:
    """The axes that the group names, with the dimension of the signal that each belongs to."""
    named = texts_of(group.attrs.get("axes"))
    if not named:
        named = texts_of(child(group, signal, faults).attrs.get("axes"))
    known = [name for name in named if name != "."]
    if not known:
        known = [
            name for name in group if name != signal and role_of(name) in ("energy", "requested")
        ]
    found: list[_Dimension] = []
    for name in known:
        item = child(group, name, faults)
        values = array(item, f"{path}/{name}", faults)
        if values is None:
            found.append(_Dimension(name, None, -1))
            continue
        stated = group.attrs.get(f"{name}_indices")
        if stated is not None:
            dim = int(np.atleast_1d(stated)[-1])
        elif len(named) == y.ndim and name in named:
            dim = named.index(name)
        else:
            dim = -1
        squeezed = values.reshape(-1) if values.ndim > 1 and values.size in y.shape else values
        fits = 0 <= dim < y.ndim and squeezed.shape[-1] == y.shape[dim]
        if not fits:
            dims = [d for d in range(y.ndim) if y.shape[d] == squeezed.shape[-1]]
            dim = dims[-1] if dims else -1
        unit, written = unit_of(item)
        found.append(_Dimension(name, squeezed, dim, unit, written))
    return found


def _energy_dimension(dimensions: list[_Dimension], y: FloatArray) -> _Dimension | None:
    """The axis that is an energy: by unit and name before either alone, never an angle."""
    fitting = [
        one
        for one in dimensions
        if one.values is not None
        and one.dim >= 0
        and (one.values.ndim == 1 or one.values.shape == y.shape)
    ]
    energies = ("eV", "keV", "meV")

    def likely(one: _Dimension) -> int:
        role = role_of(one.name)
        if role not in ("energy", "requested") and (role in ABSCISSAS or role in NEVER):
            return 0
        if one.written and one.unit not in energies:
            return 0
        named = role in ("energy", "requested")
        return 1 + 2 * (one.unit in energies) + 2 * named + (role == "energy")

    best = max(fitting, key=likely, default=None)
    if best is None or likely(best) == 0:
        # A unit that we do not know is told with its name.
        return next((one for one in fitting if role_of(one.name) == "energy"), None)
    # With several axes a nameless one without a unit is no energy.
    return best if likely(best) > 1 or len(fitting) == 1 else None


def _rows(
    y: FloatArray, energy: _Dimension, dimensions: list[_Dimension]
) -> tuple[FloatArray, list[str]]:
    """The signal as rows over the energy, and what tells each row from the others."""
    if energy.values is not None and energy.values.ndim > 1:
        size = energy.values.shape[-1]
        energy.values = energy.values.reshape(-1, size)
        return y.reshape(-1, size), [f"row {i + 1}" for i in range(y.size // size)]
    moved = np.moveaxis(y, energy.dim, -1)
    rows = moved.reshape(-1, y.shape[energy.dim])
    others = [d for d in range(y.ndim) if d != energy.dim]
    places = np.indices([y.shape[d] for d in others]).reshape(len(others), -1) if others else None
    coordinates = []
    for k in range(rows.shape[0]):
        marks = []
        for position, d in enumerate(others):
            if y.shape[d] == 1 or places is None:
                continue
            place = int(places[position, k])
            along = next(
                (
                    one
                    for one in dimensions
                    if one is not energy
                    and one.dim == d
                    and one.values is not None
                    and one.values.ndim == 1
                ),
                None,
            )
            if along is None or along.values is None:
                marks.append(f"row {place + 1}")
            else:
                unit = f" {along.written}" if along.written else ""
                marks.append(f"{along.name} = {along.values[place]:g}{unit}")
        coordinates.append(", ".join(marks))
    return rows, coordinates
