"""Spin-orbit parameters after Blume and Watson, Proc. R. Soc. A 270 (1962) 127.

The Breit-Pauli spin-orbit operator of the nucleus and of every pair of electrons (own and other
orbit), ``(alpha^2/2) [grad_1(1/r_12) x p_1] . (s_1 + 2 s_2)`` and 1 <-> 2, is averaged over the
other electrons. A closed shell b acts on shell a as one-electron operator ``zeta l.s`` with

    zeta = (alpha^2/2) <Z/r^3> - (alpha^2/2) (4 l_b + 2) <Q_b(r)/r^3> - 3 alpha^2 X_ab,

Q_b(r) the share of P_b^2 inside r and X_ab the exchange integral of [grad(1/r_12) x p]_z, which
carries the own-orbit (1) and other-orbit (2) exchange. An open shell acts with the pair scale of
:mod:`compute.atom.hartree_fock`, as in the average energy.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import legendre
from scipy.special import assoc_legendre_p

from compute.atom.grid import Array
from compute.atom.hartree_fock import RadialSolution, pair_scale
from compute.errors import InputError
from compute.units import FINE_STRUCTURE


def spin_orbit_parameter(solution: RadialSolution, name: str) -> float:
    """zeta_nl of ``H = sum zeta l.s``, hartree."""
    shell, grid = solution.shell(name), solution.grid
    if shell.l == 0:
        raise InputError("name", name, "an s shell has no spin-orbit parameter")
    p = solution.radial(name)
    half = 0.5 * FINE_STRUCTURE**2
    zeta = half * solution.z * solution.power(name, -3)
    for other in solution.shells:
        scale = pair_scale(shell, other)
        if scale == 0.0:
            continue
        inside = grid.cumulative(solution.radial(other.name) ** 2)
        zeta -= scale * half * (4 * other.l + 2) * grid.integrate(p**2 * inside / grid.r**3)
        zeta -= scale * 6.0 * half * _exchange(solution, name, other.name)
    return zeta


def _exchange(solution: RadialSolution, name: str, other: str) -> float:
    """X_ab: sum over m' of <a b|[grad_1(1/r_12) x p_1]_z|b a>, divided by m, for m = l_a."""
    grid, r = solution.grid, solution.grid.r
    a, b = solution.radial(name), solution.radial(other)
    slope = grid.derivative(b) - b / r  # r times the derivative of P_b/r
    total = 0.0
    for k, potential_slope, gradient, tangential in angular_factors(
        solution.shell(name).l, solution.shell(other).l
    ):
        below = grid.cumulative(a * b * r**k)
        above = grid.cumulative(a * b * r ** -(k + 1.0))
        above = above[-1] - above
        u = below * r ** -(k + 1.0) + above * r**k
        du = -(k + 1) * below * r ** -(k + 2.0) + k * above * r ** (k - 1.0)
        total += potential_slope * grid.integrate(a * b * du / r)
        total -= gradient * grid.integrate(a * slope * u / r)
        total -= tangential * grid.integrate(a * b * u / r**2)
    return total


@cache
def angular_factors(l: int, other: int) -> tuple[tuple[int, float, float, float], ...]:
    """Angular factors of the exchange integral, the same for every m; taken at m = l."""
    return exchange_factors(l, other, l)


def exchange_factors(l: int, other: int, m: int) -> tuple[tuple[int, float, float, float], ...]:
    """(k, factors of P_a P_b u'/r, P_a (P_b/r)' u and P_a P_b u/r^2) over m, from state m.

    With a, b, U ~ exp(i m phi), the z component is ``(1/rho)(m_b b dU/drho - q U db/drho)`` and
    ``(1/rho) d/drho = (1/r) d/dr - (x/r^2) d/dx``, x = cos(theta); the integrals over x are of
    polynomials, exact by Gauss-Legendre quadrature.
    """
    x, weight = legendre.leggauss(2 * (l + other) + 4)
    a, _ = _theta(l, m, x)
    out = []
    for k in range(abs(l - other), l + other + 1, 2):
        sums = np.zeros(3)
        for m_b in range(-other, other + 1):
            q = m - m_b
            if abs(q) > k:
                continue
            b, db = _theta(other, m_b, x)
            c, dc = np.sqrt(2.0 / (2 * k + 1)) * np.array(_theta(k, q, x))
            overlap = float(weight @ (a * b * c))
            sums[0] += overlap * m_b * overlap
            sums[1] += overlap * q * overlap
            sums[2] += overlap * float(weight @ (x * a * (m_b * b * dc - q * c * db)))
        slope, gradient, tangential = (float(value) / m for value in sums)
        out.append((k, slope, gradient, tangential))
    return tuple(out)


def _theta(l: int, m: int, x: Array) -> tuple[Array, Array]:
    """Normalised associated Legendre function and its derivative at x."""
    value, slope = assoc_legendre_p(l, m, x, norm=True, diff_n=1)
    return value, slope
