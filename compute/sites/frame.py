"""Site symmetry and the local axes of a site."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_SNAP_COSINE = 0.966  # axes within 15° of a symmetry axis are turned onto it

SCHOENFLIES = {
    "1": "C1", "-1": "Ci", "2": "C2", "m": "Cs", "2/m": "C2h", "222": "D2", "mm2": "C2v",
    "mmm": "D2h", "4": "C4", "-4": "S4", "4/m": "C4h", "422": "D4", "4mm": "C4v",
    "-42m": "D2d", "4/mmm": "D4h", "3": "C3", "-3": "S6", "32": "D3", "3m": "C3v", "-3m": "D3d",
    "6": "C6", "-6": "C3h", "6/m": "C6h", "622": "D6", "6mm": "C6v", "-6m2": "D3h",
    "6/mmm": "D6h", "23": "T", "m-3": "Th", "432": "O", "-43m": "Td", "m-3m": "Oh",
}  # fmt: skip


def orbits(
    structure: Structure, elements: list[str], symprec: float
) -> tuple[dict[int, list[int]], dict[int, tuple[NDArray[np.int64], FloatArray]]]:
    """Orbits by first atom, and the point operations of each first atom, lattice and Cartesian."""
    import spglib

    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    fractional = np.asarray(structure.frac_coords, dtype=float)
    kinds = [site.species_string for site in structure]
    numbers = [sorted(set(kinds)).index(kind) + 1 for kind in kinds]
    dataset = None
    for tolerance in (symprec, symprec / 10, symprec / 1000):
        try:
            dataset = spglib.get_symmetry_dataset((lattice, fractional, numbers), symprec=tolerance)
        except spglib.error.SpglibError:
            dataset = None
        if dataset is not None:
            break
    if dataset is None:  # spglib gives up on atoms that overlap; call the cell asymmetric
        if len(structure) < 200 and not structure.is_valid(tol=0.3):
            raise InputError("structure", structure.formula, "atoms closer than 0.3 Å")
        rotations, translations = np.eye(3, dtype=int)[None], np.zeros((1, 3))
        labels = np.arange(len(elements))
    else:
        rotations, translations = dataset.rotations, dataset.translations
        labels = dataset.equivalent_atoms
    orbits: dict[int, list[int]] = defaultdict(list)
    for atom, label in enumerate(labels):
        orbits[int(label)].append(atom)
    orbits = {members[0]: members for members in orbits.values()}
    to_cartesian = lattice.T
    to_fractional = np.linalg.inv(to_cartesian)
    point = {}
    for index in orbits:
        moved = rotations @ fractional[index] + translations - fractional[index]
        distance = np.linalg.norm((moved - np.round(moved)) @ lattice, axis=1)
        fixing = _closed(rotations, distance, max(10 * symprec, 1e-3))
        cartesian = to_cartesian @ fixing @ to_fractional
        u, _, vt = np.linalg.svd(cartesian)  # nearest orthogonal matrix
        point[index] = (fixing, u @ vt)
    return orbits, point


def _closed(
    rotations: NDArray[np.int64], distance: FloatArray, tolerance: float
) -> NDArray[np.int64]:
    """The operations that move a site no farther than a tolerance and are a group.

    Near a special place (split atoms) some operations move a site a little less, some a little
    more than the tolerance, and those within it need not be closed: then it is narrowed.
    """
    for limit in (tolerance, *np.unique(distance[distance < tolerance])[::-1]):
        fixing = np.unique(rotations[distance < limit], axis=0)
        if len(fixing) == 0:
            break
        held = {one.tobytes() for one in fixing}
        products = np.einsum("aij,bjk->abik", fixing, fixing).reshape(-1, 3, 3)
        if all(np.ascontiguousarray(one).tobytes() in held for one in products):
            return fixing
    return np.eye(3, dtype=rotations.dtype)[None]


def point_group(rotations: NDArray[np.int64]) -> tuple[str, str]:
    """Hermann–Mauguin and Schoenflies symbol of operations (g, 3, 3) in the lattice's axes.

    Raises
    ------
    InputError
        If they are no crystallographic point group.
    """
    import spglib

    found = spglib.get_pointgroup(rotations) if len(rotations) else None
    if found is None:
        reason = "do not form a point group; atoms that lie too near to each other may be the cause"
        raise InputError("symmetry", f"{len(rotations)} operations", reason)
    symbol = found[0].strip()
    return symbol, SCHOENFLIES[symbol]


def local_axes(
    shape: str, axes: FloatArray | None, vectors: FloatArray, operations: FloatArray
) -> FloatArray:
    """The polyhedron's axes, relabelled and turned onto the exact symmetry axes near them."""
    folds = _rotation_axes(operations)
    if axes is None:
        axes = _principal_axes(vectors)
    fourfold = next((axis for order, axis in folds if order == 4), None)
    if fourfold is not None and np.max(np.abs(axes @ fourfold)) > _SNAP_COSINE:
        axes = _with_z_near(axes, fourfold)
    elif shape in ("octahedron", "tetrahedron"):
        axes = _with_z_near(axes, axes[_odd_axis(axes, vectors)])
    return _snapped(axes, folds)


def _rotation_axes(operations: FloatArray) -> list[tuple[int, FloatArray]]:
    """(order, unit axis) of every rotation, proper or not; a mirror gives its normal, order 2."""
    out: list[tuple[int, FloatArray]] = []
    for operation in operations:
        proper = operation * np.sign(np.linalg.det(operation))
        cosine = np.clip((np.trace(proper) - 1.0) / 2.0, -1.0, 1.0)
        angle = np.degrees(np.arccos(cosine))
        if angle < 1.0:
            continue
        order = round(360.0 / angle)
        values, columns = np.linalg.eigh((proper + proper.T) / 2.0)
        axis = columns[:, int(np.argmax(values))]
        if not any(o == order and abs(a @ axis) > 0.999 for o, a in out):
            out.append((order, axis))
    return sorted(out, key=lambda entry: -(4.5 if entry[0] == 4 else entry[0]))


def _odd_axis(axes: FloatArray, vectors: FloatArray) -> int:
    """The axis whose two bonds differ most in length from the other four."""
    lengths = np.linalg.norm(vectors, axis=1)
    nearest = np.argmax(np.abs(vectors @ axes.T) / lengths[:, None], axis=1)
    means = np.array(
        [lengths[nearest == k].mean() if (nearest == k).any() else lengths.mean() for k in range(3)]
    )
    return int(np.argmax(np.round(np.abs(means - np.median(means)), 3)))


def _with_z_near(axes: FloatArray, axis: FloatArray) -> FloatArray:
    """Cyclic relabelling of right-handed axes that brings z next to ``axis``."""
    k = int(np.argmax(np.abs(axes @ axis)))
    return np.roll(axes, 2 - k, axis=0)


def _snapped(axes: FloatArray, folds: list[tuple[int, FloatArray]]) -> FloatArray:
    """Turn z, then x, onto exact symmetry axes within the snapping angle."""
    z, x = axes[2], axes[0]
    for _, axis in folds:
        if abs(axis @ z) > _SNAP_COSINE:
            z = axis * np.sign(axis @ z)
            break
    x = x - (x @ z) * z
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    for _, axis in folds:
        if abs(axis @ z) > 1e-3:
            continue
        if abs(axis @ x) > _SNAP_COSINE:
            x = axis * np.sign(axis @ x)
            break
        if abs(axis @ y) > _SNAP_COSINE:
            x = np.cross(axis * np.sign(axis @ y), z)
            break
    x = x - (x @ z) * z
    x /= np.linalg.norm(x)
    return np.array([x, np.cross(z, x), z])


def _principal_axes(vectors: FloatArray) -> FloatArray:
    """Right-handed eigenvectors of Σ v vᵀ/|v|⁴, the extreme one as z."""
    if len(vectors) == 0:
        return np.eye(3)
    lengths = np.linalg.norm(vectors, axis=1)
    values, columns = np.linalg.eigh((vectors / lengths[:, None] ** 4).T @ vectors)
    middle = values[1]
    order = [1, 0, 2] if values[2] - middle > middle - values[0] else [1, 2, 0]
    axes = columns[:, order].T
    axes[0] *= np.sign(np.linalg.det(axes))
    return np.ascontiguousarray(axes)
