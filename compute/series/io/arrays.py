"""Series in one array of any rank: HDF5 (NXdata, HyperSpy, Berkeley EMD); .npy and side-car."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np

from compute.errors import ReadError
from compute.io.hdf5_access import child, fields_of, groups, quantity_of, text_of, texts_of, unit_of
from compute.io.raw import Faults, Quantity
from compute.series.io.raw import MAX_CHANNELS, PART_BYTES, Axis, Floats, RawSeries

_TO_EV = {"ev": 1.0, "kev": 1e3, "mev": 1e-3}
_MEGA = "MeV"  # the one unit whose capital letter says something
MAX_PLACES = 2**28  # on one axis: a file may say more than it holds
_MOST_EV = 150e3  # no element has an edge beyond
_NARROW_EV = 3.0  # no edge is measured over less; in keV nearly every one is
_QUANTITIES = ", ".join(get_args(Quantity))
_ENERGIES = ("energy", "energies", "eloss", "energy_loss", "energy loss", "e")


def read_hdf5(path: Path, refused: list[str] | None = None) -> RawSeries | None:
    """The largest array of spectra of a file; None where it holds single spectra only.

    What of the file looks like a series and is none is added to ``refused``.
    """
    with _opened(path) as file:
        faults = Faults()
        found = []
        for name, group in groups(file, faults):
            for layout in (_hyperspy, _emd, _nxdata):
                one = layout(name, group, faults)
                if one is not None:
                    found.append(one)
                    break
        stacks = [one for one in found if len(one[1]) > 1 and math.prod(one[2]) > one[2][one[3]]]
        if not stacks:
            if refused is not None:
                refused += faults.warnings
                refused += [
                    f"{one[0]}: holds {'one' if math.prod(one[2]) else 'no'} spectrum, no series"
                    for one in found
                ]
            return None
        name, axes, shape, energy_at, fields, quantity, dtype = max(
            stacks, key=lambda one: math.prod(one[2])
        )
        warnings = list(faults.warnings)
    others = [one[0] for one in stacks if one[0] != name]
    if others:
        warnings.append(f"also there, not taken: {', '.join(others)}")

    def source() -> Iterator[np.ndarray[Any, Any]]:
        with _opened(path) as again:
            yield from parts_of(again[name], energy_at, shape)

    return series_of(
        path, axes, energy_at, source, "hdf5", np.dtype(dtype), fields, quantity, warnings
    )


def _opened(path: Path) -> h5py.File:
    """A file, also one that is written at this moment if that is done in SWMR mode."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        try:
            return h5py.File(path, "r", swmr=True)
        except (OSError, ValueError, RuntimeError):  # the last of a broken superblock
            raise ReadError([f"{path.name}: {error}"], permanent=False) from error


def read_npy(path: Path) -> RawSeries:
    """An array whose axes the side-car ``NAME.json`` tells.

    ``{"axes": [{"name", "unit", "start", "step"} or {"name", "unit", "values"}, …], "element",
    "edge", "quantity"}``, as many axes as the array has, one of them the energy in eV or keV. The
    ``size`` of an axis is compared with that of the array where it is stated.
    """
    side = path.with_suffix(".json")
    try:
        told = json.loads(side.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ReadError([f"{path.name}: {side.name} with its axes is missing"]) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError([f"{side.name}: is no JSON: {error}"]) from error
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except EOFError as error:
        raise ReadError([f"{path.name}: is empty"]) from error
    except (OSError, ValueError) as error:
        raise ReadError([f"{path.name}: {error}"]) from error
    if array.dtype.kind not in "iuf" or array.ndim < 1 or 0 in array.shape:
        raise ReadError([f"{path.name}: {array.shape} of type {array.dtype} holds no spectra"])
    given = told.get("axes") if isinstance(told, dict) else None
    if not isinstance(given, list) or len(given) != array.ndim:
        raise ReadError(
            [f"{side.name}: axes: {array.ndim} are needed, one for each of {array.shape}"]
        )
    axes = [
        _side_axis(one, size, f"{side.name}: axes[{i}]")
        for i, (one, size) in enumerate(zip(given, array.shape, strict=True))
    ]
    energy_at = energy_axis(axes, path.name)
    warnings = _might_be_swapped(axes, [_is_free(one) for one in given], energy_at, side.name)
    fields = {key: str(told[key]) for key in ("element", "edge", "title") if told.get(key)}

    def source() -> Iterator[np.ndarray[Any, Any]]:
        yield from parts_of(_Npy(path), energy_at)

    quantity = str(told.get("quantity") or "arbitrary")
    if quantity not in get_args(Quantity):
        raise ReadError([f"{side.name}: quantity {quantity!r} is one of {_QUANTITIES}"])
    return series_of(path, axes, energy_at, source, "npy", array.dtype, fields, quantity, warnings)


class _Npy:
    """An array on the disk; mapped anew for each part, so that no page of others stays mapped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        self.ndim, self.shape, self.dtype = array.ndim, array.shape, array.dtype

    def __getitem__(self, cut: Any) -> np.ndarray[Any, Any]:
        return np.array(np.load(self._path, mmap_mode="r", allow_pickle=False)[cut])


def _side_axis(one: Any, size: int, where: str) -> Axis:
    if not isinstance(one, dict) or not str(one.get("name") or ""):
        raise ReadError([f"{where}: a name is needed"])
    try:
        if "values" in one:
            values = np.asarray(one["values"], np.float64)
        else:
            steps = float(one["step"]) * np.arange(size)
            values = np.asarray(float(one["start"]) + steps, np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError([f"{where}: needs start and step, or values"]) from error
    if values.shape != (size,):
        raise ReadError([f"{where}: {values.size} values for {size} places"])
    if one.get("size", size) != size:
        raise ReadError(
            [f"{where}: {one['name']} has {one['size']} places, the array {size} there"]
        )
    return Axis(str(one["name"]), str(one.get("unit") or ""), values)


def _is_free(one: dict[str, Any]) -> bool:
    """Whether an axis of a side-car takes any number of places."""
    return "values" not in one and "size" not in one


def _might_be_swapped(axes: list[Axis], free: list[bool], at: int, side: str) -> list[str]:
    """What is to be told where another axis could as well be the energy, for all that sizes say."""
    energy = axes[at]
    alike = [axis for i, axis in enumerate(axes) if i != at and axis.size == energy.size]
    if alike:
        names = " and ".join([axis.name for axis in alike] + [energy.name])
        return [f"{side}: {names} both have {energy.size} places: is the order of its axes right?"]
    if free[at] and any(free[i] for i in range(len(axes)) if i != at):
        told = " and ".join(f"{axis.name} for {axis.size}" for axis in axes if axis is not energy)
        return [
            f"{side}: states no sizes, so that the array takes {told} places and {energy.name} for "
            f'{energy.size}: is the order of its axes right? Their "size" is compared where it '
            "is stated"
        ]
    return []


_Stack = tuple[str, list[Axis], tuple[int, ...], int, dict[str, str], str, str]


def _nxdata(name: str, group: h5py.Group, faults: Faults) -> _Stack | None:
    signal = text_of(group.attrs.get("signal"))
    item = child(group, signal, faults) if signal else None
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf" or item.ndim < 2:
        return None
    if item.is_virtual or item.external:
        faults.warn(f"{name}: its values lie in another file: not read")
        return None
    names = [*texts_of(group.attrs.get("axes")), *([""] * item.ndim)][: item.ndim]
    try:
        _countable(item, name)
        axes = [
            Axis(f"axis{i}", "", np.arange(size, dtype=np.float64))
            if one in ("", ".")
            else _nexus_axis(child(group, one, faults), one, size, name, faults)
            for i, (one, size) in enumerate(zip(names, item.shape, strict=True))
        ]
        at = energy_axis(axes, name)
    except ReadError as error:
        faults.warn("; ".join(error.errors))
        return None
    fields = fields_of(group)
    quantity = quantity_of(fields, signal or "", unit_of(item)[1])
    return f"{name.rstrip('/')}/{signal}", axes, item.shape, at, fields, quantity, item.dtype.str


def _countable(item: h5py.Dataset, where: str) -> None:
    if max(item.shape) > MAX_PLACES:
        raise ReadError([f"{where}: {item.shape} places are more than a series may have"])


def _nexus_axis(item: Any, axis: str, size: int, where: str, faults: Faults) -> Axis:
    """The places of an axis, or the middles of its bins; the energy has to be there.

    Of any other axis that cannot be read the places are counted, which is told.
    """
    unit = ""
    if isinstance(item, h5py.Dataset):
        unit = text_of(item.attrs.get("units")) or ""
        if item.dtype.kind in "iuf" and item.shape in ((size,), (size + 1,)):
            values = np.asarray(item[()], float)
            return Axis(axis, unit, values if values.size == size else _middles(values))
        why = f"has the shape {item.shape} and the type {item.dtype}; {size} numbers are needed"
    else:
        why = "is missing"
    if axis.strip().lower() in _ENERGIES or unit.strip().lower() in _TO_EV:
        raise ReadError([f"{where}: axis {axis} {why}"])
    faults.warn(f"{where}: axis {axis} {why}: its places are counted")
    return Axis(axis, "", np.arange(size, dtype=np.float64))


def _middles(edges: Floats) -> Floats:
    return np.asarray((edges[1:] + edges[:-1]) / 2)


def _hyperspy(name: str, group: h5py.Group, faults: Faults) -> _Stack | None:
    item = child(group, "data", faults)
    if not isinstance(item, h5py.Dataset) or "axis-0" not in group or item.dtype.kind not in "iuf":
        return None
    axes = []
    signal_axes = []
    try:
        _countable(item, name)
        for i, size in enumerate(item.shape):
            told = child(group, f"axis-{i}", faults)
            attrs = told.attrs if isinstance(told, h5py.Group) else {}
            label, unit = text_of(attrs.get("name")) or "", text_of(attrs.get("units")) or ""
            unit = "" if unit.startswith("<") else unit
            label = f"axis{i}" if label in ("", "<undefined>") else label
            axes.append(Axis(label, unit, _hyperspy_places(told, size, f"{name}/axis-{i}")))
            if not bool(np.all(attrs.get("navigate", i < item.ndim - 1))):
                signal_axes.append(i)
    except ReadError as error:
        faults.warn("; ".join(error.errors))
        return None
    if len(signal_axes) != 1:
        faults.warn(f"{name}: {len(signal_axes)} signal axes; a spectrum has one")
        return None
    return (
        f"{name.rstrip('/')}/data", axes, item.shape, signal_axes[0], {}, "counts", item.dtype.str,
    )  # fmt: skip


def _hyperspy_places(told: Any, size: int, where: str) -> Floats:
    """Places one by one, or by offset and scale."""
    attrs = told.attrs if isinstance(told, h5py.Group) else {}
    if "expression" in attrs:
        raise ReadError([f"{where}: is given by an expression: convert it to a non-uniform axis"])
    try:
        if isinstance(told, h5py.Group) and isinstance(told.get("axis"), h5py.Dataset):
            values = np.asarray(told["axis"][()], np.float64)
        else:
            scale, offset = (np.float64(attrs.get(key, usual)).item()
                             for key, usual in (("scale", 1), ("offset", 0)))  # fmt: skip
            values = np.asarray(offset + scale * np.arange(size), np.float64)
    except (TypeError, ValueError, OSError) as error:
        raise ReadError([f"{where}: {error}"]) from error
    if values.shape != (size,):
        raise ReadError([f"{where}: {values.shape} places for {size}"])
    return values


def _emd(name: str, group: h5py.Group, faults: Faults) -> _Stack | None:
    """Electron microscopy data of Berkeley: ``data`` beside ``dim1``, ``dim2`` … of all axes."""
    item = child(group, "data", faults)
    if "emd_group_type" not in group.attrs or not isinstance(item, h5py.Dataset):
        return None
    if item.dtype.kind not in "iuf" or item.ndim < 2:
        return None
    try:
        _countable(item, name)
    except ReadError as error:
        faults.warn("; ".join(error.errors))
        return None
    axes = []
    for i, size in enumerate(item.shape):
        dim = child(group, f"dim{i + 1}", faults)
        if (
            not isinstance(dim, h5py.Dataset)
            or dim.ndim != 1
            or (dim.size not in (size, 2) or dim.dtype.kind not in "iuf")
        ):
            faults.warn(f"{name}: dim{i + 1} with {size} places is missing")
            return None
        values = np.asarray(dim[()], float)
        if values.size != size:  # the first two stand for all
            values = values[0] + (values[1] - values[0]) * np.arange(size)
        unit = (text_of(dim.attrs.get("units")) or "").strip("[] ").replace("_", "")
        axes.append(Axis(text_of(dim.attrs.get("name")) or f"axis{i}", unit, values))
    try:
        at = energy_axis(axes, name)
    except ReadError as error:
        faults.warn("; ".join(error.errors))
        return None
    return f"{name.rstrip('/')}/data", axes, item.shape, at, {}, "counts", item.dtype.str


def energy_axis(axes: list[Axis], where: str) -> int:
    """Which of the axes is the energy: by its unit, else by its name, else an error."""
    by_unit = [i for i, axis in enumerate(axes) if axis.unit.strip().lower() in _TO_EV]
    by_name = [i for i, axis in enumerate(axes) if axis.name.strip().lower() in _ENERGIES]
    for found in (by_name, by_unit):
        if len(found) == 1:
            return found[0]
    told = ", ".join(f"{axis.name} ({axis.unit or 'no unit'})" for axis in axes)
    raise ReadError([f"{where}: none of its axes is the energy, or several are: {told}"])


def parts_of(
    data: Any, energy_at: int, shape: tuple[int, ...] | None = None
) -> Iterator[np.ndarray[Any, Any]]:
    """Spectra (some, m) in the order of the other axes; within ``shape`` of one that grows."""
    shape = tuple(data.shape) if shape is None else shape
    if data.ndim == 1:
        yield np.asarray(data[()])[None]
        return
    rest = [i for i in range(data.ndim) if i != energy_at]
    place = shape[energy_at] * max(data.dtype.itemsize, 8)  # bytes of one on the axis
    while len(rest) > 1 and place * shape[rest[-1]] <= PART_BYTES:
        place *= shape[rest.pop()]
    *outer, along = rest
    step = max(1, PART_BYTES // place)
    for at in np.ndindex(*(shape[i] for i in outer)):
        cut = [slice(size) for size in shape]
        for i, index in zip(outer, at, strict=True):
            cut[i] = slice(index, index + 1)
        for start in range(0, shape[along], step):
            cut[along] = slice(start, min(start + step, shape[along]))
            block = np.moveaxis(np.asarray(data[tuple(cut)]), energy_at, -1)
            yield block.reshape(-1, block.shape[-1])


def series_of(
    path: Path,
    axes: list[Axis],
    energy_at: int,
    source: Callable[[], Iterator[np.ndarray[Any, Any]]],
    format: str,
    dtype: np.dtype[Any],
    fields: dict[str, str],
    quantity: str,
    warnings: list[str],
) -> RawSeries:
    energy_axis = axes[energy_at]
    rest = tuple(axis for i, axis in enumerate(axes) if i != energy_at)
    for axis in rest:
        if not axis.unit:
            warnings.append(f"axis {axis.name} has no unit: state it by --axis")
        if not np.isfinite(axis.values).all():
            raise ReadError([f"{path.name}: axis {axis.name} holds values that are no numbers"])
        warnings += _turns(axis)
    unit = energy_axis.unit.strip().lower()
    if unit and unit not in _TO_EV:
        raise ReadError(
            [f"{path.name}: unit {energy_axis.unit!r} of the energy is none of eV, keV"]
        )
    if not unit:
        warnings.append(f"axis {energy_axis.name} has no unit: {_unstated(path, energy_axis)}")
    factor = 1e6 if energy_axis.unit.strip() == _MEGA else _TO_EV.get(unit, 1.0)
    energy: Floats = energy_axis.values * factor
    if energy.size < 2 or energy.size > MAX_CHANNELS:
        raise ReadError(
            [f"{path.name}: {energy.size} energies; 2 … {MAX_CHANNELS} make a spectrum"]
        )
    if np.abs(energy).max() > _MOST_EV:
        raise ReadError(
            [
                f"{path.name}: axis {energy_axis.name}: {energy[0]:g} … {energy[-1]:g} eV lie "
                f"beyond every edge: is the unit {energy_axis.unit or 'eV'} right?"
            ]
        )
    turned = bool(energy[0] > energy[-1])
    energy = energy[::-1].copy() if turned else energy
    if not (np.isfinite(energy).all() and (np.diff(energy) > 0).all()):
        raise ReadError([f"{path.name}: the energies do not rise from channel to channel"])

    def parts() -> Iterator[np.ndarray[Any, Any]]:
        for block in source():
            yield block[:, ::-1] if turned else block

    return RawSeries(
        rest, energy, parts, format,
        "<f4" if dtype.itemsize <= 4 and dtype.kind == "f" or dtype.itemsize <= 2 else "<f8",
        fields.get("element"), fields.get("edge"), quantity,
        "EELS" if "loss" in energy_axis.name.lower() else "XAS",
        {key: value for key, value in fields.items() if len(value) < 500}, tuple(warnings),
    )  # fmt: skip


def _turns(axis: Axis) -> list[str]:
    """What is to be told of places that do not follow each other."""
    steps = np.diff(axis.values)
    if axis.size > 1 and not steps.any():
        return [f"axis {axis.name} says {axis.values[0]:g} of every place"]
    if (steps > 0).all() or (steps < 0).all():
        return []
    forth = steps[np.flatnonzero(steps)[0]] > 0
    turn = int(np.argmax(steps <= 0 if forth else steps >= 0))
    first, there, then = axis.values[[0, turn, turn + 1]]
    return [
        f"axis {axis.name} does not go one way ({first:g} … {there:g} … {then:g}): its places stay "
        "in the order of the file"
    ]


def _unstated(path: Path, axis: Axis) -> str:
    """What energies without a unit are taken as; those of an edge in keV are asked about."""
    low, high = float(np.min(axis.values)), float(np.max(axis.values))
    loss = "loss" in axis.name.lower()
    if not loss and low > 0.0 and 1e3 * high < _MOST_EV and high - low < _NARROW_EV:
        raise ReadError(
            [
                f"{path.name}: axis {axis.name}: {low:g} … {high:g} without a unit: is it eV or "
                "keV? Say so in its units"
            ]
        )
    counted = np.array_equal(axis.values, np.arange(axis.size))
    return "taken as eV" + (", though its places are only counted" if counted else "")
