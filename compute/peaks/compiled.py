"""The kernels of peak separation compiled ahead of the first fit."""

from __future__ import annotations

import numpy as np

from compute.peaks.decompose import decompose

_ENERGY_EV = np.arange(700.0, 720.0, 0.25)


def compile_kernels() -> None:
    """Split small spectra of every kind, so that what Numba compiles is compiled and kept."""
    peaks = sum(h / (1.0 + (_ENERGY_EV - x) ** 2) for h, x in ((1.0, 706.0), (0.6, 712.0)))
    step = np.arctan(_ENERGY_EV - 709.0) / np.pi + 0.5
    noise = np.random.default_rng(0).normal(0.0, 0.01, _ENERGY_EV.size)
    decompose(_ENERGY_EV, peaks + noise, max_peaks=2)
    decompose(_ENERGY_EV, peaks + noise, max_peaks=2, gaussian_sigma_ev="fit")
    decompose(_ENERGY_EV, peaks + step + noise, max_peaks=2, edge_step=True)
    decompose(_ENERGY_EV, peaks + noise, max_peaks=2, phase=True)
