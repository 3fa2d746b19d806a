"""From columns as read to a clean curve: units, order, repeated and missing values, ratios.

Nothing here changes a value silently: whatever is dropped, averaged or converted is told in the
file's warnings.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from compute.edges import edge_energy
from compute.io.raw import (
    LIMITS,
    Faults,
    FloatArray,
    Given,
    Kind,
    Measurement,
    Mode,
    Quantity,
    RawSpectrum,
    Role,
    absorber,
)

Technique = Literal["XAS", "EELS", "other"]
# hc as the Photon Factory's 9809 format defines it (DESIGN §8), eV Å; CODATA's is 12398.42.
HC_9809 = 12398.52
_NEAR_KEV = 0.06  # an edge may lie this far outside the energies of its spectrum
_ENOUGH = 8  # points, to judge them
_EXAFS_STARTS_EV = 150.0


def bragg_energy(angle_degrees: FloatArray, d_spacing: float, hc: float) -> FloatArray:
    """``hc / (2 d sin θ)`` in eV; NaN where the angle is no Bragg angle. d in Å."""
    sine = np.sin(np.deg2rad(angle_degrees))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        energy = hc / (2 * d_spacing * sine)
    return np.where(np.isfinite(energy) & (energy > 0), energy, np.nan)


def log_ratio(
    top: FloatArray, bottom: FloatArray, energy: FloatArray, names: str, faults: Faults
) -> FloatArray | None:
    """``ln(top/bottom)``, NaN where there is no logarithm (told); None if there is none at all."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = top / bottom
        good = np.isfinite(ratio) & (ratio > 0)
        values = np.log(np.where(good, ratio, 1.0))
    return _kept(values, good, energy, f"ln({names})", faults)


def ratio(
    top: FloatArray, bottom: FloatArray, energy: FloatArray, names: str, faults: Faults
) -> FloatArray | None:
    """``top/bottom``, NaN where the divisor is zero (told); None if it always is."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = top / bottom
    return _kept(values, np.isfinite(values), energy, names, faults)


def _kept(
    values: FloatArray, good: np.ndarray[Any, Any], energy: FloatArray, name: str, faults: Faults
) -> FloatArray | None:
    bad = int(values.size - good.sum())
    if 2 * bad > values.size or good.sum() < 2:
        faults.warn(
            f"{name} cannot be formed at {bad} of {values.size} points (zero counts, or opposite "
            "signs): there is no such signal in this file"
        )
        return None
    if bad:
        first = energy[int(np.argmin(good))]
        faults.warn(
            f"{name} cannot be formed at {bad} of {values.size} points (zero or negative counts, "
            f"first at {first:.6g}): these points are left out"
        )
    return np.where(good, values, np.nan)


def spectrum(
    *,
    format: str,
    energy: FloatArray,
    intensity: FloatArray,
    quantity: Quantity,
    element: str | None,
    edge: str | None,
    given: Given,
    faults: Faults,
    mode: Mode | None = None,
    role: Role = "sample",
    label: str = "",
    header: dict[str, Any] | None = None,
    measurement: Measurement | None = None,
    technique: Technique = "XAS",
    axis_unit: str = "eV",
    kind: Kind = "experiment",
    code: str = "",
    code_version: str = "",
) -> RawSpectrum:
    """A finished spectrum: points cleaned and ordered, element and edge filled from the caller.

    Raises
    ------
    ReadError
        If fewer than two points are left, or more than the limit.
    """
    warnings = Faults()
    warnings.warnings = list(faults.warnings)
    warnings.errors = list(faults.errors)
    if technique == "XAS":
        energy, intensity = _without_padding(energy, intensity, warnings)
    x, y = _clean(energy, intensity, axis_unit, warnings)
    if quantity == "counts" and (y < 0).any():
        first = x[int(np.argmax(y < 0))]
        warnings.warn(
            f"{int((y < 0).sum())} of {y.size} counts are negative (first at {first:.6g} "
            f"{axis_unit}): kept as they are; a background has probably been subtracted"
        )
    if np.ptp(y) == 0:
        warnings.warn(f"every intensity is {y[0]:.6g}: there is no signal in this column")
    if technique == "XAS" and x[0] <= 0:
        warnings.warn(f"the energy starts at {x[0]:.6g} eV: probably relative to an edge")
    element, edge = absorber(element, edge, given, warnings)
    if axis_unit == "eV" and element and edge:
        _refuse_kev(x, element, edge, warnings)
    x.flags.writeable = y.flags.writeable = False
    return RawSpectrum(
        format=format,
        energy_ev=x,
        intensity=y,
        quantity=quantity,
        element=element,
        edge=edge,
        technique=_technique(technique, x, element, edge),
        mode="EELS" if technique == "EELS" else mode,
        role=role,
        label=label[:120],
        header=header or {},
        measurement=measurement or Measurement(),
        warnings=tuple(warnings.warnings),
        axis_unit=axis_unit,
        kind=kind,
        code=code,
        code_version=code_version,
    )


def _refuse_kev(x: FloatArray, element: str, edge: str, faults: Faults) -> None:
    """Numbers in keV that are called eV.

    Raises
    ------
    ReadError
        If all energies lie around a thousandth of the edge named.
    """
    start = (edge_energy(element, edge) or 0.0) / 1000.0
    around = x.size >= _ENOUGH and start / 2 < x[0] and x[-1] < 2 * start
    if around and x[0] - _NEAR_KEV <= start <= x[-1] + _NEAR_KEV:
        raise faults.fail(
            f"the energies run from {x[0]:.6g} to {x[-1]:.6g} eV, and {element} {edge} is at "
            f"{1000 * start:.6g} eV: are they in keV? Correct the unit"
        )


def plural(n: int, noun: str) -> str:
    """``1 point``, ``2 points``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _without_padding(
    energy: FloatArray, intensity: FloatArray, faults: Faults
) -> tuple[FloatArray, FloatArray]:
    """Without the few rows of energy 0 that some programs fill an array up with."""
    padding = energy <= 0
    rest = energy[~padding & np.isfinite(energy)]
    few = 0 < padding.sum() <= 0.05 * energy.size
    if few and rest.size and rest.min() > 50 and energy.shape == intensity.shape:
        n = plural(int(padding.sum()), "point")
        faults.warn(f"{n} at an energy of 0 or below: left out")
        return energy[~padding], intensity[~padding]
    return energy, intensity


def _clean(
    energy: FloatArray, intensity: FloatArray, unit: str, faults: Faults
) -> tuple[FloatArray, FloatArray]:
    x = np.array(energy, dtype=np.float64).ravel()
    y = np.array(intensity, dtype=np.float64).ravel()
    if x.size != y.size:
        raise faults.fail(f"{x.size} energies but {y.size} intensities: the columns must match")
    if x.size > LIMITS.points:
        raise faults.fail(f"{x.size} points; the limit is {LIMITS.points}")
    good = np.isfinite(x) & np.isfinite(y)
    if not good.all():
        faults.warn(
            f"{int((~good).sum())} of {plural(x.size, 'point')} without a finite number "
            f"(first: point {int(np.argmin(good)) + 1}): left out"
        )
        x, y = x[good], y[good]
    if x.size < 2:
        raise faults.fail(f"{plural(x.size, 'usable point')}; a spectrum needs at least 2")
    step = np.diff(x)
    if not (step > 0).all():
        if (step < 0).all():
            faults.warn("the scan runs downwards: put into ascending order")
            x, y = x[::-1], y[::-1]
        elif (step < 0).any():
            first = int(np.argmax(step < 0))
            faults.warn(
                f"the energies are not in order (first at point {first + 2}: {x[first]:.6g} is "
                f"followed by {x[first + 1]:.6g}): sorted"
            )
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[order]
        x, y = _merge_repeats(x, y, unit, faults)
    if x.size < 2:
        raise faults.fail(f"every point lies at {x[0]:.6g} {unit}: this is no scan")
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _merge_repeats(
    x: FloatArray, y: FloatArray, unit: str, faults: Faults
) -> tuple[FloatArray, FloatArray]:
    starts = np.flatnonzero(np.concatenate(([True], np.diff(x) > 0)))
    if starts.size == x.size:
        return x, y
    repeats = x.size - starts.size
    first = x[int(np.flatnonzero(np.diff(x) == 0)[0])]
    faults.warn(
        f"{plural(repeats, 'point')} at the energy of the point before (first at {first:.8g} "
        f"{unit}): each such group is replaced by its mean"
    )
    counts = np.diff(np.append(starts, x.size))
    # Divide before adding: a mean of huge values must not overflow.
    mean = np.add.reduceat(y / np.repeat(counts, counts), starts)
    return x[starts], mean


def _technique(kind: str, x: FloatArray, element: str | None, edge: str | None) -> str:
    if kind != "XAS":
        return kind
    start = edge_energy(element, edge) if element and edge else None
    reach = x[-1] - (start if start is not None else x[0] + _EXAFS_STARTS_EV)
    return "XAFS" if reach > _EXAFS_STARTS_EV else "XANES"
