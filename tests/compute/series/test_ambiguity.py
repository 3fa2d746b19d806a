"""How far components of a series are open."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.series.ambiguity import ambiguity

X = np.arange(60)
PURE = np.array([np.where((X > 5) & (X < 25), 1.0, 0.0), np.where((X > 35) & (X < 55), 1.0, 0.0)])


def test_pure_spectra_and_channels_of_their_own_leave_nothing_open():
    amounts = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.6]])
    band = ambiguity(amounts, PURE, tolerance=0)
    np.testing.assert_allclose(band.least, band.share, atol=1e-6)
    np.testing.assert_allclose(band.most, band.share, atol=1e-6)


def test_the_band_of_two_components_is_that_of_all_turns():
    """Every s₁ + a s₂, s₂ + b s₁ between the ratios of the components and those of the amounts."""
    components = np.array([1 + 0.5 * np.sin(X / 9), 1 + 0.5 * np.cos(X / 7)])
    amounts = np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]])
    band = ambiguity(amounts, components, tolerance=0)
    low = -(components[0] / components[1]).min(), -(components[1] / components[0]).min()
    high = (amounts[:, 1] / amounts[:, 0]).min(), (amounts[:, 0] / amounts[:, 1]).min()
    shares = []
    for a in np.linspace(low[0], high[0], 81):
        for b in np.linspace(low[1], high[1], 81):
            t = np.array([[1, a], [b, 1]])
            s, c = t @ components, amounts @ np.linalg.inv(t)
            if min(s.min(), c.min()) > -1e-9:
                shares.append(np.linalg.norm(c, axis=0) * np.linalg.norm(s, axis=1))
    shares = np.array(shares) / np.linalg.norm(amounts @ components)
    np.testing.assert_allclose(band.least, shares.min(axis=0), atol=0.02)
    np.testing.assert_allclose(band.most, shares.max(axis=0), atol=0.02)
    assert (band.least_components >= -1e-6).all()


def test_what_is_known_does_not_turn():
    components = np.array([1 + 0.5 * np.sin(X / 9), 1 + 0.5 * np.cos(X / 7)])
    amounts = np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]])
    band = ambiguity(amounts, components, known=1)
    expected = components[0] / components[0].mean()
    np.testing.assert_allclose(band.least_components[0], expected)
    assert band.most[1] - band.least[1] < np.ptp(
        [getattr(ambiguity(amounts, components), end)[1] for end in ("least", "most")]
    )
    with pytest.raises(InputError, match="known"):
        ambiguity(amounts, components, known=3)
