"""A measured spectrum normalised on demand; what is stored stays raw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.edges import edge_energy
from compute.errors import InputError
from compute.normalise import (
    WhiteLineParameters,
    XasParameters,
    normalise_white_line,
    normalise_xas,
)
from spectradb.models import Spectrum

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Normalised:
    """A normalised curve and how it came about.

    Attributes
    ----------
    energy, intensity : (m,)
        eV; edge step 1 for absorption edges, area 1 for white lines.
    unit : str
        ``step`` or ``area``.
    e0 : float or None
        Found edge, eV.
    lines : dict
        Name → (m,) or (n,) curves in raw units that were fitted: ``pre``, ``post``,
        ``background``.
    numbers : dict
        The parameters used.
    """

    energy: FloatArray
    intensity: FloatArray
    unit: str
    e0: float | None = None
    lines: dict[str, FloatArray] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


def normalise(spectrum: Spectrum) -> Normalised:
    """By the edge step for K and deep L edges, by background and area for L2,3, M and EELS.

    The parameters kept with the spectrum are used where there are any.

    Raises
    ------
    InputError
        If the data do not allow it; the words say why.
    """
    energy, raw = np.asarray(spectrum.energy), np.asarray(spectrum.intensity)
    given = spectrum.normalisation or {}
    if is_white_line(spectrum):
        found = normalise_white_line(energy, raw, _white_line(spectrum, given))
        return Normalised(
            found.energy_ev,
            found.intensity,
            "area",
            lines={"background": found.background},
            numbers={"background": found.parameters.background, "range": found.parameters.range},
        )
    result = normalise_xas(energy, raw, _xas(given))
    used = result.parameters
    return Normalised(
        result.energy_ev,
        result.normalised,
        "step",
        result.e0,
        {"pre": result.pre_line, "post": result.post_curve},
        {"e0": result.e0, "step": result.edge_step, "pre": used.pre, "post": used.post},
    )


def is_white_line(spectrum: Spectrum) -> bool:
    """Whether the edge has no step worth normalising by: soft L2,3 and M edges, every loss edge."""
    if spectrum.technique.upper() in {"EELS", "ELNES"}:
        return True
    return spectrum.edge[:1] in {"L", "M"} and spectrum.energy_max < 2000.0


def _xas(given: dict[str, Any]) -> XasParameters:
    keys = ("e0", "pre", "post", "degree")
    values = {key: given[key] for key in keys if given.get(key) is not None}
    for key in ("pre", "post"):
        if key in values:
            values[key] = tuple(values[key])
    return XasParameters(**values)


def _white_line(spectrum: Spectrum, given: dict[str, Any]) -> WhiteLineParameters:
    """Kept parameters, else a background before the edge of counts, and the edge's own range."""
    keys = ("range", "background", "scaling", "step", "step_width", "after")
    values = {key: given[key] for key in keys if given.get(key) is not None}
    for key in ("range", "background", "step", "after"):
        if key in values:
            values[key] = tuple(values[key])
    if values or not spectrum.absorber or not spectrum.edge:
        return WhiteLineParameters(**values)
    try:
        start = edge_energy(spectrum.absorber, spectrum.edge)
    except InputError:
        start = None
    lo, hi = float(spectrum.energy_min), float(spectrum.energy_max)
    if start is None or not lo < start < hi:
        return WhiteLineParameters()
    before = max(lo, start - 40.0), start - 5.0
    inside = max(lo, start - 10.0), min(hi, start + 60.0)
    counted = np.asarray(spectrum.energy)
    enough = int(((counted >= before[0]) & (counted <= before[1])).sum()) >= 8
    positive = bool((np.asarray(spectrum.intensity)[counted <= before[1]] > 0).all())
    if not (enough and positive):
        return WhiteLineParameters(range=inside)
    return WhiteLineParameters(range=inside, background=before)
