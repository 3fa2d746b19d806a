"""From candidates to probabilities: shares of the candidates, and "none of these".

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

from compute.matching.grid import Array
from compute.matching.temper import Temper, learn_temper

# Fewer pairs cannot show whether one claim in ten comes true; convention.
MIN_PAIRS = 10
FALSE_REJECTION = 0.05  # of known substances called "none of these"; convention
_EDGE = 0.6  # of that, where the threshold is put: a quantile of few pairs is uncertain
# Of Student's law of t among known pairs: a normal law with the tails that a spread known from few
# pairs leaves. Convention, not learnt.
_FREEDOM = 5.0
# Of measured substances, before looking, that a library does not hold. Nobody has counted them;
# lowered where it would reject more than ``FALSE_REJECTION`` of the known pairs.
_PRIOR_NONE = 0.1


@dataclass(frozen=True)
class Posterior:
    """How evidence becomes probability.

    Attributes
    ----------
    temper : Temper
        Shares of the candidates by their evidence.
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

    temper: Temper
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
    struck_out = struck_out[np.isfinite(struck_out).all(axis=1)]
    direction = _discriminant(known, np.concatenate([struck_out, mirrored]))
    known, struck_out, mirrored = (x @ direction for x in (known, struck_out, mirrored))
    centre, spread = float(np.median(known)), max(_robust_spread(known), 0.1)
    edge = float(np.quantile(known, 1.0 - _EDGE * FALSE_REJECTION))
    # In a library of one, or where nothing else resembles the query: much worse than the known.
    worse = np.array([edge + 2.0 * spread, edge + 4.0 * spread])
    laws = [x if x.size > 1 else worse for x in (struck_out, mirrored)]
    strange = np.array([
        [float(x.mean()) for x in laws],
        [max(float(x.std()), 2.0 * spread) for x in laws],
    ])  # fmt: skip
    posterior = Posterior(
        learn_temper(log_evidence, true_index), direction, np.sort(known), centre, spread, strange,
        0.0, len(log_evidence),
    )  # fmt: skip
    prior = float(np.log(_PRIOR_NONE / (1.0 - _PRIOR_NONE)))
    return replace(posterior, log_prior_odds=min(prior, -posterior._log_ratio(edge)))


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
