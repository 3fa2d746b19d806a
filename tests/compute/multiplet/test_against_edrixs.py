"""Every feature at once against EDRIXS 0.2.0 (tests/requirements-crosscheck.txt)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compute.multiplet import solve

pytest.importorskip("edrixs", reason="pip install --no-deps -r tests/requirements-crosscheck.txt")

from tests.compute.multiplet.edrixs_twin import spectrum

RNG = np.random.default_rng(0)
LOW = RNG.standard_normal((5, 5)) / 2
LOW = (LOW + LOW.T).tolist()
HOP = RNG.standard_normal((5, 5)).tolist()
LIGAND = np.diag([0.3, -0.2, 0.1, 0.0, -0.4]).tolist()
CUBIC = {"delta": 3.5, "u_dd": 6.5, "u_pd": 8.0, "v_eg": 2.0, "v_t2g": 1.1}
ANY = {"delta": -1.0, "u_dd": 6.0, "u_pd": 7.5, "v": HOP, "ligand": LIGAND}
CASES: dict[str, dict[str, Any]] = {
    "d0": {"element": "Ti", "charge": 4, "crystal_field": {"ten_dq": 1.7, "ds": 0.2}},
    "d1, any field": {"element": "V", "charge": 4, "crystal_field": {"matrix": LOW}},
    "d2, 10 K, x": {
        "element": "V", "charge": 3, "temperature_k": 10, "polarization": "x",
        "crystal_field": {"ten_dq": 1.8, "ds": 0.1, "dt": -0.05},
    },
    "d7, magnetic, plus": {
        "element": "Co", "charge": 2, "exchange_field_ev": [0, 0, 0.05], "polarization": "plus",
        "crystal_field": {"ten_dq": 0.9},
    },
    "d7, tilted field, minus": {
        "element": "Co", "charge": 2, "exchange_field_ev": [0.03, 0.02, -0.04],
        "polarization": "minus", "crystal_field": {"ten_dq": 0.9, "dt": 0.03},
    },
    "d8, 3 configurations": {
        "element": "Ni", "charge": 2, "charge_transfer": CUBIC | {"configurations": 3},
        "crystal_field": {"ten_dq": 0.6},
    },
    "d8, any hopping, z": {
        "element": "Ni", "charge": 2, "charge_transfer": ANY | {"configurations": 2},
        "crystal_field": {"matrix": LOW}, "polarization": "z",
    },
    "d9, 10 K, y": {
        "element": "Cu", "charge": 2, "charge_transfer": ANY | {"configurations": 2},
        "exchange_field_ev": [0, 0.02, 0], "temperature_k": 10, "polarization": "y",
    },
    "d7, 4 configurations": {
        "element": "Co", "charge": 2, "charge_transfer": CUBIC | {"configurations": 4},
        "crystal_field": {"ten_dq": 0.5},
    },
    "d5": {"element": "Fe", "charge": 3, "crystal_field": {"ten_dq": 1.2, "ds": 0.1}},
    "d4, magnetic": {
        "element": "Mn", "charge": 3, "exchange_field_ev": [0, 0, 0.03], "polarization": "minus",
        "crystal_field": {"ten_dq": 1.6, "ds": 0.2, "dt": 0.08},
    },
    "d3": {"element": "Cr", "charge": 3, "crystal_field": {"ten_dq": 2.0, "dt": 0.05}},
    "d6, hot": {"element": "Fe", "charge": 2, "temperature_k": 1500, "polarization": "x"},
}  # fmt: skip


@pytest.mark.slow  # the default suite's environment is without that code
@pytest.mark.parametrize("name", CASES)
def test_edrixs_agrees(name: str) -> None:
    case = CASES[name] | {"grid": {"start": -25, "stop": 30, "step": 0.1}}
    twin = spectrum(case)
    for method in ("dense", "lanczos", "rscg"):
        ours = solve(case | {"method": method})
        levels = ours["initial_eigenvalues_ev"]
        np.testing.assert_allclose(levels, twin["levels"][: len(levels)], atol=1e-8)
        assert ours["ground_state_energy_ev"] == pytest.approx(twin["ground"], abs=1e-8)
        peak = twin["intensity"].max()
        np.testing.assert_allclose(ours["intensity"], twin["intensity"], atol=1e-5 * peak)
        assert ours["total_intensity"] == pytest.approx(twin["total"], abs=1e-9)
        assert ours["mean_d_holes"] == pytest.approx(twin["mean_d_holes"], abs=1e-8)
