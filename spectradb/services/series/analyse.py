"""Maps of a stored series: what each method gives, written in parts that a restart continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.background import featureless
from compute.series.gaps import mean_of
from compute.series.misfit import probabilities
from compute.series.noise import Noise, noise_of
from compute.series.parallel import device_of
from compute.series.parameters import QUANTITIES
from compute.series.references import SAMPLE, Unmixing
from compute.series.selection import select_references
from spectradb.models import Series
from spectradb.services.series.by_factors import by_factors
from spectradb.services.series.by_library import by_library
from spectradb.services.series.references import by_name, references_on
from spectradb.services.series.source import Source
from spectradb.services.series.writing import Asked, Parts, Progress, provenance, rows_of

Floats = NDArray[np.float64]

METHODS = ("references", "library", "nmf", "mcr", "parameters")


def analyse(row: Series, asked: Asked, output: Path, device: str = "auto") -> Iterator[Progress]:
    """Write the maps of a series to ``output``; ends with all spectra done.

    ``/components/<name>/{value, err}`` on the series' axes, ``/residual``, ``/none_of_these``,
    ``/spectra`` (components on ``/energy``), ``/corrections``; what was asked, of what and how it
    was corrected is in the attributes. The file appears when it is whole; until then parts are
    kept, and the same question asked again goes on where it was stopped. ``device`` (`DEVICES`) is
    no part of the question: answers agree to rounding.

    Raises
    ------
    InputError
        A method, references, corrections, windows or a device that cannot be.
    ReadError
        If the file of the series is missing or broken.
    """
    if asked.method not in METHODS:
        raise InputError("method", asked.method, f"is one of {', '.join(METHODS)}")
    solver = _solver(asked, device)
    with Source(row, asked.corrections) as source:
        if asked.method == "references":
            yield from _by_references(row, source, asked, output, solver)
        elif asked.method == "parameters":
            yield from _by_parameters(row, source, asked, output)
        elif asked.method == "library":
            yield from by_library(row, source, asked, output)
        else:
            yield from by_factors(row, source, asked, output, solver)


def _solver(asked: Asked, device: str) -> str | None:
    """The torch device that this question is solved on, None for the processors."""
    if asked.method in ("library", "parameters") or asked.free:
        if device == "cuda":
            what = "free shift and width" if asked.free else f"method {asked.method}"
            raise InputError("device", device, f"{what}: on processors only")
        device = "cpu"
    return device_of(device)


def _by_references(
    row: Series, source: Source, asked: Asked, output: Path, device: str | None
) -> Iterator[Progress]:
    curves, inside, warnings = references_on(asked.references, source.energy_ev)
    if featureless(np.array([one.values for one in curves])).all():
        names = [one.name for one in curves]
        raise InputError("references", names, "have no structure: they are all background")
    warnings += source.warnings
    noise = source.noise(asked.noise)
    energy = source.energy_ev[inside]
    sample = source.sample(SAMPLE)[:, inside]
    if asked.select:
        with by_name(curves):
            chosen = select_references(
                sample, np.array([one.values for one in curves]), noise=noise
            )
        left = [one.name for i, one in enumerate(curves) if i not in chosen.kept]
        curves = [curves[i] for i in chosen.kept]
        if left:
            warnings.append(f"not asked for by the spectra: {', '.join(left)}")
    with by_name(curves):
        unmixing = Unmixing.judged(
            sample,
            np.array([one.values for one in curves]),
            noise=noise,
            free=asked.free,
            energy_ev=energy,
        )
    names = [one.name for one in curves]
    parts = Parts(asked.key(row, [*source.digests, *(one.digest for one in curves)]), row.n_spectra)
    for rows, numbers in source.parts(rows_of(source.n_channels), parts.done):
        found = unmixing.of(rows[:, inside], device)
        values: dict[str, Floats] = dict(numbers)
        for j, name in enumerate(names):
            values[f"components/{name}/value"] = found.fractions[:, j]
            values[f"components/{name}/err"] = found.errors[:, j]
            values[f"components/{name}/upper"] = found.upper[:, j]
        values |= {"residual": found.residual, "p_value": found.p_value, "total": found.total}
        moved = {"shift": (found.shift, found.shift_error),
                 "width": (found.width, found.width_error)}  # fmt: skip
        for one in asked.free:
            values[f"moved/{one}"], values[f"moved/{one}_err"] = moved[one]
        parts.put(values)
        yield Progress(parts.done, row.n_spectra, warnings)
    warnings += _without_value(parts, names, row.n_spectra)
    told = {"names": names, "noise": unmixing.noise.kind, "background": len(unmixing.extra),
            "device": device or "cpu", "warnings": warnings}  # fmt: skip
    spectra = np.array([one.values for one in curves])
    more = {"none_of_these": probabilities(parts.whole("p_value"))}
    parts.finish(output, source, energy, spectra, provenance(row, source, asked) | told, more)
    yield Progress(row.n_spectra, row.n_spectra, warnings)


def _by_parameters(row: Series, source: Source, asked: Asked, output: Path) -> Iterator[Progress]:
    names = asked.quantities or ("centre_of_mass",)
    windows = asked.windows or ((float(source.energy_ev[0]), float(source.energy_ev[-1])),)
    for name in names:
        if name not in QUANTITIES:
            raise InputError("quantity", name, f"is one of {', '.join(QUANTITIES)}")
        if QUANTITIES[name][1] != len(windows):
            given = asked.windows or "none"
            raise InputError("window", given, f"{name} takes {QUANTITIES[name][1]} of them")
    sample = source.sample(500)
    stated = source.noise(asked.noise)
    noise = noise_of(np.asarray(sample, float), stated, np.nan_to_num(mean_of(sample))[None])
    parts = Parts(asked.key(row, source.digests), row.n_spectra)
    for rows, numbers in source.parts(rows_of(source.n_channels), parts.done):
        sigma = _sigma(rows, noise)
        values: dict[str, Floats] = dict(numbers)
        for name in names:
            found = QUANTITIES[name][0](source.energy_ev, rows, sigma, windows)
            values[f"components/{name}/value"] = found.value
            values[f"components/{name}/err"] = found.err
        parts.put(values)
        yield Progress(parts.done, row.n_spectra, source.warnings)
    warnings = source.warnings + _without_value(parts, list(names), row.n_spectra)
    told = {"names": list(names), "windows": windows, "noise": noise.kind,
            "warnings": warnings}  # fmt: skip
    none = np.empty((0, source.n_channels))
    told = provenance(row, source, asked) | told
    parts.finish(output, source, source.energy_ev, none, told)
    yield Progress(row.n_spectra, row.n_spectra, warnings)


def _without_value(parts: Parts, names: list[str], n: int) -> list[str]:
    """How many spectra have none: a map that is empty is not left to be wondered about."""
    missing = {name: int(np.isnan(parts.whole(f"components/{name}/value")).sum()) for name in names}
    return [
        f"{name}: {count} of {n} spectra have no value (empty, noise, or gaps where it is asked)"
        for name, count in missing.items()
        if count
    ]


def _sigma(rows: NDArray[Any], noise: Noise) -> Floats:
    if noise.variances is not None:
        return np.asarray(np.sqrt(noise.variances))
    level = np.maximum(np.asarray(rows, float), noise.gain)
    return np.asarray(np.sqrt(noise.constant + noise.gain * level))
