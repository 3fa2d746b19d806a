"""Probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.errors import InputError
from compute.matching import reliability
from compute.matching.posterior import learn_posterior


def _learnt(n: int = 40, gap: float = 2.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    evidence = [np.r_[rng.normal(30.0, 5.0), rng.normal(0.0, 5.0, 9)] for _ in range(n)]
    known = rng.normal(0.0, 0.2, n)
    return learn_posterior(evidence, [0] * n, known, rng.normal(gap, 0.5, n))


def test_overconfident_evidence_is_tempered():
    rng = np.random.default_rng(1)
    evidence, truth = [], []
    for _ in range(400):
        honest = rng.normal(0.0, 1.5, 10)
        share = np.exp(honest) / np.exp(honest).sum()
        truth.append(int(rng.choice(10, p=share)))
        evidence.append(8.0 * honest)
    learnt = learn_posterior(evidence, truth, rng.normal(0, 0.2, 400), rng.normal(2, 0.5, 400))
    assert learnt.beta == pytest.approx(1 / 8, rel=0.25)
    top = [learnt.shares(e).max() for e in evidence]
    right = [int(np.argmax(e)) == t for e, t in zip(evidence, truth, strict=True)]
    assert reliability(top, right).expected_error < 0.06


def test_few_pairs_never_support_certainty():
    assert _learnt(10).shares(np.array([1000.0, 0.0])).max() < 0.98
    assert _learnt(200).shares(np.array([1000.0, 0.0])).max() > 0.99


@given(st.floats(-5.0, 10.0), st.floats(0.0, 5.0))
def test_none_of_these_never_falls_as_the_fit_worsens(t: float, more: float):
    learnt = _learnt()
    assert learnt.none_of_these(t + more) >= learnt.none_of_these(t) - 1e-12


@pytest.mark.parametrize("gap", [0.1, 0.5, 3.0])
def test_none_of_these_rejects_at_most_a_twentieth_of_the_known(gap: float):
    rng = np.random.default_rng(3)
    learnt = _learnt(300, gap)
    fresh = rng.normal(0.0, 0.2, 4000)
    assert np.mean([learnt.none_of_these(t) > 0.5 for t in fresh]) <= 0.05


def test_p_value_counts_known_pairs_that_fit_worse():
    learnt = _learnt(99)
    assert learnt.p_value(-100.0) == 1.0
    assert learnt.p_value(100.0) == pytest.approx(0.01)


def test_reliability_of_honest_claims_lies_on_the_diagonal():
    rng = np.random.default_rng(5)
    p = rng.uniform(size=20_000)
    diagram = reliability(p, rng.uniform(size=p.size) < p)
    assert diagram.expected_error < 0.02
    assert ((diagram.low <= diagram.high) & (diagram.count > 0)).all()


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(InputError, match="probability"):
        reliability([1.2], [True])
