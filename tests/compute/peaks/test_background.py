"""What is background is not counted as a peak, and the other way round."""

from __future__ import annotations

import numpy as np
import pytest

from compute.peaks import decompose
from compute.peaks.background import AUTO, Wing
from compute.peaks.exchange import peaks_to_background
from compute.peaks.model import MAX_HWHM, Options, Parameters, Problem
from compute.peaks.search import Dictionary, Search
from tests.benchmarks.synthetic_peaks import determined, generate, lineshape
from tests.shared_data import shared_data

ENERGY = np.linspace(850.0, 900.0, 1000)
PEAKS = [(861.0, 0.4, 1.0), (863.0, 0.6, 1.5), (880.0, 1.2, 3.0)]  # position, HWHM, area


def peaks(energy: np.ndarray, *more: tuple[float, float, float]) -> np.ndarray:
    return np.sum([a * lineshape(energy, p, g, 0.0) for p, g, a in (*PEAKS, *more)], axis=0)


def with_noise(clean: np.ndarray, snr_db: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(clean.size)
    return np.asarray(clean + clean.max() * 10.0 ** (-snr_db / 20.0) * noise)


@pytest.mark.parametrize("snr_db", [40.0, 30.0])
def test_a_constant_is_no_peak(snr_db):
    truths = [generate(s, snr_db=snr_db, background=0.1) for s in range(600_000, 600_020)]
    truths = [truth for truth in truths if determined(truth)]
    right = [
        decompose(truth.energy, truth.intensity).n_peaks == truth.position.size for truth in truths
    ]
    assert len(right) > 5
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize("constant", [-0.5, -0.06, 0.03, 0.08, 0.5, 3.0])
@pytest.mark.parametrize("slope", [0.0, 0.004])
def test_neither_is_a_line(constant, slope):
    line = constant + slope * (ENERGY - 875.0)
    fit = decompose(ENERGY, with_noise(peaks(ENERGY) + line, 40.0))
    assert fit.n_peaks == len(PEAKS)
    np.testing.assert_allclose(fit.background_curve, line, atol=0.01 * max(1.0, constant))


def test_a_constant_under_an_edge_is_no_peak():
    truth = generate(600_002, snr_db=40.0, background=0.1, edge=True, sigma=0.3, n_points=500)
    assert determined(truth)
    fit = decompose(truth.energy, truth.intensity, edge_step=True, gaussian_sigma_ev=0.3)
    assert fit.n_peaks == truth.position.size


def test_a_broad_peak_is_no_background():
    fit = decompose(ENERGY, with_noise(peaks(ENERGY, (872.0, 6.0, 3.0)), 40.0))
    assert fit.n_peaks == 4
    broad = max(fit.peaks, key=lambda peak: peak.hwhm_ev)
    assert abs(broad.position_ev - 872.0) < 4.0 * broad.position_err
    assert fit.background["kind"] == "none"


def started(y: np.ndarray, options: Options, start: Parameters) -> tuple[Search, Problem, float]:
    problem = Problem(ENERGY, y, options)
    search = Search(Dictionary(problem), 10, AUTO)
    return search, problem, search.refined(problem, start).criterion


def test_a_peak_as_wide_as_allowed_is_exchanged_for_a_constant():
    y = with_noise(peaks(ENERGY) + 0.05, 40.0)
    position, hwhm, _ = np.array(PEAKS).T
    start = Parameters(position, hwhm).add(871.0, MAX_HWHM * 50.0)
    search, problem, before = started(y, Options(), start)
    now = search.refined(problem, start)
    assert now.fit.n_peaks == 4
    likeliest = next(peaks_to_background(now, AUTO))
    assert likeliest.problem.options.background == "constant"
    after = search.peak_to_background(now)
    assert after is not None
    assert after.fit.n_peaks == 3
    assert after.criterion < before


def test_a_line_is_exchanged_for_the_broad_peak_that_it_stood_in_for():
    y = with_noise(peaks(ENERGY, (890.0, 7.0, 1.2)), 30.0)
    position, hwhm, _ = np.array(PEAKS).T
    start = Parameters(position, hwhm)
    search, problem, before = started(y, Options(background="linear"), start)
    now = search.refined(problem, start)
    after = search.background_to_peak(now)
    assert after is not None
    assert after.fit.n_peaks == 4
    assert after.problem.options.background != "linear"
    assert after.criterion < before


PRE_EDGE = np.arange(7095.0, 7140.0, 0.15)


def rise(energy: np.ndarray, edge: float, width: float) -> np.ndarray:
    """An edge with a white line 7 eV after it."""
    step = 0.5 + np.arctan((energy - edge) / width) / np.pi
    return np.asarray(step + 3.0 * lineshape(energy, edge + 7.0, 3.0, 0.0))


@pytest.mark.parametrize("high", [7116.0, 7118.0, 7120.0, 7122.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_range_that_ends_on_a_rising_edge_holds_its_own_peaks_only(high, seed):
    inside = [(7112.7, 0.8, 0.12), (7114.3, 0.8, 0.08)]
    y = rise(PRE_EDGE, 7124.0, 1.6)
    y += np.sum([a * lineshape(PRE_EDGE, p, g, 0.0) for p, g, a in inside], axis=0)
    y += 3e-4 * np.random.default_rng(seed).standard_normal(PRE_EDGE.size)
    fit = decompose(PRE_EDGE, y, energy_range=(7105.0, high))
    assert fit.n_peaks == 2
    for peak, (position, _, area) in zip(fit.peaks, inside, strict=True):
        assert abs(peak.position_ev - position) < 4.0 * peak.position_err
        assert abs(peak.area - area) < 4.0 * peak.area_err
    assert fit.background["kind"] == "flank"
    assert fit.background["reference_ev"] == pytest.approx(high, abs=0.2)
    assert fit.background["position_ev"] > high
    assert not any("noise" in warning for warning in fit.warnings)


def test_a_range_that_begins_on_a_falling_flank_likewise():
    mirrored = -PRE_EDGE[::-1]
    y = rise(PRE_EDGE, 7124.0, 1.6) + 0.1 * lineshape(PRE_EDGE, 7112.7, 0.8, 0.0)
    y += 3e-4 * np.random.default_rng(3).standard_normal(PRE_EDGE.size)
    fit = decompose(mirrored, y[::-1], energy_range=(-7118.0, -7105.0))
    assert fit.n_peaks == 1
    assert fit.background["kind"] == "flank"
    assert fit.background["position_ev"] < -7118.0


def test_an_edge_beyond_the_range_stays_on_its_side():
    above, below = Wing(12.0, 0.5), Wing(-2.0, 0.5)
    nothing, far, near = np.zeros(2), np.array([9.0, 9.0]), np.array([-9.0, -9.0])
    assert above.moved(nothing, 0.0, 10.0) == above
    for _ in range(9):
        above, below = above.moved(far, 0.0, 10.0), below.moved(far, 0.0, 10.0)
    assert (above.position, below.position) == (20.0, -10.0)
    for _ in range(9):
        above, below = above.moved(near, 0.0, 10.0), below.moved(near, 0.0, 10.0)
    assert above.position == pytest.approx(10.2)
    assert below.position == pytest.approx(-0.2)


def test_shared_pre_edge_has_two_peaks():
    energy, intensity = np.loadtxt(shared_data("wild", "peaks", "preedge.txt")).T
    fit = decompose(energy, intensity, energy_range=(7105.0, 7118.0))
    assert fit.n_peaks == 2
    second = fit.peaks[1]
    assert abs(second.area - 0.075) < 2.0 * second.area_err
    assert not any("noise in common" in warning for warning in fit.warnings)
