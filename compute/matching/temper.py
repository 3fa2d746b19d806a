"""From evidence to shares: how far the logarithms are to be believed.

Evidence ratios are as sure of themselves as the discrepancy model is right, which it is not quite.
So the logarithms are multiplied by beta, and a share epsilon is spread evenly over the candidates:
the truth may be one that the model holds impossible. Neither is known; what known pairs say of both
is kept as weights on a grid, and shares are averaged over it. So few pairs never give certainty,
and one surprising pair among many makes either the evidence count less or surprises likelier,
whichever explains all pairs better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compute.matching.grid import Array

# Neighbours differ by a fifth and by two fifths: less than pairs can tell.
_BETA = np.exp(np.linspace(np.log(0.02), 0.0, 25))
_EPSILON = np.exp(np.linspace(np.log(1e-4), np.log(0.5), 25))
# Before any pair: beta log-normal round 1, within a factor of two; epsilon a beta law, as if after
# 15 pairs without a surprise (Jeffreys' law would be after none). Both chosen on ``bench
# matching``, so that claims after 10 and 20 pairs keep a calibration error of 0.05.
_LOG_BETA_SPREAD = 0.7
_SURPRISES, _NO_SURPRISES = 0.5, 15.5


@dataclass(frozen=True)
class Temper:
    """What is known of beta and epsilon.

    Attributes
    ----------
    beta : float64 (b,)
        Factors on log-evidence.
    epsilon : float64 (e,)
        Shares spread evenly over the candidates.
    weight : float64 (b, e)
        Probability of each pair of them.
    """

    beta: Array
    epsilon: Array
    weight: Array

    @property
    def mean_epsilon(self) -> float:
        return float(self.weight.sum(axis=0) @ self.epsilon)

    def shares(
        self,
        log_likelihood: Array,
        weight: Array | None = None,
        log_prior: Array | float = 0.0,
    ) -> Array:
        """Probabilities (k,) of the candidates given that one of them is right.

        ``weight`` (k,) is what each weighs before looking, alike if it is not given, ``log_prior``
        (k,) the density of its alignment; beta touches neither.
        """
        weight = np.ones(log_likelihood.size) if weight is None else weight
        even, tempered = _parts(log_likelihood, self.beta, weight, log_prior)
        result: Array = (self.weight.sum(axis=1) - self.weight @ self.epsilon) @ tempered
        return result + self.mean_epsilon * even

    def unproven(self, most_beta: float) -> Temper:
        """For lack of known pairs: epsilon as before any, beta at most so much."""
        column = self.weight.sum(axis=1)
        column = np.where(self.beta <= most_beta, column, 0.0)
        if column.sum() < 1e-6:  # what was learnt lies beyond: as much as is allowed
            column = (np.abs(np.log(self.beta / most_beta)) < 0.1).astype(np.float64)
        weight = column[:, None] * _prior_of_epsilon(self.epsilon)
        return replace(self, weight=weight / weight.sum())


def learn_temper(
    log_likelihood: list[Array],
    true_index: Sequence[int | None | NDArray[np.bool_]],
    weight: list[Array] | None = None,
    log_prior: list[Array] | None = None,
) -> Temper:
    """Weights after known pairs.

    Parameters
    ----------
    log_likelihood : list of float64 (k,)
        Of each pair's candidates.
    true_index : sequence
        Which of them is right; None where the search missed it; a mask (k,) where several count
        as right, as all spectra of one valence do.
    weight : list of float64 (k,)
        What they weigh before looking; alike if None.
    log_prior : list of float64 (k,)
        Log-densities of their alignments; alike if None.
    """
    weight = weight or [np.ones(one.size) for one in log_likelihood]
    log_prior = log_prior or [np.zeros(one.size) for one in log_likelihood]
    log_weight = -0.5 * (np.log(_BETA[:, None]) / _LOG_BETA_SPREAD) ** 2
    log_weight = log_weight + np.log(_prior_of_epsilon(_EPSILON))
    for likelihood, index, own, prior in zip(
        log_likelihood, true_index, weight, log_prior, strict=True
    ):
        even, tempered = _parts(likelihood, _BETA, own, prior)
        if index is None:
            right, spread = np.zeros(_BETA.size), float(even.min())
        else:
            which = np.zeros(likelihood.size, np.bool_)
            which[index] = True
            right, spread = tempered[:, which].sum(axis=1), float(even[which].sum())
        log_weight += np.log((1.0 - _EPSILON) * right[:, None] + _EPSILON * spread)
    learnt = np.exp(log_weight - log_weight.max())
    return Temper(_BETA, _EPSILON, learnt / learnt.sum())


def _prior_of_epsilon(epsilon: Array) -> Array:
    """On a logarithmic grid."""
    prior: Array = epsilon**_SURPRISES * (1.0 - epsilon) ** (_NO_SURPRISES - 1.0)
    return prior


def _parts(
    log_likelihood: Array, beta: Array, weight: Array, log_prior: Array | float
) -> tuple[Array, Array]:
    """Shares before looking (k,), and after by evidence under each beta (b, k)."""
    found = np.outer(beta, log_likelihood) + np.log(weight) + log_prior
    found = np.exp(found - found.max(axis=1, keepdims=True))
    even: Array = weight / weight.sum()
    tempered: Array = found / found.sum(axis=1, keepdims=True)
    return even, tempered
