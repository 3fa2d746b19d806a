"""What a fit is worth: the criterion, tests to first and second order, floors of the noise.

The criterion is BIC with one more term for each peak, since a new peak has been looked for in
many places (extended BIC: Chen & Chen, Biometrika 95 (2008) 759).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from compute.peaks.background import BACKGROUND_TERMS
from compute.peaks.lineshapes import Floats
from compute.peaks.model import Fit, Problem
from compute.peaks.refine import active, covariance

# Per peak beyond BIC: measured best between 2 and 4 (docs/peaks.md)
PEAK_PENALTY = 3.0
# A background term beyond BIC: without it 1 % of clean spectra would get one
BACKGROUND_PENALTY = 2.0
MAX_DEPTH = 0.2  # of the range of intensities: how far a background may run below the data
DEEP_PENALTY = 100.0
ROUNDING = 1e-14  # of the highest point: what a noise-free spectrum cannot be fitted below


@dataclass(frozen=True)
class Candidate:
    """A fit together with the problem it solves."""

    problem: Problem
    fit: Fit
    criterion: float


def tangent_space(problem: Problem, fit: Fit) -> tuple[Floats, Floats]:
    """Orthonormal rows (k, n) that span what small changes of a fit can do, and the residual
    outside of them (n,)."""
    return project(fit, active(problem, fit), fit.residual)


def project(fit: Fit, keep: NDArray[np.intp], target: Floats) -> tuple[Floats, Floats]:
    """Orthonormal rows (k, n) that span those rows of a fit, and what is outside of them of
    ``target`` (n,)."""
    norms = np.sqrt(np.diag(fit.gram)[keep])
    gram = fit.gram[np.ix_(keep, keep)] / np.outer(norms, norms)
    gram[np.diag_indices_from(gram)] += 1e-12
    lower = scipy.linalg.cholesky(gram, lower=True, check_finite=False)
    q = scipy.linalg.solve_triangular(lower, fit.rows[keep] / norms[:, None], lower=True)
    return q, target - q.T @ (q @ target)


def criterion(problem: Problem, rss: float, n_peaks: int) -> float:
    """-2 ln likelihood, up to a constant, and the price of the parameters."""
    mean_square = max(rss, residual_floor(problem)) / problem.energy.size
    return problem.n_independent * math.log(mean_square) + penalty(problem, n_peaks)


def deep(problem: Problem, fit: Fit) -> bool:
    """Whether the background runs far below the data, filled up by peaks as wide as the range."""
    o, y = problem.options, problem.intensity
    if o.phase or not BACKGROUND_TERMS[o.background]:
        return False
    terms = slice(fit.n_peaks, fit.n_peaks + BACKGROUND_TERMS[o.background])
    background = fit.coefficients[terms] @ fit.rows[terms]
    return bool(background.min() < y.min() - MAX_DEPTH * np.ptp(y))


def penalty(problem: Problem, n_peaks: int) -> float:
    """What the criterion adds to n ln(rss/n)."""
    o = problem.options
    bic = math.log(problem.n_independent) * (o.per_peak * n_peaks + o.shared)
    return bic + PEAK_PENALTY * n_peaks + BACKGROUND_PENALTY * o.shared


def to_rounding(found: Candidate) -> bool:
    """Whether a fit leaves rounding errors only: its model is then the right one."""
    problem = found.problem
    return problem.options.noise_floor == 0.0 and found.fit.rss <= residual_floor(problem)


def residual_floor(problem: Problem) -> float:
    """Sum of squares below which there is nothing to explain: rounding errors, or what the
    caller called noise."""
    relative = max(ROUNDING, problem.options.noise_floor)
    return (relative * float(np.abs(problem.intensity).max())) ** 2 * problem.energy.size


def peak_sizes(problem: Problem, fit: Fit) -> Floats:
    """Areas, whatever their phases, (j,)."""
    j = fit.n_peaks
    if problem.options.phase:
        return np.hypot(fit.coefficients[:j], fit.coefficients[j : 2 * j])
    return fit.coefficients[:j]


def chi2_to_drop(problem: Problem, fit: Fit) -> Floats:
    """Rise of χ² on leaving out each peak, to second order (Wald's test), (j,)."""
    j = fit.n_peaks
    variance = max(fit.rss, residual_floor(problem)) / problem.n_independent
    c = covariance(problem, fit, variance)
    if not problem.options.phase:
        return np.asarray(fit.coefficients[:j] ** 2 / np.diag(c)[:j])
    out = np.empty(j)
    for k in range(j):
        pair = np.array([k, j + k])
        a, block = fit.coefficients[pair], c[np.ix_(pair, pair)]
        known = np.all(np.isfinite(block))
        out[k] = a @ np.linalg.pinv(block, hermitian=True) @ a if known else 0.0
    return out
