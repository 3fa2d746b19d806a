"""Where the edge stands, when a peak can make up for a step at another place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compute.peaks import decompose
from compute.peaks.edges import Rival, minus_twice_log_evidence, place_edge
from compute.peaks.model import Options, Parameters, Problem
from compute.peaks.plausibility import Verdict
from compute.peaks.result import build_result
from compute.peaks.search import Dictionary, Search
from tests.benchmarks.synthetic_peaks import lineshape

ENERGY = np.linspace(0.0, 50.0, 1000)
PEAKS = [(18.0, 0.8, 2.0), (20.8, 0.9, 2.5), (24.5, 1.1, 2.2)]  # position, HWHM, area
EDGE = (22.0, 0.9)
SIGMA = 0.3


def spectrum(snr_db: float, seed: int, height: float = 0.5) -> np.ndarray:
    peaks = np.sum([a * lineshape(ENERGY, p, g, SIGMA) for p, g, a in PEAKS], axis=0)
    y = peaks + height * (0.5 + np.arctan((ENERGY - EDGE[0]) / EDGE[1]) / np.pi)
    noise = np.random.default_rng(seed).standard_normal(ENERGY.size)
    return np.asarray(y + y.max() * 10.0 ** (-snr_db / 20.0) * noise)


def searched(y: np.ndarray) -> tuple[Search, Problem, Parameters]:
    problem = Problem(ENERGY, y, Options(sigma=SIGMA, edge="arctan"))
    position, hwhm, _ = np.array(PEAKS).T
    start = Parameters(position, hwhm, edge=EDGE)
    return Search(Dictionary(problem), 12, ("none",)), problem, start


def test_an_edge_on_the_wrong_side_of_a_peak_is_brought_back():
    search, problem, start = searched(spectrum(60, 5))
    right = search.refined(problem, start)
    for displaced in (19.5, 23.5, 26.0):
        wrong = search.refined(problem, replace(start, edge=(displaced, EDGE[1])))
        choice = place_edge(search, wrong)
        assert choice.best.criterion <= right.criterion + 0.5
        assert abs(choice.best.fit.parameters.edge[0] - EDGE[0]) < 0.2


def test_of_equally_good_fits_the_one_that_leaves_its_parameters_more_room_is_taken():
    search, problem, start = searched(spectrum(50, 6))
    found = search.refined(problem, start)
    same = replace(found, fit=replace(found.fit, rows=3.0 * found.fit.rows))
    k = len(found.fit.rows)
    sharper = minus_twice_log_evidence(same) - minus_twice_log_evidence(found)
    np.testing.assert_allclose(sharper, 2.0 * k * np.log(3.0), rtol=1e-9)


def test_an_edge_that_may_stand_elsewhere_is_told():
    # a low step under strong noise: its place hangs on the areas of the peaks about it
    y = spectrum(26, 7, height=0.15)
    fit = decompose(ENERGY, y, edge_step=True, gaussian_sigma_ev=SIGMA)
    sure = decompose(ENERGY, spectrum(60, 7), edge_step=True, gaussian_sigma_ev=SIGMA)
    assert any(w.startswith("the edge may as well stand") for w in fit.warnings)
    assert not any(w.startswith("the edge may as well stand") for w in sure.warnings)


def test_standard_errors_are_those_of_all_places_of_the_edge():
    search, problem, start = searched(spectrum(50, 6))
    best = search.refined(problem, start)
    place, width = best.fit.parameters.edge
    moved = replace(best.fit.parameters, edge=(place + 0.6, width))
    rival = Rival(replace(best.fit, parameters=moved), odds=0.5)
    verdict = Verdict(True, ())
    alone = build_result(best, [], search, verdict, 1.0, 0.0)
    either = build_result(best, [rival], search, verdict, 1.0, 0.0)
    np.testing.assert_allclose(
        [peak.position_err for peak in either.peaks], [peak.position_err for peak in alone.peaks]
    )
    k = alone.parameter_names.index("edge_position_ev")
    # a third of the weight at 0.6 eV, with the same uncertainty about it
    np.testing.assert_allclose(either.covariance[k, k], alone.covariance[k, k] + 0.6**2 / 3.0)
    told = either.background["edge"]["position_err"]
    assert told == pytest.approx(np.sqrt(either.covariance[k, k]), rel=1e-9)


def test_an_edge_seen_through_the_instrument_needs_no_peaks_to_stand_in_for_it():
    nodes, weights = np.polynomial.hermite.hermgauss(60)
    shifted = ENERGY - EDGE[0] - SIGMA * np.sqrt(2.0) * nodes[:, None]
    sharp = 0.5 + np.arctan(shifted / 0.4) / np.pi
    step = weights @ sharp / np.sqrt(np.pi)
    peaks = np.sum([a * lineshape(ENERGY, p, g, SIGMA) for p, g, a in PEAKS], axis=0)
    y = peaks + 0.9 * step
    noise = np.random.default_rng(3).standard_normal(ENERGY.size)
    fit = decompose(ENERGY, y + 1e-3 * y.max() * noise, edge_step=True, gaussian_sigma_ev=SIGMA)
    assert fit.n_peaks == len(PEAKS)
    assert fit.background["edge"]["kind"] == "broadened arctan"
    np.testing.assert_allclose(fit.background["edge"]["position_ev"], EDGE[0], atol=0.05)


def test_two_steps_need_no_peaks_to_stand_in_for_the_second():
    energy = np.linspace(630.0, 670.0, 800)
    peaks = [(640.0, 0.3, 1.0), (641.5, 0.5, 1.2), (651.5, 0.7, 0.6)]
    y = np.sum([a * lineshape(energy, p, g, 0.0) for p, g, a in peaks], axis=0)
    for place, height in ((642.0, 0.2), (653.0, 0.1)):
        y += height * (0.5 + np.arctan((energy - place) / 0.5) / np.pi)
    y += 1e-3 * y.max() * np.random.default_rng(1).standard_normal(energy.size)
    fit = decompose(energy, y, edge_step=True, edge_splitting_ev=11.0)
    assert fit.n_peaks == len(peaks)
    edge = fit.background["edge"]
    assert edge["splitting_ev"] == 11.0
    np.testing.assert_allclose(edge["position_ev"], 642.0, atol=0.1)
    np.testing.assert_allclose(edge["height"], 0.3, atol=0.01)
