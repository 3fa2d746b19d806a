"""The states that a temperature populates, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet.determinants import Space
from compute.multiplet.integrals import Problem
from compute.multiplet.operators import hamiltonian
from compute.solvers.dense import eigensystem
from compute.solvers.lanczos import lowest_states
from compute.units import BOLTZMANN_EV_K

Array = NDArray[Any]
Real = NDArray[np.float64]

SMALLEST_WEIGHT = 1e-10  # relative to the ground state; states below it are left out
_SAME_LEVEL_EV = 1e-8  # at zero temperature the ground level is populated evenly
_DENSE_BLOCK = 250  # below this, all eigenstates cost less than a few by iteration
_HOTTEST_ITERATED_K = 5000.0  # more populates hundreds of states: no few lowest to iterate for


@dataclass(frozen=True)
class Level:
    """Populated states of one symmetry block."""

    charge: int
    energies: Real  # (k,), eV, as the Hamiltonian gives them
    weights: Real  # (k,), Boltzmann, summing to one over all levels and their mirror images
    vectors: Array  # (block size, k)


@dataclass(frozen=True)
class Ensemble:
    """All populated states.

    Attributes
    ----------
    levels : blocks with populated states; where time reversal holds, only one of each pair
    mirrored : for each level, whether an unlisted partner block holds its time-reversed states
    ground_energy : eV
    energies : (k,) above the ground state, eV: every populated state (partners too), or the
        whole lower spectrum where all blocks were diagonalised
    n_states : populated states, partners counted
    """

    levels: tuple[Level, ...]
    mirrored: tuple[bool, ...]
    ground_energy: float
    energies: Real
    n_states: int


def populate(problem: Problem, space: Space, temperature: float, *, dense: bool) -> Ensemble:
    """Solve the initial Hamiltonian as far up as the temperature reaches.

    Parameters
    ----------
    temperature : K
    dense : diagonalise every block fully, and report all energies

    Raises
    ------
    InputError
        A temperature that populates more than iteration finds.
    ConvergenceError
    """
    window = _SAME_LEVEL_EV - BOLTZMANN_EV_K * temperature * float(np.log(SMALLEST_WEIGHT))
    found: list[tuple[int, bool, Real, Array]] = []
    ceiling = np.inf
    for charge in space.block_charges:
        partner = space.reduce(-charge)
        mirrored = problem.time_reversal and partner != charge
        if mirrored and partner < charge and partner in space.block_charges:
            continue
        matrix = hamiltonian(space.block(charge), problem.initial)
        if dense or matrix.size <= _DENSE_BLOCK:
            values, vectors = eigensystem(matrix)
        elif temperature > _HOTTEST_ITERATED_K:
            raise InputError(
                "temperature_k",
                temperature,
                f"blocks of {matrix.size:,} states are iterated for their lowest ones, which is "
                f"done to {_HOTTEST_ITERATED_K:g} K; hotter ones need method dense, which solves "
                "for all",
            )
        else:
            values, vectors = lowest_states(matrix, window, ceiling=ceiling)
        if values.size:
            ceiling = min(ceiling, float(values[0]) + window)
            found.append((charge, mirrored, values, vectors))
    ground = min(float(values[0]) for _, _, values, _ in found)
    levels, mirrors, everything = [], [], []
    total = 0.0
    for charge, mirrored, values, vectors in found:
        keep = values <= ground + window
        copies = 2 if mirrored else 1
        everything += [values if dense else values[keep]] * copies
        if keep.any():
            weights = _boltzmann(values[keep] - ground, temperature)
            total += copies * float(weights.sum())
            levels.append(Level(charge, values[keep], weights, vectors[:, keep]))
            mirrors.append(mirrored)
    levels = [Level(l.charge, l.energies, l.weights / total, l.vectors) for l in levels]
    count = sum(l.energies.size * (2 if m else 1) for l, m in zip(levels, mirrors, strict=True))
    energies = np.sort(np.concatenate(everything)) - ground
    return Ensemble(tuple(levels), tuple(mirrors), ground, energies, count)


def _boltzmann(energy: Real, temperature: float) -> Real:
    if temperature == 0.0:
        return np.ones_like(energy)
    return np.asarray(np.exp(-energy / (BOLTZMANN_EV_K * temperature)))
