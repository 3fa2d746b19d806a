"""Shifted linear systems: the reduced-shifted conjugate gradient method (RSCG).

All systems (z - H) x = v share one Krylov space. Conjugate gradients run on one real seed
shift below the spectrum, where H - sigma is positive definite; the solutions at every other z
follow from scalars alone, of which only the component along v is kept, and so does their
residual (Y. Nagai, Y. Shinohara, Y. Futamura, T. Sakurai, J. Phys. Soc. Jpn. 86 (2017) 014708).

The seed converges long before the others: its residual and direction are kept at the scale of
|r| = 1, and of zeta_k = r_k(z) / r_k only ratios, or they would leave the range of numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.solvers.ritz import MAX_RECORDED, Projection, ritz_lines
from compute.solvers.sparse import LANES, Csr, multiply

Array = NDArray[Any]
Real = NDArray[np.float64]

_ENDED = 1e-26  # squared ratio of two residuals below which the space is exhausted


def gershgorin_floor(matrix: Csr) -> float:
    """A number below every eigenvalue."""
    rows = np.repeat(np.arange(matrix.size), np.diff(matrix.indptr))
    diagonal = rows == matrix.indices
    centre = np.bincount(rows[diagonal], matrix.data[diagonal].real, minlength=matrix.size)
    radius = np.bincount(rows[~diagonal], np.abs(matrix.data[~diagonal]), minlength=matrix.size)
    return float((centre - radius).min()) - 1.0


class ShiftedCG:
    """<v|(z - H)^-1|v> for up to four start vectors; the interface of `resolvent.Resolvent`."""

    def __init__(self, matrix: Csr, start: Array, projection: Projection | None = None) -> None:
        """``start`` is (n, p) with p <= 4; a projection is recorded at every step."""
        n, self.lanes = start.shape
        dtype = np.result_type(start, matrix.data)
        self.norm2: Real = np.einsum("np,np->p", start.conj(), start).real
        self.sigma = gershgorin_floor(matrix)
        self._matrix = Csr(matrix.indptr, matrix.indices, matrix.data.astype(dtype, copy=False))
        self._r = np.zeros((n, LANES), dtype)
        self._r[:, : self.lanes] = start / np.sqrt(np.where(self.norm2 > 0, self.norm2, 1.0))
        self._p = self._r.copy()
        self._product = np.empty_like(self._r)
        # of step k: length along the direction, and (|r_{k+1}| / |r_k|)^2, 0 where ended
        self.alpha = np.zeros((0, LANES))
        self.beta = np.zeros((0, LANES))
        self._projection = projection
        self._records: list[Array] = []

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def advance(self, steps: int) -> None:
        """Add conjugate gradient steps."""
        alpha, beta = np.zeros((steps, LANES)), np.zeros((steps, LANES))
        for k in range(steps):
            if self._projection is not None and len(self._records) < MAX_RECORDED:
                self._record()
            multiply(*self._matrix, self._p, self._product)
            self._product -= self.sigma * self._p
            curvature = np.einsum("np,np->p", self._p.conj(), self._product).real
            active = curvature > 0
            alpha[k, active] = 1.0 / curvature[active]
            self._r -= alpha[k] * self._product
            beta[k] = np.einsum("np,np->p", self._r.conj(), self._r).real
            beta[k, (beta[k] < _ENDED) | ~active] = 0.0
            root = np.sqrt(beta[k])
            self._r *= np.divide(1.0, root, out=np.zeros(LANES), where=root > 0)
            self._p = np.where(root > 0, self._r + root * self._p, 0.0)
        self.alpha = np.concatenate([self.alpha, alpha])
        self.beta = np.concatenate([self.beta, beta])

    def _record(self) -> None:
        assert self._projection is not None
        index, coefficient = self._projection.index, self._projection.coefficient
        rows = np.einsum("rk,rkp->pr", coefficient, self._r[index])
        # residuals alternate in sign against the Lanczos vectors
        sign = -1.0 if len(self._records) % 2 else 1.0
        self._records.append(sign * rows[: self.lanes, None])

    def forget(self) -> None:
        """Drop the vectors: no step can follow, but solutions can still be evaluated."""
        self._r = self._p = self._product = np.zeros((0, LANES), self._matrix.data.dtype)
        self._records = []
        self._matrix = Csr(*(array[:0] for array in self._matrix))

    def solutions(self, lane: int, z: Array) -> ShiftedSolutions:
        """The Green's function of one lane at z, at the present step."""
        return ShiftedSolutions(self, lane, z)

    def lines(self, lane: int) -> tuple[Real, Real, Real]:
        """Ritz values (k,), weights (k,) and projected shares (k,): `ritz.ritz_lines`."""
        alpha, beta = self.alpha[:, lane], self.beta[:, lane]
        ends = np.flatnonzero(beta == 0.0)
        m = int(ends[0]) + 1 if ends.size else alpha.size
        inverse = np.divide(1.0, alpha[:m], out=np.zeros(m), where=alpha[:m] > 0)
        diagonal = self.sigma + inverse
        diagonal[1:] += beta[: m - 1] * inverse[:-1]
        coupling = np.sqrt(beta[:m]) * inverse
        records = [part[lane] for part in self._records]
        return ritz_lines(diagonal, coupling, float(self.norm2[lane]), records)


class ShiftedSolutions:
    """The solutions' components along v at many z, and their residuals, from scalars alone."""

    def __init__(self, space: ShiftedCG, lane: int, z: Array) -> None:
        self._space, self._lane = space, lane
        self._z, self._norm2 = np.asarray(z, complex), float(space.norm2[lane])
        self._w = self._z - space.sigma  # (H - sigma - w) x = v; the sign is put back at the end
        self._ratio = np.ones(z.size, complex)  # zeta_k / zeta_{k-1}
        self._direction = np.ones(z.size, complex)  # <v|p_k(z)>; <v|r_k> = 0 for k > 0
        self._green = np.zeros(z.size, complex)
        self.residual: Real = np.ones(z.size)  # |v - (z - H) x| / |v|
        self._before = (1.0, 0.0)  # alpha and beta of the last step
        self._steps = 0
        self.update()

    def update(self) -> None:
        """Follow the Krylov space to its present step."""
        alpha = self._space.alpha[self._steps :, self._lane]
        beta = self._space.beta[self._steps :, self._lane]
        self._steps += alpha.size
        for a, b in zip(alpha, beta, strict=True):
            if a == 0.0:
                break
            mixing = a * self._before[1] / self._before[0]
            self._ratio = 1.0 / (1.0 - a * self._w + mixing * (1.0 - self._ratio))
            self._green += a * self._ratio * self._direction
            self.residual = self.residual * np.abs(self._ratio) * np.sqrt(b)
            self._direction *= b * self._ratio**2
            self._before = (float(a), float(b))

    @property
    def green(self) -> Array:
        """<v|(z - H)^-1|v>, (k,) complex."""
        return np.asarray(-self._norm2 * self._green)

    @property
    def error(self) -> Real:
        """Largest possible error at each z, (k,): |r|^2 / |Im z|."""
        return np.asarray(self._norm2 * self.residual**2 / np.abs(self._z.imag))
