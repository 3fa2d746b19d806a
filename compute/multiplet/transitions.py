"""What a polarisation excites: vectors O|a>, reduced by time reversal and cubic symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.determinants import Space
from compute.multiplet.integrals import OneElectron, Problem
from compute.multiplet.operators import apply, by_shift
from compute.multiplet.thermal import Ensemble, Level

Array = NDArray[Any]
Real = NDArray[np.float64]

_COMPONENTS = {
    "isotropic": {"minus": 1 / 3, "z": 1 / 3, "plus": 1 / 3},
    "x": {"x": 1.0},
    "y": {"y": 1.0},
    "z": {"z": 1.0},
    "plus": {"plus": 1.0},
    "minus": {"minus": 1.0},
}
_MIRROR = {"plus": "minus", "minus": "plus"}


@dataclass(frozen=True)
class Transition:
    """Vectors O|a> of the populated states of one block, in one final block."""

    final_charge: int
    energies: Real  # (k,) of the initial states, eV
    weights: Real  # (k,) Boltzmann weight times polarisation factor times copies
    vectors: Array  # (final block size, k)


def transitions(
    problem: Problem, before: Space, after: Space, ensemble: Ensemble, polarization: str
) -> list[Transition]:
    """Everything the polarisation excites, one item for each pair of blocks.

    Time reversal turns (block, plus) into (-block, minus), so one of them is kept and counted
    twice; in cubic symmetry z stands for every polarisation.
    """
    components = {"z": 1.0} if problem.cubic else _COMPONENTS[polarization]
    names = (
        components
        if not problem.time_reversal
        else components | dict.fromkeys((_MIRROR.get(name, name) for name in components), 0.0)
    )
    parts = {name: by_shift(problem.dipole[name], before) for name in names}
    levels = {level.charge: level for level in ensemble.levels}
    mirrors = dict(zip(levels, ensemble.mirrored, strict=True))
    factors: dict[tuple[int, str, int], float] = {}
    for name, factor in components.items():
        for charge, mirrored in mirrors.items():
            for shift in parts[name]:
                for key in _partners(problem, before, charge, name, shift, mirrored):
                    factors[key] = factors.get(key, 0.0) + factor
    result = []
    for (charge, name, shift), factor in factors.items():
        level = levels[charge]
        target = after.reduce(charge + shift)
        vectors = _excite(parts[name][shift], before, after, level, target)
        if vectors is not None:
            result.append(Transition(target, level.energies, factor * level.weights, vectors))
    return _joined(result)


def _partners(
    problem: Problem, before: Space, charge: int, name: str, shift: int, mirrored: bool
) -> list[tuple[int, str, int]]:
    """Listed transitions equal to (charge, name, shift) and to that of the partner block."""
    key = (charge, name, shift)
    if not problem.time_reversal:
        return [key]
    flipped = (charge, _MIRROR.get(name, name), before.reduce(-shift))
    if mirrored:
        # (-charge, name, shift) has the strength of (charge, mirror of name, -shift).
        return [key, flipped]
    return [min(key, flipped)]


def _excite(
    operator: OneElectron, before: Space, after: Space, level: Level, target: int
) -> Array | None:
    if target not in after.block_charges:
        return None
    return apply(operator, before.block(level.charge), after.block(target), level.vectors)


def _joined(items: list[Transition]) -> list[Transition]:
    """Transitions into the same final block side by side, heaviest first."""
    by_charge: dict[int, list[Transition]] = {}
    for item in items:
        by_charge.setdefault(item.final_charge, []).append(item)
    result = []
    for charge, group in by_charge.items():
        weights = np.concatenate([t.weights for t in group])
        energies = np.concatenate([t.energies for t in group])
        vectors = np.concatenate([t.vectors for t in group], axis=1)
        order = np.argsort(-weights, kind="stable")
        result.append(Transition(charge, energies[order], weights[order], vectors[:, order]))
    return result
