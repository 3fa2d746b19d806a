"""Coordination polyhedra: which ideal shape a set of ligand directions has, and its axes.

A shape is found by the continuous shape measure of Pinsky and Avnir (Inorg. Chem. 37 (1998)
5575) on the ligand *directions*, so that an elongated octahedron is still an octahedron; the
rotation that maps the ideal shape onto the real one gives the local axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, pi, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_STARTS_REFINED = 4


@dataclass(frozen=True, eq=False)
class Shape:
    """The ideal polyhedron nearest to a set of directions.

    Attributes
    ----------
    name : str
        ``octahedron``, ``tetrahedron``, ``square plane`` …, or ``n-fold``.
    deviation : float
        Continuous shape measure in percent: 0 is ideal; an octahedron and a trigonal prism
        are 16.7 apart. NaN for ``n-fold``.
    axes : float64 (3, 3) or None
        Rows are the polyhedron's x, y, z in the frame of the directions, right-handed.
    """

    name: str
    deviation: float
    axes: FloatArray | None


def nearest_shape(directions: FloatArray) -> Shape:
    """The ideal polyhedron nearest to ligand directions.

    Parameters
    ----------
    directions : float64 (n, 3)
        Vectors from the central atom; their lengths are ignored.
    """
    n = len(directions)
    if n == 0:
        return Shape("isolated", 0.0, None)
    unit = directions / np.linalg.norm(directions, axis=1)[:, None]
    if n == 1:
        return Shape("single bond", 0.0, None)
    names = [name for name, ideal in _shapes().items() if len(ideal) == n]
    if not names:
        return Shape(f"{n}-fold", float("nan"), None)
    frames = _pair_frames(unit)
    fits = [(*_fit(unit, frames, name), name) for name in names]
    deviation, rotation, name = min(fits, key=lambda fit: fit[0])
    return Shape(name, deviation, np.ascontiguousarray(rotation.T))


def _pair_frames(unit: FloatArray) -> FloatArray:
    """Frames (s, 3, 3) spanned by every ordered pair of ligands, or by their common line."""
    i, j = np.nonzero(np.abs(unit @ unit.T) < 0.99)
    if len(i):
        return _frames(unit[i], unit[j])
    return _frame(unit[0], _perpendicular(unit[0]))[None]


@cache
def _vertex_frame(name: str) -> FloatArray:
    """The frame of two vertices of an ideal shape, as far from collinear as can be."""
    ideal = _shapes()[name]
    return _frame(ideal[0], ideal[int(np.argmin(np.abs(ideal @ ideal[0])))])


def _fit(unit: FloatArray, frames: FloatArray, name: str) -> tuple[float, FloatArray]:
    """Least shape measure over rotations and relabellings, and the rotation R (R·ideal ≈ unit).

    Every ordered pair of ligands is tried as the image of two vertices of the ideal shape;
    the best few starts are refined by assignment and rotation in turn.
    """
    from scipy.optimize import linear_sum_assignment  # half a second that few who import need

    ideal = _shapes()[name]
    rotations = np.swapaxes(frames, 1, 2) @ _vertex_frame(name)
    nearest = (unit @ rotations @ ideal.T).max(axis=1).sum(axis=1)
    order = np.argsort(-np.round(nearest, 9), kind="stable")  # equals stay in order
    rotation = rotations[order[:_STARTS_REFINED]]
    columns = np.full((len(rotation), len(ideal)), -1)
    for _ in range(20):
        overlaps = unit @ rotation @ ideal.T  # (starts, ligands, vertices)
        found = np.array([linear_sum_assignment(-overlap)[1] for overlap in overlaps])
        if (found == columns).all():
            break
        columns = found
        rotation = _kabsch(unit, ideal[columns])
    overlap = np.einsum("na,sab,snb->s", unit, rotation, ideal[columns]) / len(unit)
    distance = 1.0 - overlap**2  # at the best common scale
    best = int(np.argmax(distance < distance.min() + 1e-9))  # the first of equals
    return 100.0 * max(float(distance[best]), 0.0), rotation[best]


def _kabsch(target: FloatArray, source: FloatArray) -> FloatArray:
    """Proper rotations R (s, 3, 3) that minimise Σ|target − R·source|²; (n, 3) and (s, n, 3)."""
    u, _, vt = np.linalg.svd(target.T @ source)
    u[..., 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    result: FloatArray = u @ vt
    return result


def _perpendicular(v: FloatArray) -> FloatArray:
    """Some vector that is not parallel to v."""
    axis = np.zeros(3)
    axis[int(np.argmin(np.abs(v)))] = 1.0
    return axis


def _frame(a: FloatArray, b: FloatArray) -> FloatArray:
    """Right-handed orthonormal rows: along a, b's part normal to a, and their product."""
    if np.linalg.norm(np.cross(a, b)) < 1e-6:
        b = _perpendicular(a)
    frame: FloatArray = _frames(a[None], b[None])[0]
    return frame


def _frames(a: FloatArray, b: FloatArray) -> FloatArray:
    """The same for stacks (s, 3) of vectors that are not parallel; (s, 3, 3)."""
    e1 = a / np.linalg.norm(a, axis=1)[:, None]
    e2 = b - np.sum(b * e1, axis=1)[:, None] * e1
    e2 /= np.linalg.norm(e2, axis=1)[:, None]
    return np.stack([e1, e2, np.cross(e1, e2)], axis=1)


def _ring(n: int, polar_degrees: float, start_degrees: float = 0.0) -> list[list[float]]:
    """n unit vectors around z at a polar angle."""
    theta = radians(polar_degrees)
    angles = [radians(start_degrees) + 2 * pi * k / n for k in range(n)]
    return [[sin(theta) * cos(a), sin(theta) * sin(a), cos(theta)] for a in angles]


@cache
def _shapes() -> dict[str, FloatArray]:
    """Ideal shapes, unit vectors; x, y, z are the axes that ``local_axes`` hands on."""
    up, down = [[0.0, 0.0, 1.0]], [[0.0, 0.0, -1.0]]
    square = _ring(4, 90.0)
    cube = [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    golden = (1 + sqrt(5)) / 2
    prism = 49.1066  # all nine edges equal
    listed: dict[str, Sequence[Sequence[float]]] = {
        "linear": up + down,
        "bent": _ring(2, 54.7356),
        "trigonal plane": _ring(3, 90.0),
        "trigonal pyramid": _ring(3, 70.5288),
        "T shape": [[1, 0, 0], [-1, 0, 0], [0, 0, 1]],
        "tetrahedron": [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
        "square plane": square,
        "see-saw": [*up, *down, *_ring(2, 90.0)[:1], [-0.5, sqrt(0.75), 0]],
        "square pyramid": up + _ring(4, 100.0),
        "trigonal bipyramid": up + down + _ring(3, 90.0),
        "octahedron": up + down + square,
        "trigonal prism": _ring(3, prism) + _ring(3, 180 - prism),
        "pentagonal bipyramid": up + down + _ring(5, 90.0),
        "capped octahedron": up + _ring(3, 74.0) + _ring(3, 130.0, 60.0),
        "capped trigonal prism": [
            [0, 0, 1],
            *(
                [x, y, z]
                for x, y, z in [
                    (0.69, 0.66, 0.30),
                    (-0.69, 0.66, 0.30),
                    (0.69, -0.66, 0.30),
                    (-0.69, -0.66, 0.30),
                    (0.69, 0, -0.72),
                    (-0.69, 0, -0.72),
                ]
            ),
        ],
        "cube": cube,
        "square antiprism": _ring(4, 59.26) + _ring(4, 120.74, 45.0),
        "dodecahedron": [
            *_ring(2, 36.85),
            *_ring(2, 180 - 36.85, 90.0),
            *_ring(2, 69.46, 90.0),
            *_ring(2, 180 - 69.46),
        ],
        "tricapped trigonal prism": _ring(3, 45.0) + _ring(3, 135.0) + _ring(3, 90.0, 60.0),
        "cuboctahedron": [[s * a, t * b, 0] for s in (-1, 1) for t in (-1, 1) for a, b in [(1, 1)]]
        + [[s, 0, t] for s in (-1, 1) for t in (-1, 1)]
        + [[0, s, t] for s in (-1, 1) for t in (-1, 1)],
        "anticuboctahedron": _ring(6, 90.0, 30.0) + _ring(3, 35.2644) + _ring(3, 180 - 35.2644),
        "icosahedron": [
            vertex
            for s in (-1, 1)
            for t in (-golden, golden)
            for vertex in ([0, s, t], [s, t, 0], [t, 0, s])
        ],
    }
    out = {}
    for name, vertices in listed.items():
        array = np.array(vertices, dtype=float)
        out[name] = array / np.linalg.norm(array, axis=1)[:, None]
    return out
