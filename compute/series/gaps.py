"""Means over spectra some of whose values are gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mean_of(spectra: ArrayLike) -> NDArray[np.float64]:
    """Of each channel (m,) over the spectra (n, m) that have a value there; NaN where none has."""
    y = np.asarray(spectra, float)
    there = np.isfinite(y)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, y, 0.0).sum(axis=0) / there.sum(axis=0))
