"""The splitting of the d levels with covalency, to compare with optical 10Dq."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from compute.ligandfield.charge_transfer import ChargeTransferEnergies

FloatArray = NDArray[np.float64]

_EG = slice(0, 2)
_T2G = slice(2, 5)
_LIGAND_HOLES = 2


def effective_splitting(
    n_d: int,
    crystal_field: FloatArray,
    v: FloatArray,
    ligand: FloatArray,
    transfer: ChargeTransferEnergies,
) -> float:
    """Energy of moving one d hole from {z², x²−y²} to {xy, xz, yz}, eV.

    Ionic part, plus the change of what the holes gain by hopping: d^n, d^(n+1) L and d^(n+2) L²
    diagonalised together, each at its configuration average (many holes share one mixing, so
    this is less than the difference of one-electron levels). Negative for tetrahedra and cubes.

    Parameters
    ----------
    n_d : int
    crystal_field, v, ligand : float64 (5, 5)
        Ionic field, hopping, ligand shell; eV, order z², x²−y², xy, xz, yz.
    transfer : ChargeTransferEnergies
    """
    holes = 10 - n_d
    diagonal = np.diag(crystal_field)
    ionic = float(diagonal[_EG].mean() - diagonal[_T2G].mean())
    if holes == 0:
        return ionic
    squared, shifts = np.diag(v @ v), np.diag(ligand)
    hopping = (float(squared[_EG].mean()), float(squared[_T2G].mean()))
    levels = (float(shifts[_EG].mean()), float(shifts[_T2G].mean()))
    eg = float(np.clip(0.4 * holes, 0.5, min(3.5, holes - 0.5)))

    def gain(eg_holes: float) -> float:
        return _lowest((eg_holes, holes - eg_holes), hopping, levels, transfer)

    return ionic + gain(eg - 0.5) - gain(eg + 0.5)


def _lowest(
    holes: tuple[float, float],
    hopping: tuple[float, float],
    levels: tuple[float, float],
    transfer: ChargeTransferEnergies,
) -> float:
    """Lowest level of dⁿ mixed with its charge-transfer configurations, from the dⁿ average, eV.

    A state is how many holes of each kind are on the ligands; holes of one kind are alike, so
    one more goes over with amplitude √((m + 1)(h − m)) V, also for fractional h.
    """
    states = [m for m in product(range(_LIGAND_HOLES + 1), repeat=2) if sum(m) <= _LIGAND_HOLES]
    h = np.zeros((len(states), len(states)))
    for i, m in enumerate(states):
        k = sum(m)
        h[i, i] = k * transfer.delta + k * (k - 1) / 2 * transfer.u_dd
        h[i, i] -= m[0] * levels[0] + m[1] * levels[1]
        for kind in range(2):
            more = (m[0] + (kind == 0), m[1] + (kind == 1))
            if more in states:
                ways = (m[kind] + 1) * max(holes[kind] - m[kind], 0.0)
                j = states.index(more)
                h[i, j] = h[j, i] = np.sqrt(ways * hopping[kind])
    return float(np.linalg.eigvalsh(h)[0])
