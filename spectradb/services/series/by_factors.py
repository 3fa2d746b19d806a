"""Maps of a series without references: factors, and what of the library each of them is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.factor import Factors, components_by_validation, mcr, nmf
from spectradb.models import Series
from spectradb.services.matching.match import match_curve
from spectradb.services.matching.options import MatchOptions
from spectradb.services.series.references import references_on
from spectradb.services.series.source import Source
from spectradb.services.series.writing import Asked, Parts, Progress, provenance, rows_of

Floats = NDArray[np.float64]

WHOLE_BYTES = 2**30  # that a method may hold which needs all spectra at once
_JUDGED = 1000  # spectra that the number of components is found from
_WHOLE = 0.99  # of the spectra, that have to reach over a channel for it to be compared


def by_factors(
    row: Series, source: Source, asked: Asked, output: Path, device: str | None = None
) -> Iterator[Progress]:
    """NMF or MCR of all spectra at once, on a torch device or (None) the processors.

    Raises
    ------
    InputError
        More than `WHOLE_BYTES` of spectra, fewer than two without gaps, or fewer components than
        references.
    """
    size = row.n_spectra * source.n_channels * 4
    if size > WHOLE_BYTES:
        raise InputError(
            "method", asked.method, f"needs all {size / 1e9:.1f} GB at once: bin first"
        )
    check_components(asked)
    curves, inside, more = references_on(asked.references, source.energy_ev)
    if curves and asked.method == "nmf":
        more = [
            *more,
            "nmf finds all its components: references stay in mcr, and are not used here",
        ]
    scale = _scale(source)
    spectra, numbers = _all(source, scale)
    spectra, energy = spectra[:, inside], source.energy_ev[inside]
    reach = _reached(spectra)
    dropped = int((~reach).sum())
    spectra, energy = spectra[:, reach], energy[reach]
    gaps = np.asarray(np.isnan(spectra).any(axis=1))
    whole = spectra[~gaps] if gaps.any() else spectra
    if len(whole) < 2:
        raise InputError("series", row.pk, "has fewer than two spectra without gaps")
    warnings = [f"{int(gaps.sum())} spectra with gaps are left out"] if gaps.any() else []
    if dropped:
        warnings.append(f"{dropped} channels that are gaps in many spectra are left out")
    if below := float((whole < 0).mean()):
        warnings.append(f"{below:.2g} of the values are negative and count as 0")
    warnings += [*more, *source.warnings]
    known = np.array([one.values[reach] for one in curves])
    count = asked.components or components_by_validation(whole[:: -(-len(whole) // _JUDGED)])
    found, names = _factors(whole, count, asked.method, known, device)
    found = _scaled(found, scale)
    names = [*[one.name for one in curves][: len(found.components) - len(names)], *names]
    unit = np.linalg.pinv(found.components @ found.components.T)
    err = found.residual[:, None] * np.sqrt(np.maximum(np.diag(unit), 0))
    digests = [*source.digests, *(one.digest for one in curves)]
    parts = Parts(asked.key(row, digests), row.n_spectra)
    values: dict[str, Floats] = {**numbers, "residual": _spread(found.residual, gaps)}
    for j, name in enumerate(names):
        values[f"components/{name}/value"] = _spread(found.amounts[:, j], gaps)
        values[f"components/{name}/err"] = _spread(err[:, j], gaps)
    if not parts.done:
        parts.put(values)
    told = {"names": names, "loss": found.loss, "device": device or "cpu", "warnings": warnings,
            "matched": matched(row, energy, found.components, names)}  # fmt: skip
    told = provenance(row, source, asked) | told
    parts.finish(output, source, energy, found.components, told)
    yield Progress(row.n_spectra, row.n_spectra, warnings)


def check_components(asked: Asked) -> None:
    """References are components: there are no fewer components than references.

    Raises
    ------
    InputError
        If fewer are asked for.
    """
    if asked.components is not None and asked.components < len(asked.references):
        raise InputError(
            "components", asked.components, f"are fewer than the {len(asked.references)} references"
        )


def matched(row: Series, energy: Floats, components: Floats, names: list[str]) -> list[Any]:
    """What each component is by the library: a sentence, the likeliest spectrum, probabilities.

    Components may be mixtures of each other (rotational ambiguity): a mixture is told as what it
    is most like, or as none of these.
    """
    options = MatchOptions(absorber=row.absorber or None, edge=row.edge or None)
    found: list[dict[str, Any]] = []
    for name, curve in zip(names, components, strict=True):
        try:
            answer = match_curve(energy, curve, options)
        except InputError as error:
            found.append({"component": name, "told": str(error), "spectrum_id": None})
            continue
        best = answer.matches[0]
        found.append({
            "component": name,
            "told": answer.told,
            "spectrum_id": best.spectrum_id,
            "formula": best.formula,
            "oxidation_state": best.oxidation_state,
            "probability": best.probability,
            "none_of_these": answer.none_of_these,
        })  # fmt: skip
    return found


def _reached(spectra: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Channels (m,) that nearly all spectra with any value have a value in."""
    there = np.isfinite(spectra)
    rows = there[there.any(axis=1)]
    reach = np.asarray(rows.mean(axis=0) >= _WHOLE) if len(rows) else np.zeros(0, bool)
    if reach.sum() < 2:
        raise InputError("series", spectra.shape, "no two channels hold values in all spectra")
    return reach


def _scale(source: Source) -> float:
    """A power of two that brings the spectra to about 1: single precision has few exponents."""
    largest = float(np.nanmax(np.abs(source.sample(_JUDGED)), initial=0.0))
    return float(2.0 ** np.floor(np.log2(largest))) if largest > 0 else 1.0


def _scaled(found: Factors, scale: float) -> Factors:
    """Components keep their heights, amounts are of the spectra as they are stored."""
    return replace(
        found,
        amounts=found.amounts * scale,
        residual=found.residual * scale,
        loss=found.loss * scale**2,
    )


def _all(source: Source, scale: float) -> tuple[NDArray[np.float32], dict[str, Floats]]:
    spectra = np.empty((source.n_spectra, source.n_channels), np.float32)
    numbers: dict[str, list[Floats]] = {}
    done = 0
    for rows, of_part in source.parts(rows_of(source.n_channels)):
        spectra[done : done + len(rows)] = rows / scale
        done += len(rows)
        for name, values in of_part.items():
            numbers.setdefault(name, []).append(values)
    return spectra, {name: np.concatenate(one) for name, one in numbers.items()}


def _factors(
    whole: NDArray[np.float32], count: int, method: str, known: Floats, device: str | None
) -> tuple[Factors, list[str]]:
    """Factors, and names of those that are no reference."""
    if method == "nmf":
        found = nmf(whole, count, device=device)
        return found, [f"component{i + 1}" for i in range(count)]
    start = nmf(whole, count, device=device).components.astype(float)
    if len(known):
        start = np.vstack([known, start[: max(count - len(known), 0)]])
    found = mcr(whole, start, known=len(known), device=device)
    free = range(len(known), len(found.components))
    return found, [f"component{i + 1}" for i in free]


def _spread(values: Floats, gaps: NDArray[np.bool_]) -> Floats:
    """Values of the spectra without gaps at their places."""
    out = np.full(gaps.shape, np.nan)
    out[~gaps] = values
    return out
