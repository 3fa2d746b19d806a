"""Angular algebra: Wigner 3j symbols, Gaunt coefficients, l and s matrices, real harmonics.

Complex harmonics carry the Condon-Shortley phase and run over m = -l ... l; spin-orbitals of
a shell are ordered (m, spin) with spin up first, index ``2 (m + l) + (0 up | 1 down)``.
"""

from __future__ import annotations

from functools import cache
from math import factorial, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@cache
def wigner_3j(j1: int, j2: int, j3: int, m1: int, m2: int, m3: int) -> float:
    """Wigner 3j symbol of integer momenta, by Racah's sum."""
    if m1 + m2 + m3 or not abs(j1 - j2) <= j3 <= j1 + j2:
        return 0.0
    if abs(m1) > j1 or abs(m2) > j2 or abs(m3) > j3:
        return 0.0
    f = factorial
    total = 0.0
    for t in range(max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2) + 1):
        total += (-1.0 if t % 2 else 1.0) / (
            f(t)
            * f(j1 + j2 - j3 - t)
            * f(j1 - m1 - t)
            * f(j2 + m2 - t)
            * f(j3 - j2 + m1 + t)
            * f(j3 - j1 - m2 + t)
        )
    delta = f(j1 + j2 - j3) * f(j1 - j2 + j3) * f(-j1 + j2 + j3) / f(j1 + j2 + j3 + 1)
    norm = f(j1 + m1) * f(j1 - m1) * f(j2 + m2) * f(j2 - m2) * f(j3 + m3) * f(j3 - m3)
    return float((-1) ** (j1 - j2 - m3) * sqrt(delta * norm) * total)


def gaunt(k: int, l1: int, m1: int, l2: int, m2: int) -> float:
    """c^k(l1 m1, l2 m2) = <l1 m1| C^k_{m1-m2} |l2 m2>, Condon and Shortley's coefficient."""
    sign = -1.0 if m1 % 2 else 1.0
    return (
        sign
        * sqrt((2 * l1 + 1) * (2 * l2 + 1))
        * wigner_3j(l1, k, l2, 0, 0, 0)
        * wigner_3j(l1, k, l2, -m1, m1 - m2, m2)
    )


def gaunt_matrix(k: int, l1: int, l2: int) -> Array:
    """All c^k(l1 m1, l2 m2), shape (2 l1 + 1, 2 l2 + 1)."""
    return np.array(
        [[gaunt(k, l1, a, l2, b) for b in range(-l2, l2 + 1)] for a in range(-l1, l1 + 1)]
    )


def coulomb(k: int, l1: int, l2: int, l3: int, l4: int) -> Array:
    """Angular part of R^k: <1 2|1/r|3 4>, electron one in orbitals 1 and 3.

    Returns
    -------
    float64 (2 l1 + 1, 2 l2 + 1, 2 l3 + 1, 2 l4 + 1)
        c^k(l1 m1, l3 m3) c^k(l4 m4, l2 m2), zero unless m1 + m2 = m3 + m4.
    """
    m1, m2, m3, m4 = np.ogrid[-l1 : l1 + 1, -l2 : l2 + 1, -l3 : l3 + 1, -l4 : l4 + 1]
    product = np.einsum("ac,db->abcd", gaunt_matrix(k, l1, l3), gaunt_matrix(k, l4, l2))
    return np.where(m1 + m2 == m3 + m4, product, 0.0)


def dipole(q: int, l_to: int, l_from: int) -> Array:
    """<l_to m| C^1_q |l_from m'>, shape (2 l_to + 1, 2 l_from + 1)."""
    m, n = np.ogrid[-l_to : l_to + 1, -l_from : l_from + 1]
    return np.where(m - n == q, gaunt_matrix(1, l_to, l_from), 0.0)


def momentum(l: int) -> tuple[Array, Array]:
    """(l_z, l_plus) in complex harmonics."""
    m = np.arange(-l, l + 1.0)
    return np.diag(m), np.diag(np.sqrt(l * (l + 1) - m[:-1] * (m[:-1] + 1)), -1)


def with_spin(orbital: Array) -> Array:
    """The same orbital operator for both spins: (n, m) -> (2n, 2m)."""
    return np.kron(orbital, np.eye(2))


def spin_operators(n: int) -> tuple[Array, Array]:
    """(s_z, s_plus) for n orbitals with spin, (2n, 2n)."""
    s_z = np.kron(np.eye(n), np.diag([0.5, -0.5]))
    s_plus = np.kron(np.eye(n), np.array([[0.0, 1.0], [0.0, 0.0]]))
    return s_z, s_plus


def spin_orbit(l: int) -> Array:
    """l.s = l_z s_z + (l_+ s_- + l_- s_+)/2, (2 (2l + 1), same); real in complex harmonics."""
    l_z, l_plus = momentum(l)
    s_z, s_plus = np.diag([0.5, -0.5]), np.array([[0.0, 1.0], [0.0, 0.0]])
    flip = 0.5 * np.kron(l_plus, s_plus.T)
    return np.asarray(np.kron(l_z, s_z) + flip + flip.T)


def real_d_orbitals() -> Array:
    """Columns: z2, x2-y2, xy, xz, yz in complex harmonics m = -2 ... 2, (5, 5) unitary."""
    s = sqrt(0.5)
    columns: dict[str, dict[int, complex]] = {
        "z2": {0: 1.0},
        "x2-y2": {-2: s, 2: s},
        "xy": {-2: 1j * s, 2: -1j * s},
        "xz": {-1: s, 1: -s},
        "yz": {-1: 1j * s, 1: 1j * s},
    }
    u = np.zeros((5, 5), complex)
    for col, parts in enumerate(columns.values()):
        for m, value in parts.items():
            u[m + 2, col] = value
    return u


def to_complex_harmonics(matrix: Array) -> Array:
    """A 5x5 operator given in the real d orbitals, in complex harmonics."""
    u = real_d_orbitals()
    return np.asarray(u @ matrix @ u.conj().T)


def p_half_orbitals() -> tuple[tuple[tuple[int, float], ...], ...]:
    """The two p_{1/2} spin-orbitals, m_j = 1/2 and -1/2, in the (m, spin) basis.

    Each is given as (index, coefficient) pairs; l.s = -1 on them.
    """
    a, b = sqrt(1 / 3), sqrt(2 / 3)
    return ((2, -a), (5, b)), ((3, a), (0, -b))
