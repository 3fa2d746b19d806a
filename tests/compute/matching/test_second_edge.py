"""L2 behind L3: what the best candidate has there must be in the query."""

from __future__ import annotations

import numpy as np
import pytest

from compute.matching import (
    AlignmentPrior,
    Discrepancy,
    Match,
    MatchResult,
    SpectrumLibrary,
    calibration,
)
from compute.matching.l23 import white_lines
from compute.matching.results import Overlay
from compute.matching.second_edge import doubt, doubted, l2_over_l3, with_second_edge

NI = white_lines("Ni", "L23")
assert NI is not None
ENERGY = np.arange(845.0, 884.0, 0.2)


def _edges(l2: float, energy: np.ndarray = ENERGY) -> np.ndarray:
    return 1.0 / (1.0 + (energy - 853.0) ** 2) + l2 / (1.0 + ((energy - 870.0) / 1.3) ** 2)


def _laid(query: np.ndarray, shift: float = 0.0, energy: np.ndarray = ENERGY) -> Overlay:
    """A candidate with an L2 of 0.3 over a query."""
    fit = _edges(0.3, energy) + 0.1
    nothing = np.zeros(energy.size)
    return Overlay(energy + shift, query, fit, nothing, query - fit, nothing + 0.1)


@pytest.mark.parametrize("of", [0.0, 0.5, 1.0, 2.0])
def test_the_ratio_is_that_of_l2_over_what_l3_asks_for(of):
    step = np.cumsum(_edges(0.3))
    query = 4.0 * (_edges(0.3 * of) + 0.2 * step / step[-1]) + 3.0 - 0.01 * ENERGY
    found = l2_over_l3(_laid(query, 1.5), NI, 1.5)
    assert found is not None
    assert found[0] == pytest.approx(of, abs=0.03)


def test_noise_widens_the_error_and_not_the_ratio():
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.02, ENERGY.size)
    quiet, noisy = (l2_over_l3(_laid(_edges(0.3) + k * noise), NI, 0.0) for k in (0.1, 1.0))
    assert quiet is not None
    assert noisy is not None
    assert noisy[1] > 5.0 * quiet[1]
    assert noisy[0] == pytest.approx(1.0, abs=4.0 * noisy[1])


def test_edges_that_overlap_and_scans_without_l2_say_nothing():
    titanium = white_lines("Ti", "L23")
    assert titanium is not None
    assert l2_over_l3(_laid(_edges(0.3)), titanium, 0.0) is None
    short = ENERGY[ENERGY < 856.0]
    assert l2_over_l3(_laid(_edges(0.3, short), energy=short), NI, 0.0) is None


def test_doubt_grows_as_the_ratio_leaves_one_and_shrinks_with_its_error():
    assert doubt(1.0, 0.0) == 0.0
    assert doubt(1.2, 0.0) == 0.0
    assert 1.0 < doubt(0.3, 0.0) < doubt(0.0, 0.0)
    assert doubt(0.0, 1.0) < doubt(0.0, 0.1)
    assert doubt(2.5, 0.0) > 3.0


def _result(none: float) -> MatchResult:
    rest = 1.0 - none
    matches = [
        Match(k, 9.0, rest * p, 0.0, 1.0, 0.0, 0.0, 0.97, False) for k, p in ((1, 0.8), (2, 0.2))
    ]
    return MatchResult(matches, none, 0.5, 0.2, True, 20, 2, 0.01)


def test_a_candidate_whose_l2_is_missing_loses_to_none_of_these_and_it_is_told():
    found = doubted(_result(0.03), 0.0, 0.05)
    assert found.none_of_these > 0.5
    assert found.none_of_these + sum(one.probability for one in found.matches) == pytest.approx(1.0)
    assert found.matches[0].probability == pytest.approx(4.0 * found.matches[1].probability)
    assert any("L2 is 0.00 of what L3 asks for" in text for text in found.warnings)


def test_a_candidate_whose_l2_is_there_stays_as_it_is():
    asked = _result(0.03)
    assert doubted(asked, 0.9, 0.1) == asked


def test_an_answer_without_its_l2_is_doubted_and_one_with_it_is_not(monkeypatch):
    monkeypatch.setattr(calibration, "_SYNTHETIC_PAIRS", 4)
    wide = np.arange(840.0, 890.0, 0.2)

    def edges(l2: float, k: int, energy: np.ndarray = wide) -> np.ndarray:
        doublet = 0.6 / (1.0 + (energy - 856.5 - 0.1 * k) ** 2)
        return np.asarray(_edges(l2, energy) + doublet)

    library = SpectrumLibrary(wide, np.array([edges(0.3, k) for k in range(6)]), range(6))
    library.assume(
        Discrepancy(warp_ev=0.24, area=0.03, step=0.55, smooth=0.16, smooth_length_ev=0.7),
        AlignmentPrior(0.0, 0.5),
    )
    noise = np.random.default_rng(0).normal(0.0, 0.005, ENERGY.size)
    for l2, told in ((0.3, False), (0.0, True)):
        query = edges(l2, 2, ENERGY) + noise
        plain = library.match(ENERGY, query, max_shift_ev=8.0)
        found = with_second_edge(plain, library, ENERGY, query, "Ni", "L23")
        assert (found.none_of_these > plain.none_of_these + 0.01) == told
        assert with_second_edge(plain, library, ENERGY, query, "Ni", "K") == plain
