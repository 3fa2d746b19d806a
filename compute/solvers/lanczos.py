"""Krylov methods of Lanczos: lowest eigenstates, and spectra by continued fraction.

`lowest_states` is a block Lanczos iteration with full orthogonalisation and thick restarts
(K. Wu and H. Simon, SIAM J. Matrix Anal. Appl. 22 (2000) 602, in blocks): a block as wide as
an eigenvalue is degenerate finds all of its copies, and a wider one is tried when it may not
have been. `Resolvent` sums <v|(z - H)^-1|v> with a rigorous error bound at every z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from compute.errors import ConvergenceError
from compute.solvers.sparse import LANES, Csr

Array = NDArray[Any]
Real = NDArray[np.float64]

_CLUSTER_EV = 1e-6  # eigenvalues this close count as degenerate when copies are counted


def lowest_states(
    matrix: Csr,
    window: float,
    *,
    ceiling: float = np.inf,
    tolerance: float = 1e-9,
    block: int = LANES,
    max_products: int = 4000,
) -> tuple[Real, Array]:
    """Every eigenstate within ``window`` of the lowest, copies of degenerate ones included.

    Parameters
    ----------
    matrix : Hermitian (n, n)
    window : eV above the lowest eigenvalue
    ceiling : eV
        States above this are of no interest either (the window of another block).
    tolerance : eV
        Largest residual |H x - e x| of a returned state; the error of its energy is smaller.
    block : vectors iterated together; doubled until it exceeds every degeneracy found
    max_products : products with a block before giving up

    Returns
    -------
    values (k,), ascending; vectors (n, k). Empty if all states lie above the ceiling.

    Raises
    ------
    ConvergenceError
    """
    n = matrix.size
    while block < n:
        values, vectors = _block_lanczos(matrix, window, ceiling, tolerance, block, max_products)
        copies = _largest_cluster(values)
        if copies < block:
            return values, vectors
        block *= 2
    values, vectors = np.linalg.eigh(matrix.dense())
    keep = values <= min(values[0] + window, ceiling)
    return values[keep], vectors[:, keep]


def _largest_cluster(values: Real) -> int:
    if not values.size:
        return 0
    edges = np.flatnonzero(np.diff(values) > _CLUSTER_EV)
    return int(np.diff(np.concatenate([[-1], edges, [values.size - 1]])).max())


def _block_lanczos(
    matrix: Csr, window: float, ceiling: float, tolerance: float, p: int, max_products: int
) -> tuple[Real, Array]:
    n = matrix.size
    dtype = matrix.data.dtype
    room = min(n, max(24 * p, 96))
    room -= (room - 0) % p if room < n else 0
    basis = np.zeros((n, room + p), dtype, order="F")
    projected = np.zeros((room + p, room + p), dtype)
    start = np.random.default_rng(7).standard_normal((n, p)).astype(dtype)
    basis[:, :p] = np.linalg.qr(start)[0]
    size = 0  # columns whose products are known
    for _ in range(max_products):
        new = slice(size, size + p)
        w = matrix.apply(np.ascontiguousarray(basis[:, new]))
        known = basis[:, : size + p]
        overlap = known.conj().T @ w
        projected[: size + p, new] = overlap
        projected[new, : size + p] = overlap.conj().T
        w -= known @ overlap
        w -= known @ (known.conj().T @ w)
        size += p
        exhausted = size + p > n
        q, r = np.linalg.qr(w)
        if not exhausted:
            # A block that lost rank gets fresh directions; their coupling is zero.
            weak = np.abs(np.diag(r)) < 1e-12 * max(1.0, float(np.abs(overlap).max()))
            if weak.any():
                q = _refill(q, weak, basis[:, :size])
                r[weak] = 0.0
            basis[:, size : size + p] = q
        else:
            r = np.zeros_like(r) if size == n else r
        full = size + p > room
        if not (full or exhausted or (size // p) % 4 == 0):
            continue
        theta, s = np.linalg.eigh(projected[:size, :size])
        residual = np.linalg.norm(r @ s[size - p : size], axis=0)
        edge = min(theta[0] + window, ceiling)
        wanted = int(np.searchsorted(theta, edge, side="right"))
        # The next one up must be known well enough not to sink into the window later.
        beyond = wanted >= size or theta[wanted] - residual[wanted] > edge
        floor = theta[0] - residual[0] > ceiling
        if floor or (beyond and (residual[:wanted] <= tolerance).all()):
            return theta[:wanted], basis[:, :size] @ s[:, :wanted]
        if exhausted and size + p > n:
            # The basis spans all but fewer than p directions: finish exactly.
            values, vectors = np.linalg.eigh(matrix.dense())
            keep = values <= min(values[0] + window, ceiling)
            return values[keep], vectors[:, keep]
        if full:
            keep_count = min(size - p, max(wanted + 2 * p, room // 3))
            kept = basis[:, :size] @ s[:, :keep_count]
            basis[:, keep_count : keep_count + p] = basis[:, size : size + p]
            basis[:, :keep_count] = kept
            projected[:] = 0.0
            projected[:keep_count, :keep_count] = np.diag(theta[:keep_count])
            size = keep_count
    raise ConvergenceError("lowest states", float(residual[: max(wanted, 1)].max()), tolerance)


def _refill(q: Array, weak: NDArray[np.bool_], known: Array) -> Array:
    """Replace weak columns by random ones orthogonal to everything known."""
    fresh = np.random.default_rng(11).standard_normal(q.shape).astype(q.dtype)
    q = np.where(weak, fresh, q)
    for _ in range(2):
        q -= known @ (known.conj().T @ q)
    return np.linalg.qr(q)[0]


class Resolvent:
    """<v|(z - H)^-1|v> for up to four start vectors v, as their Krylov spaces grow.

    The Galerkin value at step m has the error r(z*)^H (z - H)^-1 r(z), so that
    |error| <= |r|^2 / |Im z|; the residual norm |r| is known at every step and every z.
    """

    def __init__(self, matrix: Csr, start: Array, *, keep_basis: bool = False) -> None:
        """``start`` is (n, p) with p <= 4."""
        n, self.lanes = start.shape
        self.matrix = matrix
        dtype = np.result_type(start, matrix.data)
        self.norm2: Real = np.einsum("np,np->p", start.conj(), start).real
        self._q = np.zeros((n, LANES), dtype)
        safe = np.where(self.norm2 > 0, self.norm2, 1.0)
        self._q[:, : self.lanes] = start / np.sqrt(safe)
        self._previous = np.zeros_like(self._q)
        self._data = matrix.data.astype(dtype, copy=False)
        self.alpha = np.zeros((0, LANES))
        self.beta = np.zeros((0, LANES))
        self._scale = float(np.abs(matrix.data).max(initial=0.0)) or 1.0
        self.basis: list[Array] | None = [] if keep_basis else None

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def advance(self, steps: int) -> None:
        """Add Krylov vectors."""
        done = self.steps
        self.alpha = np.concatenate([self.alpha, np.zeros((steps, LANES))])
        self.beta = np.concatenate([self.beta, np.zeros((steps, LANES))])
        history = np.zeros((steps if self.basis is not None else 0, *self._q.shape), self._q.dtype)
        self._previous, self._q = _lanczos_steps(
            self.matrix.indptr,
            self.matrix.indices,
            self._data,
            self._previous,
            self._q,
            self.alpha,
            self.beta,
            done,
            1e-13 * self._scale,
            history,
        )
        if self.basis is not None:
            self.basis.append(history)

    def evaluate(self, lane: int, z: Array) -> tuple[Array, Real]:
        """The diagonal Green's function of one lane at z (k,), and its error bound.

        Returns
        -------
        green (k,) complex, error (k,)
        """
        green = np.empty(z.size, complex)
        residual = np.empty(z.size)
        _continued_fraction(z, self.alpha[:, lane], self.beta[:, lane], green, residual)
        weight = self.norm2[lane]
        return weight * green, weight * residual**2 / np.abs(z.imag)

    def ritz(self, lane: int) -> tuple[Real, Real, Array]:
        """Ritz values (m,), their weights (m,) and vectors (m, m) in the Krylov basis."""
        alpha, beta = self.alpha[:, lane], self.beta[:, lane]
        ends = np.flatnonzero(beta[:-1] == 0.0)
        m = int(ends[0]) + 1 if ends.size else alpha.size
        matrix = np.diag(alpha[:m]) + np.diag(beta[: m - 1], 1) + np.diag(beta[: m - 1], -1)
        values, vectors = np.linalg.eigh(matrix)
        return values, self.norm2[lane] * vectors[0] ** 2, vectors

    def krylov(self, lane: int, m: int) -> Array:
        """The first m Krylov vectors of one lane, (m, n); needs ``keep_basis``."""
        if self.basis is None:
            raise ValueError("the basis was not kept")
        return np.concatenate([part[:, :, lane] for part in self.basis])[:m]


@njit(cache=True, fastmath={"contract", "reassoc"})
def _lanczos_steps(
    indptr: Array,
    indices: Array,
    data: Array,
    previous: Array,
    q: Array,
    alpha: Array,
    beta: Array,
    done: int,
    tiny: float,
    history: Array,
) -> tuple[Array, Array]:
    """Lanczos recurrences of four independent lanes, without orthogonalisation.

    Parameters
    ----------
    previous, q : (n, 4)
        The last two Krylov vectors; both are overwritten.
    alpha, beta : (steps, 4)
        Filled from row ``done``; beta[k] couples vectors k and k + 1, 0 ends a lane.
    tiny : float
        A beta below this means that the space is exhausted.
    history : (steps - done or 0, n, 4)
        Receives the Krylov vectors.

    Returns
    -------
    The new (previous, q).
    """
    n = q.shape[0]
    for step in range(done, alpha.shape[0]):
        if history.shape[0]:
            history[step - done] = q
        b0 = b1 = b2 = b3 = 0.0
        if step:
            b0, b1, b2, b3 = (
                beta[step - 1, 0],
                beta[step - 1, 1],
                beta[step - 1, 2],
                beta[step - 1, 3],
            )
        s0 = s1 = s2 = s3 = 0.0
        for r in range(n):
            a0 = -b0 * previous[r, 0]
            a1 = -b1 * previous[r, 1]
            a2 = -b2 * previous[r, 2]
            a3 = -b3 * previous[r, 3]
            for t in range(indptr[r], indptr[r + 1]):
                c = indices[t]
                v = data[t]
                a0 += v * q[c, 0]
                a1 += v * q[c, 1]
                a2 += v * q[c, 2]
                a3 += v * q[c, 3]
            previous[r, 0] = a0
            previous[r, 1] = a1
            previous[r, 2] = a2
            previous[r, 3] = a3
            s0 += (np.conj(q[r, 0]) * a0).real
            s1 += (np.conj(q[r, 1]) * a1).real
            s2 += (np.conj(q[r, 2]) * a2).real
            s3 += (np.conj(q[r, 3]) * a3).real
        alpha[step, 0], alpha[step, 1], alpha[step, 2], alpha[step, 3] = s0, s1, s2, s3
        n0 = n1 = n2 = n3 = 0.0
        for r in range(n):
            a0 = previous[r, 0] - s0 * q[r, 0]
            a1 = previous[r, 1] - s1 * q[r, 1]
            a2 = previous[r, 2] - s2 * q[r, 2]
            a3 = previous[r, 3] - s3 * q[r, 3]
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
        beta[step, 0], beta[step, 1], beta[step, 2], beta[step, 3] = n0, n1, n2, n3
        f0 = 1.0 / n0 if n0 > 0.0 else 0.0
        f1 = 1.0 / n1 if n1 > 0.0 else 0.0
        f2 = 1.0 / n2 if n2 > 0.0 else 0.0
        f3 = 1.0 / n3 if n3 > 0.0 else 0.0
        for r in range(n):
            previous[r, 0] *= f0
            previous[r, 1] *= f1
            previous[r, 2] *= f2
            previous[r, 3] *= f3
        previous, q = q, previous
    return previous, q


@njit(cache=True)
def _continued_fraction(z: Array, alpha: Real, beta: Real, green: Array, residual: Real) -> None:
    """[(z - T)^-1]_11 and the residual norm of its solution, for a unit start vector.

    Forward recurrence: with the pivots d_m = z - alpha_m - beta_{m-1}^2 / d_{m-1},
    [(z - T_m)^-1]_m1 = y_m = y_{m-1} beta_{m-1} / d_m, the corner grows by y_m^2 d_m, and the
    residual is beta_m |y_m|.
    """
    for k in range(z.size):
        pivot = z[k] - alpha[0]
        y = 1.0 / pivot
        total = y
        last = beta[0]
        for m in range(1, alpha.size):
            if last == 0.0:
                break
            pivot = z[k] - alpha[m] - last * last / pivot
            y = y * last / pivot
            total += y * y * pivot
            last = beta[m]
        green[k] = total
        residual[k] = last * abs(y)
