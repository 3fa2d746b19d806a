"""Compiling ahead leaves nothing to compile for the first fit."""

from __future__ import annotations

import numpy as np
import pytest

from compute.peaks import decompose, lineshapes, nonnegative, refine
from compute.peaks.compiled import compile_kernels
from tests.compiled import signatures


def compiled() -> dict[str, int]:
    return signatures(lineshapes, nonnegative, refine)


@pytest.mark.slow
def test_nothing_is_compiled_for_a_fit_afterwards() -> None:
    compile_kernels()
    before = compiled()
    assert len(before) > 4
    energy = np.linspace(640.0, 670.0, 151)
    peaks = [1.0 / (1.0 + (energy - x) ** 2) for x in (645.0, 648.0, 655.0)]
    signal = np.sum(peaks, axis=0) + np.random.default_rng(3).normal(0.0, 0.02, energy.size)
    step = np.arctan(energy - 650.0) / np.pi + 0.5
    decompose(energy, signal)
    decompose(energy[::-1][::-1] ** 1.0001, signal, gaussian_sigma_ev=0.3, background="linear")
    decompose(energy, signal, gaussian_sigma_ev="fit")
    for kind in ("arctan", "broadened arctan", "erf"):
        decompose(energy, signal + step, edge_step=True, edge_kind=kind, edge_splitting_ev=9.0)
    decompose(energy, signal, phase=True)
    assert compiled() == before
