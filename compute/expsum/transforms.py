"""Spherical Bessel transforms of exponential sums, analytic in the exponents."""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma, hyp2f1

from compute.expsum.fit import ExponentialSum
from compute.expsum.interpolation import Array

Values = NDArray[np.float64] | NDArray[np.complex128]


def spherical_bessel_transform(density: ExponentialSum, k: int, q: Array) -> Array:
    """``int_0^inf density(r) j_k(q r) dr`` for q > 0, (n,).

    Each term is (Watson, Bessel Functions, sec. 13.2, with Euler's transformation)::

        int r^p e^(-ar) j_k(qr) dr = sqrt(pi) (p+k)! q^k / (2^(k+1) Gamma(k+3/2) a^(p+k+1))
            (1+q^2/a^2)^-p 2F1((k+2-p)/2, (k+1-p)/2; k+3/2; -q^2/a^2)

    whose series ends for p > k; p = k+1 gives (2q)^k k!/(a^2+q^2)^(k+1).
    """
    out = np.zeros(q.shape)
    for weight, exponent, power in zip(
        density.weights, density.exponents, density.powers.tolist(), strict=True
    ):
        if exponent.imag < 0.0:  # the conjugate of a term that counts twice
            continue
        real = exponent.imag == 0.0
        a = exponent.real if real else exponent
        z = -((q / a) ** 2)
        front = np.sqrt(np.pi) * factorial(power + k) / (2.0 ** (k + 1) * gamma(k + 1.5))
        if power > k:
            damped = _damped_polynomial(power, k, z)
        else:
            series = hyp2f1(0.5 * (k + 2 - power), 0.5 * (k + 1 - power), k + 1.5, z)
            damped = (1.0 - z) ** -power * series
        term = weight * front * (q / a) ** k / a ** (power + 1) * damped
        out += np.asarray((1.0 if real else 2.0) * term).real
    return out


def _damped_polynomial(power: int, k: int, z: Values) -> Values:
    """``(1-z)^-p 2F1(-n, b; k+3/2; z)`` for p > k, where one parameter is an integer -n.

    As a homogeneous polynomial of z/(1-z) and 1/(1-z): each factor alone overflows where q is
    many times a and p is large (the rings of poles that a fit merges), their product is nothing.
    """
    one, two = k + 2 - power, k + 1 - power  # twice the parameters: one of them is even
    degree = -(one if one % 2 == 0 else two) // 2
    coefficients = [1.0]
    for j in range(degree):
        ratio = (0.5 * one + j) * (0.5 * two + j) / ((k + 1.5 + j) * (j + 1))
        coefficients.append(coefficients[-1] * ratio)
    far = 1.0 / (1.0 - z)
    near = z * far
    total, weight = np.full_like(z, coefficients[-1]), np.ones_like(z)
    for coefficient in coefficients[-2::-1]:
        weight = weight * far
        total = total * near + coefficient * weight
    return total * far ** (power - degree)
