"""The exhaustive pass against a slow twin, and broadening against convolution."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching import SpectrumLibrary, screen
from compute.matching.grid import Curve, unit_curve
from compute.matching.screen import BROADENINGS_EV
from compute.matching.shapes import Broadener
from tests.benchmarks import step_sets
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


def _slow_gain(searcher, bank, curve, row, broadenings) -> float:
    """What the screen maximises, by least squares at each shift and broadening."""
    energy = searcher.grid.energy_ev
    own, left, length = [], [], []
    for shift, window in zip(bank.shift_ev, bank.window, strict=True):
        part = slice(int(bank.low[window]), int(bank.high[window]))
        moved = curve.at(energy[part] + shift)
        line = np.column_stack([np.ones(moved.size), np.arange(moved.size)])
        bare = moved - line @ np.linalg.lstsq(line, moved, rcond=None)[0]
        own.append(bare @ bare)
        rest = [own[-1]]
        for broadening in broadenings:
            broad = (searcher.broadener.matrix(*broadening) @ row)[part]
            design = np.column_stack([broad, line])
            answer = np.linalg.lstsq(design, moved, rcond=None)[0]
            if answer[0] > 0:
                rest.append(np.sum((moved - design @ answer) ** 2))
        left.append(min(rest))
        length.append(moved.size / energy.size)
    least = 1e-3 * max(own)
    return max(
        n * np.log((a + least) / (b + least)) for n, a, b in zip(length, own, left, strict=True)
    )


def _first(made, library, how: Disturbance, few: list[int]):
    """A query of the set, its row and a few others screened, and what least squares says."""
    searcher, rows = library._searcher, library._rows
    (query,) = make_queries(made, 1, how, seed=2)
    curve = Curve(query.energy_ev, query.intensity, library.grid)
    bank = searcher.screen.bank(curve, 4.0)
    chosen = np.array([query.row, *few])
    found = searcher.screen.search(rows.values, rows.ratios, bank, chosen.size, chosen)
    widths = [b for b in BROADENINGS_EV if b[0] == 0.0 or b[0] > 0.7 * library.grid.sigma_ev]
    slow = {
        int(k): _slow_gain(searcher, bank, curve, rows.values[k].astype(float), widths)
        for k in chosen
    }
    return query.row, dict(zip(found.row.tolist(), found.gain.tolist(), strict=True)), slow


@pytest.mark.parametrize("crop_ev", [0.0, 12.0])
def test_the_screen_agrees_with_least_squares_at_each_shift_and_broadening(made, plain, crop_ev):
    how = Disturbance(max_shift_ev=3.0, crop_ev=crop_ev)
    row, fast, slow = _first(made, plain, how, [3, 77])
    assert fast == pytest.approx(slow, rel=2e-3)
    assert max(fast, key=fast.__getitem__) == row


def test_a_step_is_not_moved_to_where_the_window_holds_most_of_it():
    made = step_sets.make_library(400, "anywhere", n_points=120, seed=11)
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(400))
    screen, rows = library._searcher.screen, library._rows
    for query in step_sets.make_queries(made, 12, step_sets.Moved(snr_db=30.0), seed=12):
        curve, _, _ = unit_curve(query.energy_ev, query.intensity, library.grid)
        found = screen.search(rows.values, rows.ratios, screen.bank(curve, 5.0), 5)
        assert query.row in found.row
        place = int(np.flatnonzero(found.row == query.row)[0])
        assert found.shift_ev[place] == pytest.approx(query.shift_ev, abs=library.grid.step_ev)


def test_the_first_pass_keeps_what_the_second_puts_first(monkeypatch):
    made = step_sets.make_library(1500, "mixed", n_points=120, seed=13)
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(1500))
    library_screen, rows = library._searcher.screen, library._rows
    for query in step_sets.make_queries(made, 10, step_sets.Moved(snr_db=30.0), seed=14):
        curve, _, _ = unit_curve(query.energy_ev, query.intensity, library.grid)
        bank = library_screen.bank(curve, 5.0)
        everything = library_screen.search(rows.values, rows.ratios, bank, 1)
        monkeypatch.setattr(screen, "COARSE", 40)  # as 4096 of 150,000
        few = library_screen.search(rows.values, rows.ratios, bank, 1)
        monkeypatch.undo()
        assert few.row.tolist() == everything.row.tolist() == [query.row]


def test_searching_some_rows_gives_only_those(made, plain):
    (query,) = make_queries(made, 1, Disturbance(), seed=4)
    some = [k for k in range(0, 600, 7) if k != query.row]
    result = plain.match(query.energy_ev, query.intensity, among=some)
    assert {m.spectrum_id for m in result.matches} <= set(some)
    assert result.n_library == len(some)
