"""From evidence to probabilities: temperature, humility, "none of these", reliability.

Evidence ratios are as sure of themselves as the discrepancy model is right, which it is not
quite. So the logarithms are multiplied by beta, found by maximum likelihood over known pairs,
and a share epsilon = 1 / (2 pairs + 2) is spread evenly over the candidates: so many pairs
cannot support more certainty than that (Jeffreys' rule).

"None of these" looks at the strain of the best candidate: ln(misfit per energy), which theory's
expected errors excuse, and ln(share that plain least squares leaves unexplained), which nothing
excuses.
Fisher's discriminant makes one number t of the two. Its laws are the one that known pairs follow,
and the ones that strangers follow: half of them their queries with the own spectrum struck out
(another substance, perhaps a close relative of one in the library), half the queries mirrored in
energy (nothing of the kind).
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
    direction : float64 (2,)
        What t weighs the two strains with; not negative, of sum 1.
    known : float64 (p,)
        Sorted t of the known pairs' best candidates.
    known_centre, known_spread : float
        Student's t (5 degrees of freedom) for t where the right row is there.
    strange : float64 (2, 2)
        Centres and spreads (rows) of the two equally likely normal laws for t where it is not.
    log_prior_odds : float
        Of "none of these"; low enough to reject at most 5 % of the known pairs.
    n_pairs : int
        Pairs it was learnt from.
    """

    beta: float
    epsilon: float
    direction: Array
    known: Array
    known_centre: float
    known_spread: float
    strange: Array
    log_prior_odds: float
    n_pairs: int

    @property
    def calibrated(self) -> bool:
        return self.n_pairs >= MIN_PAIRS

    def none_of_these(self, strain: Array) -> float:
        """Probability that nothing fits, from the strain (2,) of the best candidate."""
        odds = self.log_prior_odds + self._log_ratio(float(strain @ self.direction))
        return float(1.0 / (1.0 + np.exp(np.clip(-odds, -40.0, 40.0))))

    def _log_ratio(self, t: float) -> float:
        """ln of the density without over that with the right row; never falls with t."""
        centre, spread = self.strange
        low = self.known_centre
        top = min(max(t, low), max(low, float(centre.max())))
        upto = np.linspace(low, top, 64)
        u = (upto - low) / self.known_spread
        v = (upto[:, None] - centre) / spread
        with_it = -0.5 * (_FREEDOM + 1.0) * np.log1p(u * u / _FREEDOM) - np.log(self.known_spread)
        without = np.log(np.mean(np.exp(-0.5 * v * v) / spread, axis=1) + 1e-300)
        return float(np.max(without - with_it))

    def p_value(self, strain: Array) -> float:
        """Share of known pairs whose t is at least that of a strain (2,), this one counted in."""
        t = float(strain @ self.direction)
        worse = self.known.size - np.searchsorted(self.known, t, side="left")
        return float((worse + 1) / (self.known.size + 1))

    def shares(self, log_evidence: Array, weight: Array | None = None) -> Array:
        """Probabilities (k,) of the candidates given that one of them is right.

        ``weight`` (k,) is what each weighs before looking; alike if it is not given.
        """
        return _shares(log_evidence, self.beta, self.epsilon, weight)


def learn_posterior(
    log_evidence: list[Array],
    true_index: list[int | None],
    known: Array,
    struck_out: Array,
    mirrored: Array,
) -> Posterior:
    """Fit to known pairs.

    Parameters
    ----------
    log_evidence : list of float64 (k,)
        Of each pair's candidates.
    true_index : list
        Which of them is right; None where the search missed it.
    known : float64 (p, 2)
        Strain of each pair's best candidate.
    struck_out : float64 (p, 2)
        Strain of the best candidate when the right one is left out; NaN if there is none.
    mirrored : float64 (q, 2)
        Strain of the best candidate for queries mirrored in energy.
    """
    n = len(log_evidence)
    epsilon = 0.5 / (n + 1.0)

    def loss(log_beta: float) -> float:
        total = 0.5 * log_beta**2  # one wrong pair of twenty alone must not make it tiny
        for evidence, index in zip(log_evidence, true_index, strict=True):
            if index is None:
                total -= np.log(epsilon / evidence.size)
            else:
                total -= np.log(_shares(evidence, np.exp(log_beta), epsilon)[index])
        return float(total)

    beta = float(np.exp(minimize_scalar(loss, bounds=(-5.0, 0.0), method="bounded").x))
    struck_out = struck_out[np.isfinite(struck_out).all(axis=1)]
    direction = _discriminant(known, np.concatenate([struck_out, mirrored]))
    known, struck_out, mirrored = (x @ direction for x in (known, struck_out, mirrored))
    centre, spread = float(np.median(known)), max(_robust_spread(known), 0.1)
    edge = float(np.quantile(known, 1.0 - 0.6 * FALSE_REJECTION))
    # In a library of one, or where nothing else resembles the query: much worse than the known.
    worse = np.array([edge + 2.0 * spread, edge + 4.0 * spread])
    laws = [x if x.size > 1 else worse for x in (struck_out, mirrored)]
    strange = np.array([
        [float(x.mean()) for x in laws],
        [max(float(x.std()), 2.0 * spread) for x in laws],
    ])  # fmt: skip
    posterior = Posterior(
        beta, epsilon, direction, np.sort(known), centre, spread,
        strange, 0.0, n,
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


def _shares(log_evidence: Array, beta: float, epsilon: float, weight: Array | None = None) -> Array:
    """Tempered and humbled softmax (k,)."""
    prior = np.ones(log_evidence.size) if weight is None else weight
    found = prior * np.exp(beta * (log_evidence - log_evidence.max()))
    result: Array = (1.0 - epsilon) * found / found.sum() + epsilon * prior / prior.sum()
    return result


def _discriminant(known: Array, struck_out: Array) -> Array:
    """Fisher's direction (2,) from strains (p, 2) to (q, 2); more strain never tells less."""
    if struck_out.shape[0] < 2:
        return np.array([0.5, 0.5])
    within = 0.5 * (np.cov(known.T) + np.cov(struck_out.T))
    within += np.diag(0.1 * np.diag(within) + 0.01)
    away = np.maximum(np.linalg.solve(within, struck_out.mean(axis=0) - known.mean(axis=0)), 0.0)
    total = float(away.sum())
    return away / total if total > 0.0 else np.array([0.5, 0.5])


def _robust_spread(values: Array) -> float:
    """Standard deviation, or that from the quartiles where it is larger."""
    low, high = np.quantile(values, [0.25, 0.75])
    return max(float(values.std()), float(high - low) / 1.349)
