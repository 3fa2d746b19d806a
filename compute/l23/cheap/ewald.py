"""Multipole expansion of the potential of a lattice of point charges about one of its sites.

The sums ``B_lm = Σ q Y_lm(R)/R^(l+1)`` over all other charges converge slowly (l = 2 only
conditionally); they are split by Ewald's method, generalised to multipoles by Nijboer and
de Wette (Physica 23 (1957) 309):
``1/R^(2l+1) = Γ(l+½)⁻¹ ∫₀^∞ t^(l−½) exp(−tR²) dt``, divided at t = α².
The term G = 0 is left out (no field of a macroscopic polarisation).
"""

from __future__ import annotations

from math import gamma, pi

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from compute.errors import InputError
from compute.orbitals import real_harmonics

FloatArray = NDArray[np.float64]

_CUTOFF_ANG = 11.0
_EXPONENT = 4.7  # α·R_cut = G_max/2α: what is left out is of order exp(−22)


def lattice_multipoles(
    lattice: FloatArray, fractional: FloatArray, charges: FloatArray, index: int, l: int
) -> FloatArray:
    """Σ q Y_lm(R)/R^(l+1) over all charges but the one at ``index`` itself.

    Parameters
    ----------
    lattice : float64 (3, 3)
        Rows are the cell vectors, Å.
    fractional : float64 (n, 3)
    charges : float64 (n,)
        Elementary charges; a net charge is compensated by a uniform background.
    index : int
        Site about which the potential is expanded; its periodic images count.
    l : int
        1 or more.

    Returns
    -------
    float64 (2l+1,)
        m = −l … l, e/Å^(l+1), real harmonics in the Cartesian axes of ``lattice``.
    """
    if l < 1:
        raise InputError("l", l, "the expansion starts at the dipole")
    offsets = fractional - fractional[index]
    offsets = offsets - np.round(offsets)
    return _near(lattice, offsets, charges, l) + _far(lattice, offsets, charges, l)


def point_multipoles(vectors: FloatArray, charges: FloatArray, l: int) -> FloatArray:
    """Σ q Y_lm(R)/R^(l+1) (2l+1,) of single charges (n,) at vectors (n, 3), Å; e/Å^(l+1)."""
    if not len(charges):
        return np.zeros(2 * l + 1)
    result: FloatArray = real_harmonics(l, vectors) @ (
        charges / np.linalg.norm(vectors, axis=1) ** (l + 1)
    )
    return result


def _near(lattice: FloatArray, offsets: FloatArray, charges: FloatArray, l: int) -> FloatArray:
    """The short-ranged part, summed over atoms within the cutoff."""
    alpha = _EXPONENT / _CUTOFF_ANG
    images = _translations(lattice, _CUTOFF_ANG)
    vectors = ((offsets[None] + images[:, None]).reshape(-1, 3)) @ lattice
    q = np.tile(charges, len(images))
    r = np.linalg.norm(vectors, axis=1)
    keep = (r > 1e-6) & (r < _CUTOFF_ANG)
    vectors, q, r = vectors[keep], q[keep], r[keep]
    weight = q * gammaincc(l + 0.5, (alpha * r) ** 2) / r ** (l + 1)
    result: FloatArray = real_harmonics(l, vectors) @ weight
    return result


def _far(lattice: FloatArray, offsets: FloatArray, charges: FloatArray, l: int) -> FloatArray:
    """The smooth part, summed over reciprocal vectors; the site's own Gaussian adds nothing."""
    alpha = _EXPONENT / _CUTOFF_ANG
    g_max = 2.0 * alpha * _EXPONENT
    reciprocal = np.asarray(2.0 * pi * np.linalg.inv(lattice).T, dtype=np.float64)
    indices = _translations(reciprocal, g_max, margin=0)
    indices = indices[np.any(indices != 0, axis=1)]
    vectors = indices @ reciprocal
    g = np.linalg.norm(vectors, axis=1)
    keep = g < g_max
    indices, vectors, g = indices[keep], vectors[keep], g[keep]
    structure_factor = np.exp(2j * pi * (indices @ offsets.T)) @ charges
    phase = ((-1j) ** l * structure_factor).real
    weight = phase * g ** (l - 2) * np.exp(-((g / (2.0 * alpha)) ** 2))
    volume = abs(float(np.linalg.det(lattice)))
    factor = pi**1.5 * 2.0 ** (2 - l) / (volume * gamma(l + 0.5))
    result: FloatArray = factor * (real_harmonics(l, vectors) @ weight)
    return result


def _translations(basis: FloatArray, radius: float, margin: int = 1) -> FloatArray:
    """Integer combinations of basis rows that can lie within a radius (one cell to spare)."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(basis), axis=0)
    reach = np.ceil(radius / heights).astype(int) + margin
    axes = [np.arange(-n, n + 1) for n in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)
