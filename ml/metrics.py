"""How good a predicted spectrum is, always with a bootstrap interval over materials.

The mean spectrum alone scores a high R² per spectrum, so the reference is that mean:
``r2_vs_mean = 1 − SSE / SSE(train mean)`` over the whole test set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % bootstrap interval, which one material has none of."""

    value: float
    low: float | None
    high: float | None


def evaluate(
    energy_ev: Float,
    truth: Float,
    predicted: Float,
    train_mean: Float,
    groups: Sequence[str] | NDArray[np.str_],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Every metric of a test set.

    Parameters
    ----------
    energy_ev : (g,)
    truth, predicted : (n, g)
    train_mean : (g,)
        Mean spectrum of the training set.
    groups : (n,)
        Material of each row; whole materials are resampled.
    """
    error = predicted - truth
    square = (error**2).mean(axis=1)
    reference = ((truth - train_mean) ** 2).mean(axis=1)
    relative = np.sqrt((error**2).sum(axis=1) / (truth**2).sum(axis=1))
    correlation = pearson(truth, predicted)
    caught = captured(energy_ev, truth, predicted)
    statistics: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "mse": lambda rows: float(square[rows].mean()),
        "r2_vs_mean": lambda rows: float(1 - square[rows].sum() / reference[rows].sum()),
        "relative_error_median": lambda rows: float(np.median(relative[rows])),
        "relative_error_p90": lambda rows: float(np.percentile(relative[rows], 90)),
        "captured": lambda rows: float(caught[rows].mean()),
        "pearson_098": lambda rows: float((correlation[rows] >= 0.98).mean()),
    }
    _, labels = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(labels == g) for g in range(labels.max() + 1)]
    rng = np.random.default_rng(seed)
    samples = [
        np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
        for _ in range(n_bootstrap)
    ]
    everything = np.arange(len(truth))
    found = {}
    for name, statistic in statistics.items():
        if len(members) < 2:
            found[name] = Estimate(statistic(everything), None, None)
            continue
        low, high = np.percentile([statistic(rows) for rows in samples], [2.5, 97.5])
        found[name] = Estimate(statistic(everything), float(low), float(high))
    return found


def pearson(truth: Float, predicted: Float) -> Float:
    """(n,) correlation of each row; 0 where a row is constant."""
    a = truth - truth.mean(axis=1, keepdims=True)
    b = predicted - predicted.mean(axis=1, keepdims=True)
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    zero = np.zeros(len(a))
    return np.asarray(np.divide((a * b).sum(axis=1), norm, out=zero, where=norm > 0))


def captured(energy_ev: Float, truth: Float, predicted: Float) -> NDArray[np.bool_]:
    """(n,) whether the main peak is within 1 eV and 10 % height and Pearson is ≥ 0.95."""
    rows = np.arange(len(truth))
    at, at_predicted = truth.argmax(axis=1), predicted.argmax(axis=1)
    height, height_predicted = truth[rows, at], predicted[rows, at_predicted]
    close = np.abs(energy_ev[at] - energy_ev[at_predicted]) <= 1.0
    high = np.abs(height_predicted - height) <= 0.1 * height
    result: NDArray[np.bool_] = close & high & (pearson(truth, predicted) >= 0.95)
    return result


def coverage(truth: Float, predicted: Float, sigma: Float, level: float) -> float:
    """Share of points inside the central band of this level, if σ were exact and normal."""
    from scipy.stats import norm

    width = norm.ppf(0.5 + level / 2)
    return float((np.abs(truth - predicted) <= width * sigma).mean())
