"""Compiling ahead leaves nothing to compile for the first analysis."""

from __future__ import annotations

import numpy as np
import pytest

from compute.series import factor, kernels, moving_kernels, unmix
from compute.series.compiled import compile_kernels
from compute.series.factor import mcr, nmf
from tests.compiled import signatures
from tests.compute.series.made import REFERENCES, mixtures


def compiled() -> dict[str, int]:
    return signatures(kernels, moving_kernels, factor)


@pytest.mark.slow
def test_nothing_is_compiled_for_an_analysis_afterwards() -> None:
    compile_kernels()
    before = compiled()
    assert sum(before.values()) >= 4
    spectra = mixtures(60)[0]
    for free in ((), ("shift",), ("shift", "width")):
        for noise in (None, "poisson", 20.0):
            unmix(spectra, REFERENCES, noise=noise, free=free)
    spectra[3, 7] = np.nan
    unmix(spectra, REFERENCES)
    unmix(spectra, REFERENCES, free=("shift",))
    nmf(np.delete(spectra, 3, axis=0).astype(np.float32), 3)
    mcr(np.delete(spectra, 3, axis=0), REFERENCES, known=1)
    assert compiled() == before
