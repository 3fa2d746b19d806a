"""Shifted linear systems: the reduced-shifted conjugate gradient method (RSCG).

All systems (z - H) x = v share one Krylov space. Conjugate gradients run on one real seed
shift below the spectrum, where H - sigma is positive definite; the solutions at every other z
follow from scalars alone, of which only the component along v is kept, and so does their
residual (Y. Nagai, Y. Shinohara, Y. Futamura, T. Sakurai, J. Phys. Soc. Jpn. 86 (2017) 014708).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import ConvergenceError
from compute.solvers.sparse import LANES, Csr, multiply

Array = NDArray[Any]
Real = NDArray[np.float64]


def gershgorin_floor(matrix: Csr) -> float:
    """A number below every eigenvalue."""
    rows = np.repeat(np.arange(matrix.size), np.diff(matrix.indptr))
    on_diagonal = rows == matrix.indices
    diagonal = np.zeros(matrix.size)
    diagonal[rows[on_diagonal]] = matrix.data[on_diagonal].real
    radius = np.bincount(
        rows[~on_diagonal], np.abs(matrix.data[~on_diagonal]), minlength=matrix.size
    )
    return float((diagonal - radius).min()) - 1.0


def shifted_green(
    matrix: Csr, start: Array, z: Array, *, tolerance: float = 1e-9, max_steps: int = 20_000
) -> tuple[Array, Real, int]:
    """<v|(z - H)^-1|v> for every z at once.

    Parameters
    ----------
    matrix : Hermitian (n, n)
    start : (n,)
    z : complex (k,)
        Away from the real axis.
    tolerance : largest |v - (z - H) x| / |v| accepted at any z

    Returns
    -------
    green complex (k,), relative residual (k,), Krylov steps

    Raises
    ------
    ConvergenceError
        With the largest residual, if any z stays above the tolerance.
    """
    norm = float(np.linalg.norm(start))
    if norm == 0.0:
        return np.zeros(z.size, complex), np.zeros(z.size), 0
    dtype = np.result_type(start, matrix.data)
    data = matrix.data.astype(dtype, copy=False)
    sigma = gershgorin_floor(matrix)
    w = z - sigma  # (H - sigma - w) x = v; the sign is put back at the end
    lanes = np.zeros((start.size, LANES), dtype)
    product = np.empty_like(lanes)
    # The seed converges long before the others: residual and direction are kept at the scale
    # of |r| = 1, and of zeta_k = r_k(z) / r_k only ratios, or they would leave the range.
    r = start.astype(dtype) / norm
    p = r.copy()
    alpha_old, beta = 1.0, 0.0
    ratio = np.ones(z.size, complex)  # zeta_k / zeta_{k-1}
    direction = np.ones(z.size, complex)  # <v|p_k(z)>; <v|r_k> = 0 for k > 0
    green = np.zeros(z.size, complex)
    residual = np.ones(z.size)
    for step in range(1, max_steps + 1):
        lanes[:, 0] = p
        multiply(matrix.indptr, matrix.indices, data, lanes, product)
        hp = product[:, 0] - sigma * p
        alpha = 1.0 / float(np.vdot(p, hp).real)
        ratio = 1.0 / (1.0 - alpha * w + (alpha * beta / alpha_old) * (1.0 - ratio))
        green += alpha * ratio * direction
        r = r - alpha * hp
        beta = float(np.vdot(r, r).real)
        root = np.sqrt(beta)
        residual *= np.abs(ratio) * root
        if float(residual.max()) <= tolerance:
            return -(norm**2) * green, residual, step
        direction *= beta * ratio**2
        r /= root
        p = r + root * p
        alpha_old = alpha
    raise ConvergenceError("shifted linear systems", float(residual.max()), tolerance)
