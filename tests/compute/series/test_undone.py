"""What detector and sample do, done to a known truth and undone."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.series.absorption import over_absorption
from compute.series.undone import (
    over_i0,
    remove_power_law,
    undo_dead_time,
    undo_over_absorption,
    undo_plural_scattering,
)
from tests.compute.series.made import CHANNELS, peaks

X = np.arange(CHANNELS, dtype=float)


def test_counts_that_dead_time_took_come_back():
    truth = 1e5 * np.vstack([peaks(80.0), peaks(120.0)])
    seen = truth / (1 + truth * 2e-6 / 0.5)
    found = undo_dead_time(seen, 2e-6, 0.5)
    np.testing.assert_allclose(found.spectra, truth, rtol=1e-12)
    assert found.record == {"correction": "dead time", "dead_s": 2e-6, "live_s": 0.5}
    seen[0, 3] = 3e5
    full = undo_dead_time(seen, 2e-6, 0.5)
    assert np.isnan(full.spectra[0, 3])
    assert full.per_spectrum["saturated"].tolist() == [1, 0]


def test_a_power_law_is_taken_off_and_a_gap_stays_one(recwarn):
    energy = 400.0 + X
    spectra = np.vstack([1e9 * energy**-3.0, np.full(CHANNELS, np.nan)])
    found = remove_power_law(energy, spectra, (energy[0], energy[40]))
    np.testing.assert_allclose(found.spectra[0], 0, atol=1e-6)
    assert np.isnan(found.spectra[1]).all()
    assert not recwarn.list


def test_a_monitor_that_sags_drops_out():
    truth = np.vstack([peaks(80.0), peaks(120.0)])
    monitor = np.vstack([np.linspace(2, 1, CHANNELS), np.full(CHANNELS, 3.0)])
    monitor[1, 9] = 0
    found = over_i0(truth * monitor, monitor)
    assert np.isnan(found.spectra[1, 9])
    kept = np.isfinite(found.spectra)
    np.testing.assert_allclose(found.spectra[kept], truth[kept], rtol=1e-12)


def test_over_absorption_is_taken_back():
    truth = peaks(80.0) / peaks(80.0)[-1]
    seen = truth * (1 + 1.7) / (truth + 1.7)
    assert seen.max() < 0.8 * truth.max()
    found = undo_over_absorption(seen[None], 1.7)
    np.testing.assert_allclose(found.spectra[0], truth, rtol=1e-12)


def test_plural_scattering_is_taken_off_by_the_low_loss():
    step, plasmon, width, thickness = 0.25, 22.0, 3.0, 0.6
    size = 4096
    loss = step * np.arange(size)
    zero = np.exp(-0.5 * ((loss - 0) / 0.4) ** 2) + np.exp(-0.5 * ((loss - step * size) / 0.4) ** 2)
    zero /= zero.sum()
    single = width / ((loss - plasmon) ** 2 + width**2)
    single *= thickness / single.sum()
    spread = np.fft.rfft(zero) * np.exp(np.fft.rfft(single))
    low = np.roll(np.fft.irfft(spread, size), 80)  # its zero loss at 20 eV on the grid
    core = np.zeros(size)
    place = slice(200, 200 + 800)
    e = np.arange(800) * step
    rise = 1 / (1 + np.exp(-(e - 30) / 0.8))
    core[place] = (np.exp(-0.5 * ((e - 34) / 2) ** 2) * 6 + rise * np.exp(-e / 60)) * 50
    seen = np.fft.irfft(np.fft.rfft(core) * spread, size)[place]
    truth = np.fft.irfft(np.fft.rfft(core) * np.fft.rfft(zero), size)[place]
    energies = 600 + e
    found = undo_plural_scattering(energies, seen[None], loss[:800] - 20, low[:800])
    inside = slice(0, 640)  # the end is continued by guess
    error = found.spectra[0, inside] - truth[inside]
    assert np.abs(error).max() < 0.02 * truth.max()
    assert np.abs(seen[inside] - truth[inside]).max() > 0.2 * truth.max()
    assert found.record["thickness"] == pytest.approx(thickness, abs=0.05)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: undo_dead_time(np.ones((2, 9)), 0.0, 1.0), "dead_time"),
        (lambda: over_i0(np.ones((2, 9)), np.ones((2, 8))), "i0"),
        (lambda: undo_over_absorption(np.ones((2, 9)), -1.0), "alpha"),
        (lambda: undo_plural_scattering(X**1.1, np.ones((1, CHANNELS)), X, X), "energy_ev"),
        (lambda: undo_plural_scattering(X, np.ones((1, CHANNELS)), X, X[::-1]), "low_loss"),
    ],
)
def test_what_cannot_be_undone_is_named(call, name):
    with pytest.raises(InputError, match=name):
        call()


def test_alpha_follows_from_tabulated_cross_sections():
    pytest.importorskip("xraydb")
    dilute = over_absorption("Fe0.01H200O100", "Fe", "K")
    oxide, metal = over_absorption("Fe2O3", "Fe", "K"), over_absorption("Fe", "Fe", "K")
    assert dilute > 100 > oxide > metal > 0.1
    grazing_out = over_absorption("Fe2O3", "Fe", "K", angle_in=85, angle_out=5)
    assert grazing_out > 3 * oxide
    with pytest.raises(InputError, match="holds no Mn"):
        over_absorption("Fe2O3", "Mn", "K")
