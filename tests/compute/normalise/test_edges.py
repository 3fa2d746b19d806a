"""The edge asked for is the one normalised by, whatever else the data hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.errors import InputError
from compute.io import read
from compute.normalise import (
    WhiteLineParameters,
    XasNormalised,
    XasParameters,
    find_e0,
    locate_edge,
    normalise_white_line,
    normalise_xas,
)
from compute.quality import check_spectrum
from tests.compute.made_edges import Made, scan
from tests.shared_data import shared_data

IRON = Made(7120.0)
X = scan(7120.0)


def iron(y: Any, x: Any = X, **more: Any) -> XasNormalised:
    return normalise_xas(x, y, element="Fe", edge="K", **more)


# --- invariances ------------------------------------------------------------------------------

made = st.builds(
    Made,
    e0=st.floats(7107, 7125),
    hwhm=st.floats(0.8, 1.6),
    white=st.floats(0, 1.2),
    pre_edge=st.none() | st.tuples(st.floats(-16, -10), st.floats(0.3, 1.0), st.floats(0.7, 1.3)),
    exafs=st.floats(0, 0.1),
    distance=st.floats(1.8, 2.8),
    slope=st.floats(-8e-4, 8e-4),
    offset=st.floats(-2, 3),
)


@settings(max_examples=20, deadline=None)
@given(made=made, scale=st.floats(1e-4, 1e6), offset=st.floats(-5, 5), slope=st.floats(-1e-3, 1e-3))
def test_scale_offset_and_a_line_change_nothing(
    made: Made, scale: float, offset: float, slope: float
) -> None:
    x = scan(7115.0)
    y = made(x, noise=0.002)
    one, other = iron(y, x), iron(scale * (y + offset + slope * (x - 7000)), x)
    assert other.e0_ev == pytest.approx(one.e0_ev, abs=1e-3)
    assert other.edge_step == pytest.approx(scale * one.edge_step, rel=1e-4)
    np.testing.assert_allclose(other.normalised, one.normalised, atol=2e-4)


@settings(max_examples=20, deadline=None)
@given(made=made, shift=st.floats(-6, 6))
def test_a_moved_spectrum_has_its_edge_moved(made: Made, shift: float) -> None:
    x = scan(7115.0)
    y = made(x, noise=0.002)
    one, other = iron(y, x), iron(y, x + shift)
    assert other.e0_ev - one.e0_ev == pytest.approx(shift, abs=1e-6)
    assert other.edge_step == pytest.approx(one.edge_step, rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(made=made, before=st.floats(90, 140), after=st.floats(250, 650))
def test_cropping_far_ends_changes_little(made: Made, before: float, after: float) -> None:
    x = scan(made.e0, 150, 700)
    y = made(x)
    kept = (x > made.e0 - before) & (x < made.e0 + after)
    one, other = iron(y, x), iron(y[kept], x[kept])
    assert other.e0_ev == pytest.approx(one.e0_ev, abs=1e-6)
    assert other.edge_step == pytest.approx(one.edge_step, rel=0.08)


# --- the right edge ---------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.3, 1.0, 5.0])
def test_another_elements_edge_is_not_normalised_by(step: float) -> None:
    """Fe K where the sample holds more Co than Fe."""
    x = scan(7120.0, after=900.0)
    y = replace(IRON, others=((7717.0, step),))(x, noise=0.002)
    for also in ((), ("Co",)):
        found = iron(y, x, also=also)
        assert found.e0_ev == pytest.approx(7120, abs=1)
        assert found.edge_step == pytest.approx(1, abs=0.08)
        assert any("post-edge range ends before" in text for text in found.warnings)
    levels = {c.name: c.level for c in check_spectrum(x, y, element="Fe", edge="K")}
    assert levels["edge position"] == "ok"


@pytest.mark.parametrize(
    ("element", "edge", "table", "foreign"),
    [
        ("Ti", "K", 4966.0, ((5247.0, 1.5), (5624.0, 0.7))),  # BaTiO3
        ("Ba", "L3", 5247.0, ((4966.0, 1.0), (5624.0, 0.5), (5989.0, 0.2))),
        ("Cr", "K", 5989.0, ((6539.0, 2.0),)),  # with Mn
        ("Zn", "K", 9659.0, ((10207.0, 3.0), (8979.0, 2.0))),  # brass with W
        ("As", "K", 11867.0, ((11564.0, 0.5), (12284.0, 1.0))),  # with Pt and Hg
    ],
)
def test_each_edge_of_a_sample_is_found(
    element: str, edge: str, table: float, foreign: tuple[tuple[float, float], ...]
) -> None:
    x = scan(table, 200.0, 900.0)
    x = np.unique(np.concatenate([x, *(np.arange(e - 30, e + 30, 0.5) for e, _ in foreign)]))
    x = x[(x > table - 200) & (x < table + 900)]
    y = Made(table + 4, others=foreign, exafs=0.03)(x, noise=0.001)
    found = normalise_xas(x, y, element=element, edge=edge)
    assert found.e0_ev == pytest.approx(table + 4, abs=1)
    assert found.edge_step == pytest.approx(1, abs=0.12)


def test_the_ranges_end_at_the_absorbers_own_next_edge() -> None:
    """L3 before L2, and L2 between L3 and L1."""
    x = np.arange(5300.0, 6250.0, 1.0)
    edges = ((5485.0, 1.0), (5893.0, 0.5))
    y = Made(5485.0, hwhm=2.0, white=1.4, exafs=0.02, others=((5893.0, 0.5),))(x)
    l3 = normalise_xas(x, y, element="La", edge="L3")
    l2 = normalise_xas(x, y, element="La", edge="L2")
    for found, (e0, step) in zip((l3, l2), edges, strict=True):
        assert found.e0_ev == pytest.approx(e0, abs=2)
        assert found.edge_step == pytest.approx(step, rel=0.08)
    assert l3.e0_ev + (l3.parameters.post or (0, 0))[1] < 5891
    assert l2.e0_ev + (l2.parameters.pre or (0, 0))[0] > 5485


def test_a_step_that_nobody_knows_of_ends_the_range() -> None:
    x = scan(7120.0, after=600.0)
    found = iron(replace(IRON, others=((7400.0, 0.5),))(x, noise=0.003), x)
    assert found.parameters.post is not None
    assert found.e0_ev + found.parameters.post[1] < 7390
    assert any("a step in the data at 74" in text or "at 739" in text for text in found.warnings)
    assert found.edge_step == pytest.approx(1, abs=0.08)


def test_a_stated_range_across_an_edge_is_used_and_told() -> None:
    x = scan(7120.0, after=900.0)
    y = replace(IRON, others=((7717.0, 1.0),))(x, noise=0.002)
    found = iron(y, x, also=("Co",), parameters=XasParameters(post=(150.0, 800.0)))
    assert found.parameters.post == (150.0, 800.0)
    assert any("stated post-edge range runs across" in text for text in found.warnings)


def test_exafs_is_no_step() -> None:
    for distance in (1.7, 2.1, 2.5, 3.0):
        y = Made(7120.0, exafs=0.12, distance=distance)(X, noise=0.002)
        assert iron(y).warnings == ()


def test_an_edge_that_is_not_there_is_told_with_the_one_that_is() -> None:
    x = scan(7120.0, after=900.0)
    with pytest.raises(InputError, match=r"no lasting step near Co K.*71\d\d eV \(Fe K"):
        normalise_xas(x, IRON(x), element="Co", edge="K")
    with pytest.raises(InputError, match="the data run from"):
        normalise_xas(x, IRON(x), element="Cu", edge="K")


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize(
    "shape", ["zero", "constant", "line", "noise", "decay", "exponential", "falling", "spike"]
)
def test_data_without_an_edge_are_told_as_such(shape: str, noise: float) -> None:
    x = np.arange(7000.0, 7900.0, 1.0)
    rng = np.random.default_rng(2)
    y = {
        "zero": 0 * x,
        "constant": 0 * x + 3.0,
        "line": 1e-3 * (x - 7000),
        "noise": rng.normal(size=x.size),
        "decay": (x / 7000) ** -3.0,
        "exponential": np.exp(-(x - 7000) / 300),
        "falling": -IRON(x),
        "spike": np.where(abs(x - 7120) < 0.6, 5.0, 0.0),
    }[shape]
    if shape not in ("zero", "constant"):
        y = y + noise * rng.normal(size=x.size)
    with pytest.raises(InputError) as caught:
        iron(y, x)
    assert any(word in str(caught.value) for word in ("no edge", "no lasting step", "edge step"))
    levels = {check.level for check in check_spectrum(x, y, element="Fe", edge="K")}
    assert levels & {"fail", "check"}


# --- E0 and the pre-edge peak -----------------------------------------------------------------


@pytest.mark.parametrize("height", [0.3, 0.6, 1.0])
@pytest.mark.parametrize(("element", "table"), [("V", 5465.0), ("Cr", 5989.0), ("Mn", 6539.0)])
def test_e0_is_the_edge_and_not_the_pre_edge_peak(
    element: str, table: float, height: float
) -> None:
    """V5+, Cr6+, Mn7+: the peak's slope is the steepest of all."""
    x = scan(table + 14)
    y = Made(table + 16, hwhm=1.6, white=0.1, pre_edge=(-13.0, height, 0.8))(x, noise=0.002)
    found = normalise_xas(x, y, element=element, edge="K")
    assert found.e0_ev == pytest.approx(table + 16, abs=1)
    assert found.pre_edge_peak_ev == pytest.approx(table + 3, abs=0.4)
    assert found.edge.pre_edge_peak_height == pytest.approx(height, rel=0.2)
    assert "pre-edge peak" in found.edge.rule


def test_an_edge_cut_off_by_the_range_of_the_search_is_told() -> None:
    x = np.arange(7000.0, 7400.0)
    step = 0.3 + 0.5 + np.arctan((x - 7149.0) / 1.0) / np.pi
    found = locate_edge(x, step, element="Fe", edge="K")
    assert any("steeper beyond" in text for text in found.warnings)
    right = locate_edge(x, 0.8 + np.arctan(x - 7113.0) / np.pi, element="Fe", edge="K")
    assert right.warnings == ()


def test_the_shoulder_of_a_metal_is_its_edge() -> None:
    """As in foils of Fe, Cu and V: the first rise falls back by a few per cent only."""
    x = scan(8979.0)
    step = 0.5 + np.arctan((x - 8979.0) / 1.0) / np.pi
    later = 0.5 + np.arctan((x - 8987.0) / 2.0) / np.pi
    y = 0.45 * step + 0.55 * later + 0.08 / (1 + ((x - 8981.0) / 1.0) ** 2)
    assert find_e0(x, y, element="Cu", edge="K") == pytest.approx(8979.2, abs=0.6)


def test_a_stated_e0_is_used_as_it_is() -> None:
    found = iron(IRON(X), parameters=XasParameters(e0=7116.0))
    assert found.e0_ev == 7116.0
    assert found.edge.rule == "stated"


@pytest.mark.parametrize(
    ("name", "e0"),
    [  # the first three by convention, the others by their publications' figures to 2 eV
        ("xdi_good/fe_metal_rt.xdi", 7112.0),
        ("xdi_good/co_metal_rt.xdi", 7709.0),
        ("xdi_good/ni_metal_rt.xdi", 8333.0),
        ("xdi_xaslib/V/V_foil.xdi", 5465.0),
        ("xdi_xaslib/V/V2O5.xdi", 5481.0),
    ],
)
def test_real_edges_are_where_they_are_known_to_be(name: str, e0: float) -> None:
    one = read(shared_data("spectra", name))[0]
    found = locate_edge(one.energy_ev, one.intensity, element=one.element, edge=one.edge)
    assert found.e0_ev == pytest.approx(e0, abs=2.5)


# --- few points -------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_few_points_before_the_edge_give_a_constant(points: int) -> None:
    """A slope through them would run through the noise, far into the EXAFS."""
    x = np.concatenate([7120 - 30.0 + 4 * np.arange(points), scan(7120.0, 8, 500)])
    steps = [
        iron(replace(IRON, slope=0.0)(x, noise=0.01, seed=seed), x).edge_step for seed in range(20)
    ]
    assert np.std(steps) < 0.02
    assert np.mean(steps) == pytest.approx(1, abs=0.08)
    found = iron(IRON(x, noise=0.01), x)
    assert found.parameters.pre_degree == 0
    assert any("no slope" in text for text in found.warnings)


def test_a_background_that_falls_is_followed_over_few_points() -> None:
    """An edge's own tail rises; the constant would give a step of nothing here."""
    x = scan(7120.0, 52, 120)
    y = replace(IRON, slope=-8e-3)(x, noise=0.003)
    assert iron(y, x).edge_step == pytest.approx(1, abs=0.15)


def test_enough_points_before_the_edge_give_a_line() -> None:
    found = iron(IRON(X, noise=0.005))
    assert found.parameters.pre_degree == 1
    assert found.warnings == ()


@settings(max_examples=15, deadline=None)
@given(made=made, after=st.floats(40, 140), seed=st.integers(0, 99))
def test_a_short_scan_keeps_its_step(made: Made, after: float, seed: int) -> None:
    x = scan(made.e0, 120, after)
    assert iron(made(x, noise=0.003, seed=seed), x).edge_step == pytest.approx(1, abs=0.2)


# --- files as people have them ----------------------------------------------------------------


def test_iron_beside_more_cobalt_is_normalised_at_iron() -> None:
    one = read(shared_data("wild", "norm", "fe_in_co.dat"))[0]
    found = normalise_xas(one.energy_ev, one.intensity, element="Fe", edge="K")
    assert found.e0_ev == pytest.approx(7120, abs=0.5)
    assert found.edge_step == pytest.approx(0.2, rel=0.05)


def test_lanthanum_l3_is_normalised_before_l2() -> None:
    one = read(shared_data("wild", "norm", "la_l3_l2.dat"))[0]
    found = normalise_xas(one.energy_ev, one.intensity, element="La", edge="L3")
    assert found.edge_step == pytest.approx(1.0, abs=0.05)
    before_l2 = found.energy_ev < 5800
    assert found.normalised[before_l2].max() == pytest.approx(2.3, abs=0.1)


def test_one_negative_channel_does_not_move_the_background() -> None:
    backgrounds = []
    for name in ("fe_l_clean.msa", "fe_l_one_negative.msa"):
        one = read(shared_data("wild", "norm", name))[0]
        parameters = WhiteLineParameters(range=(695, 770), background=(600, 700), scaling="none")
        found = normalise_white_line(one.energy_ev, one.intensity, parameters)
        backgrounds.append(found.background)
    np.testing.assert_allclose(backgrounds[1], backgrounds[0], rtol=1e-4)


# --- the power law ----------------------------------------------------------------------------

LOSS = np.arange(600.0, 780.0, 0.3)


def loss(counts: float, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    law = counts * (LOSS / 650) ** -3.0
    return rng.poisson(law) + np.where(LOSS > 708, rng.poisson(50, LOSS.size), 0)


def treated(y: Any) -> Any:
    parameters = WhiteLineParameters(range=(700, 770), background=(650, 705), scaling="none")
    return normalise_white_line(LOSS, y, parameters)


@pytest.mark.parametrize("bad", [-1.0, -3000.0, 0.0, 90000.0])
def test_a_dead_or_hot_channel_is_left_out_and_told(bad: float) -> None:
    y = loss(3000.0).astype(float)
    clean = treated(y)
    y[200:203] = bad
    spoilt = treated(y)
    np.testing.assert_allclose(spoilt.background, clean.background, rtol=2e-3)
    assert any("3 of" in text for text in spoilt.warnings)


@pytest.mark.parametrize(("counts", "constant"), [(0.0, True), (0.2, True), (3000.0, False)])
def test_a_window_too_weak_for_a_power_law_gives_a_constant_and_says_so(
    counts: float, constant: bool
) -> None:
    found = treated(loss(counts).astype(float))
    assert found.power_law is not None
    assert (found.power_law[1] == 0) == constant
    assert bool(found.warnings) == constant
    assert found.intensity[found.energy_ev > 712].mean() == pytest.approx(50, rel=0.1)


def test_a_background_below_zero_is_taken_off_as_a_constant() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(scale=3, size=LOSS.size) - 20 + np.where(LOSS > 708, 50.0, 0.0)
    found = treated(y)
    assert found.intensity[found.energy_ev > 712].mean() == pytest.approx(50, abs=3)
    assert "not clear of zero" in found.warnings[0]
