"""Spectra by continued fraction: <v|(z - H)^-1|v> from Lanczos recurrences.

After m steps the Galerkin value has the error r(z*)^H (z - H)^-1 r(z), hence
|error| <= |r|^2 / |Im z|; the residual norm |r| is known at every step and every z, so that
convergence is proven, not guessed. Eight start vectors run side by side, without
orthogonalisation: repeated Ritz values ("ghosts") only share the weight of one, which leaves
every smooth function of H untouched (Druskin and Knizhnerman, 1991).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.jit import njit
from compute.solvers.sparse import LANES, Csr, Operator, combine, shift

Array = NDArray[Any]
Real = NDArray[np.float64]


class Resolvent:
    """<v|(z - H)^-1|v> for up to eight start vectors v, as their Krylov spaces grow."""

    def __init__(self, matrix: Csr, start: Array) -> None:
        """``start`` is (n, p) with p <= 8."""
        self.lanes = start.shape[1]
        self.norm2: Real = np.einsum("np,np->p", start.conj(), start).real
        self._operator = Operator(matrix, start.dtype)
        current = self._operator.pack(start)
        self._vectors = np.zeros_like(current), current
        self._norms = np.zeros(LANES)
        self._norms[: self.lanes] = np.sqrt(self.norm2)
        self._coupling = np.zeros(LANES)
        self._tiny = 1e-13 * (float(np.abs(matrix.data).max(initial=0.0)) or 1.0)
        self.alpha = np.zeros((0, LANES))
        self.beta = np.zeros((0, LANES))

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def advance(self, steps: int) -> None:
        """Add Krylov vectors."""
        alpha, beta = np.zeros((steps, LANES)), np.zeros((steps, LANES))
        self._vectors = _lanczos_steps(
            *self._operator.rows, *self._vectors, self._norms, self._coupling,
            alpha, beta, self._tiny,
        )  # fmt: skip
        self.alpha = np.concatenate([self.alpha, alpha])
        self.beta = np.concatenate([self.beta, beta])

    def forget(self) -> None:
        """Drop matrix and vectors: no step can follow, solutions can still be evaluated."""
        del self._vectors, self._operator

    def solutions(self, lane: int, z: Array) -> Fraction:
        """The Green's function of one lane at z, at the present step."""
        return Fraction(self, lane, z)


class Fraction:
    """[(z - T_m)^-1]_11 of growing tridiagonal T_m at many z, with its error bound.

    With the pivots d_m = z - alpha_m - beta_{m-1}^2 / d_{m-1}, [(z - T_m)^-1]_m1 = y_m =
    y_{m-1} beta_{m-1} / d_m, the corner grows by y_m^2 d_m, and the residual is beta_m |y_m|.
    """

    def __init__(self, space: Resolvent, lane: int, z: Array) -> None:
        self._space, self._lane = space, lane
        self._norm2 = float(space.norm2[lane])
        self._z = np.ascontiguousarray(z, complex)
        self._pivot = np.ones(z.size, complex)
        self._y = np.ones(z.size, complex)
        self._green = np.zeros(z.size, complex)
        self._steps = 0
        self._last = 0.0
        self.update()

    def update(self) -> None:
        """Follow the Krylov space to its present step."""
        alpha = self._space.alpha[self._steps :, self._lane].copy()
        beta = self._space.beta[self._steps :, self._lane].copy()
        self._last = _extend_fraction(
            self._z.real.copy(), self._z.imag.copy(), alpha, beta,
            self._last, self._steps == 0,
            self._pivot.view(float), self._y.view(float), self._green.view(float),
        )  # fmt: skip
        self._steps += alpha.size

    @property
    def green(self) -> Array:
        """<v|(z - H)^-1|v>, (k,) complex."""
        return np.asarray(self._norm2 * self._green)

    @property
    def error(self) -> Real:
        """Largest possible error at each z, (k,)."""
        residual2 = self._last**2 * np.abs(self._y) ** 2
        return np.asarray(self._norm2 * residual2 / np.abs(self._z.imag))


@njit(cache=True)
def _lanczos_steps(
    indptr: Array,
    indices: Array,
    values: Array,
    previous: Real,
    current: Real,
    norms: Real,
    coupling: Real,
    alpha: Real,
    beta: Real,
    tiny: float,
) -> tuple[Array, Array]:
    """Lanczos recurrences of eight independent lanes, without orthogonalisation.

    Parameters
    ----------
    indptr, indices, values
        `sparse.Operator.rows`.
    previous, current : (n, parts, 8)
        The last two Krylov vectors, both overwritten and neither normalised: each carries the
        factor that normalises it to the next step instead of costing a pass over memory.
    norms : (8,)
        Length of ``current``; a lane of norm 0 has ended. Changed in place.
    coupling : (8,)
        What ``previous`` is to be multiplied with. Changed in place.
    alpha, beta : (steps, 8)
        Filled; beta[k] couples vectors k and k + 1, 0 ends a lane.
    tiny : float
        A beta below this means that the space is exhausted.

    Returns
    -------
    The new (previous, current).
    """
    lanes = norms.size
    factor, overlap, square = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    minus, zeros = np.zeros(lanes), np.zeros(lanes)
    for step in range(alpha.shape[0]):
        for k in range(lanes):
            factor[k] = 1.0 / norms[k] if norms[k] > 0.0 else 0.0
            minus[k] = -coupling[k]
        combine(indptr, indices, values, current, previous, factor, zeros, minus, overlap)
        for k in range(lanes):
            alpha[step, k] = overlap[k] * factor[k]
            minus[k] = -alpha[step, k] * factor[k]
        shift(current, previous, minus, square)
        for k in range(lanes):
            norms[k] = np.sqrt(square[k])
            if norms[k] <= tiny:
                norms[k] = 0.0
            beta[step, k] = norms[k]
            coupling[k] = norms[k] * factor[k]
        previous, current = current, previous
    return previous, current


@njit(cache=True, fastmath={"contract"})
def _extend_fraction(
    z_re: Real,
    z_im: Real,
    alpha: Real,
    beta: Real,
    last: float,
    begin: bool,
    pivot: Real,
    y: Real,
    green: Real,
) -> float:
    """Forward recurrence of `Fraction`; pivot, y, green hold (re, im) pairs, changed in place.

    ``last`` is the coupling to the first new step; returns the one beyond the last (0: ended).
    """
    for m in range(alpha.size):
        if last == 0.0 and not (begin and m == 0):
            return 0.0
        square = last * last
        factor = 1.0 if begin and m == 0 else last
        for k in range(z_re.size):
            d_re, d_im = pivot[2 * k], pivot[2 * k + 1]
            inverse = square / (d_re * d_re + d_im * d_im)
            d_re, d_im = z_re[k] - alpha[m] - inverse * d_re, z_im[k] + inverse * d_im
            inverse = factor / (d_re * d_re + d_im * d_im)
            y_re, y_im = y[2 * k], y[2 * k + 1]
            u_re = (y_re * d_re + y_im * d_im) * inverse
            u_im = (y_im * d_re - y_re * d_im) * inverse
            # y_new^2 d = y_new y_old factor
            green[2 * k] += (u_re * y_re - u_im * y_im) * factor
            green[2 * k + 1] += (u_re * y_im + u_im * y_re) * factor
            pivot[2 * k], pivot[2 * k + 1] = d_re, d_im
            y[2 * k], y[2 * k + 1] = u_re, u_im
        last = beta[m]
    return last
