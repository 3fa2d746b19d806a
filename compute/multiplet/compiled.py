"""The engine's kernels compiled ahead of the first question."""

from __future__ import annotations

from typing import Any

from compute.multiplet.calculation import solve

_ION: dict[str, Any] = {"element": "Ni", "charge": 2, "grid": {"start": -5, "stop": 5, "step": 0.5}}
_LOW = [[0.3 if i == j else 0.01 * (i + j) for j in range(5)] for i in range(5)]
_CASES: tuple[dict[str, Any], ...] = (
    {"crystal_field": {"ten_dq": 1.0}},
    {"crystal_field": {"ten_dq": 1.0, "ds": 0.1}, "polarization": "plus"},
    {"crystal_field": {"matrix": _LOW}, "exchange_field_ev": [0.01, 0.01, 0.01]},
    {
        "crystal_field": {"matrix": _LOW},
        "charge_transfer": {
            "delta": 4.0, "u_dd": 6.0, "u_pd": 7.0, "v_eg": 2.0, "v_t2g": 1.0, "configurations": 2,
        },
    },
)  # fmt: skip


def compile_kernels() -> None:
    """Solve small cases by every method, so that what Numba compiles is compiled and kept.

    Seconds where Numba's cache is filled, half a minute where it is empty.
    """
    for method in ("dense", "lanczos", "rscg"):
        for case in _CASES:
            solve(_ION | case | {"method": method})
