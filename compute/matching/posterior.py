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

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
class Lessons:
    """What searches for known pairs gave; p pairs.

    Attributes
    ----------
    likelihood, weight, prior : list of float64 (k,)
        Log-likelihood of each pair's candidates, what they weighed before looking, and the
        log-density of their alignment.
    truth, truth_group : list of bool (k,)
        Which of them are right, and which are of the right group; none where the search missed it.
        The same where no more than the group is known.
    known, struck_out : float64 (p, 2)
        Strain of the best candidate, and of the best when the right ones are left out (NaN if
        there is none).
    surprise : float64 (p,)
        What the shift of each pair's best candidate adds to the log-odds of "none of these".
    mirrored : float64 (q, 2)
        Strain of the best candidate for queries mirrored in energy.
    """

    likelihood: list[Array]
    weight: list[Array]
    prior: list[Array]
    truth: list[NDArray[np.bool_]]
    truth_group: list[NDArray[np.bool_]]
    known: Array
    struck_out: Array
    surprise: Array
    mirrored: Array

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """Of several libraries."""
        return cls(
            [one for part in parts for one in part.likelihood],
            [one for part in parts for one in part.weight],
            [one for part in parts for one in part.prior],
            [one for part in parts for one in part.truth],
            [one for part in parts for one in part.truth_group],
            np.concatenate([part.known for part in parts]),
            np.concatenate([part.struck_out for part in parts]),
            np.concatenate([part.surprise for part in parts]),
            np.concatenate([part.mirrored for part in parts]),
        )


@dataclass(frozen=True)
class Posterior:
    """How evidence becomes probability.

    Attributes
    ----------
    temper : Temper
        Shares of the candidates of one group by their evidence.
    across : Temper
        Shares of the groups: how far evidence is to be believed between valences is another
        question than how far it tells compounds of one valence apart.
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
    across: Temper
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

    def shares(
        self, log_likelihood: Array, weight: Array, log_prior: Array, group: NDArray[np.int64]
    ) -> Array:
        """Probabilities (k,) of candidates given that one is right; ``group`` (k,) labels them."""
        between = self.across.shares(log_likelihood, weight, log_prior)
        result = np.empty(log_likelihood.size)
        for label in np.unique(group):
            own = group == label
            inside = self.temper.shares(log_likelihood[own], weight[own], log_prior[own])
            result[own] = between[own].sum() * inside
        return result

    def none_of_these(self, strain: Array, surprise: float = 0.0) -> float:
        """Probability that nothing fits, from the strain (2,) of the best candidate.

        ``surprise`` is what its shift adds to the log-odds, see `AlignmentPrior.surprise`.
        """
        odds = self.log_prior_odds + self._log_ratio(float(strain @ self.direction)) + surprise
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


def learn_posterior(lessons: Lessons) -> Posterior:
    """Fit to known pairs."""
    known, struck_out, mirrored = lessons.known, lessons.struck_out, lessons.mirrored
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
        *_tempers(lessons), direction, np.sort(known), centre, spread, strange, 0.0,
        len(lessons.likelihood),
    )  # fmt: skip
    prior = float(np.log(_PRIOR_NONE / (1.0 - _PRIOR_NONE)))
    odds = np.array([posterior._log_ratio(t) for t in known]) + lessons.surprise
    worst = float(np.quantile(odds, 1.0 - _EDGE * FALSE_REJECTION))
    return replace(posterior, log_prior_odds=min(prior, -worst))


def _tempers(lessons: Lessons) -> tuple[Temper, Temper]:
    """Within the groups, and between them.

    Pairs of which only the group is known teach the second alone.
    """
    likelihood, weight, prior = lessons.likelihood, lessons.weight, lessons.prior
    told = zip(lessons.truth, lessons.truth_group, strict=True)
    inside = [k for k, (truth, group) in enumerate(told) if not (truth == group).all()]
    own = [lessons.truth_group[k] for k in inside]
    within = learn_temper(
        [likelihood[k][group] for k, group in zip(inside, own, strict=True)],
        [
            lessons.truth[k][group] if lessons.truth[k].any() else None
            for k, group in zip(inside, own, strict=True)
        ],
        [weight[k][group] for k, group in zip(inside, own, strict=True)],
        [prior[k][group] for k, group in zip(inside, own, strict=True)],
    )
    between = [group if group.any() else None for group in lessons.truth_group]
    return within, learn_temper(likelihood, between, weight, prior)


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
