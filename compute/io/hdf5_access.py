"""Safe access to an HDF5 file: only what is stored inside it, sizes checked before reading."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import h5py
import numpy as np

from compute.io.raw import LIMITS, Faults, FloatArray, Measurement, Quantity
from compute.io.roles import unit_name
from compute.io.text import first_float, temperature_k, time_of

MAX_NODES = 10_000
# A stack of spectra may hold more values than one spectrum.
MAX_VALUES = LIMITS.values
MAX_READ = 3 * LIMITS.values  # some are read to be judged, and again to be taken
_SCALAR_BYTES = 2**20
_room: ContextVar[list[int]] = ContextVar("room")  # one number: values that may still be read
AROUND = ("sample", "instrument", "element", "edge", "absorber", "monochromator")


def groups(file: h5py.File, faults: Faults) -> list[tuple[str, h5py.Group]]:
    """Every group, found along hard links and soft links inside the file, each once."""
    seen: set[Any] = set()
    queue: list[tuple[str, h5py.Group]] = [("/", file)]
    found: list[tuple[str, h5py.Group]] = []
    while queue:
        path, group = queue.pop(0)
        key = h5py.h5o.get_info(group.id).addr
        if key in seen:
            continue
        seen.add(key)
        found.append((path, group))
        if len(group) + len(seen) > MAX_NODES:
            raise faults.fail(f"more than {MAX_NODES} groups and datasets; that is the limit")
        for name in group:
            member = child(group, name, faults)
            if isinstance(member, h5py.Group):
                queue.append((f"{path.rstrip('/')}/{name}", member))
    return found


def child(group: h5py.Group, name: str, faults: Faults) -> Any:
    """A member of a group, unless it is a link out of the file; None if there is none."""
    if name not in group:
        return None
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        faults.warn(f"{name}: a link to another file is not followed")
        return None
    if isinstance(link, h5py.SoftLink):
        return _follow(group, link.path, 8)
    return group.get(name)


def _follow(group: h5py.Group, path: str, depth: int) -> Any:
    """A soft link's target step by step, so that no external link hides on the way."""
    here: Any = group.file if path.startswith("/") else group
    for step in [part for part in path.split("/") if part and part != "."]:
        if not isinstance(here, h5py.Group) or depth <= 0:
            return None
        if step == "..":
            here = here.parent
            continue
        link = here.get(step, getlink=True) if step in here else None
        if link is None or isinstance(link, h5py.ExternalLink):
            return None
        here = (
            _follow(here, link.path, depth - 1)
            if isinstance(link, h5py.SoftLink)
            else here.get(step)
        )
    return here


def descend(group: h5py.Group, path: str) -> Any:
    """``a/b/c`` below a group by safe steps."""
    return _follow(group, path, 8)


def array(item: Any, where: str, faults: Faults) -> FloatArray | None:
    """The values of a dataset of numbers; None if there are none or too many (told)."""
    if not isinstance(item, h5py.Dataset):
        return None
    if item.is_virtual or item.external:
        faults.warn(f"{where}: its values lie in another file: not read")
        return None
    limit = LIMITS.points if item.ndim <= 1 else MAX_VALUES
    if item.dtype.kind not in "iuf" or item.size is None or item.size > limit:
        faults.warn(f"{where}: {item.size} values of type {item.dtype}: not a curve of numbers")
        return None
    if _chunk_bytes(item) > LIMITS.chunk_bytes:
        faults.warn(
            f"{where}: chunks of {_chunk_bytes(item) / 2**20:.0f} MiB; the limit is "
            f"{LIMITS.chunk_bytes / 2**20:.0f} MiB"
        )
        return None
    room = _room.get([MAX_READ])
    room[0] -= item.size
    if room[0] < 0:
        raise faults.fail(f"{where}: more than {MAX_READ} numbers in this file; that is the limit")
    return np.asarray(item[()], dtype=np.float64)


@contextmanager
def counted() -> Iterator[None]:
    """Inside, all that :func:`array` reads is counted against the limit of one file."""
    token = _room.set([MAX_READ])
    try:
        yield
    finally:
        _room.reset(token)


def _chunk_bytes(item: h5py.Dataset) -> int:
    """Of one chunk as it is unpacked, however little of it is stored or asked for."""
    return math.prod(item.chunks or (0,)) * int(item.dtype.itemsize)


def curves(group: h5py.Group, path: str, faults: Faults) -> dict[str, FloatArray]:
    """The one-dimensional datasets of numbers of a group, by name."""
    found: dict[str, FloatArray] = {}
    for name in list(group)[: LIMITS.columns]:
        item = child(group, name, faults)
        if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind in "iuf":
            values = array(item, f"{path}/{name}", faults)
            if values is not None and values.size > 1:
                found[name] = values
    return found


def unit_of(item: Any) -> tuple[str | None, str]:
    """The unit of a dataset as we know it (None if open) and as it is written."""
    written = (text_of(item.attrs.get("units")) or text_of(item.attrs.get("unit")) or "").strip()
    if written.lower() in ("", "n/a", "none", "undefined", "<undefined>", "any"):
        return None, ""
    return unit_name(written), written


def text_of(value: Any) -> str | None:
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


def texts_of(value: Any) -> list[str]:
    """An attribute that names one thing or several: ``"a:b"``, ``["a", "b"]``."""
    if value is None or isinstance(value, h5py.Empty):
        return []
    names = [text_of(one) or "" for one in np.atleast_1d(value)]
    if len(names) == 1:
        names = names[0].replace(":", ",").split(",")
    return [name.strip() for name in names if name.strip()]


def scalar(group: h5py.Group, name: str) -> str | None:
    """A scalar dataset of a group as text."""
    item = child(group, name, Faults())
    if not isinstance(item, h5py.Dataset) or item.size != 1 or item.external or item.is_virtual:
        return None
    if max(item.dtype.itemsize, _chunk_bytes(item)) > _SCALAR_BYTES:
        return None
    return text_of(item[()])


def fields_of(group: h5py.Group, entry: h5py.Group | None = None) -> dict[str, str]:
    """Scalar texts and numbers of the group and of the entry around it, by their names.

    NXxas keeps the absorber in ``element/symbol`` and ``edge/name`` beside the data.
    """
    entry = group.parent if entry is None else entry
    fields: dict[str, str] = {}
    around: list[tuple[str, Any]] = [("", entry), ("", group)]
    for sub in AROUND:
        member = child(entry, sub, Faults())
        if isinstance(member, h5py.Group):
            around.insert(0, (f"{sub}.", member))
    for prefix, holder in around:
        for key, value in list(holder.attrs.items())[:500]:
            text = text_of(value)
            if text is not None:
                fields[f"{prefix}{key}"] = text
        for key in list(holder)[:500]:
            text = scalar(holder, key)
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


def quantity_of(fields: dict[str, str], signal: str, unit: str) -> Quantity:
    stated = (fields.get("quantity") or "").lower()
    if stated in ("mu", "normalised", "counts", "arbitrary"):
        return stated  # type: ignore[return-value]
    name = signal.lower()
    if "count" in unit.lower() or name in ("counts", "data"):
        return "counts"
    if "norm" in name:
        return "normalised"
    known = name in ("absorption", "xmu", "intensity") or name.startswith("mu")
    return "mu" if known else "arbitrary"


def measurement_of(fields: dict[str, str]) -> Measurement:
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
