"""Slater integrals straight from tabulated functions, by high-order cumulative integration.

    R^k = int_0^inf dr r^-(k+1) [ rho_13(r) Z_24(r) + rho_24(r) Z_13(r) ],
    Z(r) = int_0^r rho(s) s^k ds,

on Gauss points inside every cell of the grid. The functions count as zero beyond the last point.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import legendre

from compute.expsum.interpolation import Array, RadialInterpolant

_POINTS = 8  # Gauss points of a cell


def direct_slater_integral(k: int, r: Array, p1: Array, p2: Array, p3: Array, p4: Array) -> float:
    """R^k in hartree; arguments as in :func:`compute.expsum.slater_integral`, already checked."""
    grid = RadialInterpolant(r)
    x, weight, cumulative = _gauss()
    ends = np.concatenate([[0.0], grid.r])
    half = 0.5 * np.diff(ends)[:, None]
    points = ends[:-1, None] + half * (x + 1.0)  # (cells, _POINTS)
    known: dict[int, Array] = {}
    for p in (p1, p2, p3, p4):
        if id(p) not in known:
            known[id(p)] = grid.evaluate(p, points)
    one, two = known[id(p1)] * known[id(p3)], known[id(p2)] * known[id(p4)]
    same = p1 is p2 and p3 is p4

    def inside(density: Array) -> Array:
        moment = density * points**k
        whole = half[:, 0] * (moment @ weight)
        before = np.concatenate([[0.0], np.cumsum(whole)[:-1]])
        return np.asarray(before[:, None] + half * (moment @ cumulative.T))

    z_two = inside(two)
    z_one = z_two if same else inside(one)
    integrand = (one * z_two + two * z_one) * points ** -(k + 1.0)
    return float(np.sum(half[:, 0] * (integrand @ weight)))


@cache
def _gauss() -> tuple[Array, Array, Array]:
    """Points and weights on [-1, 1], and integrals from -1 to each point of Lagrange's basis."""
    x, weight = legendre.leggauss(_POINTS)
    coefficients = np.linalg.inv(legendre.legvander(x, _POINTS - 1))
    integrals = legendre.legint(coefficients, lbnd=-1.0, axis=0)
    return x, weight, np.asarray(legendre.legval(x, integrals).T)
