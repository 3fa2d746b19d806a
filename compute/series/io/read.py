"""Which reader a path goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from compute.edges import edge_energy, normalise_edge, normalise_element
from compute.errors import InputError, ReadError
from compute.series.io.arrays import read_hdf5, read_npy
from compute.series.io.files import from_files
from compute.series.io.raw import GivenAxis, RawSeries
from compute.series.io.rosetta import READERS, read_rosetta
from compute.series.io.stxm import is_scan, read_stxm

_NEAR_EDGE = 20.0  # eV
_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_series(
    paths: Sequence[Path],
    *,
    axes: Sequence[str] = (),
    element: str | None = None,
    edge: str | None = None,
) -> tuple[RawSeries, list[str]]:
    """One series of a file with many spectra, of a folder or of several files; and what failed.

    Parameters
    ----------
    axes
        ``NAME=START:STEP[:UNIT]``, the outermost first; they replace those of the file.
        ``NAME:UNIT`` names one and keeps its values.

    Raises
    ------
    ReadError
        A path that is not there, or holds no series.
    InputError
        Axes, an element or an edge that cannot be.
    """
    given = [GivenAxis.parse(text) for text in axes]
    files = _files(paths)
    errors: list[str] = []
    refused: list[str] = []
    found: RawSeries | None = None
    if is_scan(files):
        found = read_stxm(files)
    elif len(files) == 1:
        if files[0].suffix.lower() == ".npy":
            found = read_npy(files[0])
        elif _starts(files[0]) == _HDF5:
            found = read_hdf5(files[0], refused)
    try:
        if found is None and len(files) == 1 and files[0].suffix.lower() in READERS:
            found = read_rosetta(files[0])
        if found is None:
            found, errors = from_files(files, element=element, edge=edge)
    except ReadError as error:
        raise ReadError([*refused, *error.errors], permanent=error.permanent) from error
    if given:
        if len(given) != len(found.axes):
            told = ", ".join(f"{axis.name} ({axis.size})" for axis in found.axes)
            raise InputError("axis", list(axes), f"the series has {len(found.axes)}: {told}")
        named = tuple(one.over(axis) for one, axis in zip(given, found.axes, strict=True))
        kept = tuple(text for text in found.warnings if "--axis" not in text)
        found = replace(found, axes=named, warnings=kept)
    found = _told_apart(found, list(axes))
    said = normalise_element(found.element or ""), normalise_edge(found.edge or "")
    stated = _stated(element, edge)
    warnings = [
        f"{name} {text!r} of the file does not exist and is left out"
        for name, text, value in zip(
            ("element", "edge"), (found.element, found.edge), said, strict=True
        )
        if text and value is None
    ]
    found = replace(found, element=stated[0] or said[0], edge=stated[1] or said[1])
    return replace(found, warnings=(*found.warnings, *warnings, *_elsewhere(found))), errors


def _told_apart(found: RawSeries, given: Sequence[str]) -> RawSeries:
    """Axes by names of their own; places that overflow what a number can be are refused."""
    names: list[str] = []
    warnings = list(found.warnings)
    for axis in found.axes:
        if not np.isfinite(axis.values).all():
            raise InputError("axis", given, f"{axis.name} leaves what numbers can be")
        name, count = axis.name, 1
        while name in names:
            if given:
                raise InputError("axis", given, f"{axis.name} is named twice")
            count += 1
            name = f"{axis.name}{count}"
        if name != axis.name:
            warnings.append(f"two axes are named {axis.name}: the later one is called {name}")
        names.append(name)
    axes = tuple(replace(axis, name=name) for axis, name in zip(found.axes, names, strict=True))
    return replace(found, axes=axes, warnings=tuple(warnings))


def _elsewhere(found: RawSeries) -> list[str]:
    """What is to be told where the edge lies outside the energies: other units, another edge."""
    if not (found.element and found.edge):
        return []
    at = edge_energy(found.element, found.edge)
    low, high = found.energy_ev[[0, -1]]
    if at is None or low - _NEAR_EDGE <= at <= high + _NEAR_EDGE:
        return []
    return [
        f"{found.element} {found.edge} lies at {at:.0f} eV, the energies at {low:g} … {high:g} eV: "
        "another unit, or another edge?"
    ]


def _stated(element: str | None, edge: str | None) -> tuple[str | None, str | None]:
    values = normalise_element(element or ""), normalise_edge(edge or "")
    for name, text, value in (("element", element, values[0]), ("edge", edge, values[1])):
        if text and value is None:
            raise InputError(name, text, "does not exist")
    return values


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir() and path.suffix.lower() not in READERS:  # .zspy may be a folder
            inside = sorted(one for one in path.iterdir() if one.is_file())
            files += [one for one in inside if not one.name.startswith(".")]
        elif path.is_file() or path.is_dir():
            files.append(path)
        elif path.exists():
            raise ReadError([f"{path}: is no file"])  # a pipe is waited for without end
        else:
            raise ReadError([f"{path}: there is no such file or folder"])
    if not files:
        raise ReadError([f"no file in {', '.join(map(str, paths))}"])
    return files


def _starts(path: Path) -> bytes:
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(len(_HDF5))
