"""Series from many spectra: the scans of a file, or the files of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import ReadError, SkipFile
from compute.io import read
from compute.io.raw import RawSpectrum
from compute.series.io.raw import PART_BYTES, Axis, Floats, RawSeries

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_NEAR = 1e-6  # eV: the same energies, printed


def from_files(
    paths: Sequence[Path], *, element: str | None = None, edge: str | None = None
) -> tuple[RawSeries, list[str]]:
    """One series of the spectra of all files, and what of them failed (the rest goes on).

    The coordinate is the one number by which the names differ; where several or none do, it is the
    place in the order of names. Several scans of a file follow each other.
    """
    spectra: list[RawSpectrum] = []
    origin: list[Path] = []
    errors: list[str] = []
    for path in sorted(paths, key=lambda one: _order(one.name)):
        try:
            found = read(path, element=element, edge=edge)
        except SkipFile:
            continue
        except ReadError as error:
            errors += [f"{path.name}: {text}" for text in error.errors]
            continue
        sample = [one for one in found if one.role == "sample"]
        spectra += sample
        origin += [path] * len(sample)
    if len(spectra) < 2:
        raise ReadError([*errors, f"{len(spectra)} spectra in {len(paths)} files make no series"])
    warnings = [f"{spectra[0].label or paths[0].name}: {text}" for text in spectra[0].warnings]
    axis, told = _coordinate(spectra, origin)
    said, silent = _absorber(spectra, origin)
    energy, resampled = _common(spectra)
    warnings += told + resampled + silent

    def parts() -> Iterator[np.ndarray[Any, Any]]:
        step = max(1, PART_BYTES // (8 * energy.size))
        for start in range(0, len(spectra), step):
            yield np.array([_on(one, energy) for one in spectra[start : start + step]])

    first = spectra[0]
    series = RawSeries(
        (axis,), energy, parts, first.format, "<f8", *said, first.quantity,
        first.technique, {"files": [path.name for path in dict.fromkeys(origin)][:1000]},
        tuple(warnings),
    )  # fmt: skip
    return series, errors


def _absorber(
    spectra: Sequence[RawSpectrum], origin: Sequence[Path]
) -> tuple[tuple[str | None, str | None], list[str]]:
    """The element and edge that the files say; those that say none take it, with a warning."""
    names: dict[tuple[str | None, str | None], list[str]] = {}
    for one, path in zip(spectra, origin, strict=True):
        names.setdefault((one.element, one.edge), []).append(path.name)
    silent = names.pop((None, None), [])
    if len(names) > 1:
        said = "; ".join(
            f"{element or 'no element'} {edge or 'no edge'} in {files[0]}"
            for (element, edge), files in names.items()
        )
        raise ReadError([f"several absorbers in one series: {said}: state --element and --edge"])
    if not names or not silent:
        return next(iter(names), (None, None)), []
    (element, edge), files = next(iter(names.items()))
    return (element, edge), [
        f"{len(silent)} of {len(spectra)} spectra say no absorber ({silent[0]} …): taken for "
        f"{element} {edge or ''}".rstrip()
        + f", which {files[0]} says"
    ]


def _coordinate(spectra: Sequence[RawSpectrum], origin: Sequence[Path]) -> tuple[Axis, list[str]]:
    plain = [f"{one.name}" for one in origin]
    if len(set(plain)) == len(plain):
        numbers = [_NUMBER.findall(Path(name).stem) for name in plain]
        around = {_NUMBER.sub("#", Path(name).stem) for name in plain}
        if len(around) == 1 and numbers[0]:
            columns = np.array(numbers, float).T
            differing = [column for column in columns if np.unique(column).size == column.size]
            if len(differing) == 1:
                return Axis("index", "", differing[0]), [
                    "the coordinate is the number in the names; its unit and meaning are open: "
                    "state them by --axis"
                ]
    return Axis("index", "", np.arange(len(spectra), dtype=np.float64)), [
        "the coordinate is the place in the order of files and scans: state it by --axis"
    ]


def _common(spectra: Sequence[RawSpectrum]) -> tuple[Floats, list[str]]:
    """The energies of all, or the overlap at the steps of the first, with a warning."""
    first = spectra[0].energy_ev
    if all(
        one.energy_ev.shape == first.shape and np.abs(one.energy_ev - first).max() < _NEAR
        for one in spectra
    ):
        return first, []
    low = max(float(one.energy_ev[0]) for one in spectra)
    high = min(float(one.energy_ev[-1]) for one in spectra)
    inside = first[(first >= low) & (first <= high)]
    if inside.size < max(2, first.size // 2):
        shared = f"only {low:g} … {high:g} eV" if low < high else "no energies"
        raise ReadError([f"the spectra share {shared}: too little for one series"])
    differ = sum(
        one.energy_ev.shape != first.shape or np.abs(one.energy_ev - first).max() >= _NEAR
        for one in spectra
    )
    return inside, [
        f"energies differ: {differ} of {len(spectra)} spectra are interpolated to those of the "
        f"first, {inside[0]:g} … {inside[-1]:g} eV; neighbouring channels share noise then"
    ]


def _on(one: RawSpectrum, energy: Floats) -> Floats:
    if one.energy_ev.shape == energy.shape and np.abs(one.energy_ev - energy).max() < _NEAR:
        return one.intensity
    return np.interp(energy, one.energy_ev, one.intensity)


def _order(name: str) -> tuple[Any, ...]:
    """Names with numbers in the order of the numbers."""
    return tuple(
        (0, float(part), "") if _NUMBER.fullmatch(part) else (1, 0.0, part)
        for part in re.split(r"([-+]?\d+(?:\.\d+)?)", name)
        if part
    )
