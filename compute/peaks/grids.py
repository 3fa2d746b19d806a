"""Grids to search on: the spectrum's own points, averaged where there are more than needed."""

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
        eV, ascending.
    same : bool
        Whether these are the spectrum's own points.
    resampling_rms : float
        Root mean square difference on going to the uniform grid of the first guesses and back;
        0 for uniform data.
    """

    energy: Floats
    intensity: Floats
    same: bool
    resampling_rms: float = 0.0


def work_grid(energy: Floats, intensity: Floats) -> WorkGrid:
    """The spectrum itself if it is short; averages of neighbouring points otherwise.

    As many points are averaged as the highest Fourier coefficient above the noise allows, so that
    no information worth having is lost.
    """
    back = 0.0
    if not is_uniform(energy):
        regular = uniform_samples(energy, intensity)
        at = np.linspace(energy[0], energy[-1], regular.size)
        returned = np.interp(energy, at, regular)
        back = float(np.sqrt(np.mean((returned - intensity) ** 2)))
    factor = bin_factor(energy, intensity)
    if factor > 1:
        whole = energy.size // factor * factor
        energy = energy[:whole].reshape(-1, factor).mean(axis=1)
        intensity = intensity[:whole].reshape(-1, factor).mean(axis=1)
    return WorkGrid(energy, intensity, factor == 1, back)


def is_uniform(energy: Floats) -> bool:
    """Whether the steps are equal but for the digits of a file."""
    steps = np.diff(energy)
    return float(np.ptp(steps)) < 1e-4 * float(steps.mean())


def uniform_samples(energy: Floats, intensity: Floats) -> Floats:
    """``intensity`` on a uniform grid over the same range, (m,): itself if it is on one, else
    interpolated linearly on steps as short as the shortest fifth of its own."""
    if is_uniform(energy):
        return intensity
    step = float(np.quantile(np.diff(energy), 0.2))
    span = float(energy[-1] - energy[0])
    n = int(min(max(span / step + 1, energy.size), max(energy.size, MAX_WORK_POINTS)))
    return np.interp(np.linspace(energy[0], energy[-1], n), energy, intensity)


def bin_factor(energy: Floats, intensity: Floats) -> int:
    """How many points to average into one: 1 for short spectra."""
    n = intensity.size
    if n <= MAX_WORK_POINTS:
        return 1
    samples = np.interp(np.linspace(energy[0], energy[-1], n), energy, intensity)
    ramp = np.linspace(samples[0], samples[-1], n)
    power = np.abs(scipy.fft.rfft(samples - ramp))[1:] ** 2
    noise = float(np.median(power[power.size // 2 :]))
    block = max(1, power.size // 400)
    smooth = power[: power.size // block * block].reshape(-1, block).mean(axis=1)
    above = np.flatnonzero(smooth > 4.0 * noise + 1e-12 * smooth.max())
    highest = block * (int(above[-1]) + 1) if above.size else 1
    wanted = min(max(3 * highest, MIN_WORK_POINTS), MAX_WORK_POINTS)
    return max(1, n // wanted)
