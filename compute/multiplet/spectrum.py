"""From excited vectors to a spectrum: solvers, convergence, line shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.broadening import FWHM_PER_SIGMA, GaussianFilter, broaden
from compute.errors import ConvergenceError
from compute.multiplet.determinants import Space
from compute.multiplet.integrals import Problem
from compute.multiplet.operators import hamiltonian, hole_projection
from compute.multiplet.transitions import Transition
from compute.solvers.dense import eigensystem
from compute.solvers.resolvent import Resolvent
from compute.solvers.rscg import ShiftedCG
from compute.solvers.sparse import LANES

Array = NDArray[Any]
Real = NDArray[np.float64]

_PRECISION = 2e-6  # of the highest point: error of an iterated spectrum
_CAUTION = 4.0  # times the share of the error bound that the last steps showed to be true
_CHUNK = 16  # Krylov steps between two looks at the error
_MAX_STEPS = 6000
_FLOOR = 1 / 200  # 1/eV: no spectrum is flatter than its total intensity times this
_CENTROID_STEPS = 48  # Krylov vectors that place the crossing of the edges
_MERGE_EV = 1e-6  # sticks closer than this are one


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
    energy : (n,), eV, evenly spaced
    hwhm : Lorentzian half widths (L3, L2), eV
    fwhm_gauss : eV
    method : "dense", "lanczos" or "rscg"

    Raises
    ------
    ConvergenceError
        When an iteration cannot bring the proven error below a millionth of the maximum.
    """
    total = float(sum(t.weights @ _norms(t.vectors) for t in excited))
    instrument = GaussianFilter(energy, fwhm_gauss / FWHM_PER_SIGMA, min(hwhm))
    grid = instrument.fine
    spaces: list[_Krylov] = []
    if method == "dense":
        lines = _dense(problem, after, excited)
    else:
        spaces = _iterate(problem, after, excited, grid, min(hwhm), total, _KRYLOV[method])
        lines = _concatenate([space.lines for space in spaces])
    position, area, half = lines
    strength = float(area.sum())
    share = None
    if problem.core_half and strength > 0:
        share = 1.0 - float(area @ half) / strength
    width = np.full(grid.size, hwhm[0])
    if hwhm[0] != hwhm[1]:
        width = _widths(grid, hwhm, problem, after, excited)
    if method == "dense":
        intensity = broaden(grid, *merge_sticks(position, area), width)
        sticks = merge_sticks(position, area)
    else:
        intensity, sticks = _evaluate(spaces, grid, width), None
    return Spectrum(instrument(intensity), total, share, sticks, method)


def _norms(vectors: Array) -> Real:
    return np.asarray(np.einsum("np,np->p", vectors.conj(), vectors).real)


def _widths(
    grid: Real, hwhm: tuple[float, float], problem: Problem, after: Space, excited: list[Transition]
) -> Real:
    """Half width at each energy: L3's below the crossing of the two edges, L2's above.

    The crossing lies midway between the centroids of the two core-hole levels, and the width
    goes over smoothly within a twentieth of their distance. The centroids are those of a fixed
    small number of Krylov vectors, so that they do not depend on the solver.
    """
    moments = np.zeros((2, 2))  # (strength, strength times energy) of L3 and L2
    for t in excited:
        block = after.block(t.final_charge)
        matrix = hamiltonian(block, problem.final)
        projection = hole_projection(block, problem.core_half)
        for first in range(0, t.weights.size, LANES):
            part = slice(first, first + LANES)
            space = Resolvent(matrix, t.vectors[:, part], projection)
            space.advance(_CENTROID_STEPS)
            for lane in range(space.lanes):
                position, area, half = space.lines(lane)
                area = area * t.weights[part][lane]
                powers = np.stack([area, area * (position - t.energies[part][lane])])
                moments += np.stack([powers @ (1 - half), powers @ half])
    l3, l2 = moments[:, 1] / np.maximum(moments[:, 0], 1e-300)
    scale = max(abs(l2 - l3) / 20, 1e-6)
    step = 0.5 * (1 + np.tanh((grid - (l3 + l2) / 2) / scale))
    return np.asarray(hwhm[0] + (hwhm[1] - hwhm[0]) * step)


def merge_sticks(position: Real, area: Real) -> tuple[Real, Real]:
    """Sorted sticks, those within a millionth of an eV joined, empty ones dropped."""
    order = np.argsort(position, kind="stable")
    position, area = position[order], area[order]
    keep = area > 1e-12 * area.sum()
    position, area = position[keep], area[keep]
    if not position.size:
        return position, area
    first = np.concatenate([[0], np.flatnonzero(np.diff(position) > _MERGE_EV) + 1])
    strength: Real = np.add.reduceat(area, first)
    return np.asarray(np.add.reduceat(area * position, first) / strength), strength


Lines = tuple[Real, Real, Real]  # positions eV, areas, share of the j = l - 1/2 hole


def _concatenate(lines: list[Lines]) -> Lines:
    if not lines:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    position, area, half = (np.concatenate(part) for part in zip(*lines, strict=True))
    return position, area, half


def _dense(problem: Problem, after: Space, excited: list[Transition]) -> Lines:
    lines: list[Lines] = []
    for t in excited:
        block = after.block(t.final_charge)
        values, vectors = eigensystem(hamiltonian(block, problem.final))
        strength = np.abs(vectors.conj().T @ t.vectors) ** 2 * t.weights
        half = np.zeros(values.size)
        if problem.core_half:
            half = hole_projection(block, problem.core_half).norms(vectors)
        position = values[:, None] - t.energies
        share = np.broadcast_to(half[:, None], position.shape)
        lines.append((position.ravel(), strength.ravel(), share.ravel()))
    return _concatenate(lines)


@dataclass
class _Krylov:
    """A converged Krylov space of up to four states, without its vectors."""

    space: Resolvent | ShiftedCG
    energies: Real  # (lanes,)
    weights: Real  # (lanes,)
    lines: Lines


_KRYLOV: dict[str, type[Resolvent] | type[ShiftedCG]] = {"lanczos": Resolvent, "rscg": ShiftedCG}


def _iterate(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    grid: Real,
    gamma: float,
    total: float,
    kind: type[Resolvent] | type[ShiftedCG],
) -> list[_Krylov]:
    """Converged Krylov spaces of every populated state, four at a time."""
    stride = max(1, int(gamma / (grid[1] - grid[0]))) if grid.size > 1 else 1
    points = np.unique(np.append(grid[::stride], grid[-1]))
    known = np.zeros(points.size)
    result = []
    for t in excited:
        block = after.block(t.final_charge)
        matrix = hamiltonian(block, problem.final)
        projection = hole_projection(block, problem.core_half) if problem.core_half else None
        for first in range(0, t.weights.size, LANES):
            part = slice(first, first + LANES)
            space = kind(matrix, t.vectors[:, part], projection)
            energies, weights = t.energies[part], t.weights[part]
            known += _converge(space, energies, weights, points, gamma, known, total)
            lines = []
            for lane in range(space.lanes):
                position, area, share = space.lines(lane)
                lines.append((position - energies[lane], weights[lane] * area, share))
            space.forget()
            result.append(_Krylov(space, energies, weights, _concatenate(lines)))
    return result


def _converge(
    space: Resolvent | ShiftedCG,
    energies: Real,
    weights: Real,
    points: Real,
    gamma: float,
    known: Real,
    total: float,
) -> Real:
    """Grow the space until its weighted error is below its share of `_PRECISION`.

    ``known`` is the spectrum of what came before, on ``points``; returns what is added to it.
    """
    share = float(weights @ space.norm2) / total if total > 0 else 1.0
    solutions = [
        space.solutions(lane, points + energies[lane] + 1j * gamma) for lane in range(space.lanes)
    ]
    worst = np.inf
    spectrum = bound = np.zeros(points.size)
    while space.steps < _MAX_STEPS:
        space.advance(_CHUNK)
        last, last_bound = spectrum, bound
        spectrum, bound = np.zeros(points.size), np.zeros(points.size)
        for lane, solution in enumerate(solutions):
            solution.update()
            spectrum = spectrum - weights[lane] * solution.green.imag / np.pi
            bound = bound + weights[lane] * solution.error / np.pi
        scale = max(float((known + spectrum).max()), total * _FLOOR, 1e-300) * max(share, 1e-12)
        # The bound takes the resolvent at its largest, 1 / gamma. How much of the last bound
        # was true shows now that it has come down.
        true = float(np.abs(spectrum - last).max()) / max(float(last_bound.max()), 1e-300)
        worst = float(bound.max()) / scale * min(1.0, _CAUTION * true if last_bound.any() else 1.0)
        if worst <= _PRECISION:
            return spectrum
    raise ConvergenceError("spectrum, relative error", worst, _PRECISION)


def _evaluate(spaces: list[_Krylov], grid: Real, width: Real) -> Real:
    """The spectrum of converged spaces with any widths not below those they converged for."""
    spectrum = np.zeros(grid.size)
    for item in spaces:
        for lane in range(item.space.lanes):
            solution = item.space.solutions(lane, grid + item.energies[lane] + 1j * width)
            spectrum -= item.weights[lane] * solution.green.imag / np.pi
    return spectrum
