"""Which of the references a series asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, log_ndtr

from compute.series.noise import Stated
from compute.series.references import Background, unmix

Floats = NDArray[np.float64]

LEVEL = 0.01  # of a reference that is in none of the spectra, to be kept all the same


@dataclass(frozen=True)
class Selection:
    """References that the spectra ask for.

    Attributes
    ----------
    kept : int64 (s,)
        Their rows.
    p_values : float64 (s,)
        Probability of as much of each by noise alone, the others being there.
    dropped : int64 (k - s,)
        The others, the least wanted first.
    """

    kept: NDArray[np.int64]
    p_values: Floats
    dropped: NDArray[np.int64]


def select_references(
    spectra: ArrayLike,
    references: ArrayLike,
    *,
    noise: Stated = None,
    background: Background = "auto",
) -> Selection:
    """Drop references one by one that all spectra together do not ask for.

    A reference is asked for by a little in many spectra (Fisher's sum of the logarithms of its
    one-sided p-values) or by much in a few (the smallest of them, times their number).
    Parameters as for `unmix`.
    """
    rows = np.atleast_2d(np.asarray(references, float))
    kept = np.arange(len(rows))
    dropped: list[int] = []
    while True:
        found = unmix(spectra, rows[kept], noise=noise, background=background)
        if len(kept) == 1:
            return Selection(kept, np.zeros(1), np.array(dropped, int))
        with np.errstate(invalid="ignore", divide="ignore"):
            log_p = log_ndtr(-found.unbounded / found.errors)
        p = np.array([_joined(column[np.isfinite(column)]) for column in log_p.T])
        least = int(np.argmax(p))
        if p[least] <= LEVEL:
            return Selection(kept, p, np.array(dropped, int))
        dropped.append(int(kept[least]))
        kept = np.delete(kept, least)


def _joined(log_p: Floats) -> float:
    """One p-value of a reference from those of the spectra."""
    n = log_p.size
    if n == 0:
        return 1.0
    dense = float(chdtrc(2 * n, -2 * log_p.sum()))
    sparse = n * float(np.exp(log_p.min()))
    return min(1.0, 2 * min(dense, sparse))
