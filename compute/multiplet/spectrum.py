"""From two Hamiltonians to a spectrum: transitions, their symmetry, solvers, line shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.broadening import FWHM_PER_SIGMA, broaden
from compute.errors import ConvergenceError
from compute.multiplet.determinants import Space
from compute.multiplet.integrals import OneElectron, Problem
from compute.multiplet.operators import apply, by_shift, hamiltonian
from compute.multiplet.thermal import Ensemble, Level
from compute.solvers.dense import eigensystem
from compute.solvers.lanczos import Resolvent
from compute.solvers.rscg import shifted_green
from compute.solvers.sparse import LANES, Csr

Array = NDArray[Any]
Real = NDArray[np.float64]

_PRECISION = 1e-6  # of the highest point: bound of the error of an iterated spectrum
_CHUNK = 16  # Krylov steps between two looks at the error
_MAX_STEPS = 6000
_FLOOR = 1 / 200  # 1/eV: no spectrum is flatter than its total intensity times this
_MERGE_EV = 1e-6  # sticks closer than this are one

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


@dataclass(frozen=True)
class Spectrum:
    """What `absorption` returns.

    Attributes
    ----------
    intensity : (n,), 1/eV, on the grid that was asked for
    total : sum of all transition strengths
    l3_fraction : share of the strength in final states with a j = l + 1/2 core hole, or None
    sticks : (energies, intensities) when all final states are known
    method : the solver used
    """

    intensity: Real
    total: float
    l3_fraction: float | None
    sticks: tuple[Real, Real] | None
    method: str


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


def absorption(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    energy: Real,
    hwhm: tuple[float, float],
    fwhm_gauss: float,
    method: str,
) -> Spectrum:
    """The spectrum on a grid.

    Parameters
    ----------
    energy : (n,), eV
    hwhm : Lorentzian half widths (L3, L2), eV
    fwhm_gauss : eV
    method : "dense", "lanczos" or "rscg"
    """
    total = float(sum(t.weights @ _norms(t.vectors) for t in excited))
    solver = {"dense": _dense, "lanczos": _lanczos, "rscg": _rscg}[method]
    lines, spectrum = solver(problem, after, excited, energy, min(hwhm), total)
    sigma = fwhm_gauss / FWHM_PER_SIGMA
    position, area, half = lines
    fraction = None
    if problem.core_half is not None:
        fraction = 1.0 - float(area @ half) / float(area.sum()) if area.sum() > 0 else None
    if spectrum is None or hwhm[0] != hwhm[1] or sigma > 0:
        width = _widths(energy, hwhm, position, area, half)
        spectrum = broaden(energy, position, area, width, sigma_ev=sigma)
    sticks = merge_sticks(position, area) if method == "dense" else None
    return Spectrum(spectrum, total, fraction, sticks, method)


def _norms(vectors: Array) -> Real:
    return np.asarray(np.einsum("np,np->p", vectors.conj(), vectors).real)


def _widths(
    energy: Real, hwhm: tuple[float, float], position: Real, area: Real, half: Real
) -> Real:
    """Half width at each energy: L3's below the crossing of the two edges, L2's above.

    The crossing lies midway between the centroids of the two core-hole levels; the width goes
    over smoothly within a twentieth of their distance.
    """
    below, above = hwhm
    if below == above:
        return np.full(energy.size, below)
    three, one = area * (1 - half), area * half
    l3 = float(three @ position) / max(float(three.sum()), 1e-300)
    l2 = float(one @ position) / max(float(one.sum()), 1e-300)
    scale = max(abs(l2 - l3) / 20, 1e-6)
    return below + (above - below) * 0.5 * (1 + np.tanh((energy - (l3 + l2) / 2) / scale))


def merge_sticks(position: Real, area: Real) -> tuple[Real, Real]:
    """Sorted sticks, those within a millionth of an eV joined, empty ones dropped."""
    order = np.argsort(position, kind="stable")
    position, area = position[order], area[order]
    keep = area > 1e-12 * area.sum()
    position, area = position[keep], area[keep]
    if not position.size:
        return position, area
    group = np.concatenate([[0], np.cumsum(np.diff(position) > _MERGE_EV)])
    strength: Real = np.asarray(np.bincount(group, area), float)
    return np.asarray(np.bincount(group, area * position) / strength), strength


Lines = tuple[Real, Real, Real]  # positions eV, areas, share of the j = l - 1/2 hole


def _core_share(problem: Problem, after: Space, charge: int, vectors: Array) -> Real:
    """Share of the j = l - 1/2 core hole in every column of ``vectors``."""
    if problem.core_half is None:
        return np.zeros(vectors.shape[1])
    block = after.block(charge)
    # Annihilating by the projector's columns: electrons left there, out of a full sub-shell.
    operator = OneElectron.from_matrix(problem.core_half)
    moved = apply(operator, block, block, vectors)
    electrons = np.einsum("np,np->p", vectors.conj(), moved).real
    norms = np.maximum(_norms(vectors), 1e-300)
    return np.asarray(float(np.trace(problem.core_half).real) - electrons / norms)


def _concatenate(lines: list[Lines]) -> Lines:
    if not lines:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    position, area, half = (np.concatenate(part) for part in zip(*lines, strict=True))
    return position, area, half


def _dense(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    energy: Real,
    gamma: float,
    total: float,
) -> tuple[Lines, None]:
    lines: list[Lines] = []
    for t in excited:
        values, vectors = eigensystem(hamiltonian(after.block(t.final_charge), problem.final))
        strength = np.abs(vectors.conj().T @ t.vectors) ** 2 * t.weights
        half = _core_share(problem, after, t.final_charge, vectors)
        position = values[:, None] - t.energies
        share = np.broadcast_to(half[:, None], position.shape)
        lines.append((position.ravel(), strength.ravel(), share.ravel()))
    return _concatenate(lines), None


def _lanczos(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    energy: Real,
    gamma: float,
    total: float,
) -> tuple[Lines, Real]:
    spectrum = np.zeros(energy.size)
    lines: list[Lines] = []
    for t in excited:
        matrix = hamiltonian(after.block(t.final_charge), problem.final)
        for first in range(0, t.weights.size, LANES):
            part = slice(first, first + LANES)
            resolvent, extra = _converged(
                matrix, t.energies[part], t.weights[part], t.vectors[:, part],
                energy, gamma, spectrum, total,
            )  # fmt: skip
            spectrum += extra
            for lane in range(resolvent.lanes):
                values, areas, s = resolvent.ritz(lane)
                ritz = resolvent.krylov(lane, len(values)).T @ s
                half = _core_share(problem, after, t.final_charge, ritz)
                weight = t.weights[part][lane]
                lines.append((values - t.energies[part][lane], weight * areas, half))
    return _concatenate(lines), spectrum


def _converged(
    matrix: Csr,
    energies: Real,
    weights: Real,
    vectors: Array,
    grid: Real,
    gamma: float,
    known: Real,
    total: float,
) -> tuple[Resolvent, Real]:
    """Grow Krylov spaces until the weighted error is below `_PRECISION` of the spectrum."""
    resolvent = Resolvent(matrix, vectors, keep_basis=True)
    worst = np.inf
    while resolvent.steps < _MAX_STEPS:
        resolvent.advance(_CHUNK)
        spectrum = np.zeros(grid.size)
        error = np.zeros(grid.size)
        for lane in range(resolvent.lanes):
            z = grid + energies[lane] + 1j * gamma
            green, bound = resolvent.evaluate(lane, z)
            spectrum -= weights[lane] * green.imag / np.pi
            error += weights[lane] * bound / np.pi
        scale = max(float((known + spectrum).max()), total * _FLOOR)
        # Errors of all parts add up: each may take the share of its weight in the total.
        share = float(weights @ resolvent.norm2) / total if total > 0 else 1.0
        worst = float(error.max()) / scale / max(share, 1e-12)
        if worst <= _PRECISION:
            return resolvent, spectrum
    raise ConvergenceError("spectrum by continued fraction", worst, _PRECISION)


def _rscg(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    energy: Real,
    gamma: float,
    total: float,
) -> tuple[Lines, Real]:
    spectrum = np.zeros(energy.size)
    for t in excited:
        matrix = hamiltonian(after.block(t.final_charge), problem.final)
        for lane, weight in enumerate(t.weights):
            z = energy + t.energies[lane] + 1j * gamma
            # |error| <= |v|^2 residual^2 / gamma, against a floor of the highest point.
            tolerance = float(np.sqrt(_PRECISION * np.pi * gamma * _FLOOR))
            green, _, _ = shifted_green(matrix, t.vectors[:, lane], z, tolerance=tolerance)
            spectrum -= weight * green.imag / np.pi
    lines, _ = _lanczos(problem, after, excited, energy, gamma, total)
    return lines, spectrum
