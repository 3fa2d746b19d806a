"""The compiled comparison of many candidates against a slow twin, one candidate at a time."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching.align import (
    MAX_GAMMA_EV,
    MAX_SIGMA_EV,
    UPSIDE_DOWN,
    Alignment,
    fit_exactly,
    refine_roughly,
    shape_of,
    spread_ratio,
    window_at,
)
from compute.matching.align_kernels import weighed
from compute.matching.coverage import Coverage
from compute.matching.discrepancy import (
    STEP_PRECISION,
    UNKNOWN_SIZES,
    Covariance,
    Discrepancy,
    compare,
    compare_sizes,
)
from compute.matching.grid import ComparisonGrid, Curve
from compute.matching.shapes import Broadener

GRID = ComparisonGrid(0.0, 0.3, 80, 0.2)
BROADENER = Broadener(GRID)
LIMIT = 3.0
ERROR = np.array([1.0, 0.6, 1.5])


def rows() -> np.ndarray:
    rng = np.random.default_rng(1)
    x = GRID.energy_ev
    return np.array([
        sum(h / (1.0 + ((x - p) / 0.7) ** 2) for p, h in zip(places, heights, strict=True))
        for places, heights in zip(
            rng.uniform(4.0, 20.0, (3, 4)), rng.uniform(0.5, 2.0, (3, 4)), strict=True
        )
    ])  # fmt: skip


def query(sizes: tuple[float, ...]) -> tuple[Curve, Covariance, Alignment]:
    energy = np.linspace(1.0, 24.5, 200)
    values = np.interp(energy, GRID.energy_ev + 0.4, 1.3 * rows()[0])
    values = values + 0.05 * np.random.default_rng(2).normal(size=energy.size)
    start = Alignment(np.array([0.3, -0.6, 0.9]), np.array([0.1, 0.0, 0.3]), np.zeros(3))
    return Curve(energy, values, GRID), Covariance(GRID, Discrepancy(sizes=sizes)), start


@pytest.mark.parametrize("sizes", [(1.0,), UNKNOWN_SIZES])
@pytest.mark.parametrize("rounds", [0, 2])
def test_candidates_together_are_compared_as_each_by_itself(sizes, rounds):
    curve, covariance, start = query(sizes)
    coverage = Coverage(curve, GRID, LIMIT)
    now, fitted = fit_exactly(
        curve, coverage, rows(), start, covariance, BROADENER, LIMIT, ERROR, rounds
    )
    noise = curve.noise**2 * curve.correlation
    model = covariance.model
    for k, row in enumerate(rows()):
        shift, variance, gamma = start.shift[k], start.variance[k], start.gamma[k]
        for turn in range(rounds + 1):
            shape = shape_of(BROADENER, row, variance, gamma)
            window = window_at(GRID, curve, shift)
            energy = GRID.energy_ev[window] + shift
            here = curve.at(energy)
            inside = np.ones((1, here.size), bool)
            scale = float(spread_ratio(here[None], shape.value[None, window], inside)[0])
            apart = 1.0 - np.exp(-2.0 * GRID.step_ev / model.area_length_ev)
            told = model.floor**2 + model.area**2 * np.mean(shape.value[window] ** 2) * apart
            beside = coverage.beside(
                energy[0], energy[-1], (scale * ERROR[k] * np.array(sizes)) ** 2 * told
            )
            found = compare_sizes(
                here, shape, window, covariance, noise, scale, ERROR[k], np.ones(3, bool), beside
            )
            if turn < rounds:
                step = np.clip(found.shift_step, -GRID.step_ev, GRID.step_ev)
                shift = float(np.clip(shift + step, -LIMIT, LIMIT))
                variance = float(np.clip(variance + found.variance_step, 0, MAX_SIGMA_EV**2))
                gamma = float(np.clip(gamma + found.gamma_step, 0, MAX_GAMMA_EV))
        assert (now.shift[k], now.variance[k], now.gamma[k]) == pytest.approx(
            (shift, variance, gamma), abs=1e-7
        )
        assert vars(fitted[k]) == pytest.approx(vars(found), rel=1e-6, abs=1e-7)


def test_a_comparison_that_is_known_is_not_made_again():
    curve, covariance, start = query((1.0,))
    coverage = Coverage(curve, GRID, LIMIT)
    asked = curve, coverage, rows(), start, covariance, BROADENER, LIMIT, ERROR
    _, first = fit_exactly(*asked, 0)
    whole, after = fit_exactly(*asked, 2), fit_exactly(*asked, 2, first)
    np.testing.assert_array_equal(whole[0].shift, after[0].shift)
    assert whole[1] == after[1]


@pytest.mark.parametrize("sizes", [(1.0,), UNKNOWN_SIZES])
def test_rough_alignment_is_weighted_least_squares(sizes):
    curve, covariance, start = query(sizes)
    now, evidence = refine_roughly(
        curve, rows(), start, covariance, BROADENER, GRID, LIMIT, ERROR, rounds=1
    )
    noise = curve.noise**2 * curve.correlation[0]
    columns = np.arange(GRID.size, dtype=float)
    for k, row in enumerate(rows()):
        shift, variance = start.shift[k], start.variance[k]
        for turn in range(2):
            shape = shape_of(BROADENER, row, variance, start.gamma[k])
            window = window_at(GRID, curve, shift)
            here = curve.at(GRID.energy_ev[window] + shift)
            inside = np.ones((1, here.size), bool)
            scale = float(spread_ratio(here[None], shape.value[None, window], inside)[0])
            own = (scale * ERROR[k]) ** 2 * covariance.variance(shape)[window]
            design = np.column_stack(
                [shape.value[window], np.ones(here.size), columns[window],
                 shape.slope[window], shape.by_variance[window]]
            )  # fmt: skip
            if turn == 0:
                weighted = design / (own + noise)[:, None]
                normal = weighted.T @ design
                normal[[3, 4], [3, 4]] += STEP_PRECISION[:2] / scale**2
                found = np.linalg.solve(normal, weighted.T @ here)
                upright = max(found[0], 1e-3)
                step = np.clip(-found[3] / upright, -GRID.step_ev, GRID.step_ev)
                shift = float(np.clip(shift + step, -LIMIT, LIMIT))
                widened = variance + np.clip(found[4] / upright, -0.3, 0.3)
                variance = float(np.clip(widened, 0.0, MAX_SIGMA_EV**2))
        tried = []
        for size in sizes:
            total = size**2 * own + noise
            weight = np.sqrt(1 / total)
            answer = np.linalg.lstsq(design[:, :3] * weight[:, None], here * weight, rcond=None)[0]
            rest = (here - design[:, :3] @ answer) * weight
            tried.append(-0.5 * np.sum(rest**2 + np.log(2 * np.pi * total)))
            tried[-1] -= UPSIDE_DOWN if answer[0] <= 0 else 0.0
        slow = np.log(np.mean(np.exp(np.array(tried) - max(tried)))) + max(tried)
        slow -= here.size * curve.unrelated_log_density
        assert now.shift[k] == pytest.approx(shift, abs=1e-4)
        assert now.variance[k] == pytest.approx(variance, abs=1e-4)
        assert evidence[k] == pytest.approx(slow, abs=0.02)


@pytest.mark.parametrize("noise", [1e-3, 0.02, 0.3])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_sizes_of_errors_that_are_left_out_would_have_changed_nothing(noise, k):
    """Each size by itself is the slow twin of all together."""
    curve, covariance, start = query(UNKNOWN_SIZES)
    shape = shape_of(BROADENER, rows()[k], start.variance[k], 0.0)
    window = window_at(GRID, curve, start.shift[k])
    here = curve.at(GRID.energy_ev[window] + start.shift[k])
    law = noise**2 * np.exp(-np.arange(GRID.size) / 2.0)
    free, beside = np.ones(3, bool), np.array([0.0, 1.0, 2.0, 3.0])
    told = here, shape, window, covariance, law, 1.3
    found = compare_sizes(*told, 1.0, free, beside)
    alone = [compare(*told, free, size) for size in UNKNOWN_SIZES]
    evidence = np.array([one.log_evidence for one in alone]) + beside
    assert found.log_evidence == pytest.approx(
        np.logaddexp.reduce(evidence) - np.log(4.0), rel=1e-13, abs=1e-11
    )
    assert found.scale == pytest.approx(alone[int(np.argmax(evidence))].scale)
    assert found.misfit == pytest.approx(alone[0].misfit)


@pytest.mark.parametrize("noise", [0.0, 1e-12, 0.1])
def test_all_sums_in_one_pass_are_weighted_least_squares(noise):
    rng = np.random.default_rng(4)
    for n in (8, 77, 300):
        y, line = rng.normal(size=n), np.arange(n) / n
        own = np.exp(rng.normal(-30.0, 5.0, n)) if noise < 0.1 else np.exp(rng.normal(size=n))
        here = 0.7 * y - 2.0 + 3.0 * line + 1e-6 * rng.normal(size=n)
        total = 0.3 * own + noise
        design = np.column_stack([y, np.ones(n), line]) / np.sqrt(total)[:, None]
        answer, rest, *_ = np.linalg.lstsq(design, here / np.sqrt(total), rcond=None)
        spread, amplitude, misfit = weighed(here, y, own, 0.3, noise)
        assert spread == pytest.approx(np.log(total).sum(), rel=1e-13)
        assert amplitude == pytest.approx(answer[0], abs=1e-6)
        # the scale is held to within 1e-9 of 1/variance; what is left of sums has lost their digits
        lost = 1e-9 + 1e-13 * np.sum(here**2 / total)
        assert misfit == pytest.approx(rest[0], rel=1e-6, abs=lost)
