"""The axes in which a site's symmetry shows: fewer and smaller blocks, real matrices.

Spin-orbit coupling and Coulomb repulsion know no axes, so that the field, the hopping and the
ligand matrix may be turned before the determinants are made. An n-fold axis along z splits
them into n blocks; a twofold axis along y makes them real in complex harmonics. Every rotation
axis passes through a critical point of E(n) = <z2 along n| h |z2 along n>, which is a quartic of
the direction n, so that all candidates are found by Newton's method from many directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.orbitals import QUADRATIC, rotation_matrix, symmetrised

Array = NDArray[Any]
Real = NDArray[np.float64]

_SAME_EV = 1e-8  # matrices that differ by less before and after a rotation are invariant
_MIXTURE = (1.0, 0.57, 0.31)  # of the matrices, so that no two cancel in all their field
_STARTS = 60
_NEWTON_STEPS = 16
_LONGEST = 0.3  # step of Newton's method
_RIDGE = 1e-9  # eV
_ORDERS = (5, 4, 3, 2)  # of rotations; invariance under five-fold turns of l = 2 means any angle
_ROUNDING_EV = 1e-12
_FOUND = 1e-9  # of the gradient, relative to the field


@dataclass(frozen=True)
class Frame:
    """Axes and what they show.

    Attributes
    ----------
    axes : (3, 3), the new x, y, z in rows
    order : of the rotations about z that change nothing; 5 stands for any angle
    real : whether half a turn about y changes nothing
    """

    axes: Real
    order: int
    real: bool

    @property
    def gain(self) -> int:
        """Blocks that the determinants fall into, twice as good if real."""
        return self.order * (2 if self.real else 1)


def about(axis: Real, angle: float) -> Real:
    """Rotation (3, 3) about a unit vector, rad."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def best_frame(matrices: Sequence[Array], field: Real) -> Frame:
    """The axes that show most symmetry; the given ones where none are better.

    Parameters
    ----------
    matrices : (5, 5) each, in the real order, eV
    field : (3,), an axial vector that acts on the spins as well, eV
    """
    best = _frame(np.eye(3), matrices, field)
    if best.order >= 4 and best.real:
        return best
    axes = candidate_axes(matrices)
    orders = [_order(axis, matrices, field) for axis in axes]
    for z, order in zip(axes, orders, strict=True):
        if order < 2:
            continue
        across = [y for y, other in zip(axes, orders, strict=True) if other and abs(y @ z) < 1e-6]
        across += [v for v in np.eye(3) if abs(v @ z) < 1e-6]
        helper = np.eye(3)[int(np.argmin(np.abs(z)))]
        across.append(np.cross(z, helper) / np.linalg.norm(np.cross(z, helper)))
        for y in across:
            y = y - (y @ z) * z
            y = y / np.linalg.norm(y)
            frame = _frame(np.array([np.cross(y, z), y, z]), matrices, field)
            if frame.gain > best.gain:
                best = frame
            if best.order >= 4 and best.real:
                return best
    return best


def in_frame(matrix: Array, frame: Frame) -> Array:
    """A matrix (5, 5) in the axes of a frame, freed of what its symmetry forbids (<= 1e-8 eV)."""
    d = rotation_matrix(frame.axes.T)
    z, y = np.eye(3)[2], np.eye(3)[1]
    turns = [about(z, 2 * np.pi * k / frame.order) for k in range(frame.order)]
    if frame.real:
        turns += [about(y, np.pi) @ turn for turn in turns]
    operations = np.array([rotation_matrix(turn) for turn in turns])
    return symmetrised(d.T @ matrix @ d, operations, zero=_ROUNDING_EV, hermitian=False)


def candidate_axes(matrices: Sequence[Array]) -> list[Real]:
    """Critical directions of the matrices' common quartic, up to sign."""
    total = np.zeros((5, 5))
    for k, matrix in enumerate(matrices):
        even = (matrix + matrix.T).real / 2
        even = even - np.trace(even) / 5 * np.eye(5)
        size = float(np.abs(even).max())
        if size > _SAME_EV:
            total += even / size * _MIXTURE[k % 3]
    if not total.any():
        return []
    # the principal axes of the quadrupole are the answer unless it is degenerate
    quadrupole = np.einsum("ab,aij,bjk->ik", total, QUADRATIC, QUADRATIC)
    n = np.random.default_rng(3).standard_normal((_STARTS, 3))
    n = np.concatenate([np.linalg.eigh(quadrupole)[1].T, n / np.linalg.norm(n, axis=1)[:, None]])
    for _ in range(_NEWTON_STEPS):
        gradient, hessian = _derivatives(n, total)
        radial = np.einsum("si,si->s", n, gradient)
        across = np.eye(3) - n[:, :, None] * n[:, None, :]
        curved = across @ (hessian - radial[:, None, None] * np.eye(3)) @ across
        curved += n[:, :, None] * n[:, None, :]
        curved += _RIDGE * np.eye(3)  # for whole circles of critical points
        downhill = np.einsum("sij,sj->si", across, gradient)
        step = np.linalg.solve(curved, downhill[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1)[:, None]
        n = n - step * np.minimum(1.0, _LONGEST / np.maximum(length, 1e-12))
        n /= np.linalg.norm(n, axis=1)[:, None]
    gradient, _ = _derivatives(n, total)
    slope = np.linalg.norm(gradient - n * np.einsum("si,si->s", n, gradient)[:, None], axis=1)
    found: list[Real] = []
    for direction in n[slope < _FOUND]:
        if not any(abs(direction @ other) > 1 - 1e-8 for other in found):
            found.append(direction)
    return found


def _derivatives(n: Real, h: Real) -> tuple[Real, Real]:
    """Gradients (s, 3) and second derivatives (s, 3, 3) of u(n)^T h u(n), u_a = n^T Q_a n."""
    u = np.einsum("si,aij,sj->sa", n, QUADRATIC, n)
    slope = 2 * np.einsum("aij,sj->sai", QUADRATIC, n)
    hu = u @ h
    gradient = 2 * np.einsum("sai,sa->si", slope, hu)
    hessian = 2 * np.einsum("sai,ab,sbj->sij", slope, h, slope)
    hessian += 4 * np.einsum("sa,aij->sij", hu, QUADRATIC)
    return gradient, hessian


def _frame(axes: Real, matrices: Sequence[Array], field: Real) -> Frame:
    order = max(1, _order(axes[2], matrices, field))
    flat = abs(float(axes[1] @ field)) <= _SAME_EV
    real = flat and _invariant(about(axes[1], np.pi), matrices)
    return Frame(axes, order, real)


def _order(axis: Real, matrices: Sequence[Array], field: Real) -> int:
    """Highest order of rotations about an axis that change nothing, 0 for none."""
    if np.abs(np.cross(axis, field)).max() > _SAME_EV:
        return 0
    return next((k for k in _ORDERS if _invariant(about(axis, 2 * np.pi / k), matrices)), 0)


def _invariant(rotation: Real, matrices: Sequence[Array]) -> bool:
    d = rotation_matrix(rotation)
    return all(float(np.abs(d.T @ m @ d - m).max()) <= _SAME_EV for m in matrices)
