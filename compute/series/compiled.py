"""The kernels of series compiled ahead of the first analysis."""

from __future__ import annotations

import numpy as np

from compute.series.factor import mcr, nmf
from compute.series.references import unmix

_CHANNELS = 96


def compile_kernels() -> None:
    """Answer a small series in every way, so that what Numba compiles is compiled and kept."""
    x = np.arange(_CHANNELS)
    references = np.array([1 + 5 * np.exp(-0.5 * ((x - c) / 5) ** 2) for c in (30.0, 60.0)])
    shares = np.random.default_rng(0).dirichlet(np.ones(2), 40)
    spectra = np.random.default_rng(1).poisson(100 * shares @ references).astype(float)
    for free in ((), ("shift", "width")):
        unmix(spectra, references, noise="poisson", free=free)
    nmf(spectra.astype(np.float32), 2, rounds=2)
    mcr(spectra, references, rounds=2)
