"""Seeded sets of Lorentzian sums, made without a line of the code they are to judge.

A library row is a sum of J Lorentzians; a query is the same sum with every position and area
jittered, optionally moved, broadened (each peak a Voigt profile by the Faddeeva function, so no
convolution is shared with the matcher), scaled, put on a background and given noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import voigt_profile

Array = NDArray[np.float64]

SPAN_EV = 50.0
START_EV = 640.0


@dataclass(frozen=True)
class Peaks:
    """Positions (J,) eV, HWHM (J,) eV and areas (J,)."""

    position: Array
    hwhm: Array
    area: Array

    def on(self, energy_ev: Array, sigma_ev: float = 0.0, gamma_ev: float = 0.0) -> Array:
        """Values (n,) on a grid in eV, broadened by a Gaussian and a Lorentzian."""
        width = self.hwhm + gamma_ev
        offset = energy_ev[:, None] - self.position
        if sigma_ev == 0.0:
            shape = width / np.pi / (offset**2 + width**2)
        else:
            shape = voigt_profile(offset, sigma_ev, width)
        return shape @ self.area


@dataclass(frozen=True)
class Disturbance:
    """What separates a query from its library row."""

    jitter_ev: float = 0.06
    area_jitter: float = 0.04
    snr_db: float = 30.0
    max_shift_ev: float = 0.0
    max_sigma_ev: float = 0.0
    max_gamma_ev: float = 0.0
    background: float = 0.0  # of the peak height, offset and slope over the span
    scale_spread: float = 0.0  # standard deviation of ln(scale)
    n_points: int = 300
    crop_ev: float = 0.0  # at most so much is cut off each end


@dataclass(frozen=True)
class Query:
    """A disturbed spectrum and what was done to it."""

    energy_ev: Array
    intensity: Array
    row: int
    shift_ev: float = 0.0
    sigma_ev: float = 0.0
    gamma_ev: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class LorentzianSet:
    """A library: grid (n,) eV, intensities (m, n) float32, and the peaks behind each row."""

    energy_ev: Array
    intensities: NDArray[np.float32]
    peaks: list[Peaks] = field(repr=False)


def random_peaks(rng: np.random.Generator, *, margin_ev: float = 1.0) -> Peaks:
    """3 to 12 peaks within the span: HWHM 0.1–1.5 eV, heights 0.2–1."""
    n_peaks = int(rng.integers(3, 13))
    position = np.sort(rng.uniform(START_EV + margin_ev, START_EV + SPAN_EV - margin_ev, n_peaks))
    hwhm = rng.uniform(0.1, 1.5, n_peaks)
    height = rng.uniform(0.2, 1.0, n_peaks)
    return Peaks(position, hwhm, np.pi * hwhm * height)


def relative(peaks: Peaks, rng: np.random.Generator) -> Peaks:
    """A near-duplicate: positions off by 0.15 eV, widths and areas by 10 %."""
    n = peaks.position.size
    return Peaks(
        peaks.position + rng.normal(0.0, 0.15, n),
        peaks.hwhm * np.exp(rng.normal(0.0, 0.1, n)),
        peaks.area * np.exp(rng.normal(0.0, 0.1, n)),
    )


def make_library(n_rows: int, n_points: int = 300, seed: int = 1, family: int = 1) -> LorentzianSet:
    """``n_rows`` random sums on one grid of ``n_points``, each with ``family - 1`` relatives."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(START_EV, START_EV + SPAN_EV, n_points)
    peaks: list[Peaks] = []
    while len(peaks) < n_rows:
        first = random_peaks(rng)
        peaks += [first, *(relative(first, rng) for _ in range(family - 1))]
    del peaks[n_rows:]
    rows = np.empty((n_rows, n_points), np.float32)
    for k, one in enumerate(peaks):
        rows[k] = one.on(energy)
    return LorentzianSet(energy, rows, peaks)


def disturb(peaks: Peaks, row: int, how: Disturbance, rng: np.random.Generator) -> Query:
    """One query from the peaks of a row; the noise is relative to the signal's mean square."""
    shift = rng.uniform(-1.0, 1.0) * how.max_shift_ev
    sigma = rng.uniform(0.0, 1.0) * how.max_sigma_ev
    gamma = rng.uniform(0.0, 1.0) * how.max_gamma_ev
    scale = float(np.exp(rng.normal(0.0, how.scale_spread)))
    jittered = Peaks(
        peaks.position + shift + rng.normal(0.0, how.jitter_ev, peaks.position.size),
        peaks.hwhm,
        peaks.area * (1.0 + rng.normal(0.0, how.area_jitter, peaks.area.size)),
    )
    low = START_EV + rng.uniform(0.0, how.crop_ev)
    high = START_EV + SPAN_EV - rng.uniform(0.0, how.crop_ev)
    energy = np.linspace(low, high, how.n_points)
    signal = jittered.on(energy, sigma, gamma)
    noise = np.sqrt(np.mean(signal**2)) * 10.0 ** (-how.snr_db / 20.0)
    height = signal.max()
    offset, slope = rng.uniform(-1.0, 1.0, 2) * how.background * height
    background = offset + slope * (energy - low) / SPAN_EV
    intensity = scale * (signal + background + rng.normal(0.0, noise, energy.size))
    return Query(energy, intensity, row, shift, sigma, gamma, scale)


def make_queries(library: LorentzianSet, count: int, how: Disturbance, seed: int) -> list[Query]:
    """Disturbed copies of ``count`` different random rows."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(library.peaks), count, replace=False)
    return [disturb(library.peaks[k], int(k), how, rng) for k in rows]


def make_strangers(count: int, how: Disturbance, seed: int) -> list[Query]:
    """Queries from sums that no library holds; their row is -1."""
    rng = np.random.default_rng(seed)
    return [disturb(random_peaks(rng), -1, how, rng) for _ in range(count)]
