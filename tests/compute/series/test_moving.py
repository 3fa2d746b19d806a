"""References that shift and broaden from spectrum to spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from compute.series import unmix
from tests.compute.series.made import CHANNELS, PLACES, REFERENCES, peaks


@pytest.fixture(scope="module")
def drifting():
    """Spectra, fractions, shifts and Gaussian widths in channels; peaks moved analytically."""
    rng = np.random.default_rng(1)
    n = 400
    fractions = rng.dirichlet(2 * np.ones(3), n)
    shift, width = rng.normal(0, 2, n), rng.uniform(0, 4, n)
    x = np.arange(CHANNELS)
    wave = 2 * np.pi * np.fft.rfftfreq(4 * CHANNELS)
    wide = np.array([peaks(place + 1.5 * CHANNELS, channels=4 * CHANNELS) for place in PLACES])
    wide *= REFERENCES.max(axis=1, keepdims=True) / wide.max(axis=1, keepdims=True)
    spectrum = np.fft.rfft(np.hstack([wide, wide[:, ::-1]]), axis=1)
    wave = 2 * np.pi * np.fft.rfftfreq(8 * CHANNELS)
    mu = np.empty((n, CHANNELS))
    for i in range(n):
        factor = np.exp(-0.5 * (wave * width[i]) ** 2 - 1j * wave * shift[i])
        moved = np.fft.irfft(spectrum * factor, axis=1)
        start = int(1.5 * CHANNELS)
        mu[i] = fractions[i] @ moved[:, start + x]
    return rng.poisson(500 * np.maximum(mu, 0)), fractions, shift, width


@pytest.fixture(scope="module")
def found(drifting):
    return unmix(
        drifting[0], REFERENCES, noise="poisson", free=("shift", "width"), max_shift=10, max_width=6
    )


def test_fractions_survive_drift_and_broadening(drifting, found):
    z = (found.fractions - drifting[1]) / found.errors
    inside = (drifting[1] > 3 * found.errors) & (drifting[1] < 1 - 3 * found.errors)
    assert abs(z[inside].mean()) < 0.2
    assert 0.63 < (np.abs(z[inside]) < 1).mean() < 0.73
    assert found.residual.mean() == pytest.approx(1, abs=0.03)


def test_shift_and_width_are_found_within_their_errors(drifting, found):
    z = (found.shift - drifting[2]) / found.shift_error
    assert abs(z.mean()) < 0.2
    assert 0.6 < (np.abs(z) < 1).mean() < 0.76
    broad = drifting[3] > 2
    z = ((found.width - drifting[3]) / found.width_error)[broad]
    assert abs(z.mean()) < 0.25
    assert 0.58 < (np.abs(z) < 1).mean() < 0.78


def test_without_freedom_drift_is_flagged(drifting):
    fixed = unmix(drifting[0][:100], REFERENCES, noise="poisson")
    assert (fixed.p_value < 0.05).mean() > 0.8
    assert np.isnan(fixed.shift).all()


def test_an_energy_axis_gives_shifts_in_ev(drifting, found):
    in_ev = unmix(
        drifting[0][:20],
        REFERENCES,
        noise="poisson",
        free=("shift",),
        energy_ev=640 + 0.1 * np.arange(CHANNELS),
        max_shift=1.0,
    )
    np.testing.assert_allclose(in_ev.shift, 0.1 * found.shift[:20], atol=0.15)
    assert np.isnan(in_ev.width).all()
