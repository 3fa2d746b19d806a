"""Which references a series asks for."""

from __future__ import annotations

import numpy as np

from compute.series.selection import select_references
from tests.compute.series.made import REFERENCES, mixtures


def test_a_reference_that_is_nowhere_is_dropped():
    spectra, _ = mixtures(200, seed=1, zero=1)
    found = select_references(spectra, REFERENCES)
    assert list(found.kept) == [0, 2]
    assert list(found.dropped) == [1]


def test_a_reference_in_one_spectrum_alone_is_kept():
    spectra, _ = mixtures(200, seed=1, zero=1)
    rng = np.random.default_rng(0)
    spectra[17] = rng.poisson(500 * REFERENCES[1])
    found = select_references(spectra, REFERENCES)
    assert list(found.kept) == [0, 1, 2]
    assert (found.p_values < 0.01).all()
