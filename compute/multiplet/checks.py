"""What every value of a CASE.json is asked: is it of its kind, finite, within what physics has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet.bounds import ONE_ELECTRON_EV, refuse_outside

Array = NDArray[Any]


def known_keys(given: Mapping[str, Any], allowed: tuple[str, ...], prefix: str) -> None:
    for key in given:
        if key not in allowed:
            raise InputError(f"{prefix}{key}", given[key], f"unknown key; known: {sorted(allowed)}")


def finite_number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(name, value, "must be a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise InputError(name, value, "must be finite")
    return number


def number_of(
    given: Mapping[str, Any],
    key: str,
    *,
    prefix: str = "",
    default: float | None = None,
) -> float:
    name = prefix + key
    if key not in given:
        if default is None:
            raise InputError(name, None, "is required")
        return default
    value = finite_number(name, given[key])
    refuse_outside(name, value, given[key])
    return value


def whole_number(name: str, value: Any) -> int:
    number = finite_number(name, value)
    if number != int(number):
        raise InputError(name, value, "must be a whole number")
    return int(number)


def one_of(case: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
    value = case.get(key, default)
    if value not in allowed:
        raise InputError(key, value, f"must be one of {', '.join(allowed)}")
    return cast(str, value)


def object_of(given: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(name, given, "must be an object of keys and values")
    return given


def matrix_of(name: str, value: Any, *, hermitian: bool) -> Array:
    try:
        matrix = np.array(value)
    except ValueError:
        raise InputError(name, value, "must be a 5x5 matrix") from None
    if matrix.shape != (5, 5) or matrix.dtype.kind not in "iufc":
        raise InputError(name, value, "must be a 5x5 matrix of numbers")
    if not np.isfinite(matrix).all():
        raise InputError(name, value, "must be finite")
    if float(np.abs(matrix).max()) > ONE_ELECTRON_EV:
        raise InputError(
            name, value, f"must hold energies of at most {ONE_ELECTRON_EV:g} eV in size"
        )
    matrix = matrix.astype(complex if matrix.dtype.kind == "c" else float)
    if hermitian:
        worst = float(np.abs(matrix - matrix.conj().T).max())
        if worst > 1e-9 * max(1.0, float(np.abs(matrix).max())):
            raise InputError(name, value, f"is not Hermitian (by up to {worst:.2g} eV)")
        matrix = (matrix + matrix.conj().T) / 2
    return matrix
