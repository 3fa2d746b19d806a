"""Corrections one after the other, part by part."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.series.steps import Chain, Channel, Wanted, gaps_beyond
from tests.compute.series.made import CHANNELS, peaks

N = 200
ENERGY = 600 + 0.2 * np.arange(CHANNELS)
PLACES = np.arange(N)


def made(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drifting peaks on a power law with spikes, the zero loss beside them, and the drift in eV."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(0, 0.4, N)
    clean = np.array([200 * peaks(100.0 + one / 0.2) for one in drift])
    spectra = clean + 3000 * (ENERGY / 600) ** -3.0
    spectra = rng.poisson(spectra).astype(float)
    spectra[::7, 30] += 5000
    low = np.arange(-20, 20, 0.1)
    zero = np.exp(-0.5 * ((low - drift[:, None]) / 0.5) ** 2) * 1e5
    return spectra, zero, drift


def test_parts_are_corrected_as_the_whole():
    spectra, zero, drift = made()
    beside = Channel(np.arange(-20, 20, 0.1), lambda places: zero[places])
    wanted = Wanted(spikes=8.0, drift=beside, power_law_ev=(600.0, 610.0), bin=2)
    sample = PLACES[::4]
    chain = Chain.judged(ENERGY, spectra[sample], sample, wanted)
    whole = chain.of(spectra, PLACES)
    assert [one["correction"] for one in whole.records] == [
        "spikes", "drift", "power law", "binning",
    ]  # fmt: skip
    for part in (slice(0, 90), slice(90, N)):
        some = chain.of(spectra[part], PLACES[part])
        np.testing.assert_allclose(some.spectra, whole.spectra[part])
        for name, values in some.numbers.items():
            np.testing.assert_allclose(values, whole.numbers[name][part])
    assert (whole.numbers["spikes"][::7] >= 1).all()
    off = 0.2 * whole.numbers["shift"] - drift
    assert np.std(off) < 0.02
    assert chain.energy_ev.size == CHANNELS // 2


def test_a_reference_channel_sets_the_scale():
    spectra, _, drift = made()
    foil_energy = np.arange(580.0, 640.0, 0.1)
    foil = 1 / (1 + np.exp(-(foil_energy - 612.3 - drift[:, None]) / 0.6))
    beside = Channel(foil_energy, lambda places: foil[places])
    chain = Chain.judged(ENERGY, spectra, PLACES, Wanted(drift=beside, calibrate_ev=611.0))
    assert chain.energy_ev[0] - ENERGY[0] == pytest.approx(-1.3, abs=0.1)
    done = chain.of(spectra, PLACES)
    kept = gaps_beyond(done.spectra)
    assert kept.start >= 0
    assert np.isfinite(done.spectra[:, kept]).mean() > 0.95


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted(calibrate_ev=600.0), "calibrate"),
        (Wanted(bin=1000), r"^bin: .*\(got 1000\)"),
        (Wanted(power_law_ev=(1.0, 2.0)), r"^power_law: .*\(got \(1.0, 2.0\)\)"),
        (Wanted(spikes=-1.0), r"^spikes: .*\(got -1.0\)"),
        (Wanted(over_absorption=-2.0), r"^over_absorption: .*\(got -2.0\)"),
        (Wanted(i0=Channel(np.arange(3.0), lambda places: np.ones((places.size, 3)))), "i0"),
    ],
)
def test_what_cannot_be_corrected_is_named(wanted, name):
    with pytest.raises(InputError, match=name):
        Chain.judged(ENERGY, made()[0], PLACES, wanted)
