"""Automatic checks and the distance of duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.io import read
from compute.normalise import noise_sigma
from compute.quality import Check, check_spectrum, curve_difference
from tests.compute.normalise.test_normalise import GRID, LOSS, lorentz, xas
from tests.shared_data import shared_data

ALL = {"facility": "APS", "mode": "transmission", "sample": "Fe", "date": "2001"}


def checks(
    y: Any, *, x: Any = GRID, element: str | None = "Fe", edge: str | None = "K", **more: Any
) -> dict[str, Check]:
    found = check_spectrum(x, y, element=element, edge=edge, **{"metadata": ALL, **more})
    return {check.name: check for check in found}


def test_a_good_spectrum_passes_every_check() -> None:
    assert {check.level for check in checks(xas()).values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "name", "level"),
    [
        ({"element": None}, "absorber", "fail"),
        ({"element": "Cu"}, "edge position", "fail"),
        ({"element": "Co"}, "edge position", "fail"),
        ({"metadata": {"facility": "APS"}}, "metadata", "check"),
        ({"axis_unit": "mm"}, "axis", "fail"),
        ({"y": xas(7145)}, "edge position", "check"),
        ({"y": np.ones_like(GRID)}, "noise", "fail"),
        ({"y": np.minimum(xas(), -0.5)}, "intensity", "ok"),
        ({"y": -xas(), "quantity": "counts"}, "intensity", "ok"),
        ({"y": xas(), "quantity": "counts"}, "intensity", "check"),
        ({"y": np.minimum(xas() + 3, 2.4)}, "intensity", "check"),
    ],
)
def test_each_fault_is_seen(changes: dict[str, Any], name: str, level: str) -> None:
    y = changes.pop("y", xas())
    assert checks(y, **changes)[name].level == level


def test_a_coarse_or_short_grid_is_seen() -> None:
    coarse = np.arange(7000.0, 7400.0, 4.0)
    assert checks(xas(x=coarse), x=coarse)["grid"].level == "check"
    worse = np.arange(7000.0, 8000.0, 20.0)
    assert checks(xas(x=worse), x=worse)["grid"].level == "fail"
    few = np.array([7100.0, 7110, 7120])
    assert checks(xas(x=few), x=few)["grid"].level == "fail"


@pytest.mark.parametrize("sigma", [1e-3, 3e-2])
def test_noise_is_estimated_on_an_uneven_grid(sigma: float) -> None:
    rng = np.random.default_rng(0)
    found = [noise_sigma(GRID, xas() + sigma * rng.normal(size=GRID.size)) for _ in range(10)]
    assert np.mean(found) == pytest.approx(sigma, rel=0.12)


def test_a_noisy_spectrum_is_seen() -> None:
    rng = np.random.default_rng(0)
    assert checks(xas() + 0.05 * rng.normal(size=GRID.size))["noise"].level == "check"
    assert checks(rng.normal(size=GRID.size))["noise"].level != "ok"


def test_in_a_survey_the_edge_asked_for_is_looked_at_alone() -> None:
    survey = 20 / (1 + np.exp(-(LOSS - 532) / 0.5)) + lorentz(853.5, 1.0, 30.0)
    found = checks(survey, x=LOSS, element="Ni", edge="L23")
    assert found["edge position"].level == "ok"


@given(scale=st.floats(0.1, 100), offset=st.floats(-10, 10))
def test_a_rescaled_copy_is_no_distance_away(scale: float, offset: float) -> None:
    assert curve_difference(GRID, xas(), GRID, scale * xas() + offset) < 1e-7


def test_a_truncated_copy_is_no_distance_away() -> None:
    half = GRID < 7400
    assert curve_difference(GRID, xas(), GRID[half], xas()[half]) < 1e-12
    assert curve_difference(GRID[half], xas()[half], GRID, xas()) < 1e-12


def test_other_spectra_are_far_away() -> None:
    assert curve_difference(GRID, xas(), GRID, xas(7116.0)) > 0.02
    assert curve_difference(GRID, xas(), GRID, -xas()) == 1
    assert curve_difference(GRID, xas(), GRID + 5000, xas()) == 1
    assert curve_difference(GRID, xas(), GRID, np.ones(GRID.size)) == 1


def test_the_difference_is_that_of_pearsons_r() -> None:
    rng = np.random.default_rng(0)
    a, b = xas(), xas() + 0.02 * rng.normal(size=GRID.size)
    r = np.corrcoef(a, b)[0, 1]
    assert curve_difference(GRID, a, GRID, b) == pytest.approx(np.sqrt(1 - r**2), rel=1e-6)


def test_the_difference_does_not_depend_on_the_order() -> None:
    other = np.arange(6920.0, 7900.0, 0.5)
    a = curve_difference(GRID, xas(), other, xas(7112.5, x=other))
    b = curve_difference(other, xas(7112.5, x=other), GRID, xas())
    assert a == pytest.approx(b, rel=1e-9)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("Fe/Fe_metal_rt_01", "Fe/Fe_metal_rt_03", 0.0, 1e-9),  # one scan under two names
        ("As/as2s3_100K_scan1", "As/as2s3_100K_scan2", 1e-3, 0.03),  # repeated
        ("Zn/Chorover13BM_ZnC2O4_rt_03", "Zn/Chorover13BM_ZnSO4_rt_03", 0.03, 0.1),  # r = 0.998
    ],
)
def test_real_scans_are_told_as_copies_repeats_or_others(
    one: str, other: str, low: float, high: float
) -> None:
    folder = shared_data("spectra", "xdi_xaslib")
    a, b = (read(folder / f"{name}.xdi")[0] for name in (one, other))
    found = curve_difference(a.energy_ev, a.intensity, b.energy_ev, b.intensity)
    assert low <= found <= high


def test_real_references_pass_the_edge_check() -> None:
    for path in sorted(shared_data("spectra", "xdi_good").glob("*_rt.xdi")):
        one = read(path)[0]
        found = check_spectrum(one.energy_ev, one.intensity, element=one.element, edge=one.edge)
        levels = {check.name: check.level for check in found}
        assert levels["edge position"] == "ok", path.name
        assert levels["noise"] == "ok", path.name
