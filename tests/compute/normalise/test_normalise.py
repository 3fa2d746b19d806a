"""Normalisation recovers what was put in, and leaves the raw data alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.errors import InputError
from compute.normalise import (
    WhiteLineParameters,
    XasParameters,
    find_e0,
    normalise_white_line,
    normalise_xas,
)

GRID = np.unique(
    np.concatenate(
        [np.arange(6900, 7090, 5.0), np.arange(7090, 7160, 0.25), np.arange(7160, 8000, 3.0)]
    )
)


def xas(
    e0: float = 7112.0,
    step: float = 0.8,
    slope: float = -2e-4,
    offset: float = -1.2,
    x: Any = GRID,
) -> Any:
    """An arctangent edge with EXAFS-like wiggles on a falling line."""
    edge = 0.5 + np.arctan((x - e0) / 1.0) / np.pi
    k = np.sqrt(np.clip(x - e0, 0, None))
    wiggle = 0.08 * np.sin(0.9 * k) * np.exp(-k / 12) * (x > e0)
    return offset + slope * (x - 7000) + step * (edge + wiggle)


@pytest.mark.parametrize("noise", [0.0, 0.004])
@pytest.mark.parametrize("e0", [7100.0, 7112.0, 7131.5])
def test_the_edge_is_found(e0: float, noise: float) -> None:
    y = xas(e0) + noise * np.random.default_rng(1).normal(size=GRID.size)
    assert find_e0(GRID, y) == pytest.approx(e0, abs=0.3 if noise == 0 else 0.7)


def test_a_spike_is_no_edge() -> None:
    y = xas()
    y[np.searchsorted(GRID, 7145)] += 5.0
    y[np.searchsorted(GRID, 7400)] += 5.0
    assert find_e0(GRID, y) == pytest.approx(7112, abs=0.5)


def test_the_search_can_be_confined() -> None:
    x = np.arange(400.0, 700.0, 0.25)
    y = 3 / (1 + np.exp(-(x - 450) / 0.4)) + 1 / (1 + np.exp(-(x - 600) / 0.4))
    assert find_e0(x, y) == pytest.approx(450, abs=0.3)
    assert find_e0(x, y, within=(550, 650)) == pytest.approx(600, abs=0.3)


@given(
    scale=st.floats(1e-3, 1e5),
    offset=st.floats(-100, 100),
    slope=st.floats(-1e-3, 1e-3),
)
def test_normalised_does_not_depend_on_scale_offset_or_slope(
    scale: float, offset: float, slope: float
) -> None:
    base = normalise_xas(GRID, xas(), XasParameters(e0=7112, degree=1))
    other = normalise_xas(
        GRID,
        scale * (xas() + offset + slope * (GRID - 7000)),
        XasParameters(e0=7112, degree=1),
    )
    np.testing.assert_allclose(other.normalised, base.normalised, atol=1e-6)
    assert other.edge_step == pytest.approx(scale * base.edge_step, rel=1e-6)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_polynomial_post_edge_is_recovered(degree: int) -> None:
    """Line before, polynomial of the same degree after a sharp edge: the step is exact."""
    t = (GRID - 7112) / 500
    after = 0.7 + sum(0.1 / (n + 1) * t**n for n in range(1, degree + 1))
    y = np.where(GRID < 7112, 0.0, after) + 0.3 - 1e-4 * (GRID - 7112)
    y = y if degree else np.where(GRID < 7112, 0.3, 1.0)
    found = normalise_xas(GRID, y, XasParameters(e0=7112, post=(20, 800), degree=degree))
    assert found.edge_step == pytest.approx(0.7, rel=1e-6)
    np.testing.assert_allclose(found.flattened[GRID > 7140], 1.0, atol=1e-6)
    np.testing.assert_allclose(found.normalised[GRID < 7100], 0.0, atol=1e-9)


def test_the_choices_made_are_reported_and_reproduce_the_result() -> None:
    first = normalise_xas(GRID, xas())
    assert first.parameters.degree == 2
    assert first.parameters.e0 == first.e0_ev
    again = normalise_xas(GRID, xas(), first.parameters)
    np.testing.assert_array_equal(again.normalised, first.normalised)
    assert first.edge_step == pytest.approx(0.8, abs=0.05)


def test_raw_data_stay_as_they_are() -> None:
    x, y = GRID.copy(), xas()
    before = y.copy()
    normalise_xas(x, y)
    normalise_white_line(x, y, WhiteLineParameters(background=(6900, 7000)))
    np.testing.assert_array_equal(y, before)
    np.testing.assert_array_equal(x, GRID)


def test_a_short_xanes_is_normalised_too() -> None:
    x = np.arange(7100.0, 7150.0, 0.25)
    assert normalise_xas(x, xas(x=x)).edge_step == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        (XasParameters(e0=6000), "e0"),
        (XasParameters(degree=4), "degree"),
        (XasParameters(pre=(-10, -50)), "pre"),
        (XasParameters(post=(5000, 6000)), "post"),
    ],
)
def test_unusable_parameters_are_named(parameters: XasParameters, field: str) -> None:
    with pytest.raises(InputError) as caught:
        normalise_xas(GRID, xas(), parameters)
    assert caught.value.field == field


def test_a_falling_curve_has_no_edge_step() -> None:
    with pytest.raises(InputError, match="must be positive"):
        normalise_xas(GRID, -xas(), XasParameters(e0=7112))


# --- L2,3 and EELS ----------------------------------------------------------------------------

LOSS = np.arange(400.0, 960.0, 0.25)
L3, L2 = 855.0, 872.5


def lorentz(position: float, hwhm: float, area: float) -> Any:
    return area * hwhm / np.pi / ((LOSS - position) ** 2 + hwhm**2)


def steps(height: float, width: float = 0.5) -> Any:
    one = 0.5 + np.arctan((LOSS - L3) / width) / np.pi
    two = 0.5 + np.arctan((LOSS - L2) / width) / np.pi
    return height * (2 * one + two) / 3


LINES = lorentz(L3, 0.5, 900.0) + lorentz(L2, 0.7, 450.0)


def test_a_power_law_is_subtracted_exactly() -> None:
    law = 3e5 * (LOSS / 800) ** -3.2
    found = normalise_white_line(
        LOSS,
        law + np.where(LOSS > 845, 50.0, 0.0),
        WhiteLineParameters(range=(820, 900), background=(700, 840), scaling="none"),
    )
    np.testing.assert_allclose(found.intensity[found.energy_ev > 845.1], 50, atol=1e-4)
    assert found.power_law is not None
    assert found.power_law[1] == pytest.approx(3.2, rel=1e-6)


def test_a_power_law_is_unbiased_by_noise_where_counts_fall_below_zero() -> None:
    rng = np.random.default_rng(3)
    law = 40.0 * (LOSS / 800) ** -3.0
    slopes = []
    for _ in range(20):
        noisy = law + rng.normal(scale=25, size=LOSS.size)
        found = normalise_white_line(
            LOSS, noisy, WhiteLineParameters(background=(420, 840), scaling="none")
        )
        assert found.power_law is not None
        slopes.append(found.power_law[1])
    assert np.mean(slopes) == pytest.approx(3.0, abs=0.15)


def test_white_lines_are_freed_of_their_continuum_and_scaled() -> None:
    raw = LINES + steps(120.0) + 2e4 * (LOSS / 800) ** -2.5
    found = normalise_white_line(
        LOSS,
        raw,
        WhiteLineParameters(
            range=(840, 900), background=(650, 840), scaling="area", step=(L3, L2), step_width=0.5
        ),
    )
    chosen = (LOSS >= 840) & (LOSS <= 900)
    expected = LINES[chosen] / np.trapezoid(LINES[chosen], LOSS[chosen])
    np.testing.assert_allclose(found.intensity, expected, atol=0.02 * expected.max())
    assert np.trapezoid(found.intensity, found.energy_ev) == pytest.approx(1)


def test_scaling_by_the_maximum_and_choosing_one_edge_of_a_survey() -> None:
    survey = LINES + 3 * lorentz(530, 1.0, 900.0)
    found = normalise_white_line(
        LOSS, survey, WhiteLineParameters(range=(840, 900), scaling="maximum")
    )
    assert found.intensity.max() == pytest.approx(1)
    assert found.energy_ev[int(np.argmax(found.intensity))] == L3


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        (WhiteLineParameters(range=(2000, 3000)), "range"),
        (WhiteLineParameters(background=(100, 200)), "background"),
        (WhiteLineParameters(step=(100, 872)), "step"),
        (WhiteLineParameters(step=(855, 872), step_width=0), "step_width"),
        (WhiteLineParameters(scaling="sum"), "scaling"),  # type: ignore[arg-type]
    ],
)
def test_unusable_white_line_parameters_are_named(
    parameters: WhiteLineParameters, field: str
) -> None:
    with pytest.raises(InputError) as caught:
        normalise_white_line(LOSS, LINES, parameters)
    assert caught.value.field == field


def test_nothing_to_scale_by_is_an_error() -> None:
    with pytest.raises(InputError, match="must be positive"):
        normalise_white_line(LOSS, -LINES)
