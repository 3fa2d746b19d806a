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

from compute.matching.align_kernels import compare_all, judge_roughly, step_roughly
from compute.matching.coverage import Coverage
from compute.matching.discrepancy import (
    STEP_PRECISION,
    Covariance,
    Fitted,
    factorised,
    fitted_of,
)
from compute.matching.grid import MIN_POINTS, Array, ComparisonGrid, Curve
from compute.matching.screen import without_line
from compute.matching.shapes import Broadener, Shape
from compute.matching.threads import WORKERS, in_parallel

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
    asked = grid.axis, curve.table
    common, parts = covariance.common_variance, covariance.parts
    noise = float(curve.noise**2 * curve.correlation[0])
    coefficients = broadener.coefficients(rows)
    for _ in range(rounds):
        shape = broadener.wider(coefficients, now.variance, now.gamma)
        step = step_roughly(
            *shape, now.shift, error, *asked, common, parts, noise, STEP_PRECISION
        )  # fmt: skip
        moved = now.shift + np.clip(step[:, 0], -grid.step_ev, grid.step_ev)
        now.shift = np.clip(moved, -max_shift_ev, max_shift_ev)
        widened = now.variance + np.clip(step[:, 1], -0.3, 0.3)
        now.variance = np.clip(widened, 0.0, MAX_SIGMA_EV**2)
    shape = broadener.wider(coefficients, now.variance, now.gamma)
    evidence = judge_roughly(
        *shape, now.shift, error, *asked, common, parts, noise,
        np.array(covariance.model.sizes), float(curve.unrelated_log_density), UPSIDE_DOWN,
    )  # fmt: skip
    return now, evidence


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
    begun: list[Fitted] | None = None,
) -> tuple[Alignment, list[Fitted]]:
    """Each row (k, size) against the query under the whole covariance.

    ``error`` (k,) is each row's expected error over that of the covariance; ``begun`` what the rows
    are known to be at the start, if that is known.
    """
    grid = coverage.grid
    noise = curve.noise**2 * curve.correlation
    free, sizes = np.ones(3, np.bool_), np.array(covariance.model.sizes)

    def compare(now: Alignment) -> list[Fitted]:
        shape = broadener.shapes(rows, now.variance, now.gamma)

        def some(part: NDArray[np.intp]) -> Array:
            with factorised():
                found: Array = compare_all(
                    shape.value[part], shape.slope[part], shape.by_variance[part],
                    shape.by_gamma[part], now.shift[part], error[part], grid.axis, curve.table,
                    coverage.reference, covariance.parts, noise, free, STEP_PRECISION, sizes,
                )  # fmt: skip
            return found

        halves = np.array_split(np.arange(rows.shape[0]), min(WORKERS, rows.shape[0]))
        return [fitted_of(one) for half in in_parallel(some, halves) for one in half]

    now = Alignment(*(np.array(x, np.float64) for x in (start.shift, start.variance, start.gamma)))
    fitted = compare(now) if begun is None else begun
    for _ in range(rounds):
        shift, variance, gamma = np.array(
            [(one.shift_step, one.variance_step, one.gamma_step) for one in fitted]
        ).T
        moved = now.shift + np.clip(shift, -grid.step_ev, grid.step_ev)
        now.shift = np.clip(moved, -max_shift_ev, max_shift_ev)
        now.variance = np.clip(now.variance + variance, 0.0, MAX_SIGMA_EV**2)
        now.gamma = np.clip(now.gamma + gamma, 0.0, MAX_GAMMA_EV)
        fitted = compare(now)
    return now, fitted


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
