"""The engine's spectra belong to its version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from compute.multiplet import solve
from compute.multiplet.version import VERSION
from tests.versions import check_version

REFERENCE = Path(__file__).with_name("version_reference.json")
GRID = {"start": -8.0, "stop": 22.0, "step": 0.5}
INITIAL = {"F2dd": 9.0, "F4dd": 5.6, "zeta_3d": 0.08}
FINAL = INITIAL | {"F2pd": 6.0, "G1pd": 4.6, "G3pd": 2.6, "zeta_2p": 9.0}
TRANSFER = {"delta": 4.0, "u_dd": 7.0, "u_pd": 8.2, "v_eg": 2.0, "v_t2g": 1.2}
CASES: dict[str, dict[str, Any]] = {
    "Ni2+ tetragonal": {
        "element": "Ni", "charge": 2, "crystal_field": {"ten_dq": 1.1, "ds": 0.1, "dt": 0.03},
    },
    "Ni2+ charge transfer": {
        "element": "Ni", "charge": 2, "crystal_field": {"ten_dq": 0.5},
        "charge_transfer": TRANSFER, "hwhm_ev": {"l3": 0.2, "l2": 0.4}, "fwhm_gauss_ev": 0.3,
    },
    "Ti4+ final field": {
        "element": "Ti", "charge": 4, "initial": {"F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.0},
        "crystal_field": {"ten_dq": 1.8},
        "final_field": {"crystal_field": np.diag([1.0, 0.9, -0.7, -0.6, -0.6]).tolist()},
    },
    "Co2+ in a field, right circular": {
        "element": "Co", "charge": 2, "crystal_field": {"ten_dq": 0.9}, "temperature_k": 20.0,
        "exchange_field_ev": [0.0, 0.0, 0.05], "polarization": "plus",
    },
    "Cu2+ by continued fraction": {
        "element": "Cu", "charge": 2, "crystal_field": {"ten_dq": 1.2, "ds": 0.2},
        "charge_transfer": TRANSFER, "method": "lanczos",
    },
    "Cu2+ by shifted systems, Fano": {
        "element": "Cu", "charge": 2, "crystal_field": {"ten_dq": 1.2}, "method": "rscg",
        "fano_q": 9.0, "hwhm_growth": {"per_ev": 0.02, "from_ev": 0.0},
    },
}  # fmt: skip


def numbers() -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for name, case in CASES.items():
        found = solve({"initial": INITIAL, "final": FINAL, "grid": GRID} | case)
        out[name] = found["intensity"].tolist()
        averages = found["expectation"]
        out[f"{name}: levels and averages"] = [
            float(found["total_intensity"]), float(found["branching_ratio"]),
            *(float(averages[key]) for key in ("S2", "L2", "J2", "n_d")),
            *(float(e) for e in found["initial_eigenvalues_ev"][:4]),
        ]  # fmt: skip
    return out


def test_spectra_change_only_with_the_engines_version():
    home = "compute/multiplet/version.py"
    check_version(REFERENCE, VERSION, home, numbers(), rel=1e-5, abs_=1e-7)
