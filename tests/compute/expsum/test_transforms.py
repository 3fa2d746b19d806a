"""Bessel transforms of single terms against arbitrary precision, near and far from their poles."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from compute.expsum.fit import ExponentialSum
from compute.expsum.transforms import spherical_bessel_transform

MOMENTA = np.array([1e-4, 0.3, 1.0, 2.0, 5.0, 40.0, 1e5, 1e12])


@pytest.mark.parametrize("k", [0, 1, 2, 3, 6])
@pytest.mark.parametrize("power", [0, 1, 2, 3, 7, 16, 25])
@pytest.mark.parametrize("exponent", [2.3, 1.5 + 0.8j])
def test_a_term_of_any_order_is_its_integral_however_far_its_pole(
    exponent: complex, power: int, k: int
) -> None:
    """Factors of a term of high order leave the range of numbers where q is many times a."""
    exponents = np.unique([exponent, np.conj(exponent)]).astype(np.complex128)
    density = ExponentialSum(
        np.ones(exponents.size, dtype=np.complex128),
        exponents,
        np.full(exponents.size, power, dtype=np.int64),
        0.0,
    )
    size = float(mp.factorial(power) / mp.mpf(exponents[0].real) ** (power + 1))
    values = spherical_bessel_transform(density, k, MOMENTA)
    expected = [sum(exact(complex(a), power, k, q) for a in exponents) for q in MOMENTA]
    assert values == pytest.approx(expected, rel=0.0, abs=1e-13 * size)
    assert np.isfinite(values).all()


def exact(exponent: complex, power: int, k: int, q: float) -> float:
    """Watson's formula as it stands, without Euler's transformation, with 60 digits."""
    with mp.workdps(60):
        a, half = mp.mpc(exponent), mp.mpf(1) / 2
        order = half * (power + k + 1)
        front = mp.sqrt(mp.pi) * mp.factorial(power + k) * mp.mpf(float(q)) ** k
        front /= 2 ** (k + 1) * mp.gamma(k + 3 * half) * a ** (2 * order)
        z = -((mp.mpf(float(q)) / a) ** 2)
        return float(mp.re(front * mp.hyp2f1(order, order + half, k + 3 * half, z)))
