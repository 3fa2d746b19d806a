"""Line shapes against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import voigt_profile

from compute.broadening import GaussianFilter, broaden
from compute.errors import InputError

STICKS = np.array([-3.0, 0.0, 0.1, 4.4])
AREAS = np.array([1.0, 0.2, 0.5, 2.0])
ENERGY = np.linspace(-10, 10, 201)


@pytest.mark.parametrize("width", [0.2, np.linspace(0.1, 0.8, 201)])
def test_lorentzians_are_summed(width: float | np.ndarray) -> None:
    twin = sum(
        a * width / np.pi / ((ENERGY - e) ** 2 + width**2)
        for e, a in zip(STICKS, AREAS, strict=True)
    )
    np.testing.assert_allclose(broaden(ENERGY, STICKS, AREAS, width), twin, rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.02, 0.3, 1.5])
@pytest.mark.parametrize("hwhm", [0.05, 0.4])
@pytest.mark.parametrize("step", [0.02, 0.1, 1.0])
def test_gaussian_of_lorentzians_is_the_voigt_profile(
    sigma: float, hwhm: float, step: float
) -> None:
    energy = -5 + step * np.arange(int(10 / step) + 1)
    instrument = GaussianFilter(energy, sigma, hwhm)
    found = instrument(broaden(instrument.fine, STICKS, AREAS, hwhm))
    twin = sum(
        a * voigt_profile(energy - e, sigma, hwhm) for e, a in zip(STICKS, AREAS, strict=True)
    )
    np.testing.assert_allclose(found, twin, atol=2e-7 * twin.max())


def test_no_gaussian_leaves_the_grid_alone() -> None:
    instrument = GaussianFilter(ENERGY, 0.0, 0.2)
    assert instrument.fine is ENERGY
    assert instrument(ENERGY) is ENERGY


def test_a_single_energy_can_be_asked_for() -> None:
    instrument = GaussianFilter(np.array([0.3]), 0.5, 0.2)
    found = instrument(broaden(instrument.fine, STICKS, AREAS, 0.2))
    twin = sum(a * voigt_profile(0.3 - e, 0.5, 0.2) for e, a in zip(STICKS, AREAS, strict=True))
    assert found == pytest.approx([twin], rel=1e-7)


@pytest.mark.parametrize("width", [0.0, -1.0])
def test_widths_must_be_positive(width: float) -> None:
    with pytest.raises(InputError, match="hwhm_ev"):
        broaden(ENERGY, STICKS, AREAS, width)


def test_sticks_and_areas_must_match() -> None:
    with pytest.raises(InputError, match="stick_area"):
        broaden(ENERGY, STICKS, AREAS[:2], 0.2)
