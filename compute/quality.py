"""Automatic checks of a measured spectrum, each with its reason, and how far two curves are apart.

A check that fails keeps a spectrum from being published; ``check`` asks a person to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.edges import edge_energy, members
from compute.errors import InputError
from compute.normalise.curve import checked_curve, noise_sigma
from compute.normalise.e0 import EdgePosition, locate_edge
from compute.normalise.xas import XasParameters, normalise_xas

FloatArray = NDArray[np.float64]
Level = Literal["ok", "check", "fail"]

_FEW_POINTS, _TOO_FEW = 30, 8
_COARSE_EV, _TOO_COARSE_EV = 2.0, 10.0
_NOISY, _TOO_NOISY = 0.03, 0.25  # of the signal's range
_HARD_EV = 2000.0  # softer L and M edges are white lines without a step to speak of
_WANTED = {
    "facility": "facility or instrument",
    "mode": "detection mode",
    "sample": "sample (name or formula)",
    "date": "date of the measurement",
}


@dataclass(frozen=True)
class Check:
    """One check and its outcome in words."""

    name: str
    level: Level
    message: str


def check_spectrum(
    energy: ArrayLike,
    intensity: ArrayLike,
    *,
    element: str | None,
    edge: str | None,
    quantity: str = "mu",
    axis_unit: str = "eV",
    e0: float | None = None,
    metadata: Mapping[str, object | None] | None = None,
) -> list[Check]:
    """Grid, noise, edge position, intensity and metadata of one spectrum.

    Parameters
    ----------
    energy, intensity : (n,)
        eV, ascending.
    element, edge : str or None
        None or empty: open.
    quantity : str
        ``mu``, ``normalised``, ``counts`` or ``arbitrary``.
    e0 : float, optional
        The edge as a person states it, eV; else it is sought.
    metadata : mapping, optional
        Keys ``facility``, ``mode``, ``sample``, ``date``; empty ones are told.

    Raises
    ------
    InputError
        If the arrays are no curve of at least 8 finite points.
    """
    x = np.asarray(energy, dtype=np.float64)
    y = np.asarray(intensity, dtype=np.float64)
    if x.size < _TOO_FEW:
        return [
            Check("grid", "fail", f"{x.size} points; at least {_TOO_FEW} are needed"),
            _absorber(element, edge),
        ]
    x, y = checked_curve(x, y)
    checks = [_absorber(element, edge)]
    if axis_unit != "eV":
        checks.append(Check("axis", "fail", f"the abscissa is in {axis_unit}, not an energy"))
        return [*checks, _metadata(metadata or {})]
    start = edge_energy(element, edge) if element and edge else None
    checks += [
        _grid(x, start),
        _noise(x, y),
        _intensity(y, quantity),
    ]
    if start is not None and element and edge:
        checks.append(_position(x, y, element, edge, start, e0))
    checks.append(_metadata(metadata or {}))
    return checks


def curve_difference(
    energy: ArrayLike, intensity: ArrayLike, other_energy: ArrayLike, other_intensity: ArrayLike
) -> float:
    """How far two curves are apart, 0 (the same data) … 1 (nothing in common).

    The rms difference relative to the signal's own spread, on the sparser one's points where
    both overlap and after the best scale and offset, so that a normalised or truncated copy still
    counts as one. It is √(1 − r²) with Pearson's r, which it replaces because r crowds everything
    of interest above 0.999. Curves that share less than half of the shorter range, fewer than
    eight points, or nothing but a reversed sign are 1 apart.

    Among 156 real XDI files of eight absorbers, data stored twice differ by 0, repeated scans of a
    sample by 0.0019 and more (median 0.016), and two compounds by 0.055 and more.
    """
    x, y = checked_curve(energy, intensity)
    u, v = checked_curve(other_energy, other_intensity)
    low, high = max(x[0], u[0]), min(x[-1], u[-1])
    if np.sum((u >= low) & (u <= high)) < np.sum((x >= low) & (x <= high)):
        x, y, u, v = u, v, x, y  # a denser curve is interpolated with less loss
    chosen = (x >= low) & (x <= high)
    if high - low < 0.5 * min(x[-1] - x[0], u[-1] - u[0]) or chosen.sum() < 8:
        return 1.0
    a, b = y[chosen], np.interp(x[chosen], u, v)
    size_a, size_b = np.std(a), np.std(b)
    if size_a == 0 or size_b == 0:
        return 1.0
    a, b = (a - a.mean()) / size_a, (b - b.mean()) / size_b
    slope = float(np.mean(a * b))
    return float(np.sqrt(np.mean((a - slope * b) ** 2))) if slope > 0 else 1.0


# --- single checks ----------------------------------------------------------------------------


def _absorber(element: str | None, edge: str | None) -> Check:
    missing = [name for name, value in (("element", element), ("edge", edge)) if not value]
    if missing:
        return Check("absorber", "fail", f"the {' and the '.join(missing)} must be filled in")
    return Check("absorber", "ok", f"{element} {edge}")


def _grid(x: FloatArray, start: float | None) -> Check:
    steps = np.diff(x)
    if x.size < _FEW_POINTS:
        return Check("grid", "check", f"only {x.size} points")
    around = (x[1:] > start - 5) & (x[1:] < start + 25) if start else np.ones(steps.size, bool)
    if start and not around.any():
        return Check("grid", "fail", f"no points around the edge at {start:.1f} eV")
    largest = float(steps[around].max())
    where = float(x[1:][around][int(np.argmax(steps[around]))])
    place = f"{largest:.2f} eV near {where:.1f} eV"
    if start and largest > _TOO_COARSE_EV:
        return Check("grid", "fail", f"step of {place}: too coarse around the edge")
    if start and largest > _COARSE_EV:
        return Check("grid", "check", f"step of {place}: coarse around the edge")
    return Check(
        "grid", "ok", f"{x.size} points, {x[0]:.1f} to {x[-1]:.1f} eV, largest step {place}"
    )


def _noise(x: FloatArray, y: FloatArray) -> Check:
    span = float(np.ptp(y))
    if span == 0:
        where = "zero" if y[0] == 0 else f"{y[0]:.6g}"
        return Check("noise", "fail", f"the intensity is {where} everywhere: no spectrum")
    share = noise_sigma(x, y) / span
    text = f"{100 * share:.2g} % of the signal's range"
    if share > _TOO_NOISY:
        return Check("noise", "fail", f"noise of {text}: no spectrum stands out")
    return Check("noise", "check" if share > _NOISY else "ok", f"noise of {text}")


def _intensity(y: FloatArray, quantity: str) -> Check:
    top = float(y.max())
    flat = int((y == top).sum())
    if flat > 3 and np.ptp(y) > 0 and top > 0:
        return Check("intensity", "check", f"{flat} points share the maximum {top:.6g}: saturated?")
    negative = float((y < 0).mean())
    # A raw ln(I0/I) has an arbitrary zero and may well be negative.
    if negative > 0.1 and quantity in ("counts", "normalised"):
        return Check("intensity", "check", f"{100 * negative:.0f} % of the values are negative")
    return Check("intensity", "ok", f"{y.min():.4g} to {top:.4g}")


def _position(
    x: FloatArray, y: FloatArray, element: str, edge: str, start: float, e0: float | None
) -> Check:
    """The steepest rise near the edge against the table; other edges in the data are no fault."""
    name = f"{element} {edge}"
    if not x[0] < start < x[-1]:
        return Check(
            "edge position",
            "fail",
            f"{name} is tabulated at {start:.1f} eV, the data run from {x[0]:.1f} to "
            f"{x[-1]:.1f} eV: wrong element, edge or energy scale?",
        )
    try:
        stated = EdgePosition(e0, "stated") if e0 is not None else None
        place = stated or locate_edge(x, y, element=element, edge=edge)
    except InputError as error:
        return Check(
            "edge position", "fail", f"{error.reason}: wrong element, edge or energy scale?"
        )
    found = place.e0_ev
    offset = found - start
    said = "steepest rise" if e0 is None else "E0 stated"
    text = f"{said} at {found:.1f} eV, {name} tabulated at {start:.1f} eV ({offset:+.1f} eV)"
    if place.pre_edge_peak_ev is not None:
        text += f", pre-edge peak at {place.pre_edge_peak_ev:.1f} eV"
    nearest = min(abs(found - (edge_energy(element, m) or np.inf)) for m in members(edge))
    # A chemical shift and the white line put the steepest rise above the metal's edge.
    tolerance = max(20.0, 0.0015 * start)
    if nearest > tolerance or offset < -0.5 * tolerance:
        return Check("edge position", "check", text)
    if start > _HARD_EV:
        try:
            normalise_xas(x, y, XasParameters(e0=e0), element=element, edge=edge)
        except InputError as error:
            return Check("edge position", "check", f"{text}; no edge step: {error.reason}")
    if start - x[0] < 5 or x[-1] - start < 15:
        return Check("edge position", "check", f"{text}; the data hardly reach beyond the edge")
    return Check("edge position", "ok", text)


def _metadata(metadata: Mapping[str, object | None]) -> Check:
    missing = [text for key, text in _WANTED.items() if not metadata.get(key)]
    if missing:
        return Check("metadata", "check", f"missing: {', '.join(missing)}")
    return Check("metadata", "ok", "facility, mode, sample and date are given")
