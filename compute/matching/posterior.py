"""From evidence to probabilities: temperature, humility, "none of these", reliability.

Evidence ratios are as sure of themselves as the discrepancy model is right, which it is not
quite. So the logarithms are multiplied by beta, found by maximum likelihood over known pairs,
and a share epsilon = 1 / (2 pairs + 2) is spread evenly over the candidates: so many pairs
cannot support more certainty than that (Jeffreys' rule).

"None of these" weighs two laws of t = ln(misfit per energy) of the best candidate: the one that
known pairs follow, and the one their queries follow when their own spectrum is struck out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from compute.errors import InputError
from compute.matching.grid import Array

MIN_PAIRS = 10
FALSE_REJECTION = 0.05
_FREEDOM = 5.0
_PRIOR_NONE = 0.1  # of measured substances, before looking, that a library does not hold


@dataclass(frozen=True)
class Posterior:
    """How evidence becomes probability.

    Attributes
    ----------
    beta : float
        Factor on log-evidence.
    epsilon : float
        Share spread evenly over the candidates.
    known : float64 (p,)
        Sorted t of the known pairs' best candidates.
    known_centre, known_spread, struck_centre, struck_spread : float
        Student's t (5 degrees of freedom) for t where the right row is there, and the normal
        law for t where it is not.
    log_prior_odds : float
        Of "none of these"; low enough to reject at most 5 % of the known pairs.
    n_pairs : int
        Pairs it was learnt from.
    """

    beta: float
    epsilon: float
    known: Array
    known_centre: float
    known_spread: float
    struck_centre: float
    struck_spread: float
    log_prior_odds: float
    n_pairs: int

    @property
    def calibrated(self) -> bool:
        return self.n_pairs >= MIN_PAIRS

    def none_of_these(self, t: float) -> float:
        """Probability that nothing fits, from ln(misfit per energy) of the best candidate."""
        odds = self.log_prior_odds + self._log_ratio(t)
        return float(1.0 / (1.0 + np.exp(np.clip(-odds, -40.0, 40.0))))

    def _log_ratio(self, t: float) -> float:
        """ln of the density without over that with the right row; never falls with t."""
        t = float(np.clip(t, self.known_centre, max(self.known_centre, self.struck_centre)))
        u = (t - self.known_centre) / self.known_spread
        v = (t - self.struck_centre) / self.struck_spread
        with_it = -0.5 * (_FREEDOM + 1.0) * np.log1p(u * u / _FREEDOM) - np.log(self.known_spread)
        without = -0.5 * v * v - np.log(self.struck_spread)
        return float(without - with_it)

    def p_value(self, t: float) -> float:
        """Share of known pairs whose t is at least this, counting this one among them."""
        worse = self.known.size - np.searchsorted(self.known, t, side="left")
        return float((worse + 1) / (self.known.size + 1))

    def shares(self, log_evidence: Array) -> Array:
        """Probabilities (k,) of the candidates given that one of them is right."""
        return _shares(log_evidence, self.beta, self.epsilon)


def learn_posterior(
    log_evidence: list[Array], true_index: list[int | None], known: Array, struck_out: Array
) -> Posterior:
    """Fit to known pairs.

    Parameters
    ----------
    log_evidence : list of float64 (k,)
        Of each pair's candidates.
    true_index : list
        Which of them is right; None where the search missed it.
    known : float64 (p,)
        t of each pair's best candidate.
    struck_out : float64 (p,)
        t of the best candidate when the right one is left out.
    """
    n = len(log_evidence)
    epsilon = 0.5 / (n + 1.0)

    def loss(log_beta: float) -> float:
        total = 0.5 * (log_beta / 1.5) ** 2
        for evidence, index in zip(log_evidence, true_index, strict=True):
            if index is None:
                total -= np.log(epsilon / evidence.size)
            else:
                total -= np.log(_shares(evidence, np.exp(log_beta), epsilon)[index])
        return float(total)

    beta = float(np.exp(minimize_scalar(loss, bounds=(-5.0, 0.0), method="bounded").x))
    centre, spread = float(np.median(known)), max(_robust_spread(known), 0.1)
    struck_out = struck_out[np.isfinite(struck_out)]
    edge = float(np.quantile(known, 1.0 - 0.6 * FALSE_REJECTION))
    if struck_out.size == 0:  # a library of one: anything much worse than the known is another
        struck_out = np.array([edge + 2.0 * spread, edge + 4.0 * spread])
    posterior = Posterior(
        beta, epsilon, np.sort(known), centre, spread,
        float(struck_out.mean()), max(float(struck_out.std()), 2.0 * spread), 0.0, n,
    )  # fmt: skip
    prior = float(np.log(_PRIOR_NONE / (1.0 - _PRIOR_NONE)))
    return replace(posterior, log_prior_odds=min(prior, -posterior._log_ratio(edge)))


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram; arrays (bins,), empty bins left out.

    Attributes
    ----------
    claimed, found : float64
        Mean probability claimed, and share that was right.
    low, high : float64
        68 % interval of the share (Wilson).
    count : int64
    expected_error : float
        Expected calibration error: mean |claimed − found| weighted by count.
    """

    claimed: Array
    found: Array
    low: Array
    high: Array
    count: NDArray[np.int64]
    expected_error: float


def reliability(probability: ArrayLike, correct: ArrayLike, bins: int = 10) -> Reliability:
    """How often claims of each probability (n,) came true (n,), in equal bins from 0 to 1.

    Raises
    ------
    InputError
        If a probability is outside 0 … 1, or nothing is given.
    """
    p = np.asarray(probability, np.float64)
    c = np.asarray(correct, np.float64)
    if p.size == 0 or p.shape != c.shape:
        raise InputError("correct", c.shape, f"must match the probabilities {p.shape}, not empty")
    if not ((p >= 0.0) & (p <= 1.0)).all():
        raise InputError("probability", float(p[~((p >= 0) & (p <= 1))][0]), "must be in 0 … 1")
    label = np.minimum((p * bins).astype(np.intp), bins - 1)
    count = np.bincount(label, minlength=bins)
    use = count > 0
    n = count[use]
    claimed = np.bincount(label, p, bins)[use] / n
    found = np.bincount(label, c, bins)[use] / n
    middle = (found + 0.5 / n) / (1.0 + 1.0 / n)
    half = np.sqrt(found * (1.0 - found) / n + 0.25 / n**2) / (1.0 + 1.0 / n)
    error = float(np.sum(n * np.abs(claimed - found)) / n.sum())
    return Reliability(claimed, found, middle - half, middle + half, n, error)


def _shares(log_evidence: Array, beta: float, epsilon: float) -> Array:
    """Tempered and humbled softmax (k,)."""
    weight = np.exp(beta * (log_evidence - log_evidence.max()))
    result: Array = (1.0 - epsilon) * weight / weight.sum() + epsilon / weight.size
    return result


def _robust_spread(values: Array) -> float:
    """Standard deviation, or that from the quartiles where it is larger."""
    low, high = np.quantile(values, [0.25, 0.75])
    return max(float(values.std()), float(high - low) / 1.349)
