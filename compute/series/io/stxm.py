"""Stacks and line scans of scanning transmission X-ray microscopes: NAME.hdr beside NAME_a000.xim.

The header is text, ``Name = value;`` with blocks in ``{}`` and lists ``(how many, …)``. Of a stack
every energy is a table of its own (``_a000`` …: a letter for the channel, three digits for the
energy, one more for the region where there are several), of a line scan one table holds positions
in rows and energies in columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import ReadError
from compute.series.io.arrays import energy_axis, parts_of, series_of
from compute.series.io.raw import Axis, Floats, RawSeries

HEADER, TABLE = ".hdr", ".xim"
_HEADER_BYTES = 2**24
_DEEPEST = 12
_TOKEN = re.compile(r'"[^"]*"|[{}();,=]|[^\s{}();,="]+')
_NAMES = {"sample x": "x", "sample y": "y", "samplex": "x", "sampley": "y"}


def is_scan(files: Sequence[Path]) -> bool:
    """Whether tables of such a microscope are among these files, or they are a header alone."""
    kinds = {path.suffix.lower() for path in files}
    return TABLE in kinds or kinds == {HEADER}


def read_stxm(files: Sequence[Path]) -> RawSeries:
    """The largest region of one scan, as the first channel counted it.

    Energies whose table is not there (a scan that was stopped) are left out, which is told.

    Raises
    ------
    ReadError
        No header or several, a scan without energies, tables that are not as the header says.
    """
    headers = [path for path in files if path.suffix.lower() == HEADER]
    if len(headers) != 1:
        found = ", ".join(path.name for path in headers[:3]) or "none"
        raise ReadError([f"{TABLE} tables belong to one {HEADER} file: here is {found}"])
    header = headers[0]
    scan = _scan(header)
    warnings: list[str] = []
    regions = _listed(scan.get("Regions"), f"{header.name}: Regions")
    number = max(range(len(regions)), key=lambda i: _places(regions[i], header))
    axes = [_axis(regions[number], key, header) for key in ("QAxis", "PAxis")]
    if len(regions) > 1:
        warnings.append(f"region {number + 1} of {len(regions)}, the largest; the others are not")
    told = _listed(scan.get("Channels") or [], f"{header.name}: Channels")
    channels = [str(one.get("Name", "") if isinstance(one, dict) else one) for one in told]
    if len(channels) > 1:
        warnings.append(f"channel {channels[0]}; not taken: {', '.join(channels[1:])}")
    beside = {path.name.lower(): path for path in [*header.parent.iterdir(), *files]}
    stem = header.stem.lower()
    if any(_is_energy(axis) for axis in axes):
        code = "" if len(regions) == 1 else str(number)
        tables = [beside.get(f"{stem}_a{code}{TABLE}")]
        if tables[0] is None:
            raise ReadError([f"{header.stem}_a{code}{TABLE}, its table of counts, is missing"])
    else:
        stack = _axis(scan, "StackAxis", header)
        if stack.size < 2:
            raise ReadError([f"{header.name}: an image at one energy holds no spectra"])
        code = "" if len(regions) == 1 else str(number)
        named = [f"{stem}_a{i:03d}{code}{TABLE}" for i in range(stack.size)]
        tables = [beside.get(name) for name in named]
        tables = [_whole(path, axes[0].size) for path in tables]
        here = np.array([path is not None for path in tables])
        if here.sum() < 2:
            raise ReadError([f"{header.name}: {here.sum()} of its {here.size} tables are there"])
        if not here.all():
            first = int(np.argmin(here))
            warnings.append(
                f"{(~here).sum()} of {here.size} energies have no whole table, the first at "
                f"{stack.values[first]:g} {stack.unit}: they are left out"
            )
        axes = [Axis(stack.name, stack.unit, stack.values[here]), *axes]
    warnings.append(
        "values are as they were counted: of transmitted light an edge is a dip, and optical "
        "density is -ln of them over those beside the sample"
    )
    stored = _Tables([path for path in tables if path], tuple(axis.size for axis in axes))
    at = energy_axis(axes, header.name)

    def source() -> Iterator[np.ndarray[Any, Any]]:
        yield from parts_of(stored, at)

    title = {"title": str(scan.get("Label") or header.stem).removesuffix(HEADER)}
    return series_of(header, axes, at, source, "stxm", np.dtype("<f8"), title, "counts", warnings)


class _Tables:
    """Tables (rows, columns) of numbers as one array, read by rows."""

    def __init__(self, paths: Sequence[Path], shape: tuple[int, ...]) -> None:
        self._paths, self.shape, self.ndim, self.dtype = paths, shape, len(shape), np.dtype("<f8")

    def __getitem__(self, cut: Any) -> Floats:
        start, stop, _ = cut[-2].indices(self.shape[-2])
        frames = [_rows(path, start, stop, self.shape[-1])[:, cut[-1]] for path in self._paths]
        return np.array(frames if self.ndim == 3 else frames[0])


def _rows(path: Path, start: int, stop: int, columns: int) -> Floats:
    out = np.empty((stop - start, columns))
    with path.open(encoding="latin-1") as file:
        lines = islice((line for line in file if line.strip()), start, stop)
        count = -1
        for count, line in enumerate(lines):
            try:
                values = np.array(line.replace(",", " ").split(), float)
            except ValueError as error:
                raise ReadError([f"{path.name}: row {start + count + 1}: {error}"]) from error
            if values.size != columns:
                raise ReadError([
                    f"{path.name}: row {start + count + 1} has {values.size} values; the header "
                    f"says {columns}"
                ])  # fmt: skip
            out[count] = values
    if count + 1 != stop - start:
        raise ReadError([f"{path.name}: ends after {start + count + 1} rows"])
    return out


def _whole(path: Path | None, rows: int) -> Path | None:
    """A table with all its rows; None where a scan was stopped within it."""
    if path is None:
        return None
    with path.open(encoding="latin-1") as file:
        return path if sum(1 for line in file if line.strip()) >= rows else None


def _scan(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > _HEADER_BYTES:
        raise ReadError([f"{path.name}: too large for a header"])
    tokens = iter(_TOKEN.findall(path.read_text(encoding="latin-1")))
    for token in tokens:
        if token == "ScanDefinition":
            next(tokens, None)
            scan = _value(tokens, next(tokens, ""), path.name)
            if isinstance(scan, dict):
                return scan
    raise ReadError([f"{path.name}: no header of a microscope: ScanDefinition is missing"])


def _value(tokens: Iterator[str], token: str, name: str, depth: int = 0) -> Any:
    """A block, a list, or one word."""
    if depth > _DEEPEST:
        raise ReadError([f"{name}: blocks within blocks without an end"])
    if token == "{":
        block: dict[str, Any] = {}
        key = ""
        for one in tokens:
            if one == "}":
                return block
            if one == "=":
                block[key] = _value(tokens, next(tokens, ""), name, depth + 1)
            elif one not in ";,":
                key = one
        raise ReadError([f"{name}: the header ends within a block"])
    if token == "(":
        items: list[Any] = []
        for one in tokens:
            if one == ")":
                return items
            if one not in ";,":
                items.append(_value(tokens, one, name, depth + 1))
        raise ReadError([f"{name}: the header ends within a list"])
    return token.strip('"')


def _listed(value: Any, where: str) -> list[Any]:
    """What a list holds behind its number of items."""
    if value == []:
        return []
    items = value[1:] if isinstance(value, list) else []
    if not items or str(len(items)) != value[0]:
        raise ReadError([f"{where}: a list of as many items as it says is needed"])
    return items


def _axis(block: Any, key: str, header: Path) -> Axis:
    told = block.get(key) if isinstance(block, dict) else None
    if not isinstance(told, dict):
        raise ReadError([f"{header.name}: {key} is missing"])
    points = _listed(told.get("Points"), f"{header.name}: {key}.Points")
    try:
        values = np.array(points, float)
    except (TypeError, ValueError) as error:
        raise ReadError([f"{header.name}: {key}.Points: {error}"]) from error
    name = str(told.get("Name") or key)
    return Axis(_NAMES.get(name.lower(), name), str(told.get("Unit") or ""), values)


def _places(region: Any, header: Path) -> int:
    return _axis(region, "PAxis", header).size * _axis(region, "QAxis", header).size


def _is_energy(axis: Axis) -> bool:
    return "energy" in axis.name.lower() or axis.unit.strip().lower() in ("ev", "kev")
