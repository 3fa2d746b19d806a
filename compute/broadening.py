"""Line shapes: sticks to spectra, Lorentzian, Gaussian and Voigt."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from compute.errors import InputError

Array = NDArray[Any]
Real = NDArray[np.float64]

_PI = float(np.pi)
FWHM_PER_SIGMA = 2 * sqrt(2 * log(2))


def broaden(
    energy_ev: Array,
    stick_energy_ev: Array,
    stick_area: Array,
    hwhm_ev: float | Array,
    *,
    sigma_ev: float = 0.0,
) -> Real:
    """Sum of area-normalised Lorentzians, or Voigt profiles where ``sigma_ev`` is not zero.

    Parameters
    ----------
    energy_ev : (n,)
    stick_energy_ev, stick_area : (m,)
    hwhm_ev : float or (n,)
        Lorentzian half width; an array gives the width at each energy of the grid.
    sigma_ev : float
        Standard deviation of the Gaussian.

    Returns
    -------
    float64 (n,), 1/eV times the unit of the areas

    Raises
    ------
    InputError
        Widths that are not positive, arrays that do not fit together.
    """
    energy = np.ascontiguousarray(energy_ev, float)
    sticks = np.ascontiguousarray(stick_energy_ev, float)
    areas = np.ascontiguousarray(stick_area, float)
    width = np.ascontiguousarray(np.broadcast_to(np.asarray(hwhm_ev, float), energy.shape))
    if sticks.shape != areas.shape:
        raise InputError("stick_area", areas.shape, f"must have the shape {sticks.shape}")
    if not (width > 0).all():
        raise InputError("hwhm_ev", float(width.min()), "must be positive")
    if sigma_ev < 0:
        raise InputError("sigma_ev", sigma_ev, "must not be negative")
    out = np.zeros(energy.size)
    if sigma_ev == 0:
        _lorentz_sum(energy, sticks, areas, width, out)
        return out
    from scipy.special import voigt_profile

    for position, area in zip(sticks, areas, strict=True):
        out += area * voigt_profile(energy - position, sigma_ev, width)
    return out


@njit(cache=True, fastmath=True)
def _lorentz_sum(energy: Real, sticks: Real, areas: Real, gamma: Real, out: Real) -> None:
    """Add one Lorentzian per stick to ``out``; energy, gamma, out (n,), sticks, areas (m,)."""
    for i in range(energy.size):
        g = gamma[i]
        g2 = g * g
        total = 0.0
        for j in range(sticks.size):
            x = energy[i] - sticks[j]
            total += areas[j] / (x * x + g2)
        out[i] += total * g / _PI
