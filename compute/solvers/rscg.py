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

from compute.solvers.sparse import LANES, ONES, ZEROS, Csr, Operator, combine, shift

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
    """<v|(z - H)^-1|v> for up to eight start vectors; the interface of `resolvent.Resolvent`."""

    def __init__(self, matrix: Csr, start: Array) -> None:
        """``start`` is (n, p) with p <= 8."""
        self.lanes = start.shape[1]
        self.norm2: Real = np.einsum("np,np->p", start.conj(), start).real
        self.sigma = gershgorin_floor(matrix)
        self._operator = Operator(matrix, start.dtype)
        norm = np.sqrt(np.where(self.norm2 > 0, self.norm2, 1.0))
        self._r = self._operator.pack(start / norm)
        self._p, self._product = self._r.copy(), np.zeros_like(self._r)
        # of step k: length along the direction, and (|r_{k+1}| / |r_k|)^2, 0 where ended
        self.alpha = np.zeros((0, LANES))
        self.beta = np.zeros((0, LANES))

    @property
    def steps(self) -> int:
        return len(self.alpha)

    def advance(self, steps: int) -> None:
        """Add conjugate gradient steps."""
        alpha, beta = np.zeros((steps, LANES)), np.zeros((steps, LANES))
        minus_sigma, curvature = np.full(LANES, -self.sigma), np.empty(LANES)
        for k in range(steps):
            combine(
                *self._operator.rows, self._p, self._product, ONES, minus_sigma, ZEROS, curvature
            )
            active = curvature > 0
            alpha[k, active] = 1.0 / curvature[active]
            shift(self._product, self._r, -alpha[k], beta[k])
            beta[k, (beta[k] < _ENDED) | ~active] = 0.0
            root = np.sqrt(beta[k])
            self._r *= np.divide(1.0, root, out=np.zeros(LANES), where=root > 0)
            self._p *= root
            self._p += self._r
        self.alpha = np.concatenate([self.alpha, alpha])
        self.beta = np.concatenate([self.beta, beta])

    def forget(self) -> None:
        """Drop matrix and vectors: no step can follow, solutions can still be evaluated."""
        del self._r, self._p, self._product, self._operator

    def solutions(self, lane: int, z: Array) -> ShiftedSolutions:
        """The Green's function of one lane at z, at the present step."""
        return ShiftedSolutions(self, lane, z)


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
