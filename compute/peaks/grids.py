"""Grids to search on: uniform, and no finer than the spectrum needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from compute.peaks.lineshapes import Floats

MAX_WORK_POINTS = 2500
MIN_WORK_POINTS = 800


@dataclass(frozen=True)
class WorkGrid:
    """What the search sees.

    Attributes
    ----------
    energy, intensity : float64 (m,)
        Uniform grid, eV.
    same : bool
        Whether it is the spectrum's own grid.
    resampling_rms : float
        Root mean square difference on going to the uniform grid and back; 0 for uniform data.
    """

    energy: Floats
    intensity: Floats
    same: bool
    resampling_rms: float = 0.0


def work_grid(energy: Floats, intensity: Floats) -> WorkGrid:
    """The spectrum itself if it is uniform and short; resampled or binned otherwise.

    Bins are averages of whole numbers of points, as wide as the highest Fourier coefficient
    above the noise allows, so that no information worth having is lost.
    """
    steps = np.diff(energy)
    uniform = float(np.ptp(steps)) < 1e-4 * float(steps.mean())
    back = 0.0
    if not uniform:
        step = float(np.quantile(steps, 0.2))
        span = float(energy[-1] - energy[0])
        n = int(np.clip(span / step + 1, min(energy.size, 400), 8 * MAX_WORK_POINTS))
        regular = np.linspace(energy[0], energy[-1], n)
        resampled = np.interp(regular, energy, intensity)
        returned = np.interp(energy, regular, resampled)
        back = float(np.sqrt(np.mean((returned - intensity) ** 2)))
        energy, intensity = regular, resampled
    factor = bin_factor(intensity)
    if factor > 1:
        whole = energy.size // factor * factor
        energy = energy[:whole].reshape(-1, factor).mean(axis=1)
        intensity = intensity[:whole].reshape(-1, factor).mean(axis=1)
    return WorkGrid(energy, intensity, uniform and factor == 1, back)


def bin_factor(intensity: Floats) -> int:
    """How many points to average into one: 1 for short spectra."""
    n = intensity.size
    if n <= MAX_WORK_POINTS:
        return 1
    ramp = np.linspace(intensity[0], intensity[-1], n)
    power = np.abs(scipy.fft.rfft(intensity - ramp))[1:] ** 2
    noise = float(np.median(power[power.size // 2 :]))
    block = max(1, power.size // 400)
    smooth = power[: power.size // block * block].reshape(-1, block).mean(axis=1)
    above = np.flatnonzero(smooth > 4.0 * noise + 1e-12 * smooth.max())
    highest = block * (int(above[-1]) + 1) if above.size else 1
    wanted = min(max(3 * highest, MIN_WORK_POINTS), MAX_WORK_POINTS)
    return max(1, n // wanted)
