"""Complex Lorentz and Voigt profiles, and absorption edges, with analytic derivatives.

A peak is one analytic function of ``x + iγ``, x = E - position:

    F(x + iγ) = i / (π (x + iγ))                               Lorentz
    F(x + iγ) = w((x + iγ) / (σ√2)) / (σ√(2π))                 convolved with a Gaussian

with w the Faddeeva function. Its real part is the absorptive profile of unit area, its imaginary
part the dispersive one, and F' gives every derivative: dF/dE = F', dF/dposition = -F',
dF/dγ = iF', dF/dσ = -(F + (x + iγ) F') / σ.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from compute.jit import njit

Floats = NDArray[np.float64]

_SQRT_PI = math.sqrt(math.pi)

# Modified trapezium rules with 12 nodes are exact to 2e-15 in the whole half plane
# (Al Azah & Chandler-Wilde, SIAM J. Numer. Anal. 59 (2021) 2346, N = 11).
_STEP = math.sqrt(math.pi / 12.0)
_HALF_NODES = (np.arange(12) + 0.5) * _STEP
_NODES = np.arange(1, 12) * _STEP
_HALF_SQUARES, _SQUARES = _HALF_NODES**2, _NODES**2
_HALF_WEIGHTS = 2.0 * _STEP / math.pi * np.exp(-_HALF_SQUARES)
_WEIGHTS = 2.0 * _STEP / math.pi * np.exp(-_SQUARES)
# w(z) ~ i/(√π z) Σ (2m-1)!! / (2z²)^m: 12 terms suffice beyond |z| = 8, 7 beyond 16
_ASYMPTOTIC = np.cumprod(np.concatenate([[1.0], np.arange(1, 25, 2) / 2.0]))

# Gauss-Legendre nodes for the integral of a Voigt profile over one cell of the grid
_GAUSS_X, _GAUSS_W = np.polynomial.legendre.leggauss(12)


@njit(cache=True, error_model="numpy")
def faddeeva(x: float, y: float) -> tuple[complex, complex]:
    """w(z) = exp(-z²) erfc(-iz) and w'(z) for z = x + iy, y >= 0; relative error below 3e-14."""
    a = abs(x)
    square_re, square_im = a * a - y * y, 2.0 * a * y
    radius2 = a * a + y * y
    if radius2 > 64.0:
        # i/(√π z) (1 + S) and -2i/√π S, S = Σ_{m>0} c_m z^-2m
        u, v = square_re / (radius2 * radius2), -square_im / (radius2 * radius2)
        terms = 12
        if radius2 > 256.0:
            terms = 3 if radius2 > 1e4 else (5 if radius2 > 1024.0 else 7)
        s_re, s_im = 0.0, 0.0
        for m in range(terms, 0, -1):
            re = s_re + _ASYMPTOTIC[m]
            s_re, s_im = re * u - s_im * v, re * v + s_im * u
        scale = 1.0 / (_SQRT_PI * radius2)
        w_re = scale * (y * (1.0 + s_re) - a * s_im)
        w_im = scale * (a * (1.0 + s_re) + y * s_im)
        slope_re, slope_im = 2.0 / _SQRT_PI * s_im, -2.0 / _SQRT_PI * s_re
    else:
        re, im = 0.0, 0.0
        z = complex(a, y)
        position = a / _STEP
        fraction = position - math.floor(position)
        pole = y < max(a, math.pi / _STEP)
        if pole and 0.25 <= fraction <= 0.75:
            for k in range(11):
                d = square_re - _SQUARES[k]
                scale = _WEIGHTS[k] / (d * d + square_im * square_im)
                re += d * scale
                im -= square_im * scale
            w = 1j * z * complex(re, im) + 1j * _STEP / (math.pi * z)
            w += 2.0 * np.exp(-z * z) / (1.0 - np.exp(-2j * math.pi * z / _STEP))
        else:
            for k in range(12):
                d = square_re - _HALF_SQUARES[k]
                scale = _HALF_WEIGHTS[k] / (d * d + square_im * square_im)
                re += d * scale
                im -= square_im * scale
            w = 1j * z * complex(re, im)
            if pole:
                w += 2.0 * np.exp(-z * z) / (1.0 + np.exp(-2j * math.pi * z / _STEP))
        w_re, w_im = w.real, w.imag
        slope_re = -2.0 * (a * w_re - y * w_im)
        slope_im = -2.0 * (a * w_im + y * w_re) + 2.0 / _SQRT_PI
    if x < 0.0:
        return complex(w_re, -w_im), complex(-slope_re, slope_im)
    return complex(w_re, w_im), complex(slope_re, slope_im)


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp"})
def fill_lorentz(
    energy: Floats,
    position: Floats,
    hwhm: Floats,
    re: Floats,
    im: Floats,
    slope_re: Floats,
    slope_im: Floats,
) -> None:
    """Write F and F' of every Lorentz peak.

    Parameters
    ----------
    energy : float64 (n,)
        eV.
    position, hwhm : float64 (j,)
        eV.
    re, im, slope_re, slope_im : float64 (j, n)
        Out: parts of F (1/eV) and of F' (1/eV²).
    """
    for j in range(position.size):
        g = hwhm[j]
        for i in range(energy.size):
            x = energy[i] - position[j]
            d = 1.0 / (x * x + g * g)
            e = d * d / math.pi
            re[j, i] = g * d / math.pi
            im[j, i] = x * d / math.pi
            slope_re[j, i] = -2.0 * x * g * e
            slope_im[j, i] = (g * g - x * x) * e


@njit(cache=True, error_model="numpy")
def fill_voigt(
    energy: Floats,
    position: Floats,
    hwhm: Floats,
    sigma: float,
    re: Floats,
    im: Floats,
    slope_re: Floats,
    slope_im: Floats,
) -> None:
    """As :func:`fill_lorentz`, convolved with a Gaussian of standard deviation ``sigma`` (eV)."""
    s = 1.0 / (sigma * math.sqrt(2.0))
    for j in range(position.size):
        y = hwhm[j] * s
        for i in range(energy.size):
            x = (energy[i] - position[j]) * s
            w, slope = faddeeva(x, y)
            re[j, i] = w.real * s / _SQRT_PI
            im[j, i] = w.imag * s / _SQRT_PI
            slope_re[j, i] = slope.real * s * s / _SQRT_PI
            slope_im[j, i] = slope.imag * s * s / _SQRT_PI


def profiles(
    energy: Floats, position: Floats, hwhm: Floats, sigma: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Real and imaginary parts of F and F', each (j, n); ``sigma`` = 0 is a pure Lorentz peak."""
    out = np.empty((4, position.size, energy.size))
    if sigma > 0.0:
        fill_voigt(energy, position, hwhm, sigma, out[0], out[1], out[2], out[3])
    else:
        fill_lorentz(energy, position, hwhm, out[0], out[1], out[2], out[3])
    return out[0], out[1], out[2], out[3]


def absorptive(energy: Floats, position: float, hwhm: float, sigma: float = 0.0) -> Floats:
    """Absorptive profile of unit area, (n,), 1/eV."""
    return np.asarray(profiles(energy, np.array([position]), np.array([hwhm]), sigma)[0][0])


def dispersive(energy: Floats, position: float, hwhm: float, sigma: float = 0.0) -> Floats:
    """Dispersive partner of :func:`absorptive`, (n,), 1/eV."""
    return np.asarray(profiles(energy, np.array([position]), np.array([hwhm]), sigma)[1][0])


def arctan_edge(energy: Floats, position: float, hwhm: float, sigma: float = 0.0) -> Floats:
    """Unit step ``1/2 + arctan((E - position)/hwhm)/π``, convolved with a Gaussian if any, (n,)."""
    if sigma <= 0.0:
        return np.asarray(0.5 + np.arctan((energy - position) / hwhm) / math.pi)
    return np.asarray(_convolved_arctan(energy, position, hwhm, sigma))


def erf_edge(energy: Floats, position: float, sigma: float) -> Floats:
    """Unit step of Gaussian width ``sigma`` (eV), (n,)."""
    return np.asarray(0.5 + 0.5 * erf((energy - position) / (sigma * math.sqrt(2.0))))


@njit(cache=True, error_model="numpy")
def _convolved_arctan(energy: Floats, position: float, hwhm: float, sigma: float) -> Floats:
    """Integral of a Voigt profile: Gauss-Legendre from point to point outwards from the edge, an
    exact far field beyond; ``energy`` ascends.

    Beyond |x| = 9σ√2 the Gaussian only adds its moments to the arctangent:
    arctan * Gauss = Im-part of the integral of the asymptotic series of w, term by term.
    """
    s = 1.0 / (sigma * math.sqrt(2.0))
    y = hwhm * s
    out = np.empty(energy.size)
    middle = np.searchsorted(energy, position)
    for side in (1, -1):
        last, half = 0.0, 0.0
        i = middle if side == 1 else middle - 1
        while 0 <= i < energy.size:
            a = abs(energy[i] - position) * s
            if a * a + y * y > 81.0:
                # ∫ i/(√π z) Σ c_m z^-2m dz = i/√π (ln z - Σ_{m>0} c_m z^-2m / 2m)
                inverse = 1.0 / complex(a, y) ** 2
                total = 0j
                for m in range(12, 0, -1):
                    total = (total - _ASYMPTOTIC[m] / (2.0 * m)) * inverse
                out[i] = 0.5 + side * (0.5 - (math.atan2(y, a) + total.imag) / math.pi)
            else:
                cells = max(1, int(math.ceil((a - last) / max(0.7, 0.5 * y))))
                width = (a - last) / cells
                for c in range(cells):
                    for k in range(_GAUSS_X.size):
                        t = last + (c + 0.5 + 0.5 * _GAUSS_X[k]) * width
                        half += 0.5 * width / _SQRT_PI * _GAUSS_W[k] * faddeeva(t, y)[0].real
                last = a
                out[i] = 0.5 + side * half
            i += side
    return out
