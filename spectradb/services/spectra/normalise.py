"""A measured spectrum normalised on demand; what is stored stays raw.

What a person states (E0, ranges, degree) is kept in ``Spectrum.normalisation["stated"]`` and wins
over what is derived; everything else is found anew each time, with the element and the edge known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import PermissionDenied
from numpy.typing import NDArray

from compute.edges import edge_energy, normalise_element
from compute.errors import InputError
from compute.normalise import (
    WhiteLineParameters,
    XasParameters,
    normalise_white_line,
    normalise_xas,
)
from spectradb.models import Spectrum
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.workflow import save_with_reason

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FloatArray = NDArray[np.float64]

STEP_KEYS = ("e0", "pre", "post", "degree", "pre_degree")
AREA_KEYS = ("range", "background", "scaling", "step", "step_width", "after")
_PAIRS = {"pre", "post", "range", "background", "step", "after"}
_WHOLE = {"degree", "pre_degree"}
_BEFORE_EV, _GAP_EV, _BEHIND_EV = 40.0, 5.0, 60.0  # of the background and of the white lines
_LEAST_POINTS = 8


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
        Found or stated edge, eV.
    lines : dict
        Name → (m,) or (n,) curves in raw units that were fitted: ``pre``, ``post``,
        ``background``.
    numbers : dict
        The parameters used; ``rule`` says how E0 was found, ``pre_edge_peak`` is in eV or None.
    stated : tuple of str
        Which of them a person stated.
    warnings : tuple of str
    """

    energy: FloatArray
    intensity: FloatArray
    unit: str
    e0: float | None = None
    lines: dict[str, FloatArray] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    stated: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def normalise(spectrum: Spectrum) -> Normalised:
    """By the edge step for K and deep L edges, by background and area for L2,3, M and EELS.

    Raises
    ------
    InputError
        If the data do not allow it; the words say why.
    """
    return _normalised(spectrum, stated_of(spectrum))


def stated_of(spectrum: Spectrum) -> dict[str, Any]:
    """What a person stated of a spectrum's normalisation; empty if nobody did."""
    return dict((spectrum.normalisation or {}).get("stated", {}))


def preview(spectrum: Spectrum, values: Mapping[str, Any]) -> Normalised:
    """What :func:`state` would give with these values; nothing is kept.

    Raises
    ------
    InputError
    """
    return _normalised(spectrum, checked(spectrum, values))


def may_state(user: User | AnonymousUser, spectrum: Spectrum) -> bool:
    """Its author and the curators."""
    own = may_contribute(user) and spectrum.contributor_id == user.pk
    return spectrum.measurement_id is not None and (may_curate(user) or own)


def state(
    spectrum: Spectrum, values: Mapping[str, Any], *, user: User | AnonymousUser
) -> Normalised:
    """Keep what a person says of the normalisation in place of what was said before.

    Parameters
    ----------
    values
        :data:`STEP_KEYS` (``e0`` in eV, ``pre`` and ``post`` as two numbers in eV from E0) or
        :data:`AREA_KEYS` (absolute, eV), whichever kind the spectrum is of. Nothing, or None for
        each, leaves all to be derived.

    Returns
    -------
    Normalised
        The curve that they give.

    Raises
    ------
    PermissionDenied
        If this person is neither its author nor a curator.
    InputError
        On a key that is unknown, a value of the wrong kind, or one that the data do not allow;
        nothing is kept then.
    """
    if not may_state(user, spectrum):
        raise PermissionDenied(f"you may not normalise SDB-{spectrum.pk} otherwise")
    stated = checked(spectrum, values)
    result = _normalised(spectrum, stated)
    if stated != stated_of(spectrum):
        spectrum.normalisation = {"stated": stated} if stated else {}
        said = ", ".join(f"{key} {_told(value)}" for key, value in stated.items())
        reason = f"Normalisation stated: {said}." if said else "Normalisation left to be derived."
        save_with_reason(spectrum, user, reason)
    return result


def is_white_line(spectrum: Spectrum) -> bool:
    """Whether the edge has no step worth normalising by: soft L2,3 and M edges, every loss edge."""
    if spectrum.technique.upper() in {"EELS", "ELNES"}:
        return True
    return spectrum.edge[:1] in {"L", "M"} and spectrum.energy_max < 2000.0


def keys_of(spectrum: Spectrum) -> tuple[str, ...]:
    """What can be stated of this spectrum."""
    return AREA_KEYS if is_white_line(spectrum) else STEP_KEYS


def _normalised(spectrum: Spectrum, stated: dict[str, Any]) -> Normalised:
    energy, raw = np.asarray(spectrum.energy), np.asarray(spectrum.intensity)
    values: dict[str, Any] = {k: tuple(v) if k in _PAIRS else v for k, v in stated.items()}
    if is_white_line(spectrum):
        return _by_area(spectrum, energy, raw, values)
    result = normalise_xas(
        energy,
        raw,
        XasParameters(**values),
        element=spectrum.absorber or None,
        edge=spectrum.edge or None,
        also=_other_elements(spectrum),
    )
    used = result.parameters
    return Normalised(
        result.energy_ev,
        result.normalised,
        "step",
        result.e0_ev,
        {"pre": result.pre_line, "post": result.post_curve},
        {
            "e0": result.e0_ev,
            "step": result.edge_step,
            "step_err": result.edge_step_err,
            "pre": used.pre,
            "post": used.post,
            "degree": used.degree,
            "pre_degree": used.pre_degree,
            "rule": result.edge.rule,
            "pre_edge_peak": result.pre_edge_peak_ev,
        },
        tuple(stated),
        result.warnings,
    )


def _by_area(
    spectrum: Spectrum, energy: FloatArray, raw: FloatArray, values: dict[str, Any]
) -> Normalised:
    parameters, told = _white_line(spectrum, energy, values)
    found = normalise_white_line(energy, raw, parameters)
    return Normalised(
        found.energy_ev,
        found.intensity,
        "area",
        lines={"background": found.background},
        numbers={
            "background": found.parameters.background,
            "range": found.parameters.range,
            "power_law": found.power_law,
        },
        stated=tuple(values),
        warnings=(*told, *found.warnings),
    )


def _white_line(
    spectrum: Spectrum, energy: FloatArray, values: dict[str, Any]
) -> tuple[WhiteLineParameters, tuple[str, ...]]:
    """What is stated, and for the rest the edge's own range and a background before it."""
    derived: dict[str, Any] = {}
    told: tuple[str, ...] = ()
    start = _start(spectrum)
    lo, hi = float(spectrum.energy_min), float(spectrum.energy_max)
    if start is not None and lo < start < hi:
        before = max(lo, start - _BEFORE_EV), start - _GAP_EV
        derived["range"] = max(lo, start - 10.0), min(hi, start + _BEHIND_EV)
        points = int(((energy >= before[0]) & (energy <= before[1])).sum())
        if points >= _LEAST_POINTS:
            derived["background"] = before
        elif "background" not in values:
            told = (f"{points} points before the edge: no background is taken off",)
    return WhiteLineParameters(**(derived | values)), told


def _start(spectrum: Spectrum) -> float | None:
    if not (spectrum.absorber and spectrum.edge):
        return None
    try:
        return edge_energy(spectrum.absorber, spectrum.edge)
    except InputError:
        return None


def _other_elements(spectrum: Spectrum) -> list[str]:
    """Of the structure or the sample, as far as its formula says."""
    names = re.findall(r"[A-Z][a-z]?", spectrum.formula)
    found = dict.fromkeys(s for name in names if (s := normalise_element(name)) is not None)
    return [symbol for symbol in found if symbol != spectrum.absorber]


def checked(spectrum: Spectrum, values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values of the keys that this spectrum has; those of None are left out."""
    known = keys_of(spectrum)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise InputError(key, value, f"is not stated here; known: {', '.join(known)}")
        if value is None:
            continue
        if key == "scaling":
            checked[key] = value
        elif key in _PAIRS:
            if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
                raise InputError(key, value, "must be two numbers, from low to high")
            low, high = (_number(key, one) for one in value)
            if not low < high and key != "step":
                raise InputError(key, value, "must run from low to high")
            checked[key] = [low, high]
        else:
            number = _number(key, value)
            if key in _WHOLE and number != int(number):
                raise InputError(key, value, "must be a whole number")
            checked[key] = int(number) if key in _WHOLE else number
    return checked


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(key, value, "must be a number")
    return float(value)


def _told(value: Any) -> str:
    if isinstance(value, list):
        return f"{value[0]:g} to {value[1]:g} eV"
    return value if isinstance(value, str) else f"{value:g}"
