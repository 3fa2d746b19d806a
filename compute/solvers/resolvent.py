"""Spectra by continued fraction: <v|(z - H)^-1|v> from Lanczos recurrences.

After m steps the Galerkin value has the error r(z*)^H (z - H)^-1 r(z), hence
|error| <= |r|^2 / |Im z|; the residual norm |r| is known at every step and every z, so that
convergence is proven, not guessed. Four start vectors run side by side, without
orthogonalisation: repeated Ritz values ("ghosts") only share the weight of one, which leaves
every smooth function of H untouched (Druskin and Knizhnerman, 1991).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from compute.solvers.ritz import MAX_RECORDED, Projection, ritz_lines
from compute.solvers.sparse import LANES, Csr

Array = NDArray[Any]
Real = NDArray[np.float64]


class Resolvent:
    """<v|(z - H)^-1|v> for up to four start vectors v, as their Krylov spaces grow."""

    def __init__(self, matrix: Csr, start: Array, projection: Projection | None = None) -> None:
        """``start`` is (n, p) with p <= 4; a projection is recorded at every step."""
        n, self.lanes = start.shape
        dtype = np.result_type(start, matrix.data)
        self.norm2: Real = np.einsum("np,np->p", start.conj(), start).real
        self._matrix = Csr(matrix.indptr, matrix.indices, matrix.data.astype(dtype, copy=False))
        self._vectors = np.zeros((n, LANES), dtype), np.zeros((n, LANES), dtype)
        self._vectors[1][:, : self.lanes] = start
        self._norms = np.zeros(LANES)
        self._norms[: self.lanes] = np.sqrt(self.norm2)
        self._coupling = np.zeros(LANES)
        self._tiny = 1e-13 * (float(np.abs(matrix.data).max(initial=0.0)) or 1.0)
        self.alpha = np.zeros((0, LANES))
        self.beta = np.zeros((0, LANES))
        self._projection = projection or Projection(np.zeros((0, 0), np.uint32), np.zeros((0, 0)))
        self._records: list[Array] = []

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def advance(self, steps: int) -> None:
        """Add Krylov vectors."""
        alpha, beta = np.zeros((steps, LANES)), np.zeros((steps, LANES))
        projection, kept = self._projection, min(steps, max(0, MAX_RECORDED - self.steps))
        record = np.empty((self.lanes, kept, len(projection.index)), self._matrix.data.dtype)
        if kept and len(projection.index):
            self._records.append(record)
        self._vectors = _lanczos_steps(
            *self._matrix, *self._vectors, self._norms, self._coupling, alpha, beta, self._tiny,
            projection.index, projection.coefficient, record,
        )  # fmt: skip
        self.alpha = np.concatenate([self.alpha, alpha])
        self.beta = np.concatenate([self.beta, beta])

    def forget(self) -> None:
        """Drop the vectors: no step can follow, but solutions can still be evaluated."""
        empty = np.zeros((0, LANES), self._matrix.data.dtype)
        self._vectors, self._records = (empty, empty), []
        self._matrix = Csr(*(array[:0] for array in self._matrix))

    def solutions(self, lane: int, z: Array) -> Fraction:
        """The Green's function of one lane at z, at the present step."""
        return Fraction(self, lane, z)

    def lines(self, lane: int) -> tuple[Real, Real, Real]:
        """Ritz values (k,), weights (k,) and projected shares (k,): `ritz.ritz_lines`."""
        records = [part[lane] for part in self._records]
        alpha, beta = self.alpha[:, lane], self.beta[:, lane]
        return ritz_lines(alpha, beta, float(self.norm2[lane]), records)


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


@njit(cache=True, fastmath={"contract"})
def _lanczos_steps(
    indptr: Array,
    indices: Array,
    data: Array,
    previous: Array,
    current: Array,
    norms: Real,
    coupling: Real,
    alpha: Real,
    beta: Real,
    tiny: float,
    index: Array,
    coefficient: Real,
    record: Array,
) -> tuple[Array, Array]:
    """Lanczos recurrences of four independent lanes, without orthogonalisation.

    Parameters
    ----------
    previous, current : (n, 4)
        The last two Krylov vectors, both overwritten and neither normalised: each carries the
        factor that normalises it to the next step instead of costing a pass over memory.
    norms : (4,)
        Length of ``current``; a lane of norm 0 has ended. Changed in place.
    coupling : (4,)
        What ``previous`` is to be multiplied with. Changed in place.
    alpha, beta : (steps, 4)
        Filled; beta[k] couples vectors k and k + 1, 0 ends a lane.
    tiny : float
        A beta below this means that the space is exhausted.
    index, coefficient : (rows, terms)
    record : (lanes, kept steps, rows)
        Receives the projection of the first Krylov vectors, if it is not empty.

    Returns
    -------
    The new (previous, current).
    """
    n = current.shape[0]
    p0, p1, p2, p3 = coupling[0], coupling[1], coupling[2], coupling[3]
    f0 = 1.0 / norms[0] if norms[0] > 0.0 else 0.0
    f1 = 1.0 / norms[1] if norms[1] > 0.0 else 0.0
    f2 = 1.0 / norms[2] if norms[2] > 0.0 else 0.0
    f3 = 1.0 / norms[3] if norms[3] > 0.0 else 0.0
    for step in range(alpha.shape[0]):
        if step < record.shape[1]:
            for lane in range(record.shape[0]):
                factor = (f0, f1, f2, f3)[lane]
                for r in range(index.shape[0]):
                    y = record.dtype.type(0)
                    for k in range(index.shape[1]):
                        y += coefficient[r, k] * current[index[r, k], lane]
                    record[lane, step, r] = factor * y
        s0 = s1 = s2 = s3 = 0.0
        for r in range(n):
            a0 = a1 = a2 = a3 = current.dtype.type(0)
            for t in range(indptr[r], indptr[r + 1]):
                c = indices[t]
                v = data[t]
                a0 += v * current[c, 0]
                a1 += v * current[c, 1]
                a2 += v * current[c, 2]
                a3 += v * current[c, 3]
            a0 = f0 * a0 - p0 * previous[r, 0]
            a1 = f1 * a1 - p1 * previous[r, 1]
            a2 = f2 * a2 - p2 * previous[r, 2]
            a3 = f3 * a3 - p3 * previous[r, 3]
            previous[r, 0] = a0
            previous[r, 1] = a1
            previous[r, 2] = a2
            previous[r, 3] = a3
            s0 += (np.conj(current[r, 0]) * a0).real
            s1 += (np.conj(current[r, 1]) * a1).real
            s2 += (np.conj(current[r, 2]) * a2).real
            s3 += (np.conj(current[r, 3]) * a3).real
        s0, s1, s2, s3 = s0 * f0, s1 * f1, s2 * f2, s3 * f3
        g0, g1, g2, g3 = s0 * f0, s1 * f1, s2 * f2, s3 * f3
        n0 = n1 = n2 = n3 = 0.0
        for r in range(n):
            a0 = previous[r, 0] - g0 * current[r, 0]
            a1 = previous[r, 1] - g1 * current[r, 1]
            a2 = previous[r, 2] - g2 * current[r, 2]
            a3 = previous[r, 3] - g3 * current[r, 3]
            previous[r, 0] = a0
            previous[r, 1] = a1
            previous[r, 2] = a2
            previous[r, 3] = a3
            n0 += (np.conj(a0) * a0).real
            n1 += (np.conj(a1) * a1).real
            n2 += (np.conj(a2) * a2).real
            n3 += (np.conj(a3) * a3).real
        n0, n1, n2, n3 = np.sqrt(n0), np.sqrt(n1), np.sqrt(n2), np.sqrt(n3)
        n0 = n0 if n0 > tiny else 0.0
        n1 = n1 if n1 > tiny else 0.0
        n2 = n2 if n2 > tiny else 0.0
        n3 = n3 if n3 > tiny else 0.0
        alpha[step, 0], alpha[step, 1], alpha[step, 2], alpha[step, 3] = s0, s1, s2, s3
        beta[step, 0], beta[step, 1], beta[step, 2], beta[step, 3] = n0, n1, n2, n3
        p0, p1, p2, p3 = n0 * f0, n1 * f1, n2 * f2, n3 * f3
        f0 = 1.0 / n0 if n0 > 0.0 else 0.0
        f1 = 1.0 / n1 if n1 > 0.0 else 0.0
        f2 = 1.0 / n2 if n2 > 0.0 else 0.0
        f3 = 1.0 / n3 if n3 > 0.0 else 0.0
        previous, current = current, previous
    norms[0], norms[1], norms[2], norms[3] = n0, n1, n2, n3
    coupling[0], coupling[1], coupling[2], coupling[3] = p0, p1, p2, p3
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
