"""A d electron in empty ligand orbitals: against matrices small enough to be written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet import angular, solve
from compute.multiplet.calculation import solve_problem
from compute.multiplet.case import parse_case
from compute.multiplet.integrals import Integrals, TwoElectron
from compute.multiplet.ligand_field import build_problem

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
    case: dict[str, Any] = {
        "element": "Cu", "charge": 2, "crystal_field": {"ten_dq": 1.2, "ds": 0.1},
        "charge_transfer": NONE | {"delta": 3.0, "u_dd": 6.0, "u_pd": 7.0, "v_eg": 1.0},
        "back_donation": {"delta": 4.0, "v_eg": 0.3, "v_t2g": 0.8},
        "grid": {"start": -12.0, "stop": 20.0, "step": 0.1},
    }  # fmt: skip
    dense = np.asarray(solve(case | {"method": "dense"})["intensity"])
    other = np.asarray(solve(case | {"method": method})["intensity"])
    np.testing.assert_allclose(other, dense, atol=1e-5 * dense.max())


EG, T2G = np.diag([1.0, 1, 0, 0, 0]), np.diag([0.0, 0, 1, 1, 1])


def molecular(**changed: Any) -> dict[str, Any]:
    """Low-spin Fe(II) whose d and acceptors are molecular orbitals: nothing hops."""
    share = {"d": (0.8 * EG + 0.9 * T2G).tolist(), "acceptor": (0.4 * T2G).tolist()}
    back = {"delta": 3.8, "final_delta": 4.3, "v_eg": 0.0, "v_t2g": 0.0, "share": share}
    return {
        "element": "Fe", "charge": 2, "crystal_field": {"ten_dq": 4.3},
        "back_donation": back, "temperature_k": 10.0,
        "grid": {"start": -15.0, "stop": 25.0, "step": 0.1},
    } | changed  # fmt: skip


def test_shares_are_those_of_operators_turned_by_hand() -> None:
    """The twin: every element of repulsion and dipole turned as spin-orbitals, dense matrices."""
    rng = np.random.default_rng(4)
    d, acceptor = 0.8 * np.eye(5) + 0.1 * rng.normal(size=(5, 5)), 0.2 * rng.normal(size=(5, 5))
    share = {"d": d.tolist(), "acceptor": acceptor.tolist()}
    case: dict[str, Any] = {
        "element": "Cu", "charge": 2, "method": "dense", "temperature_k": 0.0,
        "initial": {"F2dd": 0.0, "F4dd": 0.0}, "final": {"F2dd": 0.0, "F4dd": 0.0},
        "crystal_field": {"ten_dq": 1.2, "ds": 0.3, "dt": 0.1},
        "back_donation": {"delta": 3.0, "final_delta": 2.0, "v_eg": 0.3, "v_t2g": 0.8},
    }  # fmt: skip
    shared = case | {"back_donation": case["back_donation"] | {"share": share}}
    problem, plain = build_problem(parse_case(shared)), build_problem(parse_case(case))
    own = np.eye(26, dtype=complex)
    own[6:16, 6:16], own[16:, 6:16] = with_spin(d), with_spin(acceptor)
    two = plain.final.two_electron
    tensor = np.zeros((26,) * 4, complex)
    (k, l), value = np.divmod(two.kl, 26), two.value / 2.0
    for bra, ket, sign in (((two.i, two.j), (k, l), 1), ((two.j, two.i), (k, l), -1)):
        tensor[(*bra, *ket)] += sign * value
        tensor[(*bra[::-1], *ket[::-1])] += sign * value
    c, b = own[:, :16], own[:, :16].conj()
    tensor = np.einsum(
        "ijkl,ai,bj,ck,dl->abcd", tensor[:16, :16, :16, :16], c, c, b, b, optimize=True
    )
    before, after = problem.initial, problem.final
    by_hand = Integrals(after.one_electron, TwoElectron.from_tensor(tensor), after.shifts)
    turned = {name: own @ matrix for name, matrix in plain.dipole.items()}
    twin = replace(
        problem, initial=before, final=by_hand, dipole=turned, cubic=False, time_reversal=False
    )
    energy = np.arange(-15.0, 25.0, 0.1)
    found, expected = (
        solve_problem(one, energy, temperature_k=10.0, method="dense") for one in (problem, twin)
    )
    scale = np.max(expected["intensity"])
    np.testing.assert_allclose(found["intensity"], expected["intensity"], atol=1e-9 * scale)


def test_whole_shares_are_those_of_no_molecular_orbitals() -> None:
    whole = {"d": np.eye(5).tolist(), "acceptor": np.zeros((5, 5)).tolist()}
    back = molecular()["back_donation"]
    found = solve(molecular(back_donation=back | {"share": whole}))
    expected = solve(molecular(back_donation={k: v for k, v in back.items() if k != "share"}))
    scale = np.max(expected["intensity"])
    np.testing.assert_allclose(found["intensity"], expected["intensity"], atol=2e-5 * scale)


def test_the_strength_counts_the_share_of_every_empty_orbital() -> None:
    calm = dict.fromkeys(("F2dd", "F4dd", "zeta_3d"), 0.0)
    answer = solve(molecular(initial=calm))
    holes = 4 * 0.8**2 + 6 * 0.4**2  # e_g and π*; t2g is full
    assert answer["total_intensity"] == pytest.approx(4 / 3 * holes / 10, rel=1e-3)


def test_repulsion_of_the_shares_draws_strength_from_e_g_into_the_acceptors() -> None:
    back = molecular()["back_donation"]
    zero = np.zeros((5, 5)).tolist()
    final = {"crystal_field": (4.3 * EG - 1.72 * np.eye(5)).tolist(), "back_v": zero}
    final |= {"acceptor": zero}
    apart = {"share": back["share"] | {"acceptor": zero}}
    answers = [solve(molecular(final_field=final | more)) for more in ({}, apart)]
    above = np.asarray(answers[0]["energy_ev"]) > 0.0
    below_l2 = np.asarray(answers[0]["energy_ev"]) < 5.0
    mixed, alone = (np.asarray(a["intensity"])[above & below_l2].sum() for a in answers)
    assert mixed > 1.1 * alone


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"share": {"d": np.eye(5).tolist()}}, "back_donation.share.acceptor"),
        ({"share": {"d": np.eye(4).tolist(), "acceptor": EG.tolist()}}, "back_donation.share.d"),
        ({"share": {"d": (2 * EG).tolist(), "acceptor": EG.tolist()}}, "back_donation.share"),
        ({"share": {"d": EG.tolist(), "acceptor": EG.tolist(), "l": 1}}, "back_donation.share.l"),
        ({"share": 0.5}, "back_donation.share"),
        ({"final_delta": None}, "back_donation"),
        ({"final_delta": "much"}, "back_donation.final_delta"),
    ],
)
def test_malformed_shares_are_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as told:
        parse_case(molecular(back_donation=molecular()["back_donation"] | changed))
    assert told.value.field == field


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
    for one in (iron(), molecular()):
        case = parse_case(one)
        again = parse_case(case.parameters)
        assert again.parameters == case.parameters


def test_a_final_share_needs_that_of_the_initial_state() -> None:
    case = molecular()
    share = case["back_donation"].pop("share")
    final = {"crystal_field": EG.tolist(), "back_v": EG.tolist(), "acceptor": EG.tolist()}
    with pytest.raises(InputError, match=r"final_field.share.*needs back_donation.share"):
        solve(case | {"final_field": final | {"share": share}})
