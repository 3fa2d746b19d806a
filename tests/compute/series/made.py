"""Small series of known truth: peaks over a step, mixed, counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHANNELS = 256
PLACES = (80.0, 95.0, 115.0)


def peaks(place: float, *, width: float = 6.0, channels: int = CHANNELS) -> Floats:
    """Two peaks over a step and a pre-edge, mean 1."""
    x = np.arange(channels)
    row = (
        np.exp(-0.5 * ((x - place) / width) ** 2)
        + 0.5 * np.exp(-0.5 * ((x - place - 70) / (1.3 * width)) ** 2)
        + 0.1 * (2 + np.tanh((x - place) / 8))
    )
    return np.asarray(row / row.mean())


REFERENCES = np.array([peaks(place) for place in PLACES])
FOREIGN = peaks(105.0, width=3.0)


def mixtures(
    n: int,
    *,
    counts: float = 500.0,
    seed: int = 0,
    zero: int | None = None,
    background: float = 0.0,
    foreign: float = 0.0,
) -> tuple[Floats, Floats]:
    """Counted spectra (n, m) and their fractions (n, 3); reference ``zero`` is in none."""
    rng = np.random.default_rng(seed)
    fractions = rng.dirichlet(np.ones(3), n)
    if zero is not None:
        fractions[:, zero] = 0
        fractions /= fractions.sum(axis=1, keepdims=True)
    mu = (1 - foreign) * fractions @ REFERENCES + foreign * FOREIGN + background
    return rng.poisson(counts * mu).astype(float), fractions
