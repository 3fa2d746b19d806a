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
from compute.series.io.overlap import NEAR, cut_off, is_enough
from compute.series.io.raw import PART_BYTES, Axis, Floats, RawSeries

_POWER = r"(?:e[-+]\d+(?![\d.]))?"  # 1e-3, but not run1e-0.1
_NUMBER = re.compile(rf"[-+]?\d+(?:\.\d+)?{_POWER}")
_UNSIGNED = re.compile(rf"\d+(?:\.\d+)?{_POWER}")
_SIGNED_COMMA = re.compile(rf"[-+]?\d+(?:[.,]\d+)?{_POWER}")
_COMMA = re.compile(rf"\d+(?:[.,]\d+)?{_POWER}")
_TENTHS = re.compile(r"\d,0\d")  # no second number is written 05
_BEFORE_UNIT = re.compile(r"\d,\d+[^\W\d_]")  # 0,5V
_SAID = re.compile(r"([^\W\d_]\w*)=$")  # T=300K
_UNIT = re.compile(r"[^\W\d_]*")
_MINUS = "\u2212"  # as typeset; a hyphen in all else that is written
_SHORT = 10  # one spectrum of so many may be short without the others losing the rest


def from_files(
    paths: Sequence[Path], *, element: str | None = None, edge: str | None = None
) -> tuple[RawSeries, list[str]]:
    """One series of the spectra of all files, and what of them failed (the rest goes on).

    The coordinate is the one number by which the names differ, with name and unit where they say
    ``T=300K``; of several, the one that no two names share; else it is the place in the order of
    names. Several scans of a file follow each other. A hyphen behind a letter or a digit is a sign
    where some names have none (``E-0.1``, ``E0.1``), else it parts words (``scan-001``); behind
    anything else it is one (``T=-20C``). A comma is one of decimals where a unit follows (``0,5V``)
    or a nought (``0,05``). What was chosen is told.
    """
    held: list[tuple[Path, list[RawSpectrum]]] = []
    errors: list[str] = []
    for path in sorted(paths):
        try:
            found = read(path, element=element, edge=edge)
        except SkipFile:
            continue
        except ReadError as error:
            errors += [f"{path.name}: {text}" for text in error.errors]
            continue
        if sample := [one for one in found if one.role == "sample"]:
            held.append((path, sample))
    number = _number_of([path.name for path, _ in held])
    held.sort(key=lambda one: _order(one[0].name, number))
    spectra = [one for _, sample in held for one in sample]
    origin = [path for path, sample in held for _ in sample]
    if len(spectra) < 2:
        raise ReadError([*errors, f"{len(spectra)} spectra in {len(paths)} files make no series"])
    warnings = [f"{spectra[0].label or paths[0].name}: {text}" for text in spectra[0].warnings]
    axis, told = _coordinate(spectra, origin, number)
    said, silent = _absorber(spectra, origin)
    energy, resampled = _common(spectra, origin)
    warnings += told + resampled + silent
    quantities = dict.fromkeys(one.quantity for one in spectra)
    if len(quantities) > 1:
        warnings.append(
            f"quantities differ: {', '.join(quantities)}: all are taken for {spectra[0].quantity}"
        )

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


def _number_of(names: Sequence[str]) -> re.Pattern[str]:
    """What is a number in names: with its sign, or without where every name has the hyphen."""
    stems = _stems(names)
    with_comma = [one for one in stems if re.search(r"\d,\d", one)]
    decimals = bool(with_comma) and (
        any(_TENTHS.search(one) for one in with_comma)
        or all(_BEFORE_UNIT.search(one) for one in with_comma)
    )
    with_sign, unsigned = (_SIGNED_COMMA, _COMMA) if decimals else (_NUMBER, _UNSIGNED)
    signed = [list(with_sign.finditer(one)) for one in stems]
    if len({len(one) for one in signed}) != 1:
        return unsigned
    return unsigned if any(map(_parts_words, zip(*signed, strict=True))) else with_sign


def _parts_words(column: Sequence[re.Match[str]]) -> bool:
    """Whether the hyphen of a number is none of its sign: all names have it behind a word."""
    return all(
        one[0].startswith("-") and one.string[: one.start()][-1:].isalnum() for one in column
    )


def _stems(names: Sequence[str]) -> list[str]:
    """Names without their kind; of ``scan.001``, ``scan.002`` the number is none."""
    paths = [Path(name) for name in names]
    counted = all(path.suffix[1:].isdecimal() for path in paths)
    return [(path.name if counted else path.stem).replace(_MINUS, "-") for path in paths]


def _value(number: str) -> float:
    return float(number.replace(",", "."))


def _coordinate(
    spectra: Sequence[RawSpectrum], origin: Sequence[Path], number: re.Pattern[str]
) -> tuple[Axis, list[str]]:
    plain = [f"{one.name}" for one in origin]
    why = "several spectra come from one file"
    if len(set(plain)) == len(plain):
        stems = _stems(plain)
        numbers = [number.findall(stem) for stem in stems]
        around = {number.sub("#", stem) for stem in stems}
        why = "the names differ by more than numbers"
        if len(around) == 1:
            columns = [
                np.array([_value(one) for one in column]) for column in zip(*numbers, strict=True)
            ]
            differing = [k for k, one in enumerate(columns) if np.unique(one).size > 1]
            single = [k for k in differing if np.unique(columns[k]).size == len(plain)]
            chosen = single or differing
            if len(chosen) == 1:
                axis, told = _by_number(plain, around.pop(), chosen[0], columns[chosen[0]], numbers)
                if len(differing) > 1:
                    told.append(
                        f"numbers differ at {len(differing)} places in the names: taken is the one "
                        f"that no two of them share, {numbers[0][chosen[0]]} of {plain[0]}"
                    )
                return axis, told
            why = f"{len(chosen) or 'no'} numbers differ in the names"
    return Axis("index", "", np.arange(len(spectra), dtype=np.float64)), [
        f"the coordinate is the place in the order of files and scans, as {why}: state it by --axis"
    ]


def _by_number(
    names: Sequence[str],
    around: str,
    place: int,
    values: Floats,
    numbers: Sequence[Sequence[str]],
) -> tuple[Axis, list[str]]:
    """The axis of a number in names: the place-th of those for which a # stands in ``around``."""
    parts = around.split("#")
    said, unit = _SAID.search(parts[place]), _UNIT.match(parts[place + 1])
    if said is not None and unit is not None:
        axis = Axis(said[1], unit[0], values)
        told = [f"the coordinate is {said[1]} in {unit[0] or 'no unit'}, as the names say"]
    else:
        axis = Axis("index", "", values)
        told = [
            "the coordinate is the number in the names; its unit and meaning are open: "
            "state them by --axis"
        ]
    if "-#" in around:
        told.append("hyphens before numbers in the names are not taken for signs")
    if any("," in one[place] for one in numbers):
        told.append("commas in numbers of the names are taken for decimal points")
    found, count = np.unique(values, return_counts=True)
    if (count > 1).any():
        k = int(np.argmax(count > 1))
        same = [names[i] for i in np.flatnonzero(values == found[k])[:2]]
        told.append(
            f"{int((count > 1).sum())} values of the coordinate are in several names, as "
            f"{found[k]:g} in {' and '.join(same)}: each is a place of its own"
        )
    return axis, told


def _common(spectra: Sequence[RawSpectrum], origin: Sequence[Path]) -> tuple[Floats, list[str]]:
    """The energies of all, or the overlap at the steps of one, with a warning.

    A scan that was stopped, one in ten at most, has gaps and takes nothing off the others.
    """
    first = spectra[0].energy_ev
    if all(_same(one.energy_ev, first) for one in spectra):
        return first, []
    short = len(spectra) // _SHORT
    low = sorted((float(one.energy_ev[0]) for one in spectra), reverse=True)[short]
    high = sorted(float(one.energy_ev[-1]) for one in spectra)[short]
    reaching = [one.energy_ev for one in spectra if _covers(one, low, high)]
    grid = reaching[0] if reaching else first
    inside = grid[(grid >= low) & (grid <= high)]
    energies = [one.energy_ev for one in spectra]
    if inside.size < 2 or not is_enough(energies, low, high):
        shared = f"only {low:g} … {high:g} eV" if low < high else "no energies"
        early = min(spectra, key=lambda one: float(one.energy_ev[-1]))
        late = max(spectra, key=lambda one: float(one.energy_ev[0]))
        raise ReadError(
            [
                f"the spectra share {shared}: too little for one series: {_range(early)}, "
                f"{_range(late)}: edges that lie apart are series of their own"
            ]
        )
    cut = cut_off(energies, [path.stem for path in origin], low, high)
    low, high = float(inside[0]), float(inside[-1])
    ending = [one for one in spectra if not _covers(one, low, high)]
    warnings = [
        f"energies differ: {sum(not _same(one.energy_ev, grid) for one in spectra)} of "
        f"{len(spectra)} spectra are interpolated to those of one, {low:g} … {high:g} eV; "
        "neighbouring channels share noise then",
        *cut,
    ]
    if ending:
        there = f"{ending[0].energy_ev[0]:g} … {ending[0].energy_ev[-1]:g} eV"
        warnings.append(
            f"{len(ending)} of {len(spectra)} spectra do not reach over all of it and have gaps "
            f"there ({ending[0].label or 'the first of them'}: {there})"
        )
    return inside, warnings


def _range(one: RawSpectrum) -> str:
    return f"{one.label or 'one'} has {one.energy_ev[0]:g} … {one.energy_ev[-1]:g} eV"


def _same(a: Floats, b: Floats) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() < NEAR)


def _covers(one: RawSpectrum, low: float, high: float) -> bool:
    return bool(one.energy_ev[0] <= low + NEAR and one.energy_ev[-1] >= high - NEAR)


def _on(one: RawSpectrum, energy: Floats) -> Floats:
    if _same(one.energy_ev, energy):
        return one.intensity
    inside = (energy >= one.energy_ev[0] - NEAR) & (energy <= one.energy_ev[-1] + NEAR)
    return np.where(inside, np.interp(energy, one.energy_ev, one.intensity), np.nan)


def _order(name: str, number: re.Pattern[str]) -> tuple[Any, ...]:
    """Names with numbers in the order of the numbers."""
    return tuple(
        (0, _value(part), "") if number.fullmatch(part) else (1, 0.0, part)
        for part in re.split(f"({number.pattern})", name.replace(_MINUS, "-"))
        if part
    )
