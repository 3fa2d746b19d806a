"""Edge-step normalisation of XANES and EXAFS: pre-edge line, post-edge polynomial, edge step.

The classical recipe (e.g. Ravel & Newville, J. Synchrotron Rad. 12 (2005) 537, sec. 3): a straight
line fitted before the edge and a polynomial after it; their difference at E0 is the edge step Δμ,
and ``(μ − line)/Δμ`` is normalised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from compute.errors import InputError
from compute.normalise.e0 import FloatArray, checked_curve, find_e0


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
    """

    e0: float | None = None
    pre: tuple[float, float] | None = None
    post: tuple[float, float] | None = None
    degree: int | None = None


@dataclass(frozen=True)
class XasNormalised:
    """A normalised spectrum with everything that it was made with.

    Attributes
    ----------
    normalised : float64 (n,)
        ``(μ − pre_line)/edge_step``: 0 before, about 1 after the edge.
    flattened : float64 (n,)
        The same with the post-edge curvature removed above E0, for comparing shapes.
    pre_line, post_curve : float64 (n,)
        In the units of μ, over all energies, to be drawn with the raw data.
    edge_step : float
        Post-edge polynomial minus pre-edge line at E0.
    parameters : XasParameters
        With every choice filled in.
    """

    energy_ev: FloatArray
    normalised: FloatArray
    flattened: FloatArray
    pre_line: FloatArray
    post_curve: FloatArray
    e0: float
    edge_step: float
    parameters: XasParameters


def normalise_xas(
    energy: ArrayLike, mu: ArrayLike, parameters: XasParameters | None = None
) -> XasNormalised:
    """Normalise an absorption spectrum by its edge step.

    Parameters
    ----------
    energy, mu : (n,)
        eV, ascending; μ in any units. Neither is changed.

    Raises
    ------
    InputError
        If a range holds too few points, or there is no rise at E0.
    """
    x, y = checked_curve(energy, mu)
    given = parameters or XasParameters()
    e0 = given.e0 if given.e0 is not None else find_e0(x, y)
    if not x[0] < e0 < x[-1]:
        raise InputError("e0", e0, f"the data run from {x[0]:g} to {x[-1]:g} eV")
    pre = given.pre or _default_pre(x, e0)
    post = given.post or _default_post(x, e0)
    degree = given.degree if given.degree is not None else _default_degree(post)
    if not 0 <= degree <= 3:
        raise InputError("degree", degree, "must be 0, 1, 2 or 3")
    line = _fit(x, y, e0, pre, 1, "pre")
    curve = _fit(x, y, e0, post, degree, "post")
    step = float(np.polyval(curve, 0.0) - np.polyval(line, 0.0))
    if not step > 0:
        raise InputError(
            "e0", round(e0, 3), f"the edge step there is {step:.3g}; it must be positive"
        )
    pre_line = np.asarray(np.polyval(line, x - e0), dtype=np.float64)
    post_curve = np.asarray(np.polyval(curve, x - e0), dtype=np.float64)
    normalised = (y - pre_line) / step
    bend = np.where(x >= e0, (post_curve - pre_line) / step - 1.0, 0.0)
    return XasNormalised(
        energy_ev=x,
        normalised=normalised,
        flattened=normalised - bend,
        pre_line=pre_line,
        post_curve=post_curve,
        e0=e0,
        edge_step=step,
        parameters=replace(given, e0=e0, pre=pre, post=post, degree=degree),
    )


def _fit(
    x: FloatArray, y: FloatArray, e0: float, span: tuple[float, float], degree: int, name: str
) -> FloatArray:
    """Polynomial coefficients about E0, highest first. A line through one or two points is flat."""
    low, high = span
    if not low < high:
        raise InputError(name, span, "must run from low to high, eV relative to E0")
    chosen = (x >= e0 + low) & (x <= e0 + high)
    n = int(chosen.sum())
    if n == 0 or (n < degree + 1 and name == "post"):
        raise InputError(name, span, f"holds {n} points; a degree {degree} needs {degree + 1}")
    if n < 3:
        degree = 0
    # Scaled to the range, so that cubic terms over 1000 eV stay well conditioned.
    scale = max(abs(low), abs(high))
    coefficients = np.polyfit((x[chosen] - e0) / scale, y[chosen], degree)
    powers = np.arange(degree, -1, -1)
    return np.asarray(coefficients / scale**powers, dtype=np.float64)


def _default_pre(x: FloatArray, e0: float) -> tuple[float, float]:
    """From the first point to 30 eV before E0; nearer where the data begin late."""
    low = max(x[0] - e0, -200.0)
    for high in (-30.0, -20.0, -10.0, -5.0):
        if ((x >= e0 + low) & (x <= e0 + high)).sum() >= 3:
            return float(low), high
    before = x[x < e0]
    return float(low), float(before[min(2, before.size - 1)] - e0)


def _default_post(x: FloatArray, e0: float) -> tuple[float, float]:
    """From 150 eV (less for short scans) after E0 to the end."""
    high = float(x[-1] - e0)
    for low in (150.0, 100.0, 50.0, 25.0, 10.0):
        if high > 1.6 * low and ((x >= e0 + low) & (x <= e0 + high)).sum() >= 5:
            return low, high
    return high / 2, high


def _default_degree(post: tuple[float, float]) -> int:
    width = post[1] - post[0]
    return 2 if width > 350 else (1 if width > 30 else 0)
