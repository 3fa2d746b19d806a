"""3d L2,3 edges: where they are in a query, and what no multiplet describes."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import InputError
from compute.matching import AlignmentPrior, Discrepancy, SpectrumLibrary, calibration
from compute.matching.l23 import alternatives, foreign_lines, rougher, white_lines

CU = white_lines("Cu", "L23")
assert CU is not None
ENERGY = np.arange(CU.range_ev[0], CU.range_ev[1], 0.1)


def _lines(at: float, hwhm: float, energy: np.ndarray = ENERGY) -> np.ndarray:
    """White lines of areas 2:1, 20 eV apart, as a copper(II) compound has them."""
    return 2.0 * hwhm / ((energy - at) ** 2 + hwhm**2) + hwhm / (
        (energy - at - 20.0) ** 2 + hwhm**2
    )


def _steps(energy: np.ndarray, at: float) -> np.ndarray:
    return 2.0 * np.arctan((energy - at) / 0.5) + np.arctan((energy - at - 19.8) / 0.5)


@pytest.fixture(scope="module")
def copper() -> SpectrumLibrary:
    rows = [_lines(930.5 + 0.3 * k, 0.4 + 0.05 * k) for k in range(6)]
    library = SpectrumLibrary(ENERGY, np.array(rows), range(6))
    model = Discrepancy(warp_ev=0.24, area=0.03, step=0.55, smooth=0.16, smooth_length_ev=0.7)
    library.assume(model, AlignmentPrior(0.0, 0.5))
    library.consider(alternatives(CU))
    with pytest.MonkeyPatch.context() as few:
        few.setattr(calibration, "_SYNTHETIC_PAIRS", 4)
        assert not library.calibrated
    return library


@pytest.mark.parametrize(("low", "high"), [(914.0, 1000.0), (920.0, 980.0), (925.0, 962.0)])
def test_what_is_looked_at_hangs_on_the_edges_not_on_the_scan(low: float, high: float):
    energy = np.arange(low, high, 0.1)
    curve = _lines(931.2, 0.6, energy) + 0.2 * _steps(energy, 935.0) + 1e-3 * (energy - 900.0) ** 2
    found = CU.window(energy, curve, 8.0)
    assert found == pytest.approx((922.6, 960.2), abs=0.4)


def test_an_axis_that_is_off_moves_the_window_with_it():
    energy = np.arange(900.0, 1000.0, 0.1)
    here, there = (CU.rise(energy, _lines(931.0 + s, 0.6, energy), 8.0) for s in (0.0, -6.0))
    assert here is not None
    assert there == pytest.approx(here - 6.0, abs=0.15)


def test_a_step_without_white_lines_is_a_full_shell_or_a_metal_not_the_nearest_of_the_others(
    copper,
):
    energy = np.arange(922.0, 965.0, 0.1)
    noise = np.random.default_rng(3).normal(0.0, 0.02, energy.size)
    found = copper.match(energy, _steps(energy, 933.9) + noise, max_shift_ev=8.0)
    assert found.none_of_these > 0.8
    assert found.alternatives[0].probability > 0.5
    total = sum(m.probability for m in found.matches) + found.none_of_these
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", ["waves", "peaks"])
def test_what_fits_nothing_is_no_metal_either(copper, kind):
    energy = np.arange(922.0, 965.0, 0.1)
    curve = {
        "waves": np.sin(2.0 * np.pi * (energy - 922.0) / 8.6),
        "peaks": sum(np.exp(-0.5 * ((energy - at) / 0.8) ** 2) for at in (928.0, 936.0, 942.0)),
    }[kind]
    noise = np.random.default_rng(1).normal(0.0, 0.01, energy.size)
    found = copper.match(energy, curve + noise, max_shift_ev=8.0)
    assert found.none_of_these > 0.9
    assert sum(one.probability for one in found.alternatives) < 0.5


@pytest.mark.parametrize("step_ev", [0.1, 0.5])
def test_noise_is_refused_and_an_edge_that_stands_out_of_it_is_not(copper, step_ev):
    energy = np.arange(922.0, 965.0, step_ev)
    noise = np.random.default_rng(2).normal(size=energy.size)
    with pytest.raises(InputError, match="noise"):
        copper.match(energy, noise, max_shift_ev=8.0)
    edge = _lines(931.1, 0.6, energy)
    assert copper.match(energy, edge + 0.15 * np.ptp(edge) * noise, max_shift_ev=8.0).matches


def test_white_lines_are_no_full_shell(copper):
    energy = np.arange(922.0, 965.0, 0.1)
    curve = _lines(931.1, 0.6, energy) + 0.02 * _steps(energy, 935.0)
    found = copper.match(energy, curve, max_shift_ev=8.0)
    assert max(one.probability for one in found.alternatives) < 0.05


def test_shapes_survive_being_saved(copper, tmp_path):
    copper.save(tmp_path / "copper")
    energy = np.arange(922.0, 965.0, 0.1)
    here, there = (
        one.match(energy, _steps(energy, 933.5)).alternatives
        for one in (copper, SpectrumLibrary.load(tmp_path / "copper"))
    )
    assert [(a.name, pytest.approx(a.probability)) for a in here] == [
        (a.name, a.probability) for a in there
    ]


def test_only_3d_edges_have_white_lines_here():
    assert white_lines("La", "L23") is None
    assert white_lines("Fe", "K") is None
    assert [one.name for one in alternatives(white_lines("Fe", "L23"))] == ["metal", "line"]
    assert [one.name for one in alternatives(white_lines("Mn", "L23"))] == ["line"]


@pytest.mark.parametrize("shape", ["gaussian", "lorentzian", "step"])
def test_one_line_without_a_second_is_another_edge_and_no_copper(copper, shape):
    energy = np.arange(922.0, 965.0, 0.1)
    x = (energy - 930.8) / 1.1
    curve = {
        "gaussian": np.exp(-0.5 * x * x) + 0.1 * np.arctan(x),
        "lorentzian": 1.0 / (1.0 + x * x) + 0.1 * np.arctan(x),
        "step": np.arctan(x),
    }[shape]
    noise = np.random.default_rng(4).normal(0.0, 0.01, energy.size)
    found = copper.match(energy, curve + noise, max_shift_ev=8.0)
    assert found.none_of_these > 0.8
    assert found.alternatives[0].name == "line"


def test_two_edges_on_a_high_step_are_still_the_substance_they_are(copper):
    energy = np.arange(922.0, 965.0, 0.1)
    edges = _lines(931.1, 0.5, energy)
    step = 0.3 * edges.max() * (0.5 + _steps(energy, 930.5) / (3.0 * np.pi))
    found = copper.match(energy, edges + step, max_shift_ev=8.0)
    assert found.none_of_these < 0.2
    assert found.matches[0].shift_ev == pytest.approx(0.0, abs=1.0)


def test_shapes_miss_by_more_than_theory():
    model = Discrepancy(smooth=0.1)
    assert rougher(model).smooth > model.smooth


@pytest.mark.parametrize(
    ("element", "lines"),
    [
        ("Ni", ["La M4"]), ("Co", ["Ba M5", "Ba M4"]), ("Cu", ["Pr M5", "Pr M4"]), ("Mn", []),
        ("Sc", ["N K"]), ("Cr", []),
    ],
)  # fmt: skip
def test_lines_that_fill_4f_or_2p_are_those_within_the_range(element: str, lines: list[str]):
    white = white_lines(element, "L23")
    assert white is not None
    assert [f"{one.element} {one.edge}" for one in foreign_lines(white)] == lines


def test_a_step_behind_the_edges_does_not_hide_the_right_row_from_the_exact_pass():
    """Rows with humps where the step is explain more of the query than the right one does."""
    rng = np.random.default_rng(7)
    humps = [
        sum(
            rng.uniform(0.5, 1.0) * np.exp(-0.5 * ((ENERGY - at) / 4.0) ** 2)
            for at in (938.0, 944.0, 957.0, 963.0)
        )
        for _ in range(300)
    ]
    rows = [_lines(931.0, 0.5), *(_lines(931.0, 0.5) + hump for hump in humps)]
    library = SpectrumLibrary(ENERGY, np.array(rows), range(len(rows)))
    library.assume(
        Discrepancy(warp_ev=0.24, area=0.03, step=0.55, smooth=0.16, smooth_length_ev=0.7),
        AlignmentPrior(0.0, 0.5),
    )
    energy = np.arange(922.0, 965.0, 0.1)
    edges = _lines(931.0, 0.5, energy)
    step = np.cumsum(edges) / edges.sum()
    with pytest.MonkeyPatch.context() as few:
        few.setattr(calibration, "_SYNTHETIC_PAIRS", 4)
        found = library.match(energy, edges + 1.6 * step, top=None, max_shift_ev=2.0)
    assert 0 in [one.spectrum_id for one in found.matches]
