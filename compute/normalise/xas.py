"""Edge-step normalisation of XANES and EXAFS: pre-edge line, post-edge polynomial, edge step.

The classical recipe (e.g. Ravel & Newville, J. Synchrotron Rad. 12 (2005) 537, sec. 3): a straight
line fitted before the edge and a polynomial after it; their difference at E0 is the edge step Δμ,
and ``(μ − line)/Δμ`` is normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError
from compute.normalise.curve import FloatArray, checked_curve, noise_sigma, scale_at
from compute.normalise.e0 import EdgePosition, locate_edge
from compute.normalise.ranges import Bounds, bounds

_LINE_POINTS, _LINE_EV = 5, 25.0  # fewer or narrower before the edge: no slope can be had
_FALL_EV = 15.0  # a slope that falls can be had over less than one that rises
_SLOPE_REACH_EV = 100.0  # over so far may the line's slope be wrong …
_SLOPE_ERROR = 0.05  # … by this share of the edge step, unless it is clear of its own error
_STEP_ERRORS = 3.0  # standard errors by which an edge step must differ from nothing
# Where the post-edge range begins, and how far the data must reach for that, eV: over less, EXAFS
# tilts the line; nearer, the white line and what follows it lift or lower it.
_POST_EV = ((150.0, 450.0), (100.0, 300.0), (50.0, 110.0), (25.0, 75.0), (15.0, 30.0))
# Width of the post-edge range from which on its slope and its curvature are fitted.
_STRAIGHT_EV, _CURVED_EV = 90.0, 350.0
_LEAST_STEP = 0.03  # of the highest point above the line: less is a peak without a step


@dataclass(frozen=True)
class XasParameters:
    """What to normalise by; None is chosen from the data and reported in the result.

    Attributes
    ----------
    e0 : float, optional
        Edge, eV.
    pre, post : (low, high), optional
        Ranges of the line and of the polynomial, eV relative to E0.
    degree : int, optional
        Of the post-edge polynomial, 0 … 3.
    pre_degree : int, optional
        Of the pre-edge line: 1, or 0 for a constant.
    """

    e0: float | None = None
    pre: tuple[float, float] | None = None
    post: tuple[float, float] | None = None
    degree: int | None = None
    pre_degree: int | None = None


@dataclass(frozen=True)
class XasNormalised:
    """A normalised spectrum with everything that it was made with.

    Attributes
    ----------
    energy_ev, normalised : float64 (n,)
        ``(μ − pre_line)/edge_step``: 0 before, about 1 after the edge.
    flattened : float64 (n,)
        The same with the post-edge curvature removed above E0, for comparing shapes.
    pre_line, post_curve : float64 (n,)
        In the units of μ, over all energies, to be drawn with the raw data.
    e0_ev : float
    edge_step : float
        Post-edge polynomial minus pre-edge line at E0.
    edge_step_err : float
        Standard error from the noise; what the ranges do to the step is not in it.
    edge : EdgePosition
        How E0 was found, with the pre-edge peak if there is one.
    parameters : XasParameters
        With every choice filled in.
    warnings : tuple of str
        What bounded the ranges, what could not be fitted.
    """

    energy_ev: FloatArray
    normalised: FloatArray
    flattened: FloatArray
    pre_line: FloatArray
    post_curve: FloatArray
    e0_ev: float
    edge_step: float
    edge_step_err: float
    edge: EdgePosition
    parameters: XasParameters
    warnings: tuple[str, ...]

    @property
    def pre_edge_peak_ev(self) -> float | None:
        """Maximum of a peak before the edge, eV; None without one."""
        return self.edge.pre_edge_peak_ev


def normalise_xas(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    parameters: XasParameters | None = None,
    *,
    element: str | None = None,
    edge: str | None = None,
    also: Sequence[str] = (),
) -> XasNormalised:
    """Normalise an absorption spectrum by its edge step.

    Parameters
    ----------
    energy_ev, intensity : (n,)
        eV, ascending; μ in any units. Neither is changed.
    parameters : XasParameters, optional
        What is given there is used as it is.
    element, edge : str, optional
        E0 is sought near this edge, and the ranges end before the element's next one.
    also : sequence of str
        Other elements of the sample; the ranges end before their edges as well.

    Raises
    ------
    InputError
        If there is no edge where it is sought, a range holds too few points, or the step at E0 is
        not positive.
    """
    x, y = checked_curve(energy_ev, intensity)
    if np.ptp(y) == 0:
        raise InputError("intensity", float(y[0]), "is the same everywhere: there is no edge")
    given = parameters or XasParameters()
    symbol, name = _absorber(element, edge)
    place = _place(x, y, given.e0, symbol, name)
    e0 = place.e0_ev
    within = bounds(x, y, e0, element=symbol, edge=name, also=also)
    pre = given.pre or _default_pre(x, e0, within)
    post = given.post or _default_post(x, e0, within)
    degree = given.degree if given.degree is not None else _default_degree(post)
    if not 0 <= degree <= 3:
        raise InputError("degree", degree, "must be 0, 1, 2 or 3")
    width = _STRAIGHT_EV if within.behind_edge else _LINE_EV
    pre_degree, told = _line_degree(x, y, e0, pre, post, width, given.pre_degree)
    line = _fit(x, y, e0, pre, pre_degree, "pre")
    pre_line = np.asarray(np.polyval(line, x - e0), dtype=np.float64)
    # Above the line: of degree 0 the curve is parallel to it.
    curve = _fit(x, y - pre_line, e0, post, degree, "post")
    step = float(np.polyval(curve, 0.0))
    error = _step_error(x, y, e0, pre, pre_degree, post, degree)
    _check_step(step, error, float((y - pre_line)[x > e0].max()), e0)
    post_curve = pre_line + np.polyval(curve, x - e0)
    normalised = (y - pre_line) / step
    bend = np.where(x >= e0, (post_curve - pre_line) / step - 1.0, 0.0)
    ranges = [text for text in within.warnings if _concerns(text, given)]
    ranges += _crossed(given, e0, within)
    return XasNormalised(
        energy_ev=x,
        normalised=normalised,
        flattened=normalised - bend,
        pre_line=pre_line,
        post_curve=post_curve,
        e0_ev=e0,
        edge_step=step,
        edge_step_err=error,
        edge=place,
        parameters=replace(given, e0=e0, pre=pre, post=post, degree=degree, pre_degree=pre_degree),
        warnings=(*place.warnings, *ranges, *told),
    )


def _absorber(element: str | None, edge: str | None) -> tuple[str | None, str | None]:
    symbol = normalise_element(element) if element else None
    name = normalise_edge(edge) if edge else None
    if element and symbol is None:
        raise InputError("element", element, "no such element")
    if edge and name is None:
        raise InputError("edge", edge, "no such edge")
    return symbol, name


def _place(
    x: FloatArray, y: FloatArray, e0: float | None, element: str | None, edge: str | None
) -> EdgePosition:
    if e0 is None:
        return locate_edge(x, y, element=element, edge=edge)
    if not x[0] < e0 < x[-1]:
        raise InputError("e0", e0, f"the data run from {x[0]:g} to {x[-1]:g} eV")
    return EdgePosition(e0, "stated")


def _concerns(text: str, given: XasParameters) -> bool:
    """Whether a range that this is said of was chosen here."""
    return (given.post if text.startswith("the post") else given.pre) is None


def _crossed(given: XasParameters, e0: float, within: Bounds) -> list[str]:
    """Stated ranges are used as they are; that another edge lies in one is told."""
    told = []
    for words, span in (("pre-edge", given.pre), ("post-edge", given.post)):
        for other in (within.before, within.behind):
            if span and other and e0 + span[0] < other[0] < e0 + span[1]:
                told.append(f"the stated {words} range runs across {other[1]}")
    return told


def _fit(
    x: FloatArray, y: FloatArray, e0: float, span: tuple[float, float], degree: int, name: str
) -> FloatArray:
    """Polynomial coefficients about E0, highest first."""
    chosen = _chosen(x, e0, span, degree + 1, name)
    # Scaled to the range, so that cubic terms over 1000 eV stay well conditioned.
    scale = max(abs(span[0]), abs(span[1]))
    coefficients = np.polyfit((x[chosen] - e0) / scale, y[chosen], degree)
    powers = np.arange(degree, -1, -1)
    return np.asarray(coefficients / scale**powers, dtype=np.float64)


def _chosen(
    x: FloatArray, e0: float, span: tuple[float, float], least: int, name: str
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    low, high = span
    if not low < high:
        raise InputError(name, span, "must run from low to high, eV relative to E0")
    # A range told in the answer and given again holds the same points in spite of rounding.
    chosen = (x >= e0 + low - 1e-6) & (x <= e0 + high + 1e-6)
    n = int(chosen.sum())
    if n < least:
        raise InputError(name, span, f"holds {n} points; a degree {least - 1} needs {least}")
    return np.asarray(chosen)


def _line_degree(
    x: FloatArray,
    y: FloatArray,
    e0: float,
    pre: tuple[float, float],
    post: tuple[float, float],
    least_width: float,
    given: int | None,
) -> tuple[int, tuple[str, ...]]:
    """Whether a slope can be had before the edge, and what is told if not."""
    if given is not None:
        if given not in (0, 1):
            raise InputError("pre_degree", given, "must be 0 or 1")
        return given, ()
    chosen = _chosen(x, e0, pre, 1, "pre")
    n, width = int(chosen.sum()), float(np.ptp(x[chosen]))
    held = f"{n} point{'s' * (n != 1)} over {width:.0f} eV before the edge"
    told = (f"{held}: a constant is taken off there, no slope",)
    if n < _LINE_POINTS or width < _FALL_EV:
        return 0, told
    u = x[chosen] - x[chosen].mean()
    slope = float(np.polyfit(u, y[chosen], 1)[0])
    error = noise_sigma(x, y) / float(np.sqrt((u * u).sum()))
    behind = _chosen(x, e0, post, 1, "post")
    flat = float(y[behind].mean() - y[chosen].mean())
    step = max(abs(flat), abs(flat - slope * float(x[behind].mean() - x[chosen].mean())))
    certain = error * _SLOPE_REACH_EV <= _SLOPE_ERROR * step
    if width < least_width:
        # The edge's own tail rises, so that what falls is the background, or another edge's EXAFS.
        alone = least_width == _LINE_EV
        return (1, ()) if alone and certain and slope < -5 * error else (0, told)
    return (1, ()) if certain or abs(slope) > 3 * error else (0, told)


def _step_error(
    x: FloatArray,
    y: FloatArray,
    e0: float,
    pre: tuple[float, float],
    pre_degree: int,
    post: tuple[float, float],
    degree: int,
) -> float:
    """Of two independent fits, each extrapolated to E0."""
    variance = 0.0
    for span, order in ((pre, pre_degree), (post, degree)):
        chosen = (x >= e0 + span[0] - 1e-6) & (x <= e0 + span[1] + 1e-6)
        basis = np.vander((x[chosen] - e0) / max(abs(span[0]), abs(span[1])), order + 1)
        variance += float(np.linalg.pinv(basis.T @ basis)[-1, -1])
    return noise_sigma(x, y) * float(np.sqrt(variance))


def _check_step(step: float, error: float, top: float, e0: float) -> None:
    text = f"the edge step there is {step:.3g}"
    if not step > 0:
        raise InputError("e0", round(e0, 3), f"{text}; it must be positive")
    if step < _STEP_ERRORS * error:
        raise InputError("e0", round(e0, 3), f"{text} ± {error:.1g}: no edge stands out")
    if step < _LEAST_STEP * top:
        raise InputError(
            "e0",
            round(e0, 3),
            f"{text}, {100 * step / top:.1g} % of the highest point: a peak without an edge step "
            "is no absorption edge to normalise by",
        )


def _default_pre(x: FloatArray, e0: float, within: Bounds) -> tuple[float, float]:
    """From 200 eV before E0 to 30 eV; nearer where the data begin late."""
    low, scale = max(within.low - e0, -200.0 * scale_at(e0)), scale_at(e0)
    # Two points well before the edge are worth more than three on its tail.
    for high, least in ((-30.0, 3), (-20.0, 3), (-15.0, 3), (-15.0, 1), (-10.0, 3), (-5.0, 3)):
        if ((x >= e0 + low) & (x <= e0 + high * scale)).sum() >= least:
            return float(low), high * scale
    before = x[(x < e0) & (x >= e0 + low)]
    if not before.size:
        raise InputError("e0", round(e0, 3), f"the data begin at {x[0]:g} eV: nothing before it")
    return float(before[0] - e0) - 1.0, float(before[min(2, before.size - 1)] - e0)


def _default_post(x: FloatArray, e0: float, within: Bounds) -> tuple[float, float]:
    """From 150 eV (less for short scans) after E0 to the end, or to the next edge."""
    high = float(within.high - e0)
    for low, reach in _POST_EV:
        if high >= reach and ((x >= e0 + low) & (x <= e0 + high)).sum() >= 5:
            return low, high
    return high / 2, high


def _default_degree(post: tuple[float, float]) -> int:
    width = post[1] - post[0]
    return 2 if width > _CURVED_EV else (1 if width > _STRAIGHT_EV else 0)
