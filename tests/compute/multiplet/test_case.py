"""What a case may hold, what it is filled up with, and how it is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compute.errors import InputError
from compute.multiplet import solve
from compute.multiplet.case import parse_case

NI = {"element": "Ni", "charge": 2}
CT = {"delta": 4.0, "u_dd": 7.0, "u_pd": 8.0, "v_eg": 2.0, "v_t2g": 1.0}
ZERO = np.zeros((5, 5)).tolist()
SKEW = np.triu(np.ones((5, 5)), 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"element": "Xx"}, "element"),
        ({"element": 28}, "element"),
        ({"charge": 12}, "charge"),
        ({"charge": -1}, "charge"),
        ({"charge": 2.5}, "charge"),
        ({"charge": True}, "charge"),
        ({"element": "Zn"}, "charge"),
        ({"n_d": 10}, "n_d"),
        ({"n_d": 9}, "n_d"),
        ({"n_d": 5}, "n_d"),
        ({"edge": "K"}, "edge"),
        ({"bogus": 1}, "bogus"),
        ({"initial": {"F0dd": 1}}, "initial.F0dd"),
        ({"initial": {"F2dd": "9"}}, "initial.F2dd"),
        ({"final": {"G1pd": -1}}, "final.G1pd"),
        ({"final": {"zeta_2p": float("nan")}}, "final.zeta_2p"),
        ({"slater_scale": -0.8}, "slater_scale"),
        ({"crystal_field": {"tendq": 1}}, "crystal_field.tendq"),
        ({"crystal_field": [1]}, "crystal_field"),
        ({"crystal_field": {"matrix": SKEW.tolist()}}, "crystal_field.matrix"),
        ({"crystal_field": {"matrix": [[1, 2], [3]]}}, "crystal_field.matrix"),
        ({"crystal_field": {"matrix": np.eye(4).tolist()}}, "crystal_field.matrix"),
        ({"crystal_field": {"matrix": np.eye(5).tolist(), "ds": 1}}, "crystal_field.ds"),
        ({"charge_transfer": {"delta": 1}}, "charge_transfer.u_dd"),
        ({"charge_transfer": CT | {"configurations": 4}}, "charge_transfer.configurations"),
        ({"charge_transfer": CT | {"configurations": 0}}, "charge_transfer.configurations"),
        ({"charge_transfer": CT | {"v": np.eye(5).tolist()}}, "charge_transfer.v_eg"),
        ({"charge_transfer": CT | {"ligand": SKEW.tolist()}}, "charge_transfer.ligand"),
        ({"charge_transfer": CT | {"v_eb": 1}}, "charge_transfer.v_eb"),
        ({"final_field": {}}, "final_field.crystal_field"),
        ({"final_field": {"crystal_field": SKEW.tolist()}}, "final_field.crystal_field"),
        ({"final_field": {"crystal_field": ZERO, "v": ZERO}}, "final_field.v"),
        ({"final_field": {"crystal_field": ZERO}, "charge_transfer": CT}, "final_field.v"),
        ({"final_field": {"ten_dq": 1}}, "final_field.ten_dq"),
        ({"exchange_field_ev": [0, 0]}, "exchange_field_ev"),
        ({"exchange_field_ev": 0.1}, "exchange_field_ev"),
        ({"exchange_field_ev": "xyz"}, "exchange_field_ev"),
        ({"temperature_k": -1}, "temperature_k"),
        ({"temperature_k": 1e-320}, "temperature_k"),
        ({"fwhm_gauss_ev": 1e-320}, "fwhm_gauss_ev"),
        ({"polarization": "left"}, "polarization"),
        ({"grid": {"start": 0, "stop": 1}}, "grid.step"),
        ({"grid": {"start": 0, "stop": 1, "step": 0}}, "grid.step"),
        ({"grid": {"start": 0, "stop": 1, "step": 1e-9}}, "grid.step"),
        ({"grid": {"start": 2, "stop": 1, "step": 0.1}}, "grid.stop"),
        ({"hwhm_ev": -0.2}, "hwhm_ev"),
        ({"hwhm_ev": 0}, "hwhm_ev"),
        ({"hwhm_ev": {"l3": 0.2}}, "hwhm_ev.l2"),
        ({"hwhm_ev": {"l3": 0.2, "l2": -1}}, "hwhm_ev.l2"),
        ({"fwhm_gauss_ev": -1}, "fwhm_gauss_ev"),
        ({"method": "magic"}, "method"),
    ],
)
def test_bad_input_names_its_key(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        solve(NI | changes)
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize("missing", ["element", "charge"])
def test_required_keys(missing: str) -> None:
    with pytest.raises(InputError, match=missing):
        solve({key: value for key, value in NI.items() if key != missing})


def test_too_large_for_the_memory_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compute.multiplet.calculation.available_memory", lambda: 1e6)
    case = {"element": "Mn", "charge": 2, "charge_transfer": CT | {"configurations": 6}}
    with pytest.raises(InputError, match="charge_transfer.configurations"):
        solve(case)
    with pytest.raises(InputError, match="method"):
        solve({"element": "Mn", "charge": 2, "method": "dense"})


def test_everything_left_out_is_filled_in_and_told() -> None:
    used = parse_case(NI).parameters
    assert used["n_d"] == 8
    assert used["slater_scale"] == 0.8
    assert used["method"] == "auto"
    assert set(used["initial"]) == {"F2dd", "F4dd", "zeta_3d"}
    assert set(used["final"]) == {
        "F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd", "zeta_2p",
    }  # fmt: skip
    assert used["final"]["zeta_2p"] == pytest.approx(11.5, rel=0.02)


def test_the_scale_touches_neither_zeta_nor_given_integrals() -> None:
    half, full = (
        parse_case(NI | {"slater_scale": s, "initial": {"F2dd": 10.0}}).parameters
        for s in (0.5, 1.0)
    )
    assert half["initial"]["F2dd"] == full["initial"]["F2dd"] == 10.0
    assert half["initial"]["F4dd"] == pytest.approx(full["initial"]["F4dd"] / 2)
    assert half["final"]["G1pd"] == pytest.approx(full["final"]["G1pd"] / 2)
    assert half["final"]["zeta_3d"] == full["final"]["zeta_3d"]


def test_the_parameters_told_give_the_same_spectrum_again() -> None:
    first = solve(NI | {"crystal_field": {"ten_dq": 1.0}, "charge_transfer": CT})
    again = solve(first["parameters"])
    np.testing.assert_array_equal(first["intensity"], again["intensity"])


@pytest.mark.parametrize(
    ("start", "stop", "step", "n"), [(-20, 20, 0.05, 801), (0, 0.3, 0.1, 4), (1, 1, 0.5, 1)]
)
def test_the_grid_includes_its_stop(start: float, stop: float, step: float, n: int) -> None:
    result = solve(NI | {"grid": {"start": start, "stop": stop, "step": step}})
    assert len(result["energy_ev"]) == len(result["intensity"]) == n
    assert result["energy_ev"][-1] == pytest.approx(stop)


def test_the_matrix_is_in_the_order_z2_x2y2_xy_xz_yz() -> None:
    ten_dq, ds, dt = 1.2, 0.15, -0.05
    dq = ten_dq / 10
    levels = [
        6 * dq - 2 * ds - 6 * dt, 6 * dq + 2 * ds - dt, -4 * dq + 2 * ds - dt,
        -4 * dq - ds + 4 * dt, -4 * dq - ds + 4 * dt,
    ]  # fmt: skip
    by_name = solve(NI | {"crystal_field": {"ten_dq": ten_dq, "ds": ds, "dt": dt}})
    by_matrix = solve(NI | {"crystal_field": {"matrix": np.diag(levels).tolist()}})
    np.testing.assert_allclose(by_name["intensity"], by_matrix["intensity"], atol=1e-12)
