"""Finite elements on Gauss-Lobatto points for radial functions that vanish at the origin.

A function is kept by its values P(r_i) on the nodes; c_i = P(r_i) sqrt(w_i) is its vector in an
orthonormal basis, in which local potentials are diagonal, the kinetic energy is sparse and the
Coulomb kernel r<^k/r>^(k+1) is the inverse of a kinetic matrix (Rescigno and McCurdy, Phys. Rev.
A 62 (2000) 032706; McCurdy, Baertschy and Rescigno, J. Phys. B 37 (2004) R137, eq. 41). All is
exact for polynomials up to the element's order, so errors fall exponentially with the order.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]


class RadialGrid:
    """Elements that grow geometrically from the nucleus to ``r_max``.

    Parameters
    ----------
    r_first, r_max : float
        End of the first element and of the last, bohr.
    growth : float
        About how much longer each element ends than the one before.
    order : int
        Nodes of an element, its ends included.

    Attributes
    ----------
    r, w : float64 (n,)
        Nodes inside (0, r_max) and their quadrature weights, bohr.
    """

    def __init__(
        self, r_first: float, r_max: float, *, growth: float = 1.8, order: int = 12
    ) -> None:
        count = int(np.ceil(np.log(r_max / r_first) / np.log(growth)))
        ends = np.concatenate([[0.0], np.geomspace(r_first, r_max, count + 1)])
        x, weight, slope = _lobatto(order)
        half = 0.5 * np.diff(ends)[:, None]  # (E, 1)
        self.r_max = r_max
        self._nodes = ends[:-1, None] + half * (x + 1.0)  # (E, order)
        self._weights = half * weight
        self._slope = slope / half[:, :, None]  # (E, order, order): d/dr at the nodes
        self._integral = _antiderivative(x) * half[:, :, None]
        # global number of each local node; shared ends share a number
        self._index = np.arange(count + 1)[:, None] * (order - 1) + np.arange(order)
        self._total = int(self._index[-1, -1]) + 1
        nodes = np.zeros(self._total)
        nodes[self._index] = self._nodes
        weights = np.zeros(self._total)
        np.add.at(weights, self._index, self._weights)
        self.r: Array = nodes[1:-1]
        self.w: Array = weights[1:-1]

    @cached_property
    def root_w(self) -> Array:
        """sqrt(w), (n,)."""
        return np.sqrt(self.w)

    def kinetic(self, inverse_mass: Array | None = None) -> Array:
        """Matrix (n, n) of -(1/2) r^-1 d/dr (r^2/M) d/dr r^-1, hartree; M = 1 if not given.

        For M = 1 this is -(1/2) d2/dr2. ``inverse_mass`` (n,) is 1/M on the nodes; at the
        nucleus itself 1/M is zero or multiplies zero.
        """
        r = np.where(self._nodes > 0.0, self._nodes, np.inf)
        # P' - P/r, the derivative of R = P/r times r, at each node
        act = self._slope - np.eye(self._slope.shape[1]) / r[:, :, None]
        weight = self._weights * (self._nodes > 0.0)
        if inverse_mass is not None:
            full = np.ones(self._total)
            full[1:-1] = inverse_mass
            weight = weight * full[self._index]
        blocks = 0.5 * np.einsum("eqi,eq,eqj->eij", act, weight, act, optimize=True)
        return self._assemble(blocks)

    @cached_property
    def laplacian(self) -> Array:
        """Matrix (n, n) of -d2/dr2 between functions that vanish at both ends, bohr^-2."""
        return self._assemble(
            np.einsum("eqi,eq,eqj->eij", self._slope, self._weights, self._slope, optimize=True)
        )

    def coulomb(self, k: int) -> Array:
        """Kernel (n, n) of r<^k/r>^(k+1): potential_i = sum_j kernel_ij w_j density_j."""
        if k not in self._kernels:
            operator = self.laplacian + np.diag(k * (k + 1) / self.r**2)
            scale = self.r * self.root_w
            inverse = np.linalg.inv(operator)
            inverse = 0.5 * (inverse + inverse.T)
            power = (self.r / self.r_max) ** k
            edge = np.outer(power, power) / self.r_max
            self._kernels[k] = (2 * k + 1) * inverse / np.outer(scale, scale) + edge
        return self._kernels[k]

    @cached_property
    def _kernels(self) -> dict[int, Array]:
        return {}

    def derivative(self, values: Array) -> Array:
        """d/dr of a function that is zero at both ends; mean of both sides at shared nodes."""
        local = np.einsum("eij,ej->ei", self._slope, self._local(values))
        out, count = np.zeros(self._total), np.zeros(self._total)
        np.add.at(out, self._index, local)
        np.add.at(count, self._index, 1.0)
        return np.asarray((out / count)[1:-1])

    def cumulative(self, values: Array) -> Array:
        """Integral from 0 to each node of a function that is zero at both ends."""
        local = self._local(values)
        inside = np.einsum("eij,ej->ei", self._integral, local)
        before = np.concatenate([[0.0], np.cumsum(inside[:, -1])[:-1]])
        out = np.zeros(self._total)
        out[self._index] = inside + before[:, None]
        return out[1:-1]

    def integrate(self, values: Array) -> float:
        """Integral from 0 to r_max of a function that is zero at both ends."""
        return float(self.w @ values)

    def _local(self, values: Array) -> Array:
        full = np.zeros(self._total)
        full[1:-1] = values
        return np.asarray(full[self._index])

    def _assemble(self, blocks: Array) -> Array:
        """Add element blocks into the orthonormal basis, (n, n)."""
        out = np.zeros((self._total, self._total))
        rows = np.broadcast_to(self._index[:, :, None], blocks.shape)
        columns = np.broadcast_to(self._index[:, None, :], blocks.shape)
        np.add.at(out, (rows, columns), blocks)
        return out[1:-1, 1:-1] / np.outer(self.root_w, self.root_w)


def _lobatto(order: int) -> tuple[Array, Array, Array]:
    """Gauss-Lobatto nodes and weights on [-1, 1] and the derivative matrix there."""
    series = legendre.Legendre.basis(order - 1)
    x = np.concatenate([[-1.0], np.sort(series.deriv().roots().real), [1.0]])
    value = series(x)
    weight = 2.0 / (order * (order - 1) * value**2)
    difference = x[:, None] - x
    np.fill_diagonal(difference, 1.0)
    slope = value[:, None] / value / difference
    np.fill_diagonal(slope, 0.0)
    np.fill_diagonal(slope, -slope.sum(axis=1))  # a constant has no slope
    return x, weight, slope


def _antiderivative(x: Array) -> Array:
    """Matrix (order, order): integrals from -1 to x_i of the Lagrange polynomials of x."""
    order = x.size
    coefficients = np.linalg.inv(legendre.legvander(x, order - 1))
    integrals = legendre.legint(coefficients, lbnd=-1.0, axis=0)
    return np.asarray(legendre.legval(x, integrals).T)
