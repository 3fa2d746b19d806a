"""The kernels of matching compiled ahead of the first query."""

from __future__ import annotations

import tempfile

import numpy as np

from compute.matching.library import SpectrumLibrary

_ENERGY_EV = np.arange(700.0, 724.0, 0.1)
_ROWS = 12


def compile_kernels() -> None:
    """Match, calibrate and mix on a small library, in memory and from its file.

    What Numba compiles is compiled and kept.
    """
    rng = np.random.default_rng(0)
    places = 703.0 + 18.0 * rng.random((_ROWS, 4, 1))
    spectra = (1.0 / (1.0 + (_ENERGY_EV - places) ** 2)).sum(axis=1)
    made = SpectrumLibrary(_ENERGY_EV, spectra, range(_ROWS))
    with tempfile.TemporaryDirectory() as folder:
        made.save(folder + "/library")
        _ask(SpectrumLibrary.load(folder + "/library"), spectra)
    made.keep_broadened()
    _ask(made, spectra)


def _ask(library: SpectrumLibrary, spectra: np.ndarray) -> None:
    measured = spectra + np.random.default_rng(1).normal(0.0, 0.02, spectra.shape)
    library.match(_ENERGY_EV, measured[0])
    library.calibrate([(_ENERGY_EV, one, n) for n, one in enumerate(measured)])
    library.match(_ENERGY_EV, measured[1])
    library.match(_ENERGY_EV[::2] ** 1.0001, measured[1][::2])
    library.mix(_ENERGY_EV, measured[0] + measured[1])
