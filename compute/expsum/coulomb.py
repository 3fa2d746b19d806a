"""Coulomb integrals of exponential sums in Fourier space.

    one centre:  R^k = (2(2k+1)/pi) int_0^inf A_k(q) B_k(q) dq
    two centres: U   = (2/pi) int_0^inf A_0(q) B_0(q) j_0(qR) dq,

A_k the spherical Bessel transform. The transforms are analytic with poles at q = ±i a only, so the
trapezoidal rule converges exponentially, in ln q where nothing oscillates and in q where j_0 does
(Ikeno, J. Comput. Phys. 355 (2018) 426; Trefethen and Weideman, SIAM Rev. 56 (2014) 385).
"""

from __future__ import annotations

import numpy as np

from compute.errors import ConvergenceError
from compute.expsum.fit import ExponentialSum
from compute.expsum.interpolation import Array
from compute.expsum.transforms import spherical_bessel_transform

_DIGITS = 37.0  # exp(-37) = 1e-16
_MOST_POINTS = 2_000_000


def one_center(k: int, a: ExponentialSum, b: ExponentialSum) -> float:
    """R^k of two densities, hartree."""
    exponents = np.concatenate([a.exponents, b.exponents])
    if not a.weights.size or not b.weights.size:
        return 0.0
    # the poles lie at Im(ln q) = pi/2 - |arg a|
    strip = np.pi / 2 - np.abs(np.angle(exponents)).max()
    step = max(2.0 * np.pi * strip / _decay_needed(a, b), 0.005)
    low = np.log(np.abs(exponents).min()) - _DIGITS / (2 * k + 1) - 1.0
    high = np.log(np.abs(exponents).max()) + 0.6 * _DIGITS
    q = np.exp(np.arange(low, high, step))
    transform = spherical_bessel_transform(a, k, q)
    other = transform if b is a else spherical_bessel_transform(b, k, q)
    return float(2.0 * (2 * k + 1) / np.pi * step * np.sum(q * transform * other))


def two_center(a: ExponentialSum, b: ExponentialSum, distance: float) -> float:
    """Repulsion of two spherical densities, hartree; ``distance`` in bohr."""
    if not a.weights.size or not b.weights.size:
        return 0.0
    if distance == 0.0:
        return one_center(0, a, b)
    exponents = np.concatenate([a.exponents, b.exponents])
    # in the strip |Im q| < min Re a the integrand grows no faster than exp(R |Im q|)
    step = 2.0 * np.pi / (distance + _decay_needed(a, b) / exponents.real.min())
    probe = np.exp(np.arange(np.log(step), np.log(np.abs(exponents).max()) + 14.0, 0.2))
    size = np.abs(
        spherical_bessel_transform(a, 0, probe) * spherical_bessel_transform(b, 0, probe)
    ) * np.minimum(probe, 1.0 / distance)
    last = probe[np.flatnonzero(size > 1e-14 * size.max())[-1]]
    count = int(np.ceil(1.2 * last / step))
    if count > _MOST_POINTS:
        raise ConvergenceError("two-centre integral, points in q", count, _MOST_POINTS)
    charge = _charge(a) * _charge(b)
    total = 0.5 * charge
    for start in range(1, count + 1, 8192):
        q = step * np.arange(start, min(start + 8192, count + 1))
        product = spherical_bessel_transform(a, 0, q) * spherical_bessel_transform(b, 0, q)
        total += float(product @ np.sinc(q * distance / np.pi))
    return float(2.0 / np.pi * step * total)


def _decay_needed(a: ExponentialSum, b: ExponentialSum) -> float:
    """y = 2 pi (strip width)/step that makes the trapezoidal error exp(-_DIGITS).

    A pole of order N at the strip's edge weakens exp(-y) to exp(-y + N + N ln(y/N)).
    """
    order = float(a.powers.max() + b.powers.max() + 2)
    y = _DIGITS + 2.0 * order
    for _ in range(60):
        y = _DIGITS + order * (1.0 + np.log(max(y / order, 1.0)))
    return y


def _charge(density: ExponentialSum) -> float:
    """Integral over r."""
    tiny: Array = np.array([1e-8 * np.abs(density.exponents).min()])
    return float(spherical_bessel_transform(density, 0, tiny)[0])
