"""The exhaustive pass against a slow twin, and broadening against convolution."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching.grid import Curve
from compute.matching.shapes import Broadener
from tests.benchmarks.lorentzian_sets import Disturbance, make_queries


def test_broadening_is_convolution_and_its_derivatives_agree(plain):
    grid = plain.grid
    broadener = Broadener(grid)
    x = grid.energy_ev - grid.energy_ev.mean()
    row = np.exp(-0.5 * (x / 1.0) ** 2)[None]
    one = broadener.shapes(row, np.array([1.5]), np.array([0.0]))
    wider = np.exp(-0.5 * x**2 / 2.5) / np.sqrt(2.5)
    np.testing.assert_allclose(one.value[0], wider, atol=1e-6)
    np.testing.assert_allclose(one.slope[0], -x / 2.5 * wider, atol=1e-6)
    np.testing.assert_allclose(one.curvature[0], (x**2 / 2.5 - 1) / 2.5 * wider, atol=1e-5)
    step = 1e-5
    for k, name in enumerate(("by_variance", "by_gamma")):
        up, down = (
            broadener.shapes(row, np.array([1.5 + s * (k == 0)]), np.array([0.5 + s * (k == 1)]))
            for s in (step, -step)
        )
        middle = broadener.shapes(row, np.array([1.5]), np.array([0.5]))
        slope = (up.value - down.value) / (2 * step)
        np.testing.assert_allclose(getattr(middle, name), slope, atol=1e-7)


def test_explained_share_agrees_with_least_squares_at_each_shift_and_width(made, plain):
    searcher, rows = plain._searcher, plain._rows
    (query,) = make_queries(made, 1, Disturbance(max_shift_ev=3.0), seed=2)
    curve = Curve(query.energy_ev, query.intensity, plain.grid)
    bank = searcher.screen.bank(curve, 4.0)
    few = np.array([query.row, 3, 77])
    found = searcher.screen.search(rows.values, rows.ratios, bank, 3, few)
    energy = plain.grid.energy_ev
    expected = []
    for row in few:
        best = 0.0
        largest = 0.0
        for shift, window in zip(bank.shift_ev, bank.window, strict=True):
            part = slice(int(bank.low[window]), int(bank.high[window]))
            moved = curve.at(energy[part] + shift)
            line = np.column_stack([np.ones(moved.size), np.arange(moved.size)])
            bare = moved - line @ np.linalg.lstsq(line, moved, rcond=None)[0]
            largest = max(largest, bare @ bare)
            for sigma in searcher.screen.sigma_ev:
                broad = (searcher.broadener.matrix(sigma) @ rows.values[row])[part]
                design = np.column_stack([broad, line])
                answer = np.linalg.lstsq(design, moved, rcond=None)[0]
                if answer[0] > 0:
                    rest = moved - design @ answer
                    best = max(best, bare @ bare - rest @ rest)
        expected.append(best / largest)
    fast = dict(zip(found.row.tolist(), found.explained.tolist(), strict=True))
    for row, slow in zip(few.tolist(), expected, strict=True):
        # Norms of broadened rows in part of the grid are scaled, not computed.
        assert fast[row] == pytest.approx(slow, rel=0.1)
    assert found.row[0] == query.row


def test_searching_some_rows_gives_only_those(made, plain):
    (query,) = make_queries(made, 1, Disturbance(), seed=4)
    some = [k for k in range(0, 600, 7) if k != query.row]
    result = plain.match(query.energy_ev, query.intensity, among=some)
    assert {m.spectrum_id for m in result.matches} <= set(some)
    assert result.n_library == len(some)
