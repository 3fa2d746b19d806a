"""Line shapes: sticks to spectra, Lorentzian lines and the instrument's Gaussian."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.jit import njit

Array = NDArray[Any]
Real = NDArray[np.float64]

FWHM_PER_SIGMA = 2 * sqrt(2 * log(2))
MAX_POINTS = 2_000_000
_REACH = 6.5  # standard deviations to which a Gaussian is carried: 1e-9 of its height


def broaden(
    energy_ev: Array, stick_energy_ev: Array, stick_area: Array, hwhm_ev: float | Array
) -> Real:
    """Sum of area-normalised Lorentzians.

    Parameters
    ----------
    energy_ev : (n,)
    stick_energy_ev, stick_area : (m,)
    hwhm_ev : float or (n,)
        Half width; an array gives the width at each energy of the grid.

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
    return np.asarray(-pole_sum(energy, width, sticks, areas).imag / np.pi)


def pole_sum(energy: Real, width: Real, position: Real, area: Real) -> Array:
    """sum_j area_j / (E + i width - position_j) at each E: energy, width (n,) -> complex (n,)."""
    out = np.zeros(energy.size, complex)
    _add_poles(energy, width, position, area, out.view(float))
    return out


class GaussianFilter:
    """A Gaussian convolution on a uniform grid, exact for spectra of Lorentzian lines.

    The spectrum is wanted on ``fine``, a grid so dense and so much wider that the trapezoidal
    rule is exact to 1e-8 of a line's height; the filter brings it back to the grid asked for.
    """

    def __init__(self, energy_ev: Real, sigma_ev: float, hwhm_ev: float) -> None:
        """``hwhm_ev`` is the narrowest Lorentzian to come; a ``sigma_ev`` of 0 does nothing.

        Raises InputError if that takes more than ``MAX_POINTS``.
        """
        self.fine = energy_ev
        self._stride, self._kernel = 1, np.ones(1)
        if sigma_ev == 0:
            return
        target = min(hwhm_ev / 4, sigma_ev / 1.5)
        step = float(energy_ev[1] - energy_ev[0]) if energy_ev.size > 1 else target
        self._stride = max(1, int(np.ceil(step / target)))
        h = step / self._stride
        pad = int(np.ceil(_REACH * sigma_ev / h))
        count = (energy_ev.size - 1) * self._stride + 1 + 2 * pad
        if count > MAX_POINTS:
            raise InputError(
                "fwhm_gauss_ev",
                sigma_ev * FWHM_PER_SIGMA,
                f"needs {count:,} points on this grid with lines of HWHM {hwhm_ev:g} eV; at most "
                f"{MAX_POINTS:,}: make lines wider or the grid shorter",
            )
        self.fine = energy_ev[0] + h * (np.arange(count) - pad)
        x = h * np.arange(-pad, pad + 1)
        self._kernel = h * np.exp(-0.5 * (x / sigma_ev) ** 2) / (sigma_ev * sqrt(2 * np.pi))

    def __call__(self, intensity: Real) -> Real:
        """``intensity`` on ``fine`` -> the convolution on the grid asked for."""
        if self._kernel.size == 1:
            return intensity
        size = intensity.size + self._kernel.size - 1
        product = np.fft.rfft(intensity, size) * np.fft.rfft(self._kernel, size)
        inside = np.fft.irfft(product, size)[self._kernel.size - 1 : intensity.size]
        return np.asarray(inside[:: self._stride])


@njit(cache=True, fastmath=True)
def _add_poles(energy: Real, width: Real, position: Real, area: Real, out: Real) -> None:
    """`pole_sum` added to ``out``, (2 n,) of (re, im) pairs."""
    for i in range(energy.size):
        g2 = width[i] * width[i]
        re = im = 0.0
        for j in range(position.size):
            x = energy[i] - position[j]
            lorentz = area[j] / (x * x + g2)
            re += x * lorentz
            im += lorentz
        out[2 * i] += re
        out[2 * i + 1] -= im * width[i]
