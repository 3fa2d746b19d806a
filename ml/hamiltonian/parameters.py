"""The parameters that are learnt, and how the truth is told as a correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.hamiltonian.bases import Bases, crystal_field, ligand_levels, squared_hopping
from ml.hamiltonian.inputs import SiteInput

FloatArray = NDArray[np.float64]

DIFFERENCES = ("delta", "offset")
RATIOS = (
    "u_dd", "u_pd", "initial.F2dd", "initial.F4dd",
    "final.F2dd", "final.F4dd", "final.F2pd", "final.G1pd", "final.G3pd",
)  # fmt: skip
SCALARS = (*DIFFERENCES, *RATIOS)
CONSTANTS = ("initial.zeta_3d", "final.zeta_3d", "final.zeta_2p")
"""Of the ion alone."""
MATRICES: Mapping[str, Callable[[SiteInput], Bases]] = {
    "v": squared_hopping,
    "crystal_field": crystal_field,
    "ligand": ligand_levels,
}
STATES = ("initial", "final")
NAMES = (*SCALARS, *(f"{state}.{name}" for name in MATRICES for state in STATES))
"""Of all that has an error of its own."""

_UPPER = np.triu_indices(5)
_WEIGHT = np.where(_UPPER[0] == _UPPER[1], 1.0, np.sqrt(2.0))


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """Parameters of one site.

    Attributes
    ----------
    scalars : mapping
        Of :data:`SCALARS` and :data:`CONSTANTS`, eV.
    matrices : mapping
        ``initial.v`` …: float64 (5, 5), eV, in the axes of the site's input.
    """

    scalars: Mapping[str, float]
    matrices: Mapping[str, FloatArray]


def correction(name: str, truth: float, quick: float) -> float:
    """What is to be learnt of a scalar."""
    return truth - quick if name in DIFFERENCES else float(np.log(truth / quick))


def corrected(name: str, quick: float, learnt: float) -> float:
    """The scalar that a correction gives."""
    return quick + learnt if name in DIFFERENCES else float(quick * np.exp(learnt))


def elements(matrices: FloatArray) -> FloatArray:
    """(…, 15) of symmetric (…, 5, 5), with their norm."""
    result: FloatArray = matrices[..., _UPPER[0], _UPPER[1]] * _WEIGHT
    return result


def matrix(values: FloatArray) -> FloatArray:
    """(5, 5) of its 15 elements."""
    out = np.zeros((5, 5))
    out[_UPPER] = values / _WEIGHT
    return out + out.T - np.diag(out.diagonal())


def squared(name: str, given: FloatArray) -> FloatArray:
    """The matrix that is linear in the bases: of the hopping its square."""
    return given @ given.T if name == "v" else given


def root(name: str, found: FloatArray) -> FloatArray:
    """Back from :func:`squared`."""
    if name != "v":
        return found
    values, columns = np.linalg.eigh(found)
    result: FloatArray = (columns * np.sqrt(np.clip(values, 0.0, None))) @ columns.T
    return result
