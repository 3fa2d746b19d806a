"""Probabilities."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.errors import InputError
from compute.matching import reliability
from compute.matching.posterior import Lessons, Posterior, learn_posterior
from compute.matching.temper import learn_temper


def _taught(evidence, truth, known, struck_out, mirrored) -> Posterior:
    """A posterior from pairs in a library of one group and equal weights."""
    n = len(evidence)
    return learn_posterior(
        Lessons(
            evidence,
            [np.ones(one.size) for one in evidence],
            [np.zeros(one.size) for one in evidence],
            [np.arange(one.size) == k for one, k in zip(evidence, truth, strict=True)],
            [np.ones(one.size, bool) for one in evidence],
            known,
            struck_out,
            np.zeros(n),
            mirrored,
        )
    )


@lru_cache
def _learnt(n: int = 40, gap: float = 2.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    evidence = [np.r_[rng.normal(30.0, 5.0), rng.normal(0.0, 5.0, 9)] for _ in range(n)]
    known, struck_out = rng.normal(0.0, 0.2, (n, 2)), rng.normal(gap, 0.5, (n, 2))
    return _taught(evidence, [0] * n, known, struck_out, rng.normal(gap, 0.5, (n, 2)))


def test_overconfident_evidence_is_tempered():
    rng = np.random.default_rng(1)
    evidence, truth = [], []
    for _ in range(400):
        honest = rng.normal(0.0, 1.5, 10)
        share = np.exp(honest) / np.exp(honest).sum()
        truth.append(int(rng.choice(10, p=share)))
        evidence.append(8.0 * honest)
    strange = rng.normal(2, 0.5, (400, 2))
    learnt = _taught(evidence, truth, rng.normal(0, 0.2, (400, 2)), strange, strange)
    mean = learnt.temper.weight.sum(axis=1) @ learnt.temper.beta
    assert mean == pytest.approx(1 / 8, rel=0.25)
    top = [learnt.temper.shares(e).max() for e in evidence]
    right = [int(np.argmax(e)) == t for e, t in zip(evidence, truth, strict=True)]
    assert reliability(top, right).expected_error < 0.06


def test_a_surprise_among_many_pairs_does_not_make_all_evidence_worthless():
    evidence = [np.array([9.0, 0.0, 0.0, 0.0])] * 60
    learnt = learn_temper(evidence, [0] * 57 + [1] * 3)
    assert learnt.shares(evidence[0])[0] == pytest.approx(57 / 60, abs=0.03)
    # Four times that evidence is hardly worth more: what failed was not its size.
    assert learnt.shares(4.0 * evidence[0])[0] == pytest.approx(57 / 60, abs=0.04)


def test_few_pairs_never_support_certainty():
    clear = np.array([1000.0, *[0.0] * 9])
    assert _learnt(10).temper.shares(clear).max() < 0.985
    assert _learnt(200).temper.shares(clear).max() > 0.995


@settings(deadline=None)
@given(st.floats(-5.0, 10.0), st.floats(0.0, 5.0))
def test_none_of_these_never_falls_as_the_fit_worsens(t: float, more: float):
    learnt = _learnt()
    better, worse = np.array([t, t]), np.array([t + more, t + more])
    assert learnt.none_of_these(worse) >= learnt.none_of_these(better) - 1e-12


def test_none_of_these_sees_what_generous_expectations_excuse():
    rng = np.random.default_rng(4)
    # Misfit per energy says nothing here; the unexplained share says it all.
    known = np.stack([rng.normal(0, 0.2, 60), rng.normal(-3.0, 0.3, 60)], axis=1)
    mirrored = np.stack([rng.normal(0, 0.2, 60), rng.normal(-0.3, 0.1, 60)], axis=1)
    evidence = [np.array([30.0, 0.0])] * 60
    learnt = _taught(evidence, [0] * 60, known, known + 0.1, mirrored)
    assert learnt.none_of_these(np.array([0.0, -0.2])) > 0.9
    assert learnt.none_of_these(np.array([0.0, -3.0])) < 0.2


@pytest.mark.parametrize("gap", [0.1, 0.5, 3.0])
def test_none_of_these_rejects_at_most_a_twentieth_of_the_known(gap: float):
    rng = np.random.default_rng(3)
    learnt = _learnt(300, gap)
    fresh = rng.normal(0.0, 0.2, (4000, 2))
    assert np.mean([learnt.none_of_these(t) > 0.5 for t in fresh]) <= 0.05


def test_the_prior_of_an_alignment_is_not_tempered():
    evidence = [np.array([9.0, 0.0, 0.0, 0.0])] * 60
    learnt = learn_temper(evidence, [0] * 57 + [1] * 3)
    alike = np.zeros(2)
    assert learnt.shares(alike, log_prior=np.log([1.0, 0.01]))[0] == pytest.approx(
        (1 - learnt.mean_epsilon) / 1.01 + 0.5 * learnt.mean_epsilon
    )


def test_a_shift_that_the_prior_finds_unlikely_speaks_for_none_of_these():
    learnt, strain = _learnt(), np.zeros(2)
    none = [learnt.none_of_these(strain, s) for s in (-2.0, 0.0, 3.0)]
    assert none == sorted(none)
    assert none[2] > 3.0 * none[1]


def test_what_groups_share_is_believed_by_itself():
    """Evidence between two groups is right every time, within them it says nothing."""
    rng = np.random.default_rng(11)
    n, truth = 200, rng.integers(0, 2, 200)
    evidence = [np.array([20.0, 20.0, 0.0, 0.0]) + rng.normal(0.0, 5.0, 4) for _ in range(n)]
    of_group = [np.array([True, True, False, False])] * n
    known = rng.normal(0.0, 0.2, (n, 2))
    learnt = learn_posterior(
        Lessons(
            evidence, [np.ones(4)] * n, [np.zeros(4)] * n, [np.arange(4) == k for k in truth],
            of_group, known, known + 2.0, np.zeros(n), known + 2.0,
        )
    )  # fmt: skip
    shares = learnt.shares(
        np.array([30.0, 20.0, 0.0, 0.0]), np.ones(4), np.zeros(4), np.array([0, 0, 1, 1])
    )
    assert shares[:2].sum() > 0.97
    assert shares[0] < 0.65


def test_p_value_counts_known_pairs_that_fit_worse():
    learnt = _learnt(99)
    assert learnt.p_value(np.full(2, -100.0)) == 1.0
    assert learnt.p_value(np.full(2, 100.0)) == pytest.approx(0.01)


def test_reliability_of_honest_claims_lies_on_the_diagonal():
    rng = np.random.default_rng(5)
    p = rng.uniform(size=20_000)
    diagram = reliability(p, rng.uniform(size=p.size) < p)
    assert diagram.expected_error < 0.02
    assert ((diagram.low <= diagram.high) & (diagram.count > 0)).all()


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(InputError, match="probability"):
        reliability([1.2], [True])
