"""Moves from one model to a better one."""

from __future__ import annotations

import numpy as np

from compute.peaks.model import Options, Parameters, Problem
from compute.peaks.search import Dictionary, Search
from tests.benchmarks.synthetic_peaks import lineshape

ENERGY = np.linspace(0.0, 50.0, 500)


def test_a_peak_that_has_no_better_place_is_left_out():
    position, hwhm = np.array([15.0, 30.0]), np.array([0.8, 1.1])
    y = np.sum([lineshape(ENERGY, p, g, 0.0) for p, g in zip(position, hwhm, strict=True)], axis=0)
    y += 1e-3 * np.random.default_rng(2).standard_normal(ENERGY.size)
    problem = Problem(ENERGY, y, Options())
    search = Search(Dictionary(problem), 5, ("none",))
    superfluous = Parameters(position, hwhm).add(42.0, 0.5)
    now = search.judge(problem, problem.evaluate(superfluous))
    better = search.relocate(now)
    assert better is not None
    assert better.fit.n_peaks == 2
    assert better.criterion < now.criterion
