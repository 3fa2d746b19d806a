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

_POINTS = 16  # Gauss points of a cell: r^k is integrated exactly enough for every k of an atom
_POINTS_TO_ZERO = 16  # between zero and each point of the first cell


def direct_slater_integral(k: int, r: Array, p1: Array, p2: Array, p3: Array, p4: Array) -> float:
    """R^k in hartree; arguments as in :func:`compute.expsum.slater_integral`, already checked."""
    grid = RadialInterpolant(r)
    x, weight, cumulative = _gauss()
    ends = np.concatenate([[0.0], grid.r])
    half = 0.5 * np.diff(ends)[:, None]
    points = ends[:-1, None] + half * (x + 1.0)  # (cells, _POINTS)
    # Z / r^(k+1) within the first cell, where both vanish: int_0^1 rho(rt) t^k dt
    fraction, share = legendre.leggauss(_POINTS_TO_ZERO)
    fraction, share = 0.5 * (fraction + 1.0), 0.5 * share
    to_zero = points[0][:, None] * fraction
    known: dict[int, tuple[Array, Array]] = {}
    for p in (p1, p2, p3, p4):
        if id(p) not in known:
            known[id(p)] = grid.evaluate(p, points), grid.evaluate(p, to_zero)
    one, one_to_zero = (a * b for a, b in zip(known[id(p1)], known[id(p3)], strict=True))
    two, two_to_zero = (a * b for a, b in zip(known[id(p2)], known[id(p4)], strict=True))
    same = p1 is p2 and p3 is p4

    def inside(density: Array, near: Array) -> Array:
        """Z / r^(k+1) at every point."""
        moment = density * points**k
        whole = half[:, 0] * (moment @ weight)
        before = np.concatenate([[0.0], np.cumsum(whole)[:-1]])
        z = before[:, None] + half * (moment @ cumulative.T)
        ratio = np.asarray(z * points ** -(k + 1.0))
        ratio[0] = near * fraction**k @ share
        return ratio

    of_two = inside(two, two_to_zero)
    of_one = of_two if same else inside(one, one_to_zero)
    return float(np.sum(half[:, 0] * ((one * of_two + two * of_one) @ weight)))


@cache
def _gauss() -> tuple[Array, Array, Array]:
    """Points and weights on [-1, 1], and integrals from -1 to each point of Lagrange's basis."""
    x, weight = legendre.leggauss(_POINTS)
    coefficients = np.linalg.inv(legendre.legvander(x, _POINTS - 1))
    integrals = legendre.legint(coefficients, lbnd=-1.0, axis=0)
    return x, weight, np.asarray(legendre.legval(x, integrals).T)
