"""Thermal averages in the initial state: squares of momenta, occupations, configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.determinants import Space
from compute.multiplet.integrals import Problem
from compute.multiplet.operators import apply, by_shift
from compute.multiplet.thermal import Ensemble, Level

Array = NDArray[Any]


def thermal_averages(problem: Problem, space: Space, ensemble: Ensemble) -> dict[str, Any]:
    """<V^2> and <V_z> of every vector operator, counts, and configuration weights.

    States and their time-reversed partners agree in all but <V_z>, whose sum vanishes.
    """
    result: dict[str, Any] = {}
    for name, (z, plus) in problem.vectors.items():
        parts = [(1.0, by_shift(z, space))]
        parts += [(0.5, by_shift(m, space)) for m in (plus, plus.conj().T)]
        result[f"{name}2"] = _sum(
            ensemble,
            lambda level, parts=parts: sum(
                factor * _norms(space, level, operators) for factor, operators in parts
            ),
        )
        if not problem.time_reversal:
            along = by_shift(z, space, keep_phase=True)
            result[f"{name}z"] = _sum(
                ensemble, lambda level, op=along: _expectation(space, level, op)
            )
        else:
            result[f"{name}z"] = 0.0
    for name, diagonal in problem.counts.items():
        result[name] = _sum(ensemble, lambda level, d=diagonal: _diagonal(space, level, d))
    weights = np.zeros(len(space.configurations))
    for level, mirrored in zip(ensemble.levels, ensemble.mirrored, strict=True):
        probability = (np.abs(level.vectors) ** 2) @ level.weights * (2 if mirrored else 1)
        configuration = space.block(level.charge).configuration
        weights += np.bincount(configuration, probability, minlength=weights.size)
    result["configuration_weights"] = weights
    return result


def _sum(ensemble: Ensemble, per_state: Any) -> float:
    return float(
        sum(
            (2 if mirrored else 1) * (level.weights @ per_state(level))
            for level, mirrored in zip(ensemble.levels, ensemble.mirrored, strict=True)
        )
    )


def _norms(space: Space, level: Level, operators: dict[int, Any]) -> Array:
    """|O|a>|^2 of every state of a level."""
    source = space.block(level.charge)
    total = np.zeros(level.weights.size)
    for shift, operator in operators.items():
        moved = apply(operator, source, space.block(level.charge + shift), level.vectors)
        total += np.einsum("np,np->p", moved.conj(), moved).real
    return total


def _expectation(space: Space, level: Level, operators: dict[int, Any]) -> Array:
    """<a|O|a>: only the part that keeps the charge counts."""
    if 0 not in operators:
        return np.zeros(level.weights.size)
    block = space.block(level.charge)
    moved = apply(operators[0], block, block, level.vectors)
    return np.asarray(np.einsum("np,np->p", level.vectors.conj(), moved).real)


def _diagonal(space: Space, level: Level, diagonal: Array) -> Array:
    """<a| sum_i d_i n_i |a>."""
    determinants = space.block(level.charge).determinants
    value = np.zeros(determinants.size)
    for bit in np.flatnonzero(diagonal):
        value += diagonal[bit] * ((determinants >> int(bit)) & 1)
    return np.asarray(value @ np.abs(level.vectors) ** 2)
