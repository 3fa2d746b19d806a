"""The worked cases of the shared data folder, as CASE.json."""

from __future__ import annotations

import json
from typing import Any

from tests.shared_data import shared_data

NAMES = (
    "Ti4p_d0_Oh_10Dq2.0_300K",
    "Mn3p_d4_D4h_300K",
    "Mn2p_d5_Oh_10Dq0.9_300K",
    "Co2p_d7_Oh_10Dq0.9_300K",
    "Ni2p_d8_Oh_10Dq1.1_300K",
    "CT_Co2p_d7_2conf_300K",
    "CT_Ni2p_d8_2conf_300K",
)


def load(name: str) -> dict[str, Any]:
    """The file as it is."""
    return json.loads(shared_data("multiplet", f"{name}.json").read_text())


def as_case(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The file's parameters with our keys."""
    p, grid = data["parameters_eV"], data["spectrum"]
    case = {
        "element": data["ion"][:2],
        "charge": int(data["ion"][2]),
        "n_d": data["n_d"],
        "initial": {"F2dd": p["F2dd_i"], "F4dd": p["F4dd_i"], "zeta_3d": p["zeta_d_i"]},
        "final": {
            "F2dd": p["F2dd_f"],
            "F4dd": p["F4dd_f"],
            "zeta_3d": p["zeta_d_f"],
            "F2pd": p["F2pd"],
            "G1pd": p["G1pd"],
            "G3pd": p["G3pd"],
            "zeta_2p": p["zeta_p"],
        },
        "crystal_field": {"ten_dq": p["tenDq"], "ds": p.get("Ds", 0.0), "dt": p.get("Dt", 0.0)},
        "temperature_k": data["temperature_K"],
        "grid": {key: grid[key] for key in ("start", "stop", "step")},
        "hwhm_ev": grid["hwhm"],
    }
    if "Delta" in p:
        case["charge_transfer"] = {
            "delta": p["Delta"],
            "u_dd": p["Udd"],
            "u_pd": p["Upd"],
            "v_eg": p["Veg"],
            "v_t2g": p["Vt2g"],
            "configurations": data["n_configurations"],
        }
    return case | changes
