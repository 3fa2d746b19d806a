"""A d electron in empty ligand orbitals: against matrices small enough to be written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet import angular, solve
from compute.multiplet.case import parse_case

NONE = {"delta": 0.0, "u_dd": 0.0, "u_pd": 0.0, "v_eg": 0.0, "v_t2g": 0.0, "configurations": 1}
BARE: dict[str, Any] = {
    "initial": {"F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.0},
    "final": dict.fromkeys(("F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd"), 0.0)
    | {"zeta_2p": 8.0},
}


def iron(**changed: Any) -> dict[str, Any]:
    """Low-spin Fe(II) with both kinds of charge transfer."""
    return {
        "element": "Fe", "charge": 2, "crystal_field": {"ten_dq": 3.0},
        "charge_transfer": NONE | {"delta": 4.0, "u_dd": 6.0, "u_pd": 7.5, "v_eg": 1.5},
        "back_donation": {"delta": 3.0, "v_eg": 0.0, "v_t2g": 1.2},
        "grid": {"start": -15.0, "stop": 25.0, "step": 0.1}, "temperature_k": 10.0,
    } | changed  # fmt: skip


def with_spin(matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Of the real orbitals, as the engine's spin-orbitals have it."""
    return np.asarray(angular.with_spin(angular.to_complex_harmonics(matrix)))


def test_one_electron_has_the_levels_of_a_ten_by_ten_matrix() -> None:
    rng = np.random.default_rng(1)
    v, acceptor, field = rng.normal(size=(3, 5, 5))
    acceptor, field = acceptor + acceptor.T, field + field.T
    answer = solve(
        {
            "element": "Ti", "charge": 3, "crystal_field": {"matrix": field.tolist()},
            "initial": {"F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.3},
            "charge_transfer": NONE, "temperature_k": 3000.0, "method": "dense",
            "back_donation": {"delta": 1.0, "v": v.tolist(), "acceptor": acceptor.tolist()},
        }
    )  # fmt: skip
    d = with_spin(field) + 0.3 * angular.spin_orbit(2)
    empty = with_spin(acceptor + np.eye(5))
    levels = np.linalg.eigvalsh(np.block([[d, with_spin(v)], [with_spin(v).conj().T, empty]]))
    found = np.asarray(answer["initial_eigenvalues_ev"])
    np.testing.assert_allclose(found, (levels - levels[0])[: found.size], atol=1e-9)


def test_without_repulsion_within_the_shell_two_lines_an_edge_are_left() -> None:
    v, delta, u_dd, u_pd = 0.7, 2.0, 5.0, 6.5
    grid = {"start": -12.0, "stop": 12.0, "step": 0.002}
    answer = solve(
        {
            "element": "Cu", "charge": 2, **BARE, "grid": grid, "hwhm_ev": 0.01,
            "charge_transfer": NONE | {"u_dd": u_dd, "u_pd": u_pd},
            "back_donation": {"delta": delta, "v_eg": v, "v_t2g": v},
        }
    )  # fmt: skip
    # d9 meets the sum over its nine electrons, and d10 over its ten.
    e, ground = np.linalg.eigh([[0.0, 3 * v], [3 * v, delta]])
    f, after = np.linalg.eigh([[0.0, np.sqrt(10) * v], [np.sqrt(10) * v, delta + u_pd - u_dd]])
    # The electron enters the one hole: d9 becomes d10, and the state of d8 A that of d9 A in which
    # the same acceptor electron is accompanied by nine of ten possible holes.
    overlap = [
        (after[0, k] * ground[0, 0] + np.sqrt(0.9) * after[1, k] * ground[1, 0]) ** 2
        for k in range(2)
    ]
    energy, height = np.asarray(answer["energy_ev"]), np.asarray(answer["intensity"])
    l3 = energy < 4.0
    for k in range(2):
        line = f[k] - e[0] - 4.0  # L3 lies half of zeta below
        near = l3 & (np.abs(energy - line) < 0.3)
        assert abs(energy[near][np.argmax(height[near])] - line) < 0.003
    ratio = [height[l3 & (np.abs(energy - (f[k] - e[0] - 4.0)) < 0.3)].max() for k in range(2)]
    assert ratio[1] / ratio[0] == pytest.approx(overlap[1] / overlap[0], rel=0.01)


def test_hopping_of_zero_changes_nothing() -> None:
    off = solve(iron(back_donation={"delta": 3.0, "v_eg": 0.0, "v_t2g": 0.0}))
    without = solve({key: value for key, value in iron().items() if key != "back_donation"})
    scale = np.max(without["intensity"])
    np.testing.assert_allclose(off["intensity"], without["intensity"], atol=2e-5 * scale)


def test_the_strength_counts_the_holes_and_back_donation_makes_more_of_them() -> None:
    answer = solve(iron())
    holes = answer["mean_d_holes"]
    assert answer["total_intensity"] == pytest.approx(4 / 3 * holes / 10, rel=1e-3)
    less = solve(iron(back_donation={"delta": 3.0, "v_eg": 0.0, "v_t2g": 0.6}))
    assert holes > less["mean_d_holes"]


@pytest.mark.parametrize("method", ["lanczos", "rscg"])
def test_every_solver_gives_the_dense_spectrum(method: str) -> None:
    case = {
        "element": "Cu", "charge": 2, "crystal_field": {"ten_dq": 1.2, "ds": 0.1},
        "charge_transfer": NONE | {"delta": 3.0, "u_dd": 6.0, "u_pd": 7.0, "v_eg": 1.0},
        "back_donation": {"delta": 4.0, "v_eg": 0.3, "v_t2g": 0.8},
        "grid": {"start": -12.0, "stop": 20.0, "step": 0.1},
    }  # fmt: skip
    dense = np.asarray(solve(case | {"method": "dense"})["intensity"])
    other = np.asarray(solve(case | {"method": method})["intensity"])
    np.testing.assert_allclose(other, dense, atol=1e-5 * dense.max())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"charge_transfer": None}, "back_donation"),
        ({"element": "Ti", "charge": 4}, "back_donation"),
        ({"back_donation": {"delta": 1.0}}, "back_donation.v_eg"),
        ({"back_donation": {"delta": 1.0, "v_eg": 0, "v_t2g": 0, "u_dd": 1}}, "back_donation.u_dd"),
        (
            {"final_field": {key: np.eye(5).tolist() for key in ("crystal_field", "v", "ligand")}},
            "final_field.back_v",
        ),
    ],
)
def test_what_does_not_belong_together_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as told:
        parse_case(iron(**changed))
    assert told.value.field == field


def test_the_values_used_make_the_same_case_again() -> None:
    case = parse_case(iron())
    again = parse_case(case.parameters)
    assert again.parameters == case.parameters
