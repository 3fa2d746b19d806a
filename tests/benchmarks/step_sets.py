"""Seeded sets of step-like spectra (K edges), made without a line of the code they are to judge.

A row is an arctangent step and broad peaks, by flavour with pre-edge peaks, a white line, the
scattering wiggles of neighbours, or an edge anywhere in the window. A query is the same curve on a
wider range, moved, broadened by a Voigt profile (a Fourier product on a long fine grid, so no
convolution is shared with the matcher), scaled, put on a background and given noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

EDGE_EV = 7112.0
START_EV, SPAN_EV = 7092.0, 60.0
_FINE_EV = 0.1
_BEYOND_EV = 150.0  # a Lorentzian's wings reach far
_WAVENUMBER = 0.5123  # sqrt(2 m) / hbar, 1/Å per sqrt(eV)


@dataclass(frozen=True)
class StepCurve:
    """One absorption edge of unit height.

    Positions and widths in eV. Each step is (position, HWHM, height), each peak (position, HWHM,
    height, Gaussian share of its profile), each shell (distance Å, strength, phase, damping Å²).
    """

    steps: Array
    peaks: Array
    shells: Array
    rounded: bool = False  # steps are error functions rather than arctangents

    def on(self, energy_ev: Array) -> Array:
        """Values (n,) at energies in eV."""
        value = np.zeros(energy_ev.size)
        for position, width, height in self.steps:
            x = (energy_ev - position) / width
            rise = erf(0.8326 * x) / 2 if self.rounded else np.arctan(x) / np.pi
            value += height * (0.5 + rise)
        x2 = ((energy_ev[:, None] - self.peaks[:, 0]) / self.peaks[:, 1]) ** 2
        share = self.peaks[:, 3]
        shape = (1.0 - share) / (1.0 + x2) + share * np.exp(-np.log(2.0) * x2)
        value += shape @ self.peaks[:, 2]
        first = self.steps[0]
        k = _WAVENUMBER * np.sqrt(np.maximum(energy_ev - first[0], 0.0))
        start = 1.0 - np.exp(-((k / 1.5) ** 4))  # no free wave close above the edge
        for distance, strength, phase, damping in self.shells:
            wave = np.sin(2.0 * k * distance + phase) * np.exp(-2.0 * damping * k**2)
            value += strength * start * wave / np.maximum(k, 0.5)
        return value


@dataclass(frozen=True)
class Moved:
    """What separates a query from its library row; widths are drawn evenly between the limits."""

    snr_db: float = 40.0
    max_shift_ev: float = 5.0
    sigma_ev: tuple[float, float] = (0.2, 0.8)
    gamma_ev: tuple[float, float] = (0.0, 0.5)
    wider_ev: tuple[float, float] = (0.0, 12.0)  # beyond the library's range, each end
    background: float = 0.1  # of the step, offset and slope over the span
    scale_spread: float = 1.0
    jitter_ev: float = 0.0
    height_jitter: float = 0.0


@dataclass(frozen=True)
class StepQuery:
    """A disturbed spectrum and what was done to it."""

    energy_ev: Array
    intensity: Array
    row: int
    shift_ev: float
    sigma_ev: float
    gamma_ev: float


@dataclass(frozen=True)
class StepSet:
    """A library: grid (n,) eV, intensities (m, n) float32, and the curve behind each row."""

    flavour: str
    energy_ev: Array
    intensities: NDArray[np.float32]
    curves: list[StepCurve] = field(repr=False)


def _peaks(rng: np.random.Generator, low: float, high: float, least: int, most: int) -> Array:
    """Broad peaks whose widths grow with energy, as life times above an edge do."""
    n = int(rng.integers(least, most + 1))
    position = np.sort(rng.uniform(low, high, n))
    far = (position - low) / max(high - low, 1.0)
    hwhm = np.clip(rng.uniform(0.5, 2.0, n) + 2.0 * far, 0.5, 4.0)
    height = rng.uniform(0.05, 0.6, n) * (1.0 - 0.5 * far)
    return np.column_stack([position, hwhm, height, np.zeros(n)])


def _plain(rng: np.random.Generator) -> StepCurve:
    edge = EDGE_EV + rng.normal(0.0, 1.5)
    steps = np.array([[edge, rng.uniform(0.5, 1.5), 1.0]])
    return StepCurve(steps, _peaks(rng, edge, edge + 32.0, 3, 7), np.zeros((0, 4)))


def _pre_edge(rng: np.random.Generator) -> StepCurve:
    curve = _plain(rng)
    n = int(rng.integers(1, 4))
    small = np.column_stack([
        curve.steps[0, 0] - rng.uniform(2.0, 9.0, n), rng.uniform(0.5, 1.0, n),
        rng.uniform(0.02, 0.25, n), np.zeros(n),
    ])  # fmt: skip
    return replace(curve, peaks=np.concatenate([curve.peaks, small]))


def _white_line(rng: np.random.Generator) -> StepCurve:
    curve = _plain(rng)
    edge = curve.steps[0, 0]
    line = np.array([[
        edge + rng.uniform(0.5, 4.0), rng.uniform(0.7, 2.5), np.exp(rng.uniform(-1.2, 1.1)), 0.0,
    ]])  # fmt: skip
    return replace(curve, peaks=np.concatenate([line, curve.peaks]))


def _wiggles(rng: np.random.Generator) -> StepCurve:
    curve = _white_line(rng)
    n = int(rng.integers(2, 5))
    shells = np.column_stack([
        rng.uniform(1.7, 3.8, n), rng.uniform(0.05, 0.45, n), rng.uniform(0.0, 2 * np.pi, n),
        rng.uniform(0.003, 0.015, n),
    ])  # fmt: skip
    return StepCurve(curve.steps, curve.peaks[:3], shells)


def _anywhere(rng: np.random.Generator) -> StepCurve:
    """The edge anywhere from a fifth to four fifths of the window."""
    curve = _pre_edge(rng) if rng.uniform() < 0.5 else _white_line(rng)
    off = START_EV + SPAN_EV * rng.uniform(0.2, 0.8) - curve.steps[0, 0]
    return _shifted(curve, off)


def _several_sites(rng: np.random.Generator) -> StepCurve:
    """Rounded steps of two sites some eV apart, peaks that are half Gaussian, a few wiggles."""
    edge = EDGE_EV + rng.normal(0.0, 2.5)
    share = rng.uniform(0.2, 0.8)
    steps = np.array(
        [
            [edge, rng.uniform(0.8, 2.0), share],
            [edge + rng.uniform(1.0, 6.0), rng.uniform(0.8, 2.0), 1.0 - share],
        ]
    )
    peaks = _peaks(rng, edge - 4.0, edge + 30.0, 4, 9)
    peaks[:, 3] = rng.uniform(0.0, 1.0, peaks.shape[0])
    peaks[:, 2] *= rng.choice([1.0, -0.4], peaks.shape[0], p=[0.8, 0.2])
    shells = np.array([[rng.uniform(1.9, 3.2), rng.uniform(0.05, 0.3), rng.uniform(0, 6.3), 0.006]])
    return StepCurve(steps, peaks, shells, rounded=True)


FLAVOURS: dict[str, Callable[[np.random.Generator], StepCurve]] = {
    "plain": _plain,
    "pre-edge": _pre_edge,
    "white line": _white_line,
    "wiggles": _wiggles,
    "anywhere": _anywhere,
    "several sites": _several_sites,
}


def _shifted(curve: StepCurve, by_ev: float) -> StepCurve:
    steps, peaks = curve.steps.copy(), curve.peaks.copy()
    steps[:, 0] += by_ev
    peaks[:, 0] += by_ev
    return replace(curve, steps=steps, peaks=peaks)


def relative(curve: StepCurve, rng: np.random.Generator) -> StepCurve:
    """A near-duplicate: peaks off by 0.3 eV, widths and heights by 10 %."""
    peaks = curve.peaks.copy()
    n = peaks.shape[0]
    peaks[:, 0] += rng.normal(0.0, 0.3, n)
    peaks[:, 1] *= np.exp(rng.normal(0.0, 0.1, n))
    peaks[:, 2] *= np.exp(rng.normal(0.0, 0.1, n))
    return replace(curve, peaks=peaks)


def make_library(
    n_rows: int, flavour: str, n_points: int = 240, seed: int = 1, family: int = 1
) -> StepSet:
    """``n_rows`` curves of a flavour, or of all but the last where it is "mixed"."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(START_EV, START_EV + SPAN_EV, n_points)
    kinds = list(FLAVOURS.values())[:-1] if flavour == "mixed" else [FLAVOURS[flavour]]
    curves: list[StepCurve] = []
    while len(curves) < n_rows:
        first = kinds[len(curves) // family % len(kinds)](rng)
        curves += [first, *(relative(first, rng) for _ in range(family - 1))]
    del curves[n_rows:]
    rows = np.empty((n_rows, n_points), np.float32)
    for k, one in enumerate(curves):
        rows[k] = one.on(energy)
    return StepSet(flavour, energy, rows, curves)


def disturb(curve: StepCurve, row: int, how: Moved, rng: np.random.Generator) -> StepQuery:
    """One query from the curve of a row; the noise is relative to the signal's mean square."""
    shift = rng.uniform(-1.0, 1.0) * how.max_shift_ev
    sigma, gamma = rng.uniform(*how.sigma_ev), rng.uniform(*how.gamma_ev)
    peaks = curve.peaks.copy()
    peaks[:, 0] += rng.normal(0.0, how.jitter_ev, peaks.shape[0])
    peaks[:, 2] *= 1.0 + rng.normal(0.0, how.height_jitter, peaks.shape[0])
    low = START_EV - rng.uniform(*how.wider_ev)
    high = START_EV + SPAN_EV + rng.uniform(*how.wider_ev)
    energy = _scan(low, high, rng)
    signal = np.interp(energy - shift, *_broadened(replace(curve, peaks=peaks), sigma, gamma))
    noise = np.sqrt(np.mean(signal**2)) * 10.0 ** (-how.snr_db / 20.0)
    offset, slope = rng.uniform(-1.0, 1.0, 2) * how.background
    background = offset + slope * (energy - low) / SPAN_EV
    scale = float(np.exp(rng.normal(0.0, how.scale_spread)))
    intensity = scale * (signal + background + rng.normal(0.0, noise, energy.size))
    return StepQuery(energy, intensity, row, shift, sigma, gamma)


def _scan(low: float, high: float, rng: np.random.Generator) -> Array:
    """Even steps, or, as beamlines scan: coarse before the edge, fine over it, wider after."""
    if rng.uniform() < 0.5:
        return np.linspace(low, high, int(rng.integers(250, 500)))
    fine_from, fine_to = EDGE_EV - 15.0, EDGE_EV + 20.0
    parts = [
        np.arange(low, fine_from, 1.0), np.arange(fine_from, fine_to, 0.25),
        np.arange(fine_to, high, 0.5),
    ]  # fmt: skip
    return np.concatenate(parts)


def _broadened(curve: StepCurve, sigma_ev: float, gamma_ev: float) -> tuple[Array, Array]:
    """Energies and values, the curve convolved with a Voigt profile on a long fine grid."""
    low, high = START_EV - _BEYOND_EV, START_EV + SPAN_EV + _BEYOND_EV
    energy = np.arange(low, high, _FINE_EV)
    value = curve.on(energy)
    # Mirrored: even about both ends, hence periodic without a jump.
    both = np.concatenate([value, value[::-1]])
    w = 2.0 * np.pi * np.fft.rfftfreq(both.size, _FINE_EV)
    damping = np.exp(-0.5 * (sigma_ev * w) ** 2 - gamma_ev * w)
    return energy, np.fft.irfft(np.fft.rfft(both) * damping, both.size)[: value.size]


def make_queries(made: StepSet, count: int, how: Moved, seed: int) -> list[StepQuery]:
    """Disturbed copies of ``count`` different random rows."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(made.curves), count, replace=False)
    return [disturb(made.curves[k], int(k), how, rng) for k in rows]


def make_strangers(flavour: str, count: int, how: Moved, seed: int) -> list[StepQuery]:
    """Queries from curves that no library holds; their row is -1."""
    rng = np.random.default_rng(seed)
    kinds = list(FLAVOURS.values())[:-1] if flavour == "mixed" else [FLAVOURS[flavour]]
    return [disturb(kinds[k % len(kinds)](rng), -1, how, rng) for k in range(count)]
