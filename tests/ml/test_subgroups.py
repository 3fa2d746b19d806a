"""Figures of parts of the chemistry."""

from __future__ import annotations

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.data import Dataset
from ml.subgroups import by_subgroup, subgroups

_ROWS = [(29, 8, 8), (29, 8, 9, 9), (29, 9), (29, 17), (29, 1, 8, 8), (29, 7, 8)]


def data() -> Dataset:
    """A crystal of each set of atoms; the first has two rows."""
    crystals = [
        Crystal(5 * np.eye(3), np.array(some), np.zeros((len(some), 3)), f"m{k}")
        for k, some in enumerate(_ROWS)
    ]
    index = np.array([0, 0, 1, 2, 3, 4, 5])
    empty = np.zeros((7, 4), np.float32)
    return Dataset(np.arange(4.0), crystals, index, np.zeros(7, np.int64), empty)


def test_rows_are_grouped_by_what_their_crystals_hold() -> None:
    found = {name: np.flatnonzero(rows).tolist() for name, rows in subgroups(data()).items()}
    assert found == {
        "hydrogen": [5],
        "nitrogen": [6],
        "fluorine": [2, 3],
        "halides": [2, 3, 4],
        "low oxygen": [2, 6],
        "no oxygen": [3, 4],
        "single site": [2, 3, 4, 5, 6],
    }


def test_a_system_is_new_beside_those_that_are_known() -> None:
    rows = data()
    assert rows.systems.tolist()[:3] == ["8-29", "8-29", "8-9-29"]
    new = subgroups(rows, {"8-29", "9-29"})["new system"]
    assert np.flatnonzero(new).tolist() == [2, 4, 5, 6]


def test_a_group_tells_its_own_error_and_a_small_one_nothing() -> None:
    truth, mean = np.zeros((12, 3)), np.zeros((12, 3))
    mean[:6] = 2.0 + np.arange(6)[:, None]
    first, few = np.arange(12) < 6, np.arange(12) < 4
    trust = 1 - np.arange(12) / 20
    found = by_subgroup({"a": first, "b": few}, truth, mean, np.full((12, 3), 4.0), trust)
    assert list(found) == ["a"]
    assert found["a"]["n"] == 6
    assert found["a"]["mse"] == pytest.approx(np.mean((2.0 + np.arange(6)) ** 2))
    assert found["a"]["coverage_95"] == 1.0
    assert found["a"]["coverage_68"] == pytest.approx(2 / 6)
    assert found["a"]["trust_spearman"] == pytest.approx(1.0)
