"""Curves in few bytes: whole multiples of a small step, second differences, byte planes.

A curve is kept to 1e-4 of its maximum. Smooth curves have small second differences, whose high
bytes are nearly all zero; set apart they leave a general compressor little to keep.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

FloatArray = NDArray[np.float64]

LEVELS = 6000
"""Steps from zero to the largest absolute value: the error is half a step, 8.4e-5 of it."""


def pack_curve(values: FloatArray) -> tuple[float, bytes]:
    """The largest absolute value, and the curve in units of it.

    Raises
    ------
    InputError
        If a value is no number.
    """
    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all():
        raise InputError("values", values, "hold NaN or infinity")
    largest = float(np.abs(values).max(initial=0.0))
    steps = np.rint(values * (LEVELS / largest if largest else 0.0)).astype(np.int64)
    bends = np.diff(steps, n=2, prepend=[0, 0])
    folded = np.where(bends >= 0, 2 * bends, -2 * bends - 1).astype("<u2")
    planes = folded.view(np.uint8).reshape(-1, 2).T
    return largest, planes.tobytes()


def unpack_curve(largest: float, packed: bytes) -> FloatArray:
    """The curve, within half a step of what was packed.

    Raises
    ------
    InputError
        If the bytes are not a curve's.
    """
    if len(packed) % 2:
        raise InputError("packed", len(packed), "bytes of a curve come in twos")
    planes = np.frombuffer(packed, np.uint8).reshape(2, -1)
    folded = np.ascontiguousarray(planes.T).view("<u2").ravel().astype(np.int64)
    bends = np.where(folded % 2 == 0, folded // 2, -(folded + 1) // 2)
    steps = np.cumsum(np.cumsum(bends))
    return np.asarray(steps * (largest / LEVELS), dtype=float)


def rounded(value: object, digits: int = 7) -> object:
    """JSON values with numbers to so many significant digits."""
    if isinstance(value, dict):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one, digits) for one in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
