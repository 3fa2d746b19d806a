"""Iterative solvers against full diagonalisation, and their promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.errors import ConvergenceError
from compute.solvers.lanczos import lowest_states
from compute.solvers.resolvent import Resolvent
from compute.solvers.rscg import ShiftedCG, gershgorin_floor
from compute.solvers.sparse import Csr


def csr(matrix: np.ndarray) -> Csr:
    row, column = np.nonzero(matrix)
    pointers = np.searchsorted(row, np.arange(len(matrix) + 1))
    return Csr(pointers.astype(np.uint32), column.astype(np.uint32), matrix[row, column])


def with_spectrum(values: np.ndarray, seed: int, *, real: bool = True) -> np.ndarray:
    """A Hermitian matrix with these eigenvalues and random eigenvectors."""
    rng = np.random.default_rng(seed)
    n = len(values)
    m = rng.standard_normal((n, n)) + (0 if real else 1j) * rng.standard_normal((n, n))
    q = np.linalg.qr(m)[0]
    h = (q * values) @ q.conj().T
    return (h + h.conj().T) / 2


def sparse_hermitian(n: int, seed: int, *, real: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((n, n)) * (rng.random((n, n)) < 8 / n)
    if not real:
        m = m + 1j * rng.standard_normal((n, n)) * (m != 0)
    return m + m.conj().T + np.diag(rng.uniform(-10, 10, n))


@pytest.mark.parametrize("real", [True, False])
def test_product_is_that_of_the_dense_matrix(real: bool) -> None:
    h = sparse_hermitian(60, 1, real=real)
    x = np.random.default_rng(2).standard_normal((60, 7))
    np.testing.assert_allclose(csr(h).dense(), h)
    np.testing.assert_allclose(csr(h).apply(x), h @ x, atol=1e-12)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("copies", [1, 2, 3, 4, 5, 9])
def test_every_copy_of_a_degenerate_ground_level_is_found(copies: int, real: bool) -> None:
    rng = np.random.default_rng(copies)
    values = np.concatenate([np.full(copies, -12.0), [-11.7, -11.7], rng.uniform(-10, 40, 400)])
    found, vectors = lowest_states(csr(with_spectrum(values, copies, real=real)), 0.5)
    expected = np.sort(values)[: copies + 2]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(vectors.conj().T @ vectors, np.eye(copies + 2), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from([0.0, 1e-9, 1e-7, 1e-5, 1e-3, 0.02, 0.1, 0.3]), min_size=1, max_size=8
    ),
    st.integers(0, 10**6),
)
def test_nearly_degenerate_manifolds_are_found_whole(splittings: list[float], seed: int) -> None:
    """Where others lose states: levels that all but coincide below a wide spectrum."""
    rng = np.random.default_rng(seed)
    low = -20 + np.array(splittings)
    low[0] = -20.0
    values = np.concatenate([low, rng.uniform(-18.8, 60, 350)])
    matrix = with_spectrum(values, seed)
    found, vectors = lowest_states(csr(matrix), 0.6)
    np.testing.assert_allclose(found, np.sort(low), atol=1e-9)
    residual = np.linalg.norm(matrix @ vectors - vectors * found, axis=0)
    assert residual.max() < 1e-8


def test_states_above_the_ceiling_are_left_out() -> None:
    values = np.concatenate([[-5.0, -4.9], np.random.default_rng(1).uniform(-3, 30, 300)])
    matrix = csr(with_spectrum(values, 1))
    assert lowest_states(matrix, 1.0, ceiling=-4.95)[0].size == 1
    assert lowest_states(matrix, 1.0, ceiling=-6.0)[0].size == 0


def test_no_convergence_is_an_error_that_tells_the_residual() -> None:
    values = np.concatenate([[-5.0], np.random.default_rng(1).uniform(-4.9, 30, 400)])
    with pytest.raises(ConvergenceError) as caught:
        lowest_states(csr(with_spectrum(values, 1)), 0.5, max_products=2)
    assert caught.value.residual > caught.value.tolerance


@pytest.mark.parametrize("kind", [Resolvent, ShiftedCG])
@pytest.mark.parametrize("real", [True, False])
def test_green_function_and_its_error_bound(kind: type, real: bool) -> None:
    h = sparse_hermitian(300, 5, real=real)
    rng = np.random.default_rng(6)
    v = rng.standard_normal((300, 3)) + (0 if real else 1j) * rng.standard_normal((300, 3))
    z = np.linspace(-15, 15, 60) + 0.5j
    values, vectors = np.linalg.eigh(h)
    strength = np.abs(vectors.conj().T @ v) ** 2
    exact = (1 / (z[:, None] - values)) @ strength
    space = kind(csr(h), v)
    for _ in range(30):
        space.advance(8)
        for lane in range(3):
            solution = space.solutions(lane, z)
            error = np.abs(solution.green - exact[:, lane])
            assert (error <= solution.error * (1 + 1e-6) + 1e-9).all()
    assert error.max() < 1e-6 * np.abs(exact).max()


def test_residual_of_the_shifted_systems_is_the_true_one() -> None:
    h = sparse_hermitian(80, 7)
    v = np.random.default_rng(8).standard_normal((80, 1))
    z = np.array([-3 + 0.3j, 0.1 + 0.3j, 12 + 0.3j])
    space = ShiftedCG(csr(h), v)
    space.advance(20)
    solution = space.solutions(0, z)
    # Galerkin solution in the same Krylov space, built the slow way
    krylov = [v[:, 0] / np.linalg.norm(v)]
    for _ in range(19):
        w = h @ krylov[-1]
        for _ in range(2):
            w = w - sum((q @ w) * q for q in krylov)
        krylov.append(w / np.linalg.norm(w))
    q = np.array(krylov).T
    for k, e in enumerate(z):
        small = e * np.eye(20) - q.T @ h @ q
        x = q @ np.linalg.solve(small, q.T @ v[:, 0])
        residual = np.linalg.norm(v[:, 0] - (e * x - h @ x)) / np.linalg.norm(v)
        assert solution.residual[k] == pytest.approx(residual, rel=1e-6)
        assert solution.green[k] == pytest.approx(v[:, 0] @ x, rel=1e-8)


@pytest.mark.parametrize("kind", [Resolvent, ShiftedCG])
def test_an_invariant_subspace_ends_the_recurrence(kind: type) -> None:
    values = np.arange(1.0, 41.0)
    h = with_spectrum(values, 3)
    vectors = np.linalg.eigh(h)[1]
    v = (vectors[:, [2, 7, 30]] @ np.array([1.0, 2.0, 0.5]))[:, None]
    space = kind(csr(h), v)
    space.advance(16)
    assert not space.beta[3:, 0].any()
    z = np.array([3 + 1e-6j, 5 + 0.1j, 31 - 1e-6j])
    solution = space.solutions(0, z)
    exact = sum(w / (z - e) for e, w in ((3, 1), (8, 4), (31, 0.25)))
    np.testing.assert_allclose(solution.green, exact, rtol=1e-6)
    np.testing.assert_allclose(solution.error, 0, atol=1e-3)


def test_gershgorin_floor_lies_below_the_spectrum() -> None:
    h = sparse_hermitian(100, 9)
    assert gershgorin_floor(csr(h)) < np.linalg.eigvalsh(h)[0]
