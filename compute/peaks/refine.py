"""Levenberg-Marquardt on the variable projection functional, and its end game to full precision.

The Jacobian is Kaufman's (BIT 15 (1975) 49): derivatives by the non-linear parameters with the
linear basis projected out, all from one Gram matrix of the rows of :class:`~.model.Fit`.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from compute.peaks.lineshapes import Floats
from compute.peaks.model import Fit, Parameters, Problem

PATIENCE = 6.0  # how many times its last gain a descent may still bring
RIDGE = 1e-13  # on unit-norm columns: keeps a Gram matrix of merging peaks invertible


def active(problem: Problem, fit: Fit) -> NDArray[np.intp]:
    """Rows of ``fit`` that span its tangent space: those of peaks without area are left out."""
    diagonal = np.diag(fit.gram)
    keep = diagonal > 1e-30 * max(problem.square, 1e-300)
    if not problem.options.phase:
        j, n_lin = fit.n_peaks, problem.n_linear(fit.n_peaks)
        dead = fit.coefficients[:j] <= 0.0
        keep[:j] &= ~dead
        keep[n_lin : n_lin + j] &= ~dead
        keep[n_lin + j : n_lin + 2 * j] &= ~dead
    return np.flatnonzero(keep)


def refine(
    problem: Problem,
    start: Parameters,
    *,
    iterations: int = 40,
    tolerance: float = 1e-5,
    to_beat: float = np.inf,
) -> Fit:
    """Least squares from ``start``; stops when the sum of squares falls by less than
    ``tolerance`` (relative) in a step, or has no prospect of falling below ``to_beat``."""
    fit = problem.evaluate(start)
    damping = 1e-3
    floor = 1e-28 * problem.square
    for _ in range(iterations):
        step_system = _normal_equations(problem, fit)
        if step_system is None:
            break
        matrix, gradient, index, size = step_system
        improved = False
        for _ in range(8):
            try:
                factor = scipy.linalg.cho_factor(
                    matrix + np.diag(np.full(len(gradient), damping)), check_finite=False
                )
            except np.linalg.LinAlgError:
                damping = max(10.0 * damping, 1e-8)
                continue
            scaled = scipy.linalg.cho_solve(factor, gradient, check_finite=False)
            predicted = float(gradient @ scaled)
            if predicted < 0.05 * tolerance * fit.rss:
                return fit
            step = np.zeros(problem.n_nonlinear(fit.n_peaks))
            step[index] = scaled * size
            trial = problem.evaluate(problem.moved(fit.parameters, step))
            if trial.rss < fit.rss:
                improved = True
                break
            damping = max(8.0 * damping, 1e-6)
        if not improved:
            break
        gain = fit.rss - trial.rss
        damping *= 0.15 if gain > 0.7 * predicted else (1.0 if gain > 0.3 * predicted else 3.0)
        done = gain < tolerance * fit.rss or trial.rss <= floor
        fit = trial
        if done or fit.rss - PATIENCE * gain > to_beat or problem.budget.exhausted:
            break
    return fit


def _normal_equations(
    problem: Problem, fit: Fit
) -> tuple[Floats, Floats, NDArray[np.intp], Floats] | None:
    """Scaled Schur complement ``KᵀP⊥K``, ``KᵀP⊥r``, the steps they mean and their scales."""
    keep = active(problem, fit)
    n_lin = problem.n_linear(fit.n_peaks)
    linear, slopes = keep[keep < n_lin], keep[keep >= n_lin]
    if not slopes.size:
        return None
    norms = np.sqrt(np.diag(fit.gram))
    gradient = (fit.rows[slopes] @ fit.residual) / norms[slopes]
    matrix = fit.gram[np.ix_(slopes, slopes)] / np.outer(norms[slopes], norms[slopes])
    if linear.size:
        inner = fit.gram[np.ix_(linear, linear)] / np.outer(norms[linear], norms[linear])
        inner[np.diag_indices_from(inner)] += RIDGE
        cross = fit.gram[np.ix_(linear, slopes)] / np.outer(norms[linear], norms[slopes])
        try:
            lower = scipy.linalg.cholesky(inner, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            inner[np.diag_indices_from(inner)] += 1e-9
            lower = scipy.linalg.cholesky(inner, lower=True, check_finite=False)
        half = scipy.linalg.solve_triangular(lower, cross, lower=True, check_finite=False)
        matrix = matrix - half.T @ half
    # Marquardt scaling: by what of each derivative the linear basis leaves
    size = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-12))
    matrix = matrix * np.outer(size, size)
    return matrix, gradient * size, slopes - n_lin, size / norms[slopes]


def polish(problem: Problem, fit: Fit, *, iterations: int = 30) -> Fit:
    """Gauss-Newton on all parameters by QR until rounding stops it: quadratic convergence."""
    fit = problem.evaluate(fit.parameters, exact=True)
    for _ in range(iterations):
        keep = active(problem, fit)
        n_lin = problem.n_linear(fit.n_peaks)
        columns = fit.rows[keep]
        norms = np.sqrt(np.sum(columns * columns, axis=1))
        solution = np.linalg.lstsq((columns / norms[:, None]).T, fit.residual, rcond=1e-14)[0]
        step = np.zeros(len(fit.rows))
        step[keep] = solution / norms
        trial, fraction = None, 1.0
        for _ in range(6):
            moved = problem.moved(fit.parameters, fraction * step[n_lin:])
            trial = problem.evaluate(moved, exact=True)
            if trial.rss < fit.rss:
                break
            fraction *= 0.25
        if trial is None or trial.rss >= fit.rss:
            break
        gain = 1.0 - trial.rss / fit.rss
        fit = trial
        if gain < 1e-12:
            break
    return fit


def covariance(problem: Problem, fit: Fit, variance: float) -> Floats:
    """Inverse Fisher matrix of all rows of ``fit``; rows of peaks without area are infinite."""
    keep = active(problem, fit)
    columns = fit.rows[keep]
    norms = np.sqrt(np.sum(columns * columns, axis=1))
    r = np.linalg.qr((columns / norms[:, None]).T, mode="r")
    inverse = np.linalg.pinv(r, rcond=1e-15)
    out = np.full((len(fit.rows), len(fit.rows)), np.inf)
    out[np.ix_(keep, keep)] = variance * (inverse @ inverse.T) / np.outer(norms, norms)
    return out
