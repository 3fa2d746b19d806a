"""Seeded generator of spectra with known peaks, and their Cramér-Rao bounds.

Independent of ``compute.peaks``: Lorentzians by their formula, Voigt profiles and bounds by
``scipy.special.wofz`` and numerical derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import wofz

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What a spectrum was made of; positions and widths in eV, in order of position."""

    energy: Floats
    position: Floats
    hwhm: Floats
    area: Floats
    sigma: float
    edge: tuple[float, float, float] | None  # position, width, height
    broadened_edge: bool  # whether the instrument broadens the edge too
    constant: float | None  # background
    clean: Floats
    intensity: Floats
    noise: float

    @property
    def edge_sigma(self) -> float:
        return self.sigma if self.broadened_edge else 0.0

    @property
    def vector(self) -> Floats:
        parts = [self.position, self.hwhm, self.area]
        if self.edge is not None:
            parts.append(np.array(self.edge))
        if self.constant is not None:
            parts.append(np.array([self.constant]))
        return np.concatenate(parts)


def lineshape(energy: Floats, position: float, hwhm: float, sigma: float) -> Floats:
    """Unit-area Lorentz or Voigt profile."""
    x = energy - position
    if sigma == 0.0:
        return hwhm / np.pi / (x * x + hwhm * hwhm)
    z = (x + 1j * hwhm) / (sigma * np.sqrt(2.0))
    return np.asarray(wofz(z).real / (sigma * np.sqrt(2.0 * np.pi)))


def edge_step(energy: Floats, position: float, width: float, sigma: float) -> Floats:
    """Unit arctangent, convolved with a Gaussian by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite.hermgauss(80 if sigma else 1)
    shifted = energy - position - sigma * np.sqrt(2.0) * nodes[:, None]
    steps = 0.5 + np.arctan(shifted / width) / np.pi
    return np.asarray(weights @ steps / np.sqrt(np.pi))


def spectrum(
    energy: Floats, vector: Floats, n_peaks: int, sigma: float, edge_sigma: float = 0.0
) -> Floats:
    """Sum of peaks and what ``vector`` holds besides: an arctangent edge (3 numbers), a
    constant (1), or one after the other."""
    j = n_peaks
    more = vector[3 * j :]
    y = np.zeros_like(energy)
    for k in range(j):
        y += vector[2 * j + k] * lineshape(energy, vector[k], vector[j + k], sigma)
    if more.size >= 3:
        position, width, height = more[:3]
        y += height * edge_step(energy, position, width, edge_sigma)
    if more.size in (1, 4):
        y += more[-1]
    return y


def generate(
    seed: int,
    *,
    snr_db: float | None,
    overlap: float = 0.25,
    sigma: float = 0.0,
    edge: bool = False,
    broadened_edge: bool = False,
    packed: bool = False,
    margin: float = 2.0,
    n_points: int = 1000,
    n_peaks: int | None = None,
    reference: str = "peak",
    background: float = 0.0,
) -> Truth:
    """One spectrum over 50 eV: J = 3…12, HWHM 0.1…1.5 eV, heights 0.2…1.

    ``overlap``: smallest separation of two peaks over the sum of their HWHM; ``packed`` puts all
    neighbours at 0.25…0.5 of it. ``margin``: distance of peaks from the ends, eV.
    ``broadened_edge``: the instrument's Gaussian broadens the edge as it does the peaks.
    ``reference``: noise is relative to the highest point (``peak``) or the root mean square
    (``rms``) of the clean spectrum; ``snr_db`` None is noise-free. ``background``: a constant is
    added, at most so large, of either sign, relative to the highest peak.
    """
    rng = np.random.default_rng([seed, 20250])
    energy = np.linspace(850.0, 900.0, n_points)
    j = int(rng.integers(3, 13)) if n_peaks is None else n_peaks
    while True:
        low, high = 850.0 + margin, 900.0 - margin
        position = np.sort(rng.uniform(low, high, j))
        hwhm = rng.uniform(0.1, 1.5, j)
        if packed:
            gaps = rng.uniform(0.25, 0.5, j - 1) * (hwhm[1:] + hwhm[:-1])
            first = rng.uniform(low, high - gaps.sum())
            position = first + np.concatenate([[0.0], np.cumsum(gaps)])
            break
        gap = position[:, None] - position[None, :] + np.eye(j) * 1e3
        if np.all(np.abs(gap) >= overlap * (hwhm[:, None] + hwhm[None, :])):
            break
    height = rng.uniform(0.2, 1.0, j)
    at_centre = np.array([lineshape(np.zeros(1), 0.0, g, sigma)[0] for g in hwhm])
    area = height / at_centre
    step = None
    if edge:
        step = (rng.uniform(858.0, 892.0), rng.uniform(0.3, 1.5), rng.uniform(0.3, 1.0))
    constant = background * height.max() * rng.uniform(-1.0, 1.0) if background else None
    known = (energy, position, hwhm, area, sigma, step, broadened_edge, constant)
    blank = Truth(*known, energy, energy, 0.0)
    clean = spectrum(energy, blank.vector, j, sigma, blank.edge_sigma)
    if snr_db is None:
        return Truth(*known, clean, clean, 0.0)
    level = clean.max() if reference == "peak" else np.sqrt(np.mean(clean**2))
    noise = float(level * 10.0 ** (-snr_db / 20.0))
    noisy = clean + noise * rng.standard_normal(n_points)
    return Truth(*known, clean, noisy, noise)


def bounds(truth: Truth) -> Floats:
    """Cramér-Rao standard deviations of ``truth.vector`` (complex-step free: central
    differences)."""
    return np.sqrt(np.diag(bound_covariance(truth)))


def bound_covariance(truth: Truth) -> Floats:
    """Inverse Fisher matrix of ``truth.vector`` for white noise of ``truth.noise``."""
    v, j = truth.vector, truth.position.size
    jacobian = np.empty((truth.energy.size, v.size))
    for k in range(v.size):
        h = 1e-5 * (1.0 if k < j else max(abs(v[k]), 1e-3))
        if k == 3 * j:
            h = 1e-5
        up, down = v.copy(), v.copy()
        up[k] += h
        down[k] -= h
        jacobian[:, k] = (
            spectrum(truth.energy, up, j, truth.sigma, truth.edge_sigma)
            - spectrum(truth.energy, down, j, truth.sigma, truth.edge_sigma)
        ) / (2.0 * h)
    scale = np.linalg.norm(jacobian, axis=0)
    r = np.linalg.qr(jacobian / scale, mode="r")
    inverse = np.linalg.pinv(r)
    return np.asarray(truth.noise**2 * (inverse @ inverse.T) / np.outer(scale, scale))


def determined(truth: Truth, *, area_sigmas: float = 6.0, of_width: float = 0.25) -> bool:
    """Whether every area is above so many standard deviations of its bound, and every position
    within such a share of the HWHM."""
    bound, j = bounds(truth), truth.position.size
    large = truth.area > area_sigmas * bound[2 * j : 3 * j]
    placed = bound[:j] < of_width * truth.hwhm
    return bool(np.all(large & placed))


def resolvable(truth: Truth, *, area_sigmas: float = 5.0, gap_sigmas: float = 5.0) -> bool:
    """Whether the bound says that every peak can be told from noise and from its neighbours.

    Every area must exceed ``area_sigmas`` of its bound, every difference of neighbouring
    positions ``gap_sigmas`` of the bound of that difference.
    """
    c, j = bound_covariance(truth), truth.position.size
    if np.any(truth.area < area_sigmas * np.sqrt(np.diag(c)[2 * j : 3 * j])):
        return False
    for a in range(j - 1):
        variance = c[a, a] + c[a + 1, a + 1] - 2.0 * c[a, a + 1]
        if truth.position[a + 1] - truth.position[a] < gap_sigmas * np.sqrt(variance):
            return False
    return True
