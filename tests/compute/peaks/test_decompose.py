"""Peaks found without a guess, and what is refused or warned of."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.peaks import decompose
from tests.benchmarks.synthetic_peaks import bounds, generate, lineshape

ENERGY = np.linspace(850.0, 900.0, 1000)
RNG_SEED = 7


def noisy(clean: np.ndarray, snr_db: float = 50.0) -> np.ndarray:
    noise = np.random.default_rng(RNG_SEED).standard_normal(clean.size)
    return clean + clean.max() * 10.0 ** (-snr_db / 20.0) * noise


def three_peaks(energy: np.ndarray = ENERGY, sigma: float = 0.0) -> np.ndarray:
    peaks = [(861.0, 0.4, 1.0), (862.1, 0.6, 1.5), (880.0, 1.2, 3.0)]
    return np.sum([area * lineshape(energy, p, g, sigma) for p, g, area in peaks], axis=0)


POSITIONS = [861.0, 862.1, 880.0]


def positions(fit) -> list[float]:
    return [peak.position_ev for peak in fit.peaks]


@pytest.mark.parametrize("seed", range(12))
def test_without_noise_every_parameter_is_exact(seed):
    truth = generate(seed, snr_db=None)
    fit = decompose(truth.energy, truth.intensity)
    assert fit.n_peaks == truth.position.size
    np.testing.assert_allclose(positions(fit), truth.position, atol=1e-9)
    np.testing.assert_allclose([p.hwhm_ev for p in fit.peaks], truth.hwhm, rtol=1e-8)
    np.testing.assert_allclose([p.area for p in fit.peaks], truth.area, rtol=1e-8)
    assert not fit.warnings


@pytest.mark.parametrize("seed", range(6))
def test_errors_sit_on_the_cramer_rao_bound(seed):
    truth = generate(seed, snr_db=60)
    fit = decompose(truth.energy, truth.intensity)
    assert fit.n_peaks == truth.position.size
    j = truth.position.size
    bound = bounds(truth)
    assert np.all(np.abs(np.array(positions(fit)) - truth.position) < 5.0 * bound[:j])
    claimed = [p.position_err for p in fit.peaks]
    np.testing.assert_allclose(claimed, bound[:j], rtol=0.5)
    assert fit.residual_rms == pytest.approx(truth.noise, rel=0.1)
    assert fit.noise == pytest.approx(truth.noise, rel=0.3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_edge_and_an_instrument_width_do_not_disturb_the_count(seed):
    truth = generate(seed, snr_db=60, sigma=0.3, edge=True)
    fit = decompose(truth.energy, truth.intensity, edge_step=True, gaussian_sigma_ev=0.3)
    assert fit.n_peaks == truth.position.size
    edge = fit.background["edge"]
    assert truth.edge is not None
    assert edge["position_ev"] == pytest.approx(truth.edge[0], abs=5 * edge["position_err"])
    assert edge["height"] == pytest.approx(truth.edge[2], rel=0.02)


def test_an_erf_edge_is_told_from_an_arctangent():
    from scipy.special import erf

    step = 0.4 * (0.5 + 0.5 * erf((ENERGY - 870.0) / (0.8 * np.sqrt(2.0))))
    fit = decompose(ENERGY, noisy(three_peaks() + step, 60), edge_step=True)
    assert fit.n_peaks == 3
    assert fit.background["edge"]["kind"] == "erf"
    assert fit.background["edge"]["hwhm_ev"] == pytest.approx(0.8, rel=0.1)


def test_the_instrument_width_can_be_fitted():
    fit = decompose(ENERGY, noisy(three_peaks(sigma=0.35), 55), gaussian_sigma_ev="fit")
    assert fit.n_peaks == 3
    assert fit.gaussian_sigma_ev == pytest.approx(0.35, abs=4 * fit.gaussian_sigma_err)


def test_fitting_a_width_that_is_not_there_finds_none():
    fit = decompose(ENERGY, noisy(three_peaks(), 45), gaussian_sigma_ev="fit")
    assert fit.n_peaks == 3
    assert fit.gaussian_sigma_ev < 0.1


def test_dispersive_phases_are_found_and_positive_without_them():
    x = ENERGY - 870.0
    a, g, phi = 2.0, 0.8, 0.7
    fano = a / np.pi * (g * np.cos(phi) - x * np.sin(phi)) / (x * x + g * g)
    y = fano + lineshape(ENERGY, 885.0, 0.5, 0.0)
    fit = decompose(ENERGY, noisy(y, 50), phase=True)
    assert fit.n_peaks == 2
    first, second = fit.peaks
    assert first.phase_rad == pytest.approx(phi, abs=0.05)
    assert first.area == pytest.approx(a, rel=0.03)
    assert second.phase_rad == pytest.approx(0.0, abs=0.05)
    plain = decompose(ENERGY, noisy(three_peaks()))
    assert all(peak.phase_rad == 0.0 for peak in plain.peaks)


@pytest.mark.parametrize(
    ("kind", "curve"),
    [
        ("constant", 0.8 + 0.0 * ENERGY),
        ("linear", 0.8 + 0.02 * (ENERGY - 850.0)),
    ],
)
def test_a_background_is_found_when_there_is_one(kind, curve):
    fit = decompose(ENERGY, noisy(three_peaks() + curve))
    assert fit.n_peaks == 3
    assert fit.background["kind"] == kind
    np.testing.assert_allclose(fit.background_curve, curve, atol=0.02)


def test_a_power_law_is_fitted_on_request():
    y = three_peaks() + 2.0 * (ENERGY / 850.0) ** -4.5
    fit = decompose(ENERGY, noisy(y), background="power")
    assert fit.n_peaks == 3
    assert fit.background["exponent"] == pytest.approx(4.5, abs=5 * fit.background["exponent_err"])


def test_no_background_is_invented():
    fit = decompose(ENERGY, noisy(three_peaks()))
    assert fit.background == {"kind": "none", "edge": None}


def test_uneven_grids_are_refined_on_their_own_points():
    dense, sparse = np.arange(855.0, 866.0, 0.03), np.arange(866.0, 900.0, 0.11)
    energy = np.concatenate([np.arange(850.0, 855.0, 0.2), dense, sparse])
    fit = decompose(energy, noisy(three_peaks(energy)))
    assert fit.n_peaks == 3
    assert fit.model.shape == energy.shape
    np.testing.assert_allclose(positions(fit), POSITIONS, atol=0.02)
    assert any("not evenly spaced" in warning for warning in fit.warnings)


def test_uneven_grids_lose_nothing_without_noise():
    rng = np.random.default_rng(1)
    energy = np.sort(rng.uniform(850.0, 900.0, 1200))
    fit = decompose(energy, three_peaks(energy))
    assert fit.n_peaks == 3
    np.testing.assert_allclose(positions(fit), POSITIONS, atol=1e-9)


def test_twenty_thousand_points_are_binned_for_the_search_only():
    energy = np.linspace(850.0, 900.0, 20_000)
    fit = decompose(energy, noisy(three_peaks(energy), 40))
    assert fit.n_peaks == 3
    assert fit.model.size == 20_000
    np.testing.assert_allclose(positions(fit), POSITIONS, atol=0.01)


def test_a_range_is_all_that_is_fitted():
    fit = decompose(ENERGY, noisy(three_peaks()), energy_range=(870.0, 890.0))
    assert fit.energy_ev[0] >= 870.0
    assert fit.energy_ev[-1] <= 890.0
    assert any(abs(p - 880.0) < 0.02 for p in positions(fit))


@pytest.mark.parametrize("snr_db", [60.0, 45.0])
def test_broadened_data_give_a_warning_and_no_number(snr_db):
    truth = generate(3, snr_db=snr_db, sigma=0.3)
    fit = decompose(truth.energy, truth.intensity)
    assert fit.n_peaks is None
    assert any(warning.startswith("broadened data") for warning in fit.warnings)
    assert fit.peaks  # a description of the curve all the same


def test_results_follow_the_units_and_the_zero_of_the_axes():
    y = noisy(three_peaks())
    fit, moved = decompose(ENERGY, y), decompose(ENERGY + 6000.0, 1e-6 * y)
    for one, other in zip(fit.peaks, moved.peaks, strict=True):
        assert other.position_ev == pytest.approx(one.position_ev + 6000.0, abs=1e-7)
        assert other.area == pytest.approx(1e-6 * one.area, rel=1e-6)
        assert other.area_err == pytest.approx(1e-6 * one.area_err, rel=1e-4)


def test_covariance_agrees_with_the_errors_and_names_its_rows():
    fit = decompose(ENERGY, noisy(three_peaks()))
    assert len(fit.parameter_names) == len(fit.covariance) == 9
    errors = dict(zip(fit.parameter_names, np.sqrt(np.diag(fit.covariance)), strict=True))
    assert errors["position_ev_1"] == fit.peaks[0].position_err
    assert errors["area_3"] == fit.peaks[2].area_err
    # overlapping neighbours: what one area gains the other loses
    a, b = fit.parameter_names.index("area_1"), fit.parameter_names.index("area_2")
    assert fit.covariance[a, b] < 0.0


def test_order_trace_is_lowest_at_the_answer():
    fit = decompose(ENERGY, noisy(three_peaks()))
    best = min(fit.order_trace, key=lambda step: step.criterion)
    assert best.n_peaks == 3
    counts = [step.n_peaks for step in fit.order_trace]
    assert counts == sorted(set(counts))


def test_fewer_peaks_on_request():
    fit = decompose(ENERGY, noisy(three_peaks()), max_peaks=2)
    assert len(fit.peaks) <= 2
    assert any("as many peaks as allowed" in warning for warning in fit.warnings)


def test_noise_alone_has_no_peaks():
    y = 1.0 + 0.1 * np.random.default_rng(3).standard_normal(1000)
    fit = decompose(ENERGY, y)
    assert fit.n_peaks == 0
    assert fit.background["kind"] == "constant"


GOOD = three_peaks()


@pytest.mark.parametrize(
    ("energy", "intensity", "options", "field"),
    [
        (ENERGY[:10], GOOD[:10], {}, "energy_ev"),
        (ENERGY, np.where(np.arange(1000) == 5, np.nan, GOOD), {}, "intensity"),
        (np.where(np.arange(1000) == 5, np.inf, ENERGY), GOOD, {}, "energy_ev"),
        (ENERGY, np.full(1000, 2.5), {}, "intensity"),
        (ENERGY, np.zeros(1000), {}, "intensity"),
        (ENERGY[::-1], GOOD, {}, "energy_ev"),
        (np.repeat(ENERGY[:500], 2), GOOD, {}, "energy_ev"),
        (ENERGY, GOOD[:-1], {}, "intensity"),
        (ENERGY, GOOD.reshape(2, 500), {}, "intensity"),
        (ENERGY, ["a"] * 1000, {}, "intensity"),
        (ENERGY, GOOD, {"gaussian_sigma_ev": -0.1}, "gaussian_sigma_ev"),
        (ENERGY, GOOD, {"gaussian_sigma_ev": "auto"}, "gaussian_sigma_ev"),
        (ENERGY, GOOD, {"gaussian_sigma_ev": float("nan")}, "gaussian_sigma_ev"),
        (ENERGY, GOOD, {"max_peaks": 0}, "max_peaks"),
        (ENERGY, GOOD, {"gaussian_sigma_ev": 1e-320}, "gaussian_sigma_ev"),
        (ENERGY, GOOD, {"background": "shirley"}, "background"),
        (ENERGY, GOOD, {"edge_kind": "tanh"}, "edge_kind"),
        (ENERGY, GOOD, {"edge_splitting_ev": 11.0}, "edge_splitting_ev"),
        (ENERGY, GOOD, {"edge_step": True, "edge_splitting_ev": 60.0}, "edge_splitting_ev"),
        (ENERGY, GOOD, {"energy_range": (10.0, 20.0)}, "energy_range"),
        (ENERGY, GOOD, {"energy_range": (20.0, 10.0)}, "energy_range"),
        (ENERGY - 860.0, GOOD, {"background": "power"}, "energy_ev"),
    ],
)
def test_bad_input_is_named(energy, intensity, options, field):
    with pytest.raises(InputError) as caught:
        decompose(energy, intensity, **options)
    assert caught.value.field == field
