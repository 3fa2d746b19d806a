"""Components of a series without references."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import NMF

from compute.errors import InputError
from compute.series.factor import components_by_validation, mcr, nmf
from tests.compute.series.made import CHANNELS, REFERENCES, mixtures


@pytest.fixture(scope="module")
def spectra():
    made = mixtures(200, seed=1, counts=200)[0]
    pure = np.random.default_rng(0).poisson(200 * REFERENCES)
    return np.vstack([pure, made])


def cosine(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_the_loss_is_that_of_scikit_learn_or_less(spectra):
    theirs = NMF(3, init="nndsvda", max_iter=400).fit(spectra)
    ours = nmf(spectra, 3)
    assert ours.loss < 1.01 * theirs.reconstruction_err_**2
    assert (ours.amounts >= 0).all()
    assert (ours.components >= 0).all()
    left = spectra - ours.amounts @ ours.components
    assert ours.loss == pytest.approx((left**2).sum(), rel=1e-9)
    np.testing.assert_allclose(ours.residual, np.sqrt((left**2).mean(axis=1)))


def test_single_precision_comes_to_the_same(spectra):
    assert nmf(spectra.astype(np.float32), 3).loss == pytest.approx(nmf(spectra, 3).loss, rel=1e-3)


def test_curve_resolution_from_pure_spectra_gives_the_components_and_shares(spectra):
    start = spectra[:3].astype(float)
    found = mcr(spectra, start, closure=True)
    assert (cosine(found.components, REFERENCES) > 0.995).all()
    np.testing.assert_allclose(found.amounts.sum(axis=1), 1)
    assert np.abs(found.components.mean(axis=1) / 200 - 1).max() < 0.05


def test_known_components_stay_and_what_is_left_is_found(spectra):
    start = np.vstack([REFERENCES[:2], np.ones(CHANNELS)])
    found = mcr(spectra, start, known=2)
    np.testing.assert_array_equal(found.components[:2], REFERENCES[:2])
    alone = mcr(spectra, np.vstack([REFERENCES[:2], spectra[2]]), known=2)
    assert cosine(found.components[2:], alone.components[2:])[0] > 0.99


def test_alternation_never_raises_the_loss(spectra):
    losses = [mcr(spectra, spectra[[3, 9, 40]], rounds=n, tolerance=0).loss for n in (1, 3, 9, 27)]
    assert (np.diff(losses) <= 1e-9 * losses[0]).all()


def test_as_many_components_as_there_are(spectra):
    assert components_by_validation(spectra, 5) == 3


def test_what_cannot_be_factored_is_named(spectra):
    with pytest.raises(InputError, match="components"):
        nmf(spectra, 0)
    with pytest.raises(InputError, match="start"):
        mcr(spectra, np.ones((2, 5)))
    with pytest.raises(InputError, match="spectra"):
        nmf(np.full((3, 9), np.nan), 2)
