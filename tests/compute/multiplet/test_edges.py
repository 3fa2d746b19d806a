"""Where L3 ends is one place a case, the same for every polarisation, and moves continuously."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.multiplet import solve
from compute.multiplet.edges import Boundary
from compute.multiplet.response import SpectralLines
from compute.multiplet.transitions import Transition
from compute.solvers.sparse import Csr

WIDTHS = {"l3": 0.15, "l2": 0.6}
POLARIZATIONS = ("isotropic", "x", "y", "z", "plus", "minus")
IONS = {0: ("Ti", 4), 1: ("Ti", 3), 2: ("V", 3), 3: ("Cr", 3), 4: ("Mn", 3), 5: ("Fe", 3),
        6: ("Fe", 2), 7: ("Co", 2), 8: ("Ni", 2), 9: ("Cu", 2)}  # fmt: skip
TRANSFER = {"delta": 4.0, "u_dd": 6.0, "u_pd": 7.5, "v_eg": 2.0, "v_t2g": 1.2}


def assert_polarisations_average(case: dict[str, Any]) -> None:
    found = {p: solve(case | {"polarization": p, "hwhm_ev": WIDTHS}) for p in POLARIZATIONS}
    whole = found["isotropic"]
    for parts in (("x", "y", "z"), ("plus", "minus", "z")):
        mean = np.mean([found[p]["intensity"] for p in parts], axis=0)
        largest = whole["intensity"].max()
        np.testing.assert_allclose(mean, whole["intensity"], atol=1e-6 * largest)
        below = sum(found[p]["branching_ratio"] * found[p]["total_intensity"] for p in parts) / 3
        expected = whole["branching_ratio"] * whole["total_intensity"]
        assert below == pytest.approx(expected, abs=1e-5 * whole["total_intensity"])


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
def test_polarised_spectra_average_to_the_isotropic_one(method: str) -> None:
    """V3+ in an exchange field at 10 K, whose edges overlap."""
    assert_polarisations_average({
        "element": "V", "charge": 3, "crystal_field": {"ten_dq": 1.8}, "temperature_k": 10.0,
        "exchange_field_ev": [0.0, 0.0, 0.05], "method": method,
    })  # fmt: skip


def cases(n_d: st.SearchStrategy[int], transfer: st.SearchStrategy[Any]) -> Any:
    field = st.fixed_dictionaries({
        "ten_dq": st.floats(0.0, 3.0), "ds": st.floats(-0.2, 0.2), "dt": st.floats(-0.05, 0.05),
    })  # fmt: skip
    exchange = st.lists(st.floats(-0.1, 0.1), min_size=3, max_size=3)
    ion = n_d.map(lambda n: dict(zip(("element", "charge"), IONS[n], strict=True)))
    rest = st.fixed_dictionaries({
        "crystal_field": field, "exchange_field_ev": exchange, "charge_transfer": transfer,
        "temperature_k": st.just(0.0) | st.floats(1e-3, 1000.0),
    })  # fmt: skip
    return st.tuples(ion, rest).map(lambda both: both[0] | both[1])


@settings(max_examples=6, deadline=None, derandomize=True)
@given(cases(st.sampled_from([0, 1, 8, 9]), st.none()))
def test_polarised_spectra_average_in_any_field(case: dict[str, Any]) -> None:
    assert_polarisations_average(case)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, derandomize=True)
@pytest.mark.parametrize("n_d", list(IONS))
@given(st.data())
def test_polarised_spectra_of_every_ion_average_in_any_field(n_d: int, data: st.DataObject) -> None:
    hopping = st.none() if 2 <= n_d <= 6 else st.sampled_from([None, TRANSFER])
    assert_polarisations_average(data.draw(cases(st.just(n_d), hopping)))


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_rounding_does_not_move_the_boundary(method: str) -> None:
    case: dict[str, Any] = {"element": "V", "charge": 3, "method": method, "hwhm_ev": WIDTHS}
    found = [solve(case | {"crystal_field": {"ten_dq": q}}) for q in (1.8, np.nextafter(1.8, 2))]
    assert found[1]["branching_ratio"] == pytest.approx(found[0]["branching_ratio"], abs=1e-8)


@pytest.mark.parametrize(
    "ion",
    [("Ti", 4), *(pytest.param(ion, marks=pytest.mark.slow) for ion in (("Ti", 3), ("V", 4)))],
)
def test_the_branching_ratio_moves_continuously(ion: tuple[str, int]) -> None:
    """Four times finer steps in 10Dq change it four times less; a jump would stay."""

    def steps(count: int) -> np.ndarray:
        ratios = [
            solve({
                "element": ion[0], "charge": ion[1], "crystal_field": {"ten_dq": q},
                "grid": {"start": -5.0, "stop": 10.0, "step": 1.0},
            })["branching_ratio"]
            for q in np.linspace(0.4, 2.6, count)
        ]  # fmt: skip
        return np.abs(np.diff(ratios))

    coarse, fine = steps(28), steps(109)
    assert fine.max() < 0.5 * coarse.max()
    assert coarse.max() < 0.04


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_widths_rise_from_the_onset_of_each_edge(method: str) -> None:
    """Against a sum over the sticks with the width that each energy should have."""
    case: dict[str, Any] = {"element": "Ti", "charge": 4, "crystal_field": {"ten_dq": 1.8}}
    case |= {"grid": {"start": -15.0, "stop": 25.0, "step": 0.05}}
    plain = solve(case | {"method": "dense", "hwhm_ev": {"l3": 0.1, "l2": 0.3}})
    found = solve(case | {
        "method": method, "hwhm_ev": {"l3": 0.1, "l2": 0.3},
        "hwhm_rise": {"per_ev": 0.2, "most_ev": 0.5},
    })  # fmt: skip
    energy = found["energy_ev"]
    position, area = plain["sticks"].values()
    splitting = 1.5 * plain["parameters"]["final"]["zeta_2p"]
    first = position[np.argmax(np.cumsum(area) > 0.05 * area.sum())]
    for low, high, width in ((-15.0, first - 1.0, 0.1), (first + splitting + 4.0, 25.0, 0.8)):
        inside = (energy > low) & (energy < high)
        lines = energy[inside, None] - position
        expected = (width / np.pi / (lines**2 + width**2)) @ area
        np.testing.assert_allclose(found["intensity"][inside], expected, rtol=2e-3)
    assert found["parameters"]["hwhm_rise"] == {"per_ev": 0.2, "most_ev": 0.5}
    assert found["branching_ratio"] == pytest.approx(plain["branching_ratio"], abs=1e-9)


def test_strength_below_is_the_sum_over_lines_of_the_step() -> None:
    rng = np.random.default_rng(5)
    position, area = np.sort(rng.uniform(-60.0, 60.0, 300)), rng.uniform(0.0, 1.0, 300)
    diagonal = Csr(np.arange(301), np.arange(300), position)
    lines = SpectralLines()
    vectors = np.sqrt(area)[:, None]
    lines.add(Transition(0, np.zeros(1), np.ones(1), vectors), diagonal)
    edges = Boundary(3.0, 0.2, onset=-6.0, splitting=12.0)
    expected = float(area @ (1 - edges.l2_share(position)))
    assert edges.strength_below(lines, float(area.sum())) == pytest.approx(expected, abs=1e-9)
