"""How often claims come true: the reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.matching.grid import Array


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
