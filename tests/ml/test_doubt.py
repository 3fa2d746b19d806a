"""How unlike the training rows a row is, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from ml import doubt
from ml.doubt import Doubt


def test_by_blocks_the_nearest_rows_and_distances_are_those_of_a_plain_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doubt, "_BLOCK", 100)  # a row or two at once
    rng = np.random.default_rng(2)
    features = rng.normal(size=(2, 60, 6)).astype(np.float32)
    fold = np.arange(60) % 2
    learnt, spread, neighbours = Doubt.learn(features, fold, rng.normal(size=(60, 9)), np.ones(60))
    signs = np.empty((60, 2))
    for row in range(60):
        own = features[fold[row]].astype(np.float64)
        seen = np.flatnonzero(fold != fold[row])
        away = np.linalg.norm(own[seen] - own[row], axis=1)
        order = np.argsort(away)[:5]
        np.testing.assert_array_equal(neighbours[row], seen[order])
        from_centre = own[row] - own[seen].mean(axis=0)
        leverage = from_centre @ learnt.precision[fold[row]] @ from_centre
        signs[row] = leverage, away[order].mean()
    np.testing.assert_allclose(spread, learnt.error.spread(signs), rtol=1e-4)
