"""The container takes integrals in any orbital basis and gives the same physics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.multiplet import Integrals, OneElectron, Problem, TwoElectron, solve, solve_problem
from compute.multiplet.case import parse_case
from compute.multiplet.ligand_field import build_problem

CASE: dict[str, Any] = {
    "element": "Ni",
    "charge": 2,
    "crystal_field": {"ten_dq": 0.6, "ds": 0.1},
    "charge_transfer": {
        "delta": 4.0, "u_dd": 7.0, "u_pd": 8.5, "v_eg": 2.0, "v_t2g": 1.1, "configurations": 2,
    },
    "grid": {"start": -15, "stop": 22, "step": 0.1},
}  # fmt: skip


def tensor(two: TwoElectron) -> np.ndarray:
    """<ij||kl> / 2, whose antisymmetric part is the operator's again."""
    n = two.n_orb
    k, l = np.divmod(two.kl, n)
    out = np.zeros((n,) * 4, two.value.dtype)
    for i, j, sign in ((two.i, two.j, 1), (two.j, two.i, -1)):
        out[i, j, k, l] += sign * two.value / 2
        out[i, j, l, k] -= sign * two.value / 2
    return out


def in_new_basis(problem: Problem, u: np.ndarray) -> Problem:
    """The same problem with spin-orbitals that are the columns of u."""

    def turn(matrix: np.ndarray) -> np.ndarray:
        return u.conj().T @ matrix @ u

    def integrals(old: Integrals) -> Integrals:
        two = np.einsum(
            "abcd,ai,bj,ck,dl->ijkl", tensor(old.two_electron), u.conj(), u.conj(), u, u,
            optimize=True,
        )  # fmt: skip
        one = OneElectron.from_matrix(turn(old.one_electron.matrix()))
        return Integrals(one, TwoElectron.from_tensor(two), old.shifts)

    return replace(
        problem,
        initial=integrals(problem.initial),
        final=integrals(problem.final),
        dipole={name: turn(m) for name, m in problem.dipole.items()},
        vectors={name: (turn(z), turn(p)) for name, (z, p) in problem.vectors.items()},
        core_half=(),
        charges=(0,) * sum(problem.shells),
        time_reversal=False,
        cubic=False,
    )


def random_unitary(n: int, rng: np.random.Generator, *, real: bool) -> np.ndarray:
    m = rng.standard_normal((n, n)) + (0 if real else 1j) * rng.standard_normal((n, n))
    return np.linalg.qr(m)[0]


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("real", [True, False])
def test_any_spin_orbitals_of_the_shells_give_the_same_spectrum(real: bool, method: str) -> None:
    rng = np.random.default_rng(8)
    case = parse_case(CASE)
    problem = build_problem(case)
    u = np.zeros((26, 26), float if real else complex)
    for part in (slice(0, 6), slice(6, 16), slice(16, 26)):
        u[part, part] = random_unitary(part.stop - part.start, rng, real=real)
    other = solve_problem(in_new_basis(problem, u), case.energy, method=method)
    plain = solve(CASE)
    np.testing.assert_allclose(
        other["initial_eigenvalues_ev"][:3], plain["initial_eigenvalues_ev"][:3], atol=1e-9
    )
    peak = plain["intensity"].max()
    np.testing.assert_allclose(other["intensity"], plain["intensity"], atol=5e-6 * peak)
    assert other["total_intensity"] == pytest.approx(plain["total_intensity"], abs=1e-9)
    for key in ("S2", "L2", "J2"):
        assert other["expectation"][key] == pytest.approx(plain["expectation"][key], abs=1e-8)


def test_spatial_integrals_are_spread_over_both_spins() -> None:
    rng = np.random.default_rng(1)
    spatial = rng.standard_normal((3,) * 4)
    spatial = spatial + spatial.transpose(1, 0, 3, 2)
    spatial = spatial + spatial.transpose(2, 3, 0, 1)
    spin = np.zeros((6,) * 4)
    for a, b, c, d in np.ndindex(3, 3, 3, 3):
        for s in range(2):
            for t in range(2):
                spin[2 * a + s, 2 * b + t, 2 * c + s, 2 * d + t] = spatial[a, b, c, d]
    ours, twin = TwoElectron.from_spatial(spatial), TwoElectron.from_tensor(spin)
    for field in ("ptr", "i", "j", "value"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(twin, field))


def test_time_reversal_and_blocks_only_save_time() -> None:
    case = parse_case(CASE | {"crystal_field": {"ten_dq": 0.6}})
    problem = build_problem(case)
    assert problem.time_reversal
    assert problem.cubic
    assert problem.modulus == 8
    plain = solve_problem(problem, case.energy)
    for changes in (
        {"cubic": False},
        {"cubic": False, "time_reversal": False},
        {"cubic": False, "time_reversal": False, "charges": (0,) * 26},
    ):
        other = solve_problem(replace(problem, **changes), case.energy)
        np.testing.assert_allclose(other["intensity"], plain["intensity"], atol=1e-9)
        assert other["n_initial_states"] == plain["n_initial_states"]
