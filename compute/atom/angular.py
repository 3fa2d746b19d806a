"""Angular factors of averages over a subshell."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial


@cache
def three_j_squared(a: int, k: int, b: int) -> float:
    """Square of the 3j symbol (a k b; 0 0 0) (Edmonds 1957, eq. 3.7.17)."""
    total = a + k + b
    if total % 2 or k > a + b or k < abs(a - b):
        return 0.0
    half = total // 2
    triangle = Fraction(
        factorial(total - 2 * a) * factorial(total - 2 * k) * factorial(total - 2 * b),
        factorial(total + 1),
    )
    root = Fraction(
        factorial(half), factorial(half - a) * factorial(half - k) * factorial(half - b)
    )
    return float(triangle * root**2)
