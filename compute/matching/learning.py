"""Learning the discrepancy from known pairs: restricted maximum likelihood with priors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from compute.matching.align import Alignment, AlignmentPrior
from compute.matching.discrepancy import (
    Covariance,
    Discrepancy,
    compare,
    evidence_gradient,
)
from compute.matching.grid import Array, ComparisonGrid
from compute.matching.shapes import Shape

# Standard deviations of ln(parameter) round the defaults: amplitudes and lengths within a factor of
# two, the continuum step and the smooth field, of which nothing is known, of four or five, floor
# and degrees of freedom of three. Convention; what twenty pairs say outweighs it.
_PRIOR_SPREAD = np.array([0.8, 0.7, 0.8, 0.7, 1.5, 1.5, 0.7, 1.0, 1.0])
_MAX_RANK = 8  # bounds the work; held-out pairs choose below it
_FOLDS = 4
_NOT_FREE = np.zeros(3, np.bool_)


@dataclass(frozen=True)
class AlignedPair:
    """A known pair brought together on the grid of its library.

    Query (n,) inside ``window``, candidate, covariance (size,) of the query's noise by distance
    in columns, scale.
    """

    grid: ComparisonGrid
    query: Array
    shape: Shape
    window: slice
    noise: Array
    scale: float


def learn_discrepancy(pairs: list[AlignedPair], default: Discrepancy) -> Discrepancy:
    """Amplitudes and lengths that make the pairs likely, starting and held near ``default``.

    Pairs may be of several libraries: what theory misses by is alike for neighbouring edges.
    """
    centre = default.log_values()
    grids = {pair.grid for pair in pairs}

    def loss(x: Array) -> tuple[float, Array]:
        model = default.with_log_values(x)
        covariances = {grid: Covariance(grid, model) for grid in grids}
        away = (x - centre) / _PRIOR_SPREAD
        total, slope = 0.5 * float(away @ away), away / _PRIOR_SPREAD
        for pair in pairs:
            covariance = covariances[pair.grid]
            value, gradient = evidence_gradient(
                pair.query, pair.shape, pair.window, covariance, pair.noise, pair.scale
            )
            total -= value
            slope = slope - gradient
        return total, slope

    low, high = centre - 4.0, centre + 4.0
    found = minimize(
        loss, centre, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)),
        options={"maxiter": 25, "ftol": 1e-5},
    )  # fmt: skip
    return default.with_log_values(found.x)


def learn_factors(
    pairs: list[AlignedPair], grid: ComparisonGrid, model: Discrepancy
) -> Discrepancy:
    """The low-rank part: what the residuals share beyond the model, its rank by held-out pairs."""
    residuals = np.zeros((len(pairs), grid.size))
    expected = np.zeros((len(pairs), grid.size))
    covariance = Covariance(grid, model)
    for k, pair in enumerate(pairs):
        fitted = compare(
            pair.query, pair.shape, pair.window, covariance, pair.noise, pair.scale, _NOT_FREE
        )
        column = np.arange(pair.query.size)
        fit = fitted.scale * pair.shape.value[pair.window] + fitted.offset + fitted.slope * column
        residuals[k, pair.window] = (pair.query - fit) / pair.scale
        own = np.diag(covariance.of(pair.shape, pair.window))
        expected[k, pair.window] = own + pair.noise[0] / pair.scale**2
    folds = np.arange(len(pairs)) % _FOLDS
    gain = np.zeros(_MAX_RANK + 1)
    for fold in range(_FOLDS):
        train = folds != fold
        for rank in range(_MAX_RANK + 1):
            trial = replace(model, factors=_factors(residuals[train], expected[train], rank))
            gain[rank] += _evidence([p for p, f in zip(pairs, folds, strict=True) if f == fold],
                                    grid, trial)  # fmt: skip
    rank = int(np.argmax(gain))
    return replace(model, factors=_factors(residuals, expected, rank))


def learn_alignment(
    found: Alignment, max_shift_ev: float, shift_err_ev: Array | float = 0.0
) -> AlignmentPrior:
    """Shift and broadening that known pairs had, less what their rows' own errors account for."""
    middle = float(np.median(found.shift))
    # Half of a Cauchy law lies within its half width.
    typical = float(np.median(np.abs(found.shift - middle)))
    own = 0.6745 * float(np.sqrt(np.mean(np.square(shift_err_ev))))
    width = float(np.sqrt(max(typical**2 - own**2, 0.0))) + 0.05
    sigma = float(np.mean(np.sqrt(found.variance)))
    gamma = float(np.mean(found.gamma))
    wide = width > 0.3 * max_shift_ev
    return AlignmentPrior(
        0.0 if wide else middle,
        np.inf if wide else width,
        sigma_scale_ev=max(sigma, 0.1) * 1.5,
        gamma_scale_ev=max(gamma, 0.1) * 1.5,
    )


def _evidence(pairs: list[AlignedPair], grid: ComparisonGrid, model: Discrepancy) -> float:
    covariance = Covariance(grid, model)
    return sum(
        compare(p.query, p.shape, p.window, covariance, p.noise, p.scale, _NOT_FREE).log_evidence
        for p in pairs
    )


def _factors(residuals: Array, expected: Array, rank: int) -> Array:
    """Leading factors (rank, size) of the residuals' second moment beyond what is expected."""
    if rank == 0:
        return np.zeros((0, residuals.shape[1]))
    white = np.sqrt(np.maximum(expected.mean(axis=0), 1e-12))
    scaled = residuals / white
    values, vectors = np.linalg.eigh(scaled.T @ scaled / residuals.shape[0])
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    strength = np.sqrt(np.maximum(values - 1.0, 0.0))
    result: Array = (vectors * strength * white[:, None]).T
    return result
