"""Single numbers of every spectrum, and their errors."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.series.parameters import (
    QUANTITIES,
    centre_of_mass,
    edge_position,
    peak_position,
    white_line_ratio,
)

ENERGY = 630 + 0.1 * np.arange(300)
WINDOWS = {
    "white_line_ratio": ((638.0, 644.0), (649.0, 656.0)),
    "centre_of_mass": ((636.0, 646.0),),
    "e0": ((630.0, 634.0), (655.0, 659.0)),
    "peak_position": ((637.0, 645.0),),
}


def line(place: float, width: float = 1.0):
    return np.exp(-0.5 * ((ENERGY - place) / width) ** 2)


@pytest.mark.parametrize("name", sorted(QUANTITIES))
def test_errors_are_the_scatter_of_repeated_measurements(name):
    rng = np.random.default_rng(1)
    clean = line(641) + 0.5 * line(652, 1.3) + 0.3 * (1 + np.tanh((ENERGY - 640) / 2)) + 0.01
    spectra = clean + rng.normal(0, 0.02, (600, ENERGY.size))
    quantity, count = QUANTITIES[name]
    assert len(WINDOWS[name]) == count
    found = quantity(ENERGY, spectra, 0.02, WINDOWS[name])
    assert np.std(found.value) == pytest.approx(np.median(found.err), rel=0.12)
    exact = quantity(ENERGY, clean, 0.02, WINDOWS[name]).value[0]
    assert abs(found.value.mean() - exact) < 0.25 * np.median(found.err)


def test_the_values_are_those_of_known_shapes():
    two = 2 * line(641) + line(652)
    ratio = white_line_ratio(ENERGY, two, 0.1, ((636.0, 646.0), (647.0, 657.0)))
    assert ratio.value[0] == pytest.approx(2, rel=1e-4)
    assert centre_of_mass(ENERGY, line(641.3), 0.1, ((636.0, 646.6),)).value[0] == pytest.approx(
        641.3, abs=1e-3
    )
    step = 0.5 + np.arctan((ENERGY - 644.2) / 0.05) / np.pi
    e0 = edge_position(ENERGY, step, 0.01, ((630.0, 634.0), (655.0, 659.0)))
    assert e0.value[0] == pytest.approx(644.2, abs=0.1)
    assert peak_position(ENERGY, line(641.23), 0.01, ((637.0, 645.0),)).value[0] == pytest.approx(
        641.23, abs=0.02
    )


@pytest.mark.parametrize("width", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("noise", [1 / 8, 1 / 15, 1 / 40])
def test_the_place_of_a_peak_is_as_sure_as_it_says(width, noise):
    rng = np.random.default_rng(2)
    spectra = line(641.03, width) + rng.normal(0, noise, (600, ENERGY.size))
    found = peak_position(ENERGY, spectra, noise, ((637.0, 645.0),))
    told = np.isfinite(found.value)
    assert told.mean() > 0.5
    z = (found.value[told] - 641.03) / found.err[told]
    assert abs(z.mean()) < 0.2
    assert 0.58 < (np.abs(z) < 1).mean() < 0.76


def test_noise_without_a_peak_has_no_position():
    rng = np.random.default_rng(5)
    found = peak_position(ENERGY, rng.normal(30, 1, (200, ENERGY.size)), 1.0, ((636.0, 646.0),))
    assert np.isfinite(found.value).mean() < 0.02


def test_what_cannot_be_told_is_no_number():
    flat = np.ones((1, ENERGY.size))
    assert np.isnan(edge_position(ENERGY, flat, 0.1, WINDOWS["e0"]).value[0])
    with pytest.raises(InputError, match="windows"):
        centre_of_mass(ENERGY, flat, 0.1, ((1.0, 2.0),))
