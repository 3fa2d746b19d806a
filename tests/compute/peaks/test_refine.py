"""Small dense algebra of a descent against numpy's."""

from __future__ import annotations

import numpy as np

from compute.peaks.refine import cholesky_in_place, projected_equations, solve_damped

RNG = np.random.default_rng(4)


def test_the_basis_is_projected_out_of_the_slopes():
    rows, residual = RNG.standard_normal((9, 60)), RNG.standard_normal(60)
    linear, slopes = np.arange(4), np.array([4, 6, 7, 8])
    matrix, gradient, scale = projected_equations(rows @ rows.T, rows @ residual, linear, slopes)

    basis, derivatives = rows[linear], rows[slopes]
    outside = derivatives - derivatives @ np.linalg.pinv(basis) @ basis
    np.testing.assert_allclose(matrix, (outside @ outside.T) * np.outer(scale, scale), atol=1e-10)
    np.testing.assert_allclose(np.diag(matrix), 1.0, atol=1e-10)
    np.testing.assert_allclose(gradient, derivatives @ residual * scale, atol=1e-10)


def test_a_damped_system_is_solved_and_an_indefinite_one_refused():
    root, right = RNG.standard_normal((5, 5)), RNG.standard_normal(5)
    matrix = root @ root.T
    want = np.linalg.solve(matrix + 0.3 * np.eye(5), right)
    np.testing.assert_allclose(solve_damped(matrix, right, 0.3), want, rtol=1e-9)
    assert solve_damped(-matrix, right, 1e-3).size == 0


def test_cholesky_leaves_the_factor_below_the_diagonal():
    root = RNG.standard_normal((4, 4))
    lower = root @ root.T
    want = np.linalg.cholesky(lower)
    assert cholesky_in_place(lower)
    np.testing.assert_allclose(np.tril(lower), want, rtol=1e-10)
