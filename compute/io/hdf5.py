"""HDF5 files with NeXus NXdata groups (and NXxas entries around them).

Only what is stored inside the file itself is read: links to other files, virtual and external
datasets are refused, and a dataset's size is checked before it is read.
"""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np

from compute.edges import normalise_edge, normalise_element
from compute.io.assemble import spectrum
from compute.io.raw import (
    LIMITS,
    Faults,
    FloatArray,
    Given,
    Measurement,
    Mode,
    Quantity,
    RawSpectrum,
)
from compute.io.text import first_float, temperature_k, time_of

_MAX_NODES = 20_000
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
    """A spectrum for each NXdata group with a one-dimensional signal over an energy.

    Raises
    ------
    ReadError
        If the file is broken, or has no such group.
    """
    faults = Faults()
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            found = [
                one
                for path, group in _groups(file, faults)
                if (one := _spectrum(path, group, given, faults)) is not None
            ]
    except _ERRORS as error:
        raise faults.fail(f"this HDF5 file is broken: {error}") from error
    if not found:
        faults.raise_errors()
        raise faults.fail(
            "no NXdata group with a one-dimensional signal over an energy is found: mark it by the "
            "attributes NX_class=NXdata, signal and axes"
        )
    if len(found) > LIMITS.spectra:
        raise faults.fail(f"{len(found)} spectra; the limit is {LIMITS.spectra}")
    return found


def _groups(file: h5py.File, faults: Faults) -> list[tuple[str, h5py.Group]]:
    """Every NXdata group, found along hard links only, each object once."""
    seen: set[Any] = set()
    queue: list[tuple[str, h5py.Group]] = [("/", file)]
    found: list[tuple[str, h5py.Group]] = []
    while queue:
        path, group = queue.pop(0)
        key = h5py.h5o.get_info(group.id).addr
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > _MAX_NODES:
            raise faults.fail(f"more than {_MAX_NODES} groups; that is the limit")
        if _text(group.attrs.get("NX_class")) == "NXdata" or "signal" in group.attrs:
            found.append((path, group))
        for child in list(group)[:_MAX_NODES]:
            member = _child(group, child, faults)
            if isinstance(member, h5py.Group):
                queue.append((f"{path.rstrip('/')}/{child}", member))
    return found


def _child(group: h5py.Group, name: str, faults: Faults) -> Any:
    """A member of a group, unless it is a link out of the file."""
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        faults.warn(f"{name}: a link to another file is not followed")
        return None
    if isinstance(link, h5py.SoftLink):
        return _follow(group, link.path, 8, faults)
    return group.get(name)


def _follow(group: h5py.Group, path: str, depth: int, faults: Faults) -> Any:
    """A soft link's target step by step, so that no external link hides on the way."""
    here: Any = group.file if path.startswith("/") else group
    for step in [part for part in path.split("/") if part and part != "."]:
        if not isinstance(here, h5py.Group) or depth <= 0 or step == "..":
            return None
        link = here.get(step, getlink=True) if step in here else None
        if link is None or isinstance(link, h5py.ExternalLink):
            return None
        here = (
            _follow(here, link.path, depth - 1, faults)
            if isinstance(link, h5py.SoftLink)
            else here.get(step)
        )
    return here


def _spectrum(path: str, group: h5py.Group, given: Given, shared: Faults) -> RawSpectrum | None:
    faults = Faults()
    faults.warnings = list(shared.warnings)
    signal_name = _text(group.attrs.get("signal")) or _marked_signal(group, faults)
    if not signal_name:
        return None
    y_set = _child(group, signal_name, faults) if signal_name in group else None
    y = _values(y_set, f"{path}/{signal_name}", faults)
    axis_name = _axis(group, signal_name, faults)
    x_set: Any = _child(group, axis_name, faults) if axis_name and axis_name in group else None
    x = _values(x_set, f"{path}/{axis_name}", faults)
    if x is None or y is None or x.ndim != 1 or y.ndim != 1:
        shared.warnings = list(faults.warnings)
        shared.error(f"{path}: its signal and axis are not two one-dimensional datasets")
        return None
    unit = _unit(x_set)
    if unit == "kev":
        faults.warn(f"{path}/{axis_name}: in keV, converted to eV")
        x = x * 1000.0
    elif unit in ("", "n/a"):
        faults.warn(f"{path}/{axis_name}: no units; taken as eV")
    elif unit not in ("ev", "electronvolt", "electron volt"):
        shared.error(f"{path}/{axis_name}: units {unit!r}; an energy in eV or keV is needed")
        return None
    fields = _fields(group)
    eels = _text(fields.get("technique")) == "EELS" or "loss" in (axis_name or "").lower()
    mode = _MODES.get((fields.get("mode") or "").lower())
    role = "reference" if (fields.get("role") or "").lower() == "reference" else "sample"
    return spectrum(
        format="hdf5",
        energy=x,
        intensity=y,
        quantity=_quantity(fields, signal_name, y_set),
        element=normalise_element(fields.get("element") or ""),
        edge=normalise_edge(fields.get("edge") or ""),
        given=given,
        faults=faults,
        mode=mode,
        role="reference" if role == "reference" else "sample",
        label=fields.get("title") or path,
        header={"path": path, **fields},
        measurement=_measurement(fields),
        technique="EELS" if eels else "XAS",
    )


def _unit(item: Any) -> str:
    return (_text(item.attrs.get("units")) or "").strip().lower()


def _marked_signal(group: h5py.Group, faults: Faults) -> str | None:
    """Older NeXus: the dataset with the attribute signal=1."""
    for name in group:
        member = _child(group, name, faults)
        if isinstance(member, h5py.Dataset) and str(member.attrs.get("signal", "")) in (
            "1",
            "b'1'",
        ):
            return str(name)
    return None


def _axis(group: h5py.Group, signal: str, faults: Faults) -> str | None:
    axes = group.attrs.get("axes")
    if axes is None and signal in group:
        member = _child(group, signal, faults)
        axes = member.attrs.get("axes") if isinstance(member, h5py.Dataset) else None
    names = [_text(a) or "" for a in np.atleast_1d(axes)] if axes is not None else []
    if len(names) == 1:
        names = [part for part in names[0].replace(":", ",").split(",") if part]
    if names:
        return names[-1].strip()
    return next((n for n in ("energy", "energy_ev", "energy_loss") if n in group), None)


def _values(item: Any, where: str, faults: Faults) -> FloatArray | None:
    if not isinstance(item, h5py.Dataset):
        return None
    if item.is_virtual or item.external:
        faults.warn(f"{where}: its values lie in another file: not read")
        return None
    if item.dtype.kind not in "iuf" or item.size is None or item.size > LIMITS.points:
        faults.warn(f"{where}: {item.size} values of type {item.dtype}: not a curve of numbers")
        return None
    return np.asarray(item[()], dtype=np.float64)


def _fields(group: h5py.Group) -> dict[str, str]:
    """Scalar texts and numbers of the group and of the entry around it, by their names.

    NXxas keeps the absorber in ``element/symbol`` and ``edge/name`` beside the data.
    """
    fields: dict[str, str] = {}
    around: list[tuple[str, Any]] = [("", group.parent), ("", group)]
    for sub in ("sample", "instrument", "element", "edge", "absorber", "monochromator"):
        member = _child(group.parent, sub, Faults()) if sub in group.parent else None
        if isinstance(member, h5py.Group):
            around.insert(0, (f"{sub}.", member))
    for prefix, holder in around:
        for key, value in list(holder.attrs.items())[:500]:
            text = _text(value)
            if text is not None:
                fields[f"{prefix}{key}"] = text
        for key in list(holder)[:500]:
            item = _child(holder, key, Faults())
            if isinstance(item, h5py.Dataset) and item.size == 1 and not item.external:
                text = _text(item[()]) if not item.is_virtual else None
                if text is not None:
                    fields[f"{prefix}{key}"] = text
    for short, names in (
        (
            "element",
            ("element", "element.symbol", "absorber", "absorber.element", "absorbed_element"),
        ),
        ("edge", ("edge", "edge.name", "absorption_edge")),
        ("mode", ("mode", "absorbed_beam.mode")),
        ("title", ("title", "sample.name")),
    ):
        found = next((fields[name] for name in names if fields.get(name)), None)
        if found:
            fields[short] = found
    return fields


def _quantity(fields: dict[str, str], signal: str, item: Any) -> Quantity:
    stated = (fields.get("quantity") or "").lower()
    if stated in ("mu", "normalised", "counts", "arbitrary"):
        return stated  # type: ignore[return-value]
    if "count" in _unit(item) or signal.lower() in ("counts", "data"):
        return "counts"
    if "norm" in signal.lower():
        return "normalised"
    return "mu" if signal.lower() in ("mu", "absorption", "xmu", "intensity") else "arbitrary"


def _measurement(fields: dict[str, str]) -> Measurement:
    temperature = fields.get("sample.temperature", "")
    kelvin = first_float(temperature)
    resolution = first_float(fields.get("resolution_ev", ""))
    spacing = first_float(fields.get("monochromator.d_spacing", ""))
    when = fields.get("start_time") or fields.get("date") or ""
    return Measurement(
        facility=fields.get("facility"),
        beamline=fields.get("beamline"),
        d_spacing_angstrom=spacing[0] if spacing and spacing[0] > 0 else None,
        resolution_ev=resolution[0] if resolution and resolution[0] > 0 else None,
        temperature_k=temperature_k(temperature) if kelvin and kelvin[1] else None,
        sample_name=fields.get("sample.name") or fields.get("sample_name"),
        sample_formula=fields.get("sample.chemical_formula") or fields.get("formula"),
        sample_preparation=fields.get("sample.preparation"),
        date=time_of(when)[0],
    )


def _text(value: Any) -> str | None:
    """A scalar attribute or dataset as text; None for anything larger."""
    if value is None or isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray):
        if value.size != 1:
            return None
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")[:2000]
    if isinstance(value, str | int | float | bool | np.generic):
        return str(value)[:2000]
    return None
