"""Exact Slater integrals of hydrogen-like functions, in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial

import mpmath
import numpy as np

Polynomial = tuple[tuple[tuple[Fraction, int], ...], Fraction, Fraction]


@cache
def hydrogenic(name: str, z: int = 1) -> Polynomial:
    """P_nl as (terms (c, p) of sum c r^p, exponent, squared norm): P = sqrt(norm2) sum e^(-ar)."""
    n, l = int(name[0]), "spdf".index(name[1])
    x = Fraction(2 * z, n)
    terms = tuple(
        (
            Fraction(
                (-1) ** i * factorial(n + l),
                factorial(n - l - 1 - i) * factorial(2 * l + 1 + i) * factorial(i),
            )
            * x ** (l + 1 + i),
            l + 1 + i,
        )
        for i in range(n - l)
    )
    return terms, Fraction(z, n), x * Fraction(factorial(n - l - 1), 2 * n * factorial(n + l))


def tabulated(name: str, r: np.ndarray, z: int = 1) -> np.ndarray:
    """P_nl on a grid."""
    terms, a, norm2 = hydrogenic(name, z)
    polynomial = sum(float(c) * r**p for c, p in terms)
    return np.sqrt(float(norm2)) * polynomial * np.exp(-float(a) * r)


def slater(k: int, names: tuple[str, ...], z: int = 1) -> float:
    """R^k(12;34) to the last bit."""
    one, two, three, four = (hydrogenic(name, z) for name in names)
    total = Fraction(0)
    for c1, p1 in one[0]:
        for c3, p3 in three[0]:
            for c2, p2 in two[0]:
                for c4, p4 in four[0]:
                    total += (
                        c1 * c2 * c3 * c4
                        * _pair(p1 + p3, p2 + p4, k, one[1] + three[1], two[1] + four[1])
                    )  # fmt: skip
    norm2 = one[2] * two[2] * three[2] * four[2]
    with mpmath.workdps(40):
        root = mpmath.sqrt(mpmath.mpf(norm2.numerator) / norm2.denominator)
        return float(mpmath.mpf(total.numerator) / total.denominator * root)


@cache
def _pair(m: int, n: int, k: int, a: Fraction, b: Fraction) -> Fraction:
    """int int r1^m r2^n exp(-a r1 - b r2) r<^k/r>^(k+1)."""

    def inner_first(m: int, n: int, a: Fraction, b: Fraction) -> Fraction:
        q = n - k - 1
        return sum(
            (
                Fraction(factorial(q) * factorial(m + k + j), factorial(j))
                / b ** (q - j + 1)
                / (a + b) ** (m + k + j + 1)
                for j in range(q + 1)
            ),
            Fraction(0),
        )

    return inner_first(m, n, a, b) + inner_first(n, m, b, a)
