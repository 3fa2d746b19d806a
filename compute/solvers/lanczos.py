"""The lowest eigenstates, all copies of degenerate ones included.

Block Lanczos with full orthogonalisation and thick restarts (K. Wu and H. Simon, SIAM J. Matrix
Anal. Appl. 22 (2000) 602, in blocks). It runs on a Chebyshev polynomial F(H) that is small on
the bulk of the spectrum and large below it, so that the orthogonalisation, which would cost
more than the products, is needed once for several of them. A block as wide as an eigenvalue is
degenerate finds all of its copies; when a cluster fills the block, a wider one is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import ConvergenceError
from compute.jit import njit
from compute.solvers.resolvent import Resolvent
from compute.solvers.sparse import LANES, Csr, Operator, combine

Array = NDArray[Any]
Real = NDArray[np.float64]

_CLUSTER_EV = 1e-6  # eigenvalues this close count as degenerate when copies are counted
_BLOCKS = 24  # basis size, in blocks, at which it is restarted
_DEGREE = 10  # of the polynomial
_BULK = 0.06  # share of the spectrum's width left below the damped interval
_HIDDEN = 1e-3  # overlap of a Ritz vector with an undiscovered state that is ruled out
_SURVEY = 20  # Lanczos steps that find the ends of the spectrum


def lowest_states(
    matrix: Csr,
    window: float,
    *,
    ceiling: float = np.inf,
    tolerance: float = 1e-9,
    block: int = LANES,
    max_products: int = 600,
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
    max_products : products of the polynomial with a block before giving up

    Returns
    -------
    values (k,), ascending; vectors (n, k). Empty if all states lie above the ceiling.

    Raises
    ------
    ConvergenceError
    """
    while (_BLOCKS + 1) * block < matrix.size:
        values, vectors = _block_lanczos(matrix, window, ceiling, tolerance, block, max_products)
        if _largest_cluster(values) < block:
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


@dataclass(frozen=True)
class _Filter:
    """F(H) = T_d((H - centre) / half): within +-1 on the bulk, growing fast below it."""

    matrix: Csr
    centre: float  # eV
    half: float  # eV

    def apply(self, x: Array) -> Array:
        out = np.empty_like(x)
        operator = Operator(self.matrix, x.dtype)
        for first in range(0, x.shape[1], LANES):
            part = slice(first, first + LANES)
            lanes = operator.pack(x[:, part])
            result = _chebyshev(*operator.rows, lanes, _DEGREE, self.centre, self.half)
            out[:, part] = operator.unpack(result, out[:, part].shape[1])
        return out

    def of_energy(self, energy: float) -> float:
        """F of a number below the bulk (d is even); one within the bulk counts as its edge."""
        return float(np.cosh(_DEGREE * np.arccosh(max(1.0, (self.centre - energy) / self.half))))

    def to_energy(self, f: float) -> float:
        return self.centre - self.half * float(np.cosh(np.arccosh(max(1.0, f)) / _DEGREE))


def _survey(matrix: Csr, start: Array) -> tuple[float, float]:
    """(estimate of the lowest, bound of the highest) eigenvalue, from a few Lanczos steps."""
    space = Resolvent(matrix, start[:, :LANES])
    space.advance(_SURVEY)
    low, high = np.inf, -np.inf
    for lane in range(space.lanes):
        a, b = space.alpha[:, lane], space.beta[:, lane]
        tridiagonal = np.diag(a) + np.diag(b[:-1], 1) + np.diag(b[:-1], -1)
        values, vectors = np.linalg.eigh(tridiagonal)
        low = min(low, float(values[0]))
        # Y. Zhou and R.-C. Li, Linear Algebra Appl. 435 (2011) 480: a safe upper bound
        high = max(high, float(values[-1]) + float(b[-1]))
    return low, high


def _block_lanczos(
    matrix: Csr, window: float, ceiling: float, tolerance: float, p: int, max_products: int
) -> tuple[Real, Array]:
    n, room = matrix.size, _BLOCKS * p
    dtype = matrix.data.dtype
    basis = np.zeros((n, room + p), dtype, order="F")
    projected = np.zeros((room, room), dtype)
    basis[:, :p] = np.linalg.qr(np.random.default_rng(7).standard_normal((n, p)))[0]
    low, high = _survey(matrix, basis[:, :p])
    bulk = max(low + _BULK * (high - low), low + 1.5 * window)
    polynomial = _Filter(matrix, (high + bulk) / 2, max((high - bulk) / 2, 1e-3))
    size = 0  # basis vectors whose products are known; one more block is waiting
    worst = np.inf
    for _ in range(max_products):
        new = slice(size, size + p)
        w = polynomial.apply(basis[:, new])
        size += p
        known = basis[:, :size]
        overlap = known.conj().T @ w
        projected[:size, new] = overlap
        projected[new, :size] = overlap.conj().T
        w -= known @ overlap
        w -= known @ (known.conj().T @ w)
        coupling, basis[:, size : size + p] = _orthonormal(w, known, float(np.abs(overlap).max()))
        f, s = np.linalg.eigh(projected[:size, :size])
        f, s = f[::-1], s[:, ::-1]
        residual = np.linalg.norm(coupling @ s[size - p :], axis=0)
        edge = min(polynomial.to_energy(float(f[0])) + window, ceiling)
        f_edge = polynomial.of_energy(edge)
        wanted = int(np.count_nonzero(f >= f_edge))
        # An eigenstate u still hidden in the next Ritz vector x, within the window, would make
        # its residual at least |<u|x>| (f_edge - f): that overlap must be out of the question.
        # Of those wanted, the residuals of H itself decide.
        settled = wanted < size and residual[wanted] < _HIDDEN * (f_edge - f[wanted])
        if settled and (residual[:wanted] <= 1e-6 * f[:wanted]).all():
            values, vectors, worst = _rayleigh_ritz(matrix, known @ s[:, :wanted])
            if worst <= tolerance:
                keep = values <= min(values[0] + window, ceiling) if values.size else slice(0)
                return values[keep], vectors[:, keep]
        if size + p > room:
            keep_count = min(size - p, max(wanted + 2 * p, room // 3))
            basis[:, :keep_count] = known @ s[:, :keep_count]
            basis[:, keep_count : keep_count + p] = basis[:, size : size + p]
            projected[:] = 0.0
            projected[:keep_count, :keep_count] = np.diag(f[:keep_count])
            size = keep_count
    raise ConvergenceError("lowest states", worst, tolerance)


def _rayleigh_ritz(matrix: Csr, x: Array) -> tuple[Real, Array, float]:
    """Eigenpairs of H in the span of x (orthonormal columns), and the largest residual."""
    if not x.shape[1]:
        return np.zeros(0), x, 0.0
    product = matrix.apply(x)
    values, rotation = np.linalg.eigh(x.conj().T @ product)
    vectors = x @ rotation
    return (
        values,
        vectors,
        float(np.linalg.norm(product @ rotation - vectors * values, axis=0).max()),
    )


def _orthonormal(w: Array, known: Array, scale: float) -> tuple[Array, Array]:
    """(r, q) of w = q r; directions that vanish are replaced by random ones and uncoupled."""
    q, r = np.linalg.qr(w)
    weak = np.abs(np.diag(r)) < 1e-12 * max(1.0, scale)
    if weak.any():
        fresh = np.random.default_rng(11).standard_normal(q.shape).astype(q.dtype)
        q = np.where(weak, fresh, q)
        r[weak] = 0.0
        for _ in range(2):
            q = q - known @ (known.conj().T @ q)
        q = np.linalg.qr(q)[0]
    return r, q


@njit(cache=True)
def _chebyshev(
    indptr: Array,
    indices: Array,
    values: Array,
    x: Real,
    degree: int,
    centre: float,
    half: float,
) -> Real:
    """T_degree((H - centre) / half) x for lanes x (n, parts, 8), overwritten; degree > 0."""
    ones, overlap = np.ones(x.shape[2]), np.empty(x.shape[2])
    y = np.zeros_like(x)
    combine(indptr, indices, values, x, y, ones / half, -centre / half * ones, 0 * ones, overlap)
    twice, shifted = 2 / half * ones, -2 * centre / half * ones
    for _ in range(degree - 1):
        combine(indptr, indices, values, y, x, twice, shifted, -ones, overlap)
        x, y = y, x
    return y
