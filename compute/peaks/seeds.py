"""First peaks without a guess: FFT of the spectrum, ESPRIT, pruning by non-negative least squares.

A Lorentz peak is a decaying exponential of the conjugate variable t,
``exp(-γt - i p t)``, so a spectrum of J peaks is a sum of J exponentials but for the tails cut off
by the window. ESPRIT (Roy & Kailath, IEEE Trans. ASSP 37 (1989) 984) is therefore run with more
poles than peaks, and what the cut tails made is pruned on the energy axis, where they are exact.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

from compute.expsum.esprit import esprit_poles, hankel_signal_space
from compute.peaks.grids import is_uniform, uniform_samples
from compute.peaks.lineshapes import Floats
from compute.peaks.model import Parameters, Problem

MAX_ORDER = 60  # poles: 40 peaks and what the cut tails add
RECURRING = 0.6  # distinct values over points below which intensities may be quantised
SAME_LEVEL = 1e-9  # of the highest point: values nearer than that differ by rounding errors
OFF_STEP = 0.15  # root mean square distance from multiples of a step; 0.29 for gaps of any size
FEWEST_GAPS = 8
MOST_AMPLIFIED = 1e6  # a coefficient that an instrument's Gaussian took away
MAX_FREQUENCIES = 240  # of the Hankel matrix of the seeds; what lies beyond refines, not finds


def quantum(intensity: Floats) -> float:
    """Step of intensities that are whole multiples of one, so coarse that values recur; 0 else.

    Digitised curves and counts have one. Values that recur by symmetry have gaps of any size.
    """
    gaps = _gaps(intensity)
    if gaps.size < FEWEST_GAPS:
        return 0.0
    step = float(np.quantile(gaps, 0.1))
    small = gaps[gaps < 5.5 * step]
    multiples = np.round(small / step)
    step = float(small.sum() / multiples.sum())
    spread = float(np.sqrt(np.mean((small / step - multiples) ** 2)))
    return step if small.size > 0.5 * gaps.size and spread < OFF_STEP else 0.0


def _gaps(intensity: Floats) -> Floats:
    """Distances of neighbouring levels where many values recur; none otherwise."""
    levels = np.unique(intensity)
    if levels.size > RECURRING * intensity.size:
        return np.zeros(0)
    gaps = np.diff(levels)
    return np.asarray(gaps[gaps > SAME_LEVEL * float(np.abs(intensity).max())])


def rounding_noise(intensity: Floats) -> float:
    """Standard deviation of the rounding errors of quantised intensities."""
    return quantum(intensity) / math.sqrt(12.0)


def noise_level(energy: Floats, intensity: Floats) -> float:
    """Standard deviation of white noise on a smooth signal: the smaller of two robust estimates.

    The upper half of the power spectrum (right when peaks are wide for the grid; uniform grids
    only) and the median distance of a point from the line through its neighbours (right when
    peaks fill a small part of it). Where most points are on one line, as quantised ones may be,
    both are too small: it is at least the rounding error.
    """
    white = _white_noise(energy, intensity)
    gaps = _gaps(intensity)
    if gaps.size and white < SAME_LEVEL * float(np.abs(intensity).max()):
        return float(np.quantile(gaps, 0.1)) / math.sqrt(12.0)
    return max(white, rounding_noise(intensity))


def _white_noise(energy: Floats, intensity: Floats) -> float:
    n = intensity.size
    before, after = np.diff(energy)[:-1], np.diff(energy)[1:]
    left = after / (before + after)
    off = intensity[1:-1] - left * intensity[:-2] - (1.0 - left) * intensity[2:]
    off /= np.sqrt(1.0 + left**2 + (1.0 - left) ** 2)
    spread = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    if not is_uniform(energy):
        return spread
    ramp = np.linspace(intensity[0], intensity[-1], n)
    power = np.abs(scipy.fft.rfft(intensity - ramp)) ** 2 / n
    upper = math.sqrt(float(np.median(power[len(power) // 2 :])) / math.log(2.0))
    return min(upper, spread)


def esprit_candidates(
    problem: Problem, intensity: Floats, *, order: int | None = None
) -> Parameters:
    """Positions and widths that ESPRIT reads off the Fourier coefficients of ``intensity``.

    Parameters
    ----------
    problem : Problem
        Its grid and options; uneven points are interpolated.
    intensity : float64 (n,)
        What to analyse (the spectrum, perhaps less an edge).
    order : int, optional
        Number of poles; by default about twice what stands above the noise.
    """
    noise = max(noise_level(problem.energy, intensity), 1e-12 * float(np.abs(intensity).max()))
    samples = uniform_samples(problem.energy, intensity)
    n, step = samples.size, problem.span / (samples.size - 1)
    floor = noise * n / math.sqrt(intensity.size)
    ends = max(2, n // 200)
    ramp = np.linspace(samples[:ends].mean(), samples[-ends:].mean(), n)
    coefficients = scipy.fft.rfft(samples - ramp)[1:]
    t = 2.0 * np.pi * np.arange(1, coefficients.size + 1) / (n * step)
    sigma = problem.options.sigma
    # use what rises above the noise, smoothed over a few coefficients
    window = np.ones(5) / 5.0
    strength = np.sqrt(np.convolve(np.abs(coefficients) ** 2, window, mode="same"))
    above = np.flatnonzero(strength > 1.5 * floor)
    last = int(above[-1]) + 3 if above.size else 12
    if sigma > 0.0:
        deepest = min(1e-2 / max(noise, 1e-300) * float(np.ptp(intensity)), MOST_AMPLIFIED)
        amplification = max(10.0, deepest)
        last = min(last, int(np.searchsorted(t, math.sqrt(2.0 * math.log(amplification)) / sigma)))
    last = min(max(last, 24), coefficients.size * 3 // 4, MAX_FREQUENCIES)
    used, t = coefficients[:last], t[:last]
    amplified = np.exp(np.minimum(0.5 * (sigma * t) ** 2, math.log(MOST_AMPLIFIED)))
    noise_rms = floor * math.sqrt(float(np.mean(amplified**2)))
    space = hankel_signal_space(used * amplified, rank=min(MAX_ORDER, last // 2))
    if order is None:
        signal = int(np.sum(space.singular_values > 1.5 * noise_rms * math.sqrt(last)))
        order = max(8, 2 * signal)
    poles = esprit_poles(space.vectors[:, :order])
    spacing = t[0]
    position = problem.low + np.mod(-np.angle(poles) / spacing, n * step)
    hwhm = -np.log(np.abs(poles)) / spacing
    inside = (position <= problem.high) & (hwhm < 0.5 * problem.span)
    hwhm = np.clip(hwhm, 0.5 * step, None)
    return Parameters(position[inside], hwhm[inside])


def prune(problem: Problem, candidates: Parameters) -> Parameters:
    """Those candidates that non-negative least squares on the energy axis gives an area."""
    if not candidates.position.size:
        return candidates
    fit = problem.evaluate(candidates)
    if problem.options.phase:
        j = fit.n_peaks
        size = np.hypot(fit.coefficients[:j], fit.coefficients[j : 2 * j])
    else:
        size = fit.coefficients[: fit.n_peaks]
    height = size / candidates.hwhm
    return candidates.take(height > 1e-12 * max(float(height.max()), 1e-300))
