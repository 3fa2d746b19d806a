"""Axes that show a site's symmetry: found from its matrices, and without effect on results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.multiplet import ligand_field, solve
from compute.multiplet.angular import real_d_orbitals
from compute.multiplet.case import parse_case
from compute.multiplet.frame import Frame, about, best_frame, in_frame
from compute.multiplet.ligand_field import build_problem
from compute.orbitals import rotation_matrix

Z, Y = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
GENERATORS = {
    "C1": [],
    "C2": [about(Z, np.pi)],
    "C3": [about(Z, 2 * np.pi / 3)],
    "C4": [about(Z, np.pi / 2)],
    "D2": [about(Z, np.pi), about(Y, np.pi)],
    "D3": [about(Z, 2 * np.pi / 3), about(Y, np.pi)],
    "D4": [about(Z, np.pi / 2), about(Y, np.pi)],
    "Dinf": [about(Z, 2 * np.pi / 5), about(Y, np.pi)],
    "O": [about(Z, np.pi / 2), about(np.ones(3) / np.sqrt(3), 2 * np.pi / 3)],
}
SHOWN = {
    "C1": (1, False), "C2": (2, False), "C3": (3, False), "C4": (4, False), "D2": (2, True),
    "D3": (3, True), "D4": (4, True), "Dinf": (5, True), "O": (4, True),
}  # fmt: skip


def group(generators: list[np.ndarray]) -> list[np.ndarray]:
    elements = [np.eye(3)]
    grown = True
    while grown:
        grown = False
        for g in generators:
            for e in list(elements):
                new = g @ e
                if not any(np.allclose(new, other, atol=1e-9) for other in elements):
                    elements.append(new)
                    grown = True
    return elements


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    axis = rng.standard_normal(3)
    return about(axis / np.linalg.norm(axis), rng.uniform(0, 2 * np.pi))


def site(symmetry: str, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Field, hopping and ligand matrices of this symmetry in turned axes, and its z axis."""
    turn = random_rotation(rng)
    matrices = []
    for hermitian in (True, False, True):
        m = rng.standard_normal((5, 5))
        m = m + m.T if hermitian else m
        m = np.mean(
            [rotation_matrix(g).T @ m @ rotation_matrix(g) for g in group(GENERATORS[symmetry])],
            axis=0,
        )
        matrices.append(rotation_matrix(turn) @ m @ rotation_matrix(turn).T)
    return matrices, turn @ Z


@pytest.mark.parametrize("symmetry", list(SHOWN))
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_symmetry_of_matrices_in_any_axes_is_shown(symmetry: str, seed: int) -> None:
    matrices, _ = site(symmetry, np.random.default_rng(seed))
    frame = best_frame(matrices, np.zeros(3))
    order, real = SHOWN[symmetry]
    assert frame.gain >= order * (2 if real else 1)
    np.testing.assert_allclose(frame.axes @ frame.axes.T, np.eye(3), atol=1e-12)
    d = rotation_matrix(frame.axes.T)
    for m in matrices:
        clean = in_frame(m, frame)
        np.testing.assert_allclose(clean, d.T @ m @ d, atol=2e-8)
        np.testing.assert_allclose(np.linalg.svd(clean)[1], np.linalg.svd(m)[1], atol=2e-8)


def test_turned_d_functions_are_the_functions_of_turned_coordinates() -> None:
    rng = np.random.default_rng(4)
    turn = random_rotation(rng)
    v = rng.standard_normal((20, 3))

    def functions(v: np.ndarray) -> np.ndarray:
        x, y, z = v.T
        r3 = np.sqrt(3)
        return np.stack(
            [z**2 - (x**2 + y**2) / 2, r3 / 2 * (x**2 - y**2), r3 * x * y, r3 * x * z, r3 * y * z],
            axis=1,
        )

    np.testing.assert_allclose(
        functions(v @ turn), functions(v) @ rotation_matrix(turn), atol=1e-12
    )
    # about z the complex harmonics only take a phase
    d = real_d_orbitals() @ rotation_matrix(about(Z, 0.3)) @ real_d_orbitals().conj().T
    np.testing.assert_allclose(d, np.diag(np.exp(-0.3j * np.arange(-2, 3))), atol=1e-12)


@pytest.mark.parametrize("symmetry", ["D3", "C3", "D2", "C2", "O"])
def test_blocks_follow_from_the_frame(symmetry: str) -> None:
    matrices, _ = site(symmetry, np.random.default_rng(1))
    problem = build_problem(parse_case(case_of(matrices)))
    order, real = SHOWN[symmetry]
    assert problem.modulus == 2 * order
    assert problem.final.is_real == real
    assert problem.cubic == (symmetry == "O")


def case_of(matrices: list[np.ndarray], **more: Any) -> dict[str, Any]:
    field, v, ligand = matrices
    return {
        "element": "Ni", "charge": 2, "crystal_field": {"matrix": (0.3 * field).tolist()},
        "charge_transfer": {
            "delta": 4.0, "u_dd": 7.0, "u_pd": 8.5, "v": (0.6 * v).tolist(),
            "ligand": (0.2 * ligand).tolist(), "configurations": 2,
        },
        "grid": {"start": -12, "stop": 18, "step": 0.1}, **more,
    }  # fmt: skip


@pytest.mark.parametrize("symmetry", ["D3", "C2"])
@pytest.mark.parametrize("field", [0.0, 0.03])
@pytest.mark.parametrize("polarization", ["isotropic", "x", "z", "plus", "minus"])
def test_turning_to_the_frame_changes_no_result(
    symmetry: str, field: float, polarization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrices, z = site(symmetry, np.random.default_rng(7))
    case = case_of(matrices, polarization=polarization, exchange_field_ev=(field * z).tolist())
    turned = solve(case)
    plain_frame = Frame(np.eye(3), 1, False)
    monkeypatch.setattr(ligand_field, "best_frame", lambda *_: plain_frame)
    plain = solve(case)
    peak = plain["intensity"].max()
    np.testing.assert_allclose(turned["intensity"], plain["intensity"], atol=3e-6 * peak)
    assert turned["total_intensity"] == pytest.approx(plain["total_intensity"], abs=1e-9)
    count = min(len(turned["initial_eigenvalues_ev"]), len(plain["initial_eigenvalues_ev"]))
    np.testing.assert_allclose(
        turned["initial_eigenvalues_ev"][:count],
        plain["initial_eigenvalues_ev"][:count],
        atol=1e-7,
    )
    for key in ("S2", "L2", "J2", "Sz", "Lz", "Jz", "n_d"):
        assert turned["expectation"][key] == pytest.approx(plain["expectation"][key], abs=1e-6)
