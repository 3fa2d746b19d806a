"""Whether a grid shows the spectrum that was computed on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.edges import Response
from compute.multiplet.lineshape import LineShape

Real = NDArray[np.float64]

_ENOUGH = 0.95  # of the strength; what charge transfer sends farther is left to whoever sets a grid
_NOTHING = 1e-3  # of the strength


def grid_warnings(
    energy: Real, shape: LineShape, fwhm_gauss: float, response: Response, total: float
) -> tuple[str, ...]:
    """Why a spectrum on this grid is not what it seems; empty where all is well.

    Parameters
    ----------
    energy : (n,), eV, evenly spaced
    fwhm_gauss : of the instrument, eV
    response : of all excited vectors
    total : strength of all lines
    """
    if not total > 0:
        return ("no transition has any strength: the spectrum is zero",)
    told = [_missed(energy, response, total), _coarse(energy, shape, fwhm_gauss)]
    return tuple(text for text in told if text)


def _missed(energy: Real, response: Response, total: float) -> str:
    """What the grid leaves out of the lines themselves, before they are broadened."""
    first, last = float(energy[0]), float(energy[-1])
    below = strength_below(first, response, total) / total if energy.size > 1 else 0.0
    above = 1 - strength_below(last, response, total) / total if energy.size > 1 else 1.0
    inside = 1 - below - above
    if inside >= _ENOUGH:
        return ""
    low, high = (_quantile(share, response, total) for share in (0.05, 0.95))
    where = f"90 % of the strength lies between {low:.1f} and {high:.1f} eV"
    grid = f"the grid ({first:g} to {last:g} eV)"
    if inside > _NOTHING:
        return f"{grid} holds {100 * inside:.0f} % of the spectrum; {where}"
    return (
        f"{grid} misses the spectrum; {where} (energies are relative to the configurations' "
        "averages: they are no photon energies)"
    )


def _coarse(energy: Real, shape: LineShape, fwhm_gauss: float) -> str:
    """A line's maximum between two points loses more than a fifth where h exceeds its HWHM."""
    if energy.size < 2:
        return ""
    step, lorentz = float(energy[1] - energy[0]), 2 * shape.narrowest
    # Olivero & Longbothum, J. Quant. Spectrosc. Radiat. Transf. 17 (1977) 233: 0.02 %
    fwhm = 0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + fwhm_gauss**2)
    if step <= fwhm / 2 * (1 + 1e-9):
        return ""
    return (
        f"the grid's step of {step:g} eV is coarser than the narrowest lines (half width "
        f"{fwhm / 2:.3g} eV): heights between its points are lost; take {fwhm / 4:.2g} eV or less"
    )


def _quantile(share: float, response: Response, total: float) -> float:
    """The energy below which ``share`` of the strength lies, to 0.1 eV, by bisection."""
    low, high = -1.0, 1.0
    while strength_below(low, response, total) > share * total and low > -1e6:
        low *= 2
    while strength_below(high, response, total) < share * total and high < 1e6:
        high *= 2
    while high - low > 0.1:
        middle = (low + high) / 2
        if strength_below(middle, response, total) < share * total:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def strength_below(energy: float, response: Response, total: float) -> float:
    """Strength of all lines below an energy.

    A vertical line in the complex plane divides the poles: of one at distance x to the left,
    int_0^inf Re G(E + iy) dy is pi/2, of one to the right -pi/2. In ln y the integrand is smooth,
    so that the trapezoidal rule is exact to 1e-8; lines within ``reach`` are counted in part.
    """
    reach, far, h = 1e-4, 1e8, 0.5
    y = reach * np.exp(np.arange(0.0, np.log(far / reach), h))
    green = response.green(np.full(y.size, energy), y)
    return total / 2 + float((green.real * y).sum()) * h / np.pi
