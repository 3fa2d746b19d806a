"""How a model does on parts of the chemistry: an error over all hides where it is large."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.data import Dataset
from ml.metrics import coverage
from ml.prediction import Float

FEWEST = 5  # rows that a group is told of from
_LITTLE = 0.4  # of the atoms
_HALIDES = (9, 17, 35, 53)


def _share(crystal: Crystal, *numbers: int) -> float:
    return float(np.isin(crystal.numbers, numbers).mean())


_CHEMISTRY: dict[str, Callable[[Crystal], bool]] = {
    "hydrogen": lambda one: _share(one, 1) > 0,
    "nitrogen": lambda one: _share(one, 7) > 0,
    "fluorine": lambda one: _share(one, 9) > 0,
    "halides": lambda one: _share(one, *_HALIDES) > 0,
    "low oxygen": lambda one: 0 < _share(one, 8) < _LITTLE,
    "no oxygen": lambda one: _share(one, 8) == 0,
}


def subgroups(
    data: Dataset, known_systems: Collection[str] | None = None
) -> dict[str, NDArray[np.bool_]]:
    """Rows (n,) of each group: by what the crystal holds, ``single site`` (the only row of its
    material), and beside known chemical systems ``new system``."""
    found = {
        name: np.array([holds(one) for one in data.crystals])[data.crystal_of]
        for name, holds in _CHEMISTRY.items()
    }
    _, label, count = np.unique(data.groups, return_inverse=True, return_counts=True)
    found["single site"] = count[label] == 1
    if known_systems is not None:
        found["new system"] = ~np.isin(data.systems, list(known_systems))
    return found


def by_subgroup(
    groups: dict[str, NDArray[np.bool_]],
    truth: Float,
    mean: Float,
    sigma: Float,
    trust: Float,
) -> dict[str, dict[str, Any]]:
    """Number, error, coverage and trust of each group of at least five rows (of n)."""
    error = ((mean - truth) ** 2).mean(axis=1)
    return {
        name: {
            "n": int(rows.sum()),
            "mse": float(error[rows].mean()),
            "coverage_68": coverage(truth[rows], mean[rows], sigma[rows], 0.68),
            "coverage_95": coverage(truth[rows], mean[rows], sigma[rows], 0.95),
            "trust_median": float(np.median(trust[rows])),
            "trust_spearman": rank_correlation(-trust[rows], error[rows]),
        }
        for name, rows in groups.items()
        if rows.sum() >= FEWEST
    }


def rank_correlation(a: Float, b: Float) -> float | None:
    """Spearman's; None where it is not defined."""
    from scipy.stats import spearmanr

    if len(a) < 3 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    return float(spearmanr(a, b).statistic)
