"""Shift and broadening of shortlisted candidates, refined, and their evidence.

First all candidates together with the diagonal of the discrepancy as weights (Gauss–Newton on
shift and sigma², each a linear term of the broadened row's expansion), then the best of them one
by one with the whole covariance and a Lorentzian part as well. Both average over how much smaller
than expected theory's errors are, and the second lets every candidate answer for the same part of
the query (`compute.matching.coverage`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import voigt_profile

from compute.matching.coverage import Coverage
from compute.matching.discrepancy import (
    STEP_PRECISION,
    Covariance,
    Fitted,
    compare_sizes,
    log_mean_exp,
)
from compute.matching.discrepancy_kernels import off_line_products
from compute.matching.grid import MIN_POINTS, Array, ComparisonGrid, Curve
from compute.matching.screen import without_line
from compute.matching.shapes import Broadener, Shape
from compute.matching.threads import in_parallel

# Limits of the broadening fitted, a convention: beyond any monochromator or analyser and any excess
# life-time width of a K or L2,3 edge below 10 keV. What needs more says so in its shape.
MAX_SIGMA_EV = 2.0
MAX_GAMMA_EV = 1.5
# Off the logarithm of whatever only fits with a negative scale: more than any evidence reaches.
UPSIDE_DOWN = 1e4


@dataclass(frozen=True)
class AlignmentPrior:
    """What is known of shift and broadening before looking: learnt from known pairs.

    An instrument's energy scale follows a Cauchy law round ``shift_ev`` with half width
    ``shift_hwhm_ev``: most are nearly right, and a few are off by many times that. A row's own
    error is Gaussian, so the two together make a Voigt profile. Without pairs the shift is uniform
    (``shift_hwhm_ev`` infinite). Broadenings are exponential.
    """

    shift_ev: float = 0.0
    shift_hwhm_ev: float = np.inf
    sigma_scale_ev: float = 0.5
    gamma_scale_ev: float = 0.5

    def log_density(
        self, where: Alignment, max_shift_ev: float, shift_err_ev: Array | float = 0.0
    ) -> Array:
        """Up to a constant that all candidates share; arrays (k,).

        ``shift_err_ev`` is each candidate's own uncertainty of the energy scale.
        """
        sigma, gamma = np.sqrt(where.variance), where.gamma
        density = self._shift_density(where.shift, max_shift_ev, shift_err_ev)
        result: Array = np.log(density) - sigma / self.sigma_scale_ev - gamma / self.gamma_scale_ev
        return result

    def surprise(
        self, shift: Array, max_shift_ev: float, shift_err_ev: Array | float = 0.0
    ) -> Array:
        """ln of the density of a shift (k,) that may be any, over what it has here.

        What a library does not hold comes to lie anywhere within the shifts that are tried.
        """
        density = self._shift_density(shift, max_shift_ev, shift_err_ev)
        result: Array = -np.log(2.0 * max(max_shift_ev, 0.1) * density)
        return result

    def _shift_density(
        self, shift: Array, max_shift_ev: float, shift_err_ev: Array | float
    ) -> Array:
        """1/eV, (k,)."""
        if np.isfinite(self.shift_hwhm_ev):
            density: Array = voigt_profile(shift - self.shift_ev, shift_err_ev, self.shift_hwhm_ev)
            return density
        return np.full(shift.shape, 0.5 / max(max_shift_ev, 0.1))


@dataclass
class Alignment:
    """Where candidates stand against the query; arrays (k,)."""

    shift: Array  # eV
    variance: Array  # sigma², eV²
    gamma: Array  # eV

    def take(self, index: NDArray[np.intp]) -> Alignment:
        return Alignment(self.shift[index], self.variance[index], self.gamma[index])


def window_at(grid: ComparisonGrid, curve: Curve, shift: float) -> slice:
    """Columns that the query covers when the library is moved by ``shift``."""
    covered = np.flatnonzero(curve.covers(grid.energy_ev + shift))
    if covered.size < MIN_POINTS:
        return slice(0, 0)
    return slice(int(covered[0]), int(covered[-1]) + 1)


def refine_roughly(
    curve: Curve,
    rows: Array,
    start: Alignment,
    covariance: Covariance,
    broadener: Broadener,
    grid: ComparisonGrid,
    max_shift_ev: float,
    error: Array,
    rounds: int = 2,
) -> tuple[Alignment, Array]:
    """Gauss–Newton for all rows (k, size) at once under diagonal weights.

    ``error`` (k,) is each row's expected error over that of the covariance.

    Returns
    -------
    Alignment
        Refined; gamma untouched.
    log_evidence : float64 (k,)
        Under the diagonal covariance, over that of an unrelated spectrum; for ranking.
    """
    now = Alignment(start.shift.copy(), start.variance.copy(), start.gamma.copy())
    columns = np.arange(grid.size, dtype=np.float64)
    noise = curve.noise**2 * curve.correlation[0]
    for turn in range(rounds + 1):
        shape = broadener.shapes(rows, now.variance, now.gamma)
        position = grid.energy_ev + now.shift[:, None]
        query, inside = curve.at(position), curve.covers(position)
        scale = spread_ratio(query, shape.value, inside)[:, None]
        own = (scale * error[:, None]) ** 2 * covariance.variance(shape)
        terms = [shape.value, np.ones_like(query), np.broadcast_to(columns, query.shape)]
        if turn == rounds:
            break
        design = np.stack([*terms, shape.slope, shape.by_variance], axis=2)
        # The steps' own prior, as in `discrepancy.compare`.
        ridge = np.zeros((rows.shape[0], 5))
        ridge[:, 3:] = STEP_PRECISION[:2] / scale**2
        found = _least_squares(query, design, inside / (own + noise), ridge)
        size = np.maximum(found[:, 0], 1e-3)
        step = np.clip(-found[:, 3] / size, -grid.step_ev, grid.step_ev)
        now.shift = np.clip(now.shift + step, -max_shift_ev, max_shift_ev)
        widening = np.clip(found[:, 4] / size, -0.3, 0.3)
        now.variance = np.clip(now.variance + widening, 0.0, MAX_SIGMA_EV**2)
    evidence = _diagonal_evidence(
        query, inside, np.stack(terms, axis=2), own, noise, covariance.model.sizes
    )
    return now, evidence - inside.sum(axis=1) * curve.unrelated_log_density


def _diagonal_evidence(
    query: Array,
    inside: NDArray[np.bool_],
    design: Array,
    own: Array,
    noise: float,
    sizes: tuple[float, ...],
) -> Array:
    """Log-likelihood (k,) of queries (k, n) under independent errors, averaged over their sizes.

    ``design`` (k, n, 3) holds candidate and background, ``own`` (k, n) the variance of theory's
    errors where they are as large as expected.
    """
    tried = []
    for size in sizes:
        variance = size**2 * own + noise
        weight = inside / variance
        found = _least_squares(query, design, weight, np.zeros((query.shape[0], 3)))
        residual = query - np.matmul(design, found[:, :, None])[:, :, 0]
        spread = inside * np.log(2.0 * np.pi * variance)
        likelihood = -0.5 * np.sum(weight * residual**2 + spread, axis=1)
        likelihood[found[:, 0] <= 0.0] -= UPSIDE_DOWN
        tried.append(likelihood)
    result: Array = log_mean_exp(np.stack(tried))
    return result


def _least_squares(query: Array, design: Array, weight: Array, ridge: Array) -> Array:
    """Coefficients (k, c) of queries (k, n) in designs (k, n, c), weighted, ``ridge`` (k, c)."""
    weighted = (design * weight[:, :, None]).transpose(0, 2, 1)
    normal = np.matmul(weighted, design)
    each = np.arange(design.shape[2])
    normal[:, each, each] += ridge + 1e-9
    result: Array = np.linalg.solve(normal, np.matmul(weighted, query[:, :, None]))[:, :, 0]
    return result


def fit_exactly(
    curve: Curve,
    coverage: Coverage,
    rows: Array,
    start: Alignment,
    covariance: Covariance,
    broadener: Broadener,
    max_shift_ev: float,
    error: Array,
    rounds: int,
) -> tuple[Alignment, list[Fitted]]:
    """Each row (k, size) against the query under the whole covariance.

    ``error`` (k,) is each row's expected error over that of the covariance.
    """
    noise = curve.noise**2 * curve.correlation
    grid = coverage.grid
    still = np.zeros(3, np.bool_)
    sizes = np.array(covariance.model.sizes)
    first = broadener.shapes(rows, start.variance, start.gamma)

    def one(k: int) -> tuple[float, float, float, Fitted]:
        shift, variance, gamma = start.shift[k], start.variance[k], start.gamma[k]
        free = np.ones(3, np.bool_)
        for turn in range(rounds + 1):
            shape = first.row(k) if turn == 0 else shape_of(broadener, rows[k], variance, gamma)
            window = window_at(grid, curve, shift)
            energy = grid.energy_ev[window] + shift
            query = curve.at(energy)
            top, _, bottom = off_line_products(query, shape.value[window])
            amplitude = max(top**0.5, 1e-9) / max(bottom**0.5, 1e-9)
            own = (amplitude * error[k] * sizes) ** 2 * covariance.innovation(shape, window)
            fitted = compare_sizes(
                query, shape, window, covariance, noise, amplitude, error[k],
                free if turn < rounds else still,
                coverage.beside(float(energy[0]), float(energy[-1]), own),
            )  # fmt: skip
            if turn == rounds:
                break
            step = float(np.clip(fitted.shift_step, -grid.step_ev, grid.step_ev))
            shift = float(np.clip(shift + step, -max_shift_ev, max_shift_ev))
            variance = float(np.clip(variance + fitted.variance_step, 0.0, MAX_SIGMA_EV**2))
            gamma = float(np.clip(gamma + fitted.gamma_step, 0.0, MAX_GAMMA_EV))
        return shift, variance, gamma, fitted

    done = in_parallel(one, range(rows.shape[0]))
    shift, variance, gamma = (np.array([d[k] for d in done]) for k in range(3))
    return Alignment(shift, variance, gamma), [d[3] for d in done]


def shape_of(broadener: Broadener, row: Array, variance: float, gamma: float) -> Shape:
    """One row broadened, arrays (size,)."""
    return broadener.shapes(row[None, :], np.array([variance]), np.array([gamma])).row(0)


def spread_ratio(query: Array, value: Array, inside: NDArray[np.bool_]) -> Array:
    """Standard deviations of queries over those of candidates inside a mask, (k,).

    All (k, n), each less its straight line. The ratio sets the size of theory's errors. The
    fitted scale would not do: a candidate that explains little gets a small one, small errors
    with it, and so evidence that it does not deserve.
    """
    top, bottom = (np.linalg.norm(without_line(x, inside), axis=1) for x in (query, value))
    ratio: Array = np.maximum(top, 1e-9) / np.maximum(bottom, 1e-9)
    return ratio
