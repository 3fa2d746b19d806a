"""Corrections of a series, each with its record."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.series.corrections import (
    align,
    bin_channels,
    mark_dead,
    remove_spikes,
)
from compute.series.undone import remove_power_law
from tests.compute.series.made import CHANNELS, peaks

RNG = np.random.default_rng(0)
X = np.arange(CHANNELS)


def test_spikes_become_gaps_and_peaks_do_not():
    spectra = 100 * np.array([peaks(80.0, width=2.0)] * 40) + RNG.normal(0, 1, (40, CHANNELS))
    clean = remove_spikes(spectra)
    assert clean.record["channels"] < 3
    spectra[7, 30] += 60
    spectra[9, 80] += 60
    found = remove_spikes(spectra)
    assert np.isnan(found.spectra[7, 30])
    assert np.isnan(found.spectra[9, 80])
    assert found.record["channels"] <= clean.record["channels"] + 2
    assert found.per_spectrum["spikes"][7] >= 1


def test_dead_spectra_and_channels_become_gaps():
    spectra = 100 * peaks(80.0) + RNG.normal(0, 1, (30, CHANNELS))
    spectra[4] = 17.0
    spectra[:, 50] = 0.0
    spectra[:, 200] += 400
    found = mark_dead(spectra)
    assert found.record["spectra"] == 1
    assert found.record["channels"] == [50, 200]
    assert np.isnan(found.spectra[4]).all()


def test_drift_is_found_and_taken_back():
    drift = RNG.normal(0, 3, 60)
    spectra = np.array([100 * peaks(80.0 + one) for one in drift])
    found = align(spectra + RNG.normal(0, 0.5, spectra.shape))
    off = found.per_spectrum["shift"] - drift
    assert np.std(off) < 0.1
    inside = found.spectra[:, 20:-20]
    assert np.nanstd(inside, axis=0).max() < 0.1 * np.std(spectra, axis=0).max()
    stated = align(spectra, shifts=np.full(60, 2.0)).spectra
    np.testing.assert_allclose(stated[:, :-2], spectra[:, 2:])
    assert np.isnan(stated[:, -2:]).all()


def test_binning_keeps_the_counts():
    energy, found = bin_channels(X * 0.1, np.ones((3, CHANNELS)), 5)
    assert found.spectra.shape == (3, 51)
    assert (found.spectra == 5).all()
    assert energy[0] == pytest.approx(0.2)
    assert found.record["left_out"] == 1


def test_a_power_law_is_taken_off_without_bias_at_few_counts():
    energy = 500 + 0.5 * np.arange(300)
    truth = 20 * (energy / 530) ** -2.5
    counts = RNG.poisson(truth, (800, 300)).astype(float)
    found = remove_power_law(energy, counts, (500.0, 560.0))
    exponent, error = found.per_spectrum["exponent"], found.per_spectrum["exponent_error"]
    assert abs(exponent.mean() - 2.5) < 0.15 * error.mean()
    assert exponent.std() == pytest.approx(error.mean(), rel=0.15)
    beyond = found.spectra[:, 150:200]
    assert abs(np.nanmean(beyond)) < 0.3
    assert found.record["not_settled"] == 0


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: remove_spikes(np.ones((3, CHANNELS)), threshold=0), "threshold"),
        (lambda: align(np.ones((3, CHANNELS)), shifts=[1.0]), "shifts"),
        (lambda: bin_channels(X, np.ones((3, CHANNELS)), 0), "factor"),
        (lambda: remove_power_law(X + 1.0, np.ones((3, CHANNELS)), (900.0, 901.0)), "window"),
        (lambda: mark_dead(np.ones((3, 2))), "spectra"),
    ],
)
def test_what_cannot_be_corrected_is_named(call, name):
    with pytest.raises(InputError, match=name):
        call()
