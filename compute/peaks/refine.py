"""Levenberg-Marquardt on the variable projection functional, and its end game to full precision.

The Jacobian is Kaufman's (BIT 15 (1975) 49): derivatives by the non-linear parameters with the
linear basis projected out, all from one Gram matrix of the rows of :class:`~.model.Fit`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
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
        keep = active(problem, fit)
        n_lin = problem.n_linear(fit.n_peaks)
        slopes = keep[keep >= n_lin]
        if not slopes.size:
            break
        pull = fit.rows @ fit.residual
        matrix, gradient, scale = projected_equations(fit.gram, pull, keep[keep < n_lin], slopes)
        improved = False
        for _ in range(8):
            scaled = solve_damped(matrix, gradient, damping)
            if not scaled.size:
                damping = max(10.0 * damping, 1e-8)
                continue
            predicted = float(gradient @ scaled)
            if predicted < 0.05 * tolerance * fit.rss:
                return fit
            step = np.zeros(problem.n_nonlinear(fit.n_peaks))
            step[slopes - n_lin] = scaled * scale
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


@njit(cache=True)
def projected_equations(
    gram: Floats, pull: Floats, linear: NDArray[np.intp], slopes: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Normal equations of the slopes with the linear basis projected out.

    Parameters
    ----------
    gram, pull : float64 (m, m), (m,)
        Products of the rows of a fit with each other and with the residual.
    linear, slopes : int (l,), (k,)
        Which rows are the basis, and which its derivatives.

    Returns
    -------
    matrix, gradient, scale : float64 (k, k), (k,), (k,)
        ``KᵀP⊥K`` with a diagonal of 1 (Marquardt's scaling: by what of each derivative the basis
        leaves), ``KᵀP⊥r`` and what a solution must be multiplied by.
    """
    size, k = linear.size, slopes.size
    norm = np.sqrt(np.diag(gram))
    lower = np.empty((size, size))
    for ridge in (RIDGE, 1e-9):
        for a in range(size):
            for b in range(a + 1):
                lower[a, b] = gram[linear[a], linear[b]] / (norm[linear[a]] * norm[linear[b]])
            lower[a, a] += ridge
        if cholesky_in_place(lower):
            break
    half = np.empty((size, k))
    for a in range(size):
        for c in range(k):
            half[a, c] = gram[linear[a], slopes[c]] / (norm[linear[a]] * norm[slopes[c]])
        for b in range(a):
            factor = lower[a, b]
            for c in range(k):
                half[a, c] -= factor * half[b, c]
        for c in range(k):
            half[a, c] /= lower[a, a]
    matrix = np.empty((k, k))
    for a in range(k):
        for b in range(a + 1):
            matrix[a, b] = gram[slopes[a], slopes[b]] / (norm[slopes[a]] * norm[slopes[b]])
    for i in range(size):
        for a in range(k):
            for b in range(a + 1):
                matrix[a, b] -= half[i, a] * half[i, b]
    left = np.empty(k)
    for a in range(k):
        left[a] = 1.0 / np.sqrt(max(matrix[a, a], 1e-12))
    for a in range(k):
        for b in range(a + 1):
            matrix[a, b] *= left[a] * left[b]
            matrix[b, a] = matrix[a, b]
    scale = left / norm[slopes]
    return matrix, pull[slopes] * scale, scale


@njit(cache=True)
def solve_damped(matrix: Floats, right: Floats, damping: float) -> Floats:
    """``(matrix + damping) x = right``; empty where that is not positive definite."""
    size = right.size
    lower = matrix.copy()
    for a in range(size):
        lower[a, a] += damping
    if not cholesky_in_place(lower):
        return np.empty(0)
    x = right.copy()
    for a in range(size):
        for b in range(a):
            x[a] -= lower[a, b] * x[b]
        x[a] /= lower[a, a]
    for a in range(size - 1, -1, -1):
        x[a] /= lower[a, a]
        for b in range(a):
            x[b] -= lower[a, b] * x[a]
    return x


@njit(cache=True)
def cholesky_in_place(lower: Floats) -> bool:
    """The lower triangle becomes its Cholesky factor; False where there is none."""
    size = lower.shape[0]
    for a in range(size):
        for b in range(a + 1):
            total = lower[a, b]
            for c in range(b):
                total -= lower[a, c] * lower[b, c]
            if a > b:
                lower[a, b] = total / lower[b, b]
            elif total > 0.0:
                lower[a, a] = np.sqrt(total)
            else:
                return False
    return True


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
