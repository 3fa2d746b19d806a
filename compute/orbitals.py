"""Real d orbitals as quadratic forms: amplitudes along a bond, rotations, averages over symmetry.

Order everywhere: z², x²−y², xy, xz, yz. Orbital m is ∝ rᵀ Q_m r / r², scaled so that a σ orbital
along its own axis has amplitude 1 (z² along z).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_S = np.sqrt(3.0) / 2.0
QUADRATIC: FloatArray = np.array(
    [
        [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, 1.0]],
        [[_S, 0, 0], [0, -_S, 0], [0, 0, 0]],
        [[0, _S, 0], [_S, 0, 0], [0, 0, 0]],
        [[0, 0, _S], [0, 0, 0], [_S, 0, 0]],
        [[0, 0, 0], [0, 0, _S], [0, _S, 0]],
    ]
)


def sigma_amplitudes(unit: FloatArray) -> FloatArray:
    """(5,): amplitude of each d orbital in the σ orbital along a unit vector (3,)."""
    result: FloatArray = QUADRATIC @ unit @ unit
    return result


def pi_amplitudes(unit: FloatArray) -> FloatArray:
    """(5, 3): amplitude in the π orbitals about a unit vector, resolved on x, y, z."""
    normal = np.eye(3) - np.outer(unit, unit)
    result: FloatArray = (2.0 / np.sqrt(3.0)) * (QUADRATIC @ unit) @ normal
    return result


def rotation_matrix(rotation: FloatArray) -> FloatArray:
    """(5, 5) D with D[m, n] = <m| R |n> for a rotation or reflection (3, 3).

    If a field has matrix H in axes e and R carries e onto e', then Dᵀ H D is its matrix in e'.
    """
    turned = rotation @ QUADRATIC @ rotation.T
    # the Q_m are orthogonal traceless matrices of norm² 3/2
    result: FloatArray = np.einsum("mab,nab->mn", QUADRATIC, turned) * (2.0 / 3.0)
    return result


def site_operations(local_axes: FloatArray, operations: FloatArray) -> FloatArray:
    """(g, 5, 5): point operations of a site, Cartesian (g, 3, 3), on d orbitals in local axes."""
    return np.array([rotation_matrix(local_axes @ one @ local_axes.T) for one in operations])


def symmetrised(
    matrix: NDArray[Any], operations: FloatArray, *, zero: float, hermitian: bool = True
) -> NDArray[Any]:
    """A one-electron matrix freed of what a symmetry forbids: its average over the operations.

    Parameters
    ----------
    matrix : (5, 5)
    operations : float64 (g, 5, 5)
        What each does to the orbitals (:func:`rotation_matrix`).
    zero : float
        Elements of the average up to this size are rounding errors and become 0.
    hermitian : bool
        Whether the matrix is symmetric but for rounding errors, which are then taken off.
    """
    average = (operations.transpose(0, 2, 1) @ matrix @ operations).mean(axis=0)
    if hermitian:
        average = (average + average.conj().T) / 2.0
    return np.where(np.abs(average) > zero, average, 0.0)


def real_harmonics(l: int, vectors: FloatArray) -> FloatArray:
    """(2l+1, n) real orthonormal spherical harmonics of the directions (n, 3), m = −l … l."""
    from scipy.special import sph_harm_y  # the engine turns orbitals and needs no SciPy for it

    r = np.linalg.norm(vectors, axis=1)
    theta = np.arccos(np.clip(vectors[:, 2] / r, -1.0, 1.0))
    phi = np.arctan2(vectors[:, 1], vectors[:, 0])
    out = np.empty((2 * l + 1, len(vectors)))
    out[l] = sph_harm_y(l, 0, theta, phi).real
    for m in range(1, l + 1):
        values = np.sqrt(2.0) * (-1) ** m * sph_harm_y(l, m, theta, phi)
        out[l + m], out[l - m] = values.real, values.imag
    return out


@cache
def gaunt(l: int) -> FloatArray:
    """(2l+1, 5, 5): ∫ d_m Y_l d_n over the sphere, by a quadrature exact to degree 8 and more."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    angles = 2.0 * np.pi * np.arange(16) / 16
    z = np.repeat(nodes, 16)
    phi = np.tile(angles, 8)
    s = np.sqrt(1.0 - z * z)
    points = np.stack([s * np.cos(phi), s * np.sin(phi), z], axis=1)
    weight = np.repeat(weights, 16) * (2.0 * np.pi / 16)
    d = np.sqrt(5.0 / (4.0 * np.pi)) * np.einsum("mab,pa,pb->mp", QUADRATIC, points, points)
    result: FloatArray = np.einsum("p,kp,mp,np->kmn", weight, real_harmonics(l, points), d, d)
    return result
