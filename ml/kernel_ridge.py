"""Kernel ridge regression with a Laplacian kernel, exact or on landmarks.

With fewer landmarks than rows the kernel matrix is replaced by its Nyström form (Williams & Seeger,
NIPS 2000), whose normal equations are summed over blocks of rows: beside the distances, no more
than a few landmarks × landmarks matrices are in memory. ``distance`` is (n, m) throughout, from
each row to each landmark in the order of the rows; ``landmarks`` (m,) are their row numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from ml.data import NEAREST
from ml.distances import nearest

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Distances = NDArray[np.floating[Any]]

BLOCK = 4096  # rows whose kernel is in memory at once


def solve(distance: Distances, landmarks: Int, y: Float, gamma: float, alpha: float) -> Float:
    """Coefficients (m, k) of the targets (n, k): exact when every row is a landmark."""
    if len(landmarks) == len(y):
        return _exact(_kernel(distance, gamma), y, alpha)
    between = _kernel(distance[landmarks], gamma)
    return _nystrom(*_normal(distance, np.arange(len(y)), y, gamma), between, alpha)


def evaluate(distance: Distances, solution: Float, gamma: float) -> Float:
    """Targets (n, k) of rows at these distances from the landmarks."""
    out = np.empty((len(distance), solution.shape[1]))
    for at in range(0, len(distance), BLOCK):
        out[at : at + BLOCK] = _kernel(distance[at : at + BLOCK], gamma) @ solution
    return out


def held_out(
    distance: Distances, landmarks: Int, y: Float, folds: Int, gamma: float, alphas: Sequence[float]
) -> Float:
    """(len(alphas), n, k) targets of each row from the rows and landmarks of other folds."""
    if len(landmarks) == len(y):
        return _held_out_exact(_kernel(distance, gamma), y, folds, alphas)
    held = np.empty((len(alphas), *y.shape))
    between = _kernel(distance[landmarks], gamma)
    gram, moment = _normal(distance, np.arange(len(y)), y, gamma)
    for fold in range(folds.max() + 1):
        out, kept = np.flatnonzero(folds == fold), np.flatnonzero(folds[landmarks] != fold)
        # The other folds' sums are the whole less this fold's: one more pass for all folds.
        own_gram, own_moment = _normal(distance, out, y, gamma)
        square = np.ix_(kept, kept)
        rest = (gram - own_gram)[square], (moment - own_moment)[kept]
        del own_gram
        for a, alpha in enumerate(alphas):
            solution = np.zeros_like(moment)
            solution[kept] = _nystrom(*rest, between[square], alpha)
            for at in range(0, len(out), BLOCK):
                some = out[at : at + BLOCK]
                held[a, some] = _kernel(distance[some], gamma) @ solution
    return held


def nearest_of_other_folds(distance: Distances, landmarks: Int, folds: Int) -> tuple[Float, Int]:
    """How far off each row lies (mean distance to the three nearest landmarks of other folds), and
    the row numbers (n, 5) of the five nearest of those."""
    spread = np.empty(len(distance))
    neighbours = np.empty((len(distance), NEAREST), np.int64)
    for fold in range(folds.max() + 1):
        out = np.flatnonzero(folds == fold)
        other = np.flatnonzero(folds[landmarks] != fold)
        for at in range(0, len(out), BLOCK):
            some = out[at : at + BLOCK]
            close, spread[some] = nearest_landmarks(distance[np.ix_(some, other)])
            neighbours[some] = landmarks[other[close]]
    return spread, neighbours


def nearest_landmarks(distance: Distances) -> tuple[Int, Float]:
    """Columns (n, 5) of the five nearest, and the mean distance to three of them."""
    close = nearest(distance, NEAREST)
    return close, np.take_along_axis(distance, close[:, :3], axis=1).mean(axis=1) + 1e-3


def _kernel(distance: Distances, gamma: float) -> Float:
    """Laplacian kernel, in double precision for the factorisations."""
    return np.asarray(np.exp(np.multiply(distance, -gamma, dtype=np.float64)))


def _exact(kernel: Float, y: Float, alpha: float) -> Float:
    matrix = kernel.copy()
    matrix[np.diag_indices_from(matrix)] += alpha
    return np.asarray(cho_solve(cho_factor(matrix, overwrite_a=True), y))


def _held_out_exact(kernel: Float, y: Float, folds: Int, alphas: Sequence[float]) -> Float:
    held = np.empty((len(alphas), *y.shape))
    for fold in range(folds.max() + 1):
        out, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        known, new = kernel[np.ix_(rest, rest)], kernel[np.ix_(out, rest)]
        for a, alpha in enumerate(alphas):
            held[a, out] = new @ _exact(known, y[rest], alpha)
    return held


def _normal(distance: Distances, rows: Int, y: Float, gamma: float) -> tuple[Float, Float]:
    """KᵀK (m, m) and Kᵀy (m, k) over some rows."""
    gram = np.zeros((distance.shape[1], distance.shape[1]))
    moment = np.zeros((distance.shape[1], y.shape[1]))
    for at in range(0, len(rows), BLOCK):
        some = rows[at : at + BLOCK]
        kernel = _kernel(distance[some], gamma)
        gram += kernel.T @ kernel
        moment += kernel.T @ y[some]
    return gram, moment


def _nystrom(gram: Float, moment: Float, between: Float, alpha: float) -> Float:
    """From the normal equations and the kernel between the landmarks."""
    matrix = gram + alpha * between
    matrix[np.diag_indices_from(matrix)] += 1e-9 * np.trace(matrix) / len(matrix)
    return np.asarray(cho_solve(cho_factor(matrix, overwrite_a=True), moment))
