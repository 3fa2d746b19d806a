"""Averages of the charge-transfer model against the many-electron Hamiltonian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compute.l23.cluster.average import Average
from compute.multiplet import solve
from compute.multiplet.case import parse_case
from compute.multiplet.determinants import space
from compute.multiplet.ligand_field import build_problem
from compute.multiplet.operators import hamiltonian

_U, _V = 6.0, 1.3


def _case(element: str, charge: int, delta: float, configurations: int) -> dict[str, Any]:
    return {
        "element": element,
        "charge": charge,
        "charge_transfer": {
            "delta": delta, "u_dd": _U, "u_pd": 7.5, "v_eg": _V, "v_t2g": _V,
            "configurations": configurations,
        },
        "grid": {"start": -10, "stop": 10, "step": 1.0},
    }  # fmt: skip


_NO_MULTIPLETS = {
    "initial": {"F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.0},
    "final": dict.fromkeys(("F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd", "zeta_2p"), 0.0),
}


@pytest.mark.parametrize(
    ("element", "charge", "delta"), [("Ti", 4, 3.0), ("Ni", 2, 4.0), ("Cu", 3, -1.5)]
)
def test_ligand_holes_are_those_of_the_many_electron_ground_state(
    element: str, charge: int, delta: float
) -> None:
    found = solve(_case(element, charge, delta, 3) | _NO_MULTIPLETS)
    n_d = found["parameters"]["n_d"]
    expected = 10 - n_d - found["mean_d_holes"]
    average = Average(10 - n_d, _V**2, _U, 3)
    assert average.ligand_holes(delta) == pytest.approx(expected, abs=1e-6)


def test_the_shifts_are_the_averages_over_all_determinants() -> None:
    """Multiplets, field and hopping move no average of the whole Hamiltonian."""
    case = parse_case(_case("Ni", 2, 4.0, 3) | {"crystal_field": {"ten_dq": 0.7, "ds": 0.2}})
    problem = build_problem(case)
    for integrals, configurations, step in (
        (problem.initial, problem.initial_configurations, 4.0),
        (problem.final, problem.final_configurations, 4.0 + _U - 7.5),
    ):
        every = space(problem.shells, configurations, problem.charges, 1)
        block = every.block(0)
        diagonal = np.diag(hamiltonian(block, integrals).dense()).real
        for k in range(len(configurations)):
            mean = diagonal[block.configuration == k].mean()
            assert mean == pytest.approx(k * step + k * (k - 1) / 2 * _U, abs=1e-9)


def test_level_difference_is_the_slope_of_the_averages_at_the_models_occupation() -> None:
    average = Average(2, 2.5, _U, 3)
    delta = average.delta(3.3, 0.2)
    k, step = average.ligand_holes(delta), 1e-4

    def energy(k: float) -> float:
        return k * delta + k * (k - 1) / 2 * _U

    assert (energy(k + step) - energy(k - step)) / (2 * step) == pytest.approx(3.3, abs=1e-6)


def test_a_full_shell_gains_nothing() -> None:
    full = Average(0, 2.5, _U, 3)
    assert full.gain(-1.0) == 0.0
    assert full.delta(1.0, 0.0) == pytest.approx(1.0 + _U / 2)


@pytest.mark.parametrize(("holes", "delta"), [(0.1, 2.3), (0.44, 0.0), (0.9, -2.3)])
def test_where_repulsion_outweighs_hopping_the_fields_holes_choose_the_solution(
    holes: float, delta: float
) -> None:
    """NiPS3 beside the core hole with too large a U: a wrong one is 2 eV off."""
    average = Average(1, 1.43, 6.55, 3)
    found = average.delta(0.01, holes)
    assert found == pytest.approx(delta, abs=0.1)
    slope = found + (average.ligand_holes(found) - 0.5) * 6.55
    assert slope == pytest.approx(0.01, abs=1e-9)


def test_a_repulsion_that_hopping_outweighs_leaves_one_solution() -> None:
    average = Average(1, 1.43, 3.8, 3)
    assert average.delta(0.5, 0.05) == pytest.approx(average.delta(0.5, 0.95), abs=1e-9)


def test_the_last_configuration_weighs_nothing_once_every_hole_has_moved() -> None:
    """One hole: two configurations are all; of more holes the last one kept counts."""
    assert Average(1, 2.5, _U, 3).last_weight(1.0) == 0.0
    truncated = Average(7, 6.0, 4.5, 2).last_weight(2.0)
    assert truncated > Average(7, 6.0, 4.5, 3).last_weight(2.0) > 0.01
