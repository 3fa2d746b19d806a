"""Which reader a path goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError, ReadError
from compute.series.io.arrays import read_hdf5, read_npy
from compute.series.io.files import from_files
from compute.series.io.raw import GivenAxis, RawSeries
from compute.series.io.rosetta import READERS, read_rosetta

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
    found: RawSeries | None = None
    if len(files) == 1:
        if files[0].suffix.lower() == ".npy":
            found = read_npy(files[0])
        elif _starts(files[0]) == _HDF5:
            found = read_hdf5(files[0])
        if found is None and files[0].suffix.lower() in READERS:
            found = read_rosetta(files[0])
    if found is None:
        found, errors = from_files(files, element=element, edge=edge)
    if given:
        if len(given) != len(found.axes):
            told = ", ".join(f"{axis.name} ({axis.size})" for axis in found.axes)
            raise InputError("axis", list(axes), f"the series has {len(found.axes)}: {told}")
        named = tuple(one.over(axis) for one, axis in zip(given, found.axes, strict=True))
        kept = tuple(text for text in found.warnings if "--axis" not in text)
        found = replace(found, axes=named, warnings=kept)
    said = normalise_element(found.element or ""), normalise_edge(found.edge or "")
    stated = _stated(element, edge)
    return replace(found, element=stated[0] or said[0], edge=stated[1] or said[1]), errors


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
        elif path.exists():
            files.append(path)
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
