"""Compiling ahead leaves nothing to compile for the first question."""

from __future__ import annotations

import pytest

from compute.multiplet import kernels, solve
from compute.multiplet.compiled import compile_kernels
from compute.solvers import lanczos, resolvent, sparse
from tests.compiled import signatures


def compiled() -> dict[str, int]:
    return signatures(kernels, lanczos, resolvent, sparse)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["auto", "dense", "lanczos", "rscg"])
def test_nothing_is_compiled_for_a_question_afterwards(method: str) -> None:
    compile_kernels()
    before = compiled()
    assert sum(before.values()) >= 3
    transfer = {"delta": 4.7, "u_dd": 7.3, "u_pd": 8.5, "v_eg": 2.1, "v_t2g": 1.2}
    for case in (
        {"element": "Ti", "charge": 4},
        {"element": "Fe", "charge": 3, "crystal_field": {"ten_dq": 1.1, "dt": 0.1}},
        {"element": "Ni", "charge": 2, "charge_transfer": transfer | {"configurations": 3}},
        {"element": "V", "charge": 3, "polarization": "minus", "exchange_field_ev": [0, 0.1, 0]},
    ):
        solve(case | {"method": method})
    assert compiled() == before
