"""Spherical Bessel transforms of exponential sums, analytic in the exponents."""

from __future__ import annotations

from math import factorial

import numpy as np
from scipy.special import gamma, hyp2f1

from compute.expsum.fit import ExponentialSum
from compute.expsum.interpolation import Array


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
        series = hyp2f1(0.5 * (k + 2 - power), 0.5 * (k + 1 - power), k + 1.5, z)
        term = weight * front * (q / a) ** k / a ** (power + 1) * (1.0 - z) ** -power * series
        out += np.asarray((1.0 if real else 2.0) * term).real
    return out
