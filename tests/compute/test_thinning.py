"""Near-duplicates of a set of curves."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.thinning import near_duplicates


def slow(curves, distance, keep):
    kept: list[np.ndarray] = []
    out: list[bool] = []
    for n, curve in enumerate(curves):
        a = curve / np.sqrt((curve**2).sum())
        gaps = [np.sqrt(((a - b) ** 2).sum()) for b in kept]
        out.append(bool(gaps) and min(gaps) < distance and not keep[n])
        if not out[-1]:
            kept.append(a)
    return out


def test_curves_within_the_distance_of_an_earlier_one_are_left_out():
    random = np.random.default_rng(1)
    centres = random.random((6, 40))
    curves = np.repeat(centres, 5, axis=0) + 0.02 * random.standard_normal((30, 40))
    order = random.permutation(30)
    keep = random.random(30) < 0.1
    for distance in (0.0, 0.03, 0.06, 0.5):
        found = near_duplicates(curves[order], distance, keep=keep)
        assert found.tolist() == slow(curves[order], distance, keep)
    assert not near_duplicates(curves, 0.0).any()
    assert near_duplicates(np.vstack([curves[0], 3.0 * curves[0]]), 1e-3).tolist() == [False, True]


@pytest.mark.parametrize("wrong", [-1.0, np.nan])
def test_a_distance_that_is_none_is_refused(wrong: float):
    with pytest.raises(InputError, match="distance"):
        near_duplicates(np.ones((2, 3)), wrong)
