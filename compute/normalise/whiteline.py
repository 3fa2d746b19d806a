"""L2,3 and EELS edges: power-law background, continuum steps, scaling by area or maximum.

Background ``A E^(−r)`` fitted before the edge and extrapolated (Egerton, *Electron Energy-Loss
Spectroscopy in the Electron Microscope*, 3rd ed., sec. 4.4). Continuum: two arctangents at the L3
and L2 maxima with heights 2:1 (Chen et al., Phys. Rev. Lett. 75 (1995) 152), as high as the level
behind L2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from compute.errors import InputError
from compute.normalise.curve import BoolArray, FloatArray, checked_curve

Scaling = Literal["none", "area", "maximum"]
_MIN_BACKGROUND = 5
_MAD = 1.4826  # median absolute deviation to σ
_FEW = 0.03  # of the points: more are no dead channels
_OUTLIER = 8.0  # σ; even of 10,000 normal points none is so far off
_STEEPEST = 12.0  # exponents of real backgrounds are 2 to 6


@dataclass(frozen=True)
class WhiteLineParameters:
    """What to do; absolute energies in eV.

    Attributes
    ----------
    range : (low, high), optional
        The part of the spectrum to keep, e.g. one edge of a wide survey; all of it if None.
    background : (low, high), optional
        Where the power law is fitted; no background is subtracted if None.
    scaling : "none" | "area" | "maximum"
        Of the result inside ``range``.
    step : (L3, L2), optional
        Positions of the two continuum steps; none are removed if None.
    step_width : float
        HWHM of the arctangents, eV.
    after : (low, high), optional
        Where the level behind the edge is taken for the step's height; the last tenth if None.
    """

    range: tuple[float, float] | None = None
    background: tuple[float, float] | None = None
    scaling: Scaling = "area"
    step: tuple[float, float] | None = None
    step_width: float = 0.5
    after: tuple[float, float] | None = None


@dataclass(frozen=True)
class WhiteLine:
    """The treated part of a spectrum.

    Attributes
    ----------
    energy_ev, intensity : float64 (m,)
        Inside ``range``: background and steps subtracted, then divided by ``scale``.
    background, continuum : float64 (m,)
        What was subtracted, in raw units.
    power_law : (A, r) or None
        ``A (E/E_c)^(−r)`` with E_c the middle of the background range; r = 0 where a constant had
        to do.
    scale : float
        What the intensity was divided by.
    warnings : tuple of str
        Points left out, and why a constant had to do.
    """

    energy_ev: FloatArray
    intensity: FloatArray
    background: FloatArray
    continuum: FloatArray
    power_law: tuple[float, float] | None
    scale: float
    parameters: WhiteLineParameters
    warnings: tuple[str, ...] = ()


def normalise_white_line(
    energy: ArrayLike, intensity: ArrayLike, parameters: WhiteLineParameters | None = None
) -> WhiteLine:
    """Subtract a power-law background and continuum steps, and scale, inside one range.

    Parameters
    ----------
    energy, intensity : (n,)
        eV, ascending; any units. Neither is changed.

    Raises
    ------
    InputError
        If a range holds too few points, or there is nothing to scale by.
    """
    x, y = checked_curve(energy, intensity)
    if np.ptp(y) == 0:
        raise InputError("intensity", float(y[0]), "is the same everywhere: there is no edge")
    p = parameters or WhiteLineParameters()
    keep = _inside(x, p.range or (float(x[0]), float(x[-1])), "range", 3)
    background, law = np.zeros_like(x), None
    told: tuple[str, ...] = ()
    if p.background is not None:
        background, law, told = _background(x, y, p.background)
    rest = (y - background)[keep]
    e = x[keep]
    continuum = _continuum(e, rest, p) if p.step is not None else np.zeros_like(e)
    rest = rest - continuum
    scale = _scale(e, rest, p.scaling)
    return WhiteLine(
        energy_ev=e,
        intensity=rest / scale,
        background=background[keep],
        continuum=continuum,
        power_law=law,
        scale=scale,
        parameters=replace(p, range=(float(e[0]), float(e[-1]))),
        warnings=told,
    )


def _inside(
    x: FloatArray, span: tuple[float, float], name: str, least: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    low, high = span
    if not low < high:
        raise InputError(name, span, "must run from low to high, in eV")
    chosen = (x >= low) & (x <= high)
    if chosen.sum() < least:
        raise InputError(
            name,
            span,
            f"holds {int(chosen.sum())} points, {least} are needed; the data run from {x[0]:g} to "
            f"{x[-1]:g} eV",
        )
    return np.asarray(chosen)


def _background(
    x: FloatArray, y: FloatArray, span: tuple[float, float]
) -> tuple[FloatArray, tuple[float, float], tuple[str, ...]]:
    """Over all energies; (A, r) of the power law, r = 0 for a constant; what is told.

    Single dead or hot channels are left out: what is farther from the fit than eight robust
    standard deviations of the rest.
    """
    chosen = _inside(x, span, "background", _MIN_BACKGROUND)
    if x[chosen][0] <= 0:
        raise InputError("background", span, "a power law needs energies above 0 eV")
    middle = 0.5 * float(x[chosen][0] + x[chosen][-1])
    e, counts = x[chosen] / middle, y[chosen]
    good = _typical(counts - np.median(counts))
    a, r, why = _law(e[good], counts[good], e.size)
    for _ in range(5):
        kept = _typical(counts - a * e ** (-r))
        if (kept == good).all():
            break
        good = kept
        a, r, why = _law(e[good], counts[good], e.size)
    told = [why] if why else []
    left_out = int((~good).sum())
    if left_out:
        told.append(f"{left_out} of {e.size} points before the edge are left out: far off the rest")
    # Far below the range the law diverges; nothing is kept from there in practice.
    with np.errstate(over="ignore"):
        values = a * (np.maximum(x, 1e-9) / middle) ** (-r)
    values = np.nan_to_num(values, posinf=float(y.max()), neginf=float(y.min()))
    return np.where(x > 0, values, 0.0), (a, r), tuple(told)


def _typical(off: FloatArray) -> BoolArray:
    """Which deviations (n,) belong to the rest; all, where more than a few do not."""
    size = np.abs(off)
    spread = _MAD * float(np.median(size)) or float(np.std(off))
    kept = size <= max(_OUTLIER * spread, 1e-12 * float(size.max()))
    if (~kept).sum() > max(1, _FEW * off.size) or kept.sum() < _MIN_BACKGROUND:
        return np.ones(off.size, dtype=bool)
    return np.asarray(kept)


def _law(e: FloatArray, counts: FloatArray, n: int) -> tuple[float, float, str]:
    """Least squares of ``A e^(−r)`` itself; the logarithmic fit is only where it starts.

    The logarithm of noisy counts is biased, and has no value for counts below zero. Where the
    counts say nothing of an exponent, a constant is taken; the text says why.
    """
    from scipy.optimize import curve_fit  # half a second that few who import need

    mean = float(counts.mean())
    # Each point of a straight line's residuals; a window is too short for more to show.
    scatter = float(np.std(counts - np.polyval(np.polyfit(e, counts, 1), e)))
    if mean <= 3 * scatter / np.sqrt(n):
        return (
            mean,
            0.0,
            (
                f"the mean before the edge is {mean:.3g}, not clear of zero: a constant is taken "
                "off, no power law"
            ),
        )
    start = (1.0, 2.0)
    if (counts > 0).all():
        slope, height = np.polyfit(np.log(e), np.log(counts / mean), 1)
        start = (float(np.exp(height)), float(-slope))

    def law(energy: FloatArray, a: float, r: float) -> FloatArray:
        return a * energy ** (-r)

    try:
        (a, r), covariance = curve_fit(law, e, counts / mean, p0=start, maxfev=2000)
    except RuntimeError:
        return mean, 0.0, "no power law fits the counts before the edge: a constant is taken off"
    error = float(np.sqrt(max(float(covariance[1, 1]), 0.0)))
    if abs(r) > _STEEPEST or error > _STEEPEST / 2:
        return (
            mean,
            0.0,
            (
                f"the counts before the edge are too weak for a power law (exponent {r:.2g} ± "
                f"{error:.1g}): a constant is taken off"
            ),
        )
    rising = f"the counts rise before the edge (exponent {r:.2g})" if r < -2 * error - 0.5 else ""
    return float(a * mean), float(r), rising


def _continuum(e: FloatArray, rest: FloatArray, p: WhiteLineParameters) -> FloatArray:
    if p.step is None:
        return np.zeros_like(e)
    if not p.step_width > 0:
        raise InputError("step_width", p.step_width, "must be positive, in eV")
    l3, l2 = p.step
    if not e[0] < l3 <= l2 < e[-1]:
        raise InputError("step", p.step, f"L3 and L2 must lie in {e[0]:g} … {e[-1]:g} eV, in order")
    span = p.after or (float(e[-1] - 0.1 * (e[-1] - e[0])), float(e[-1]))
    level = float(rest[_inside(e, span, "after", 1)].mean())
    shape = (2.0 / 3.0) * _arctan(e, l3, p.step_width) + (1.0 / 3.0) * _arctan(e, l2, p.step_width)
    # The arctangents are not yet 1 where the level is read.
    reached = float(shape[_inside(e, span, "after", 1)].mean())
    return np.asarray(level / reached * shape)


def _arctan(e: FloatArray, position: float, hwhm: float) -> FloatArray:
    return np.asarray(0.5 + np.arctan((e - position) / hwhm) / np.pi)


def _scale(e: FloatArray, rest: FloatArray, scaling: Scaling) -> float:
    if scaling == "none":
        return 1.0
    if scaling not in ("area", "maximum"):
        raise InputError("scaling", scaling, "must be none, area or maximum")
    value = float(np.trapezoid(rest, e)) if scaling == "area" else float(rest.max())
    if not value > 0:
        raise InputError("scaling", scaling, f"the {scaling} is {value:.3g}; it must be positive")
    return value
