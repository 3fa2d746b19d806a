"""From excited vectors to a spectrum: solver, edges, line shape, instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.broadening import FWHM_PER_SIGMA, GaussianFilter
from compute.errors import InputError
from compute.multiplet.coverage import grid_warnings
from compute.multiplet.determinants import Space
from compute.multiplet.edges import CoreLevels, boundary
from compute.multiplet.integrals import Problem
from compute.multiplet.lineshape import LineShape
from compute.multiplet.operators import hamiltonian, hole_projection
from compute.multiplet.response import Kind, KrylovResponse, SpectralLines
from compute.multiplet.transitions import Transition
from compute.solvers.dense import eigensystem
from compute.solvers.resolvent import Resolvent
from compute.solvers.rscg import ShiftedCG

Array = NDArray[Any]
Real = NDArray[np.float64]

_KRYLOV: dict[str, Kind] = {"lanczos": Resolvent, "rscg": ShiftedCG}
_RESOLVED_BLOCK = 1000  # up to here single final states are diagonalised for their core hole


@dataclass(frozen=True)
class Spectrum:
    """What `absorption` returns.

    Attributes
    ----------
    intensity : (n,), 1/eV, on the grid that was asked for
    total : sum of all transition strengths
    branching_ratio : share of the strength below the boundary of the edges, or None
    l3_fraction : share of the j = l + 1/2 core hole, sum_f I_f <f|n|f> / sum_f I_f, where single
        final states are known; elsewhere, where it depends on lines far closer than their width,
        the branching ratio; None without core orbitals
    sticks : (energies, intensities) when all final states are known
    method : the solver used
    warnings : where the grid misses the spectrum or is coarser than its lines
    """

    intensity: Real
    total: float
    branching_ratio: float | None
    l3_fraction: float | None
    sticks: tuple[Real, Real] | None
    method: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Excitation:
    """The response to some transitions.

    Attributes
    ----------
    response : lines or Krylov spaces
    total : sum of all transition strengths
    levels : of the core hole
    l2_strength : of the j = l - 1/2 hole, where single final states are known, else None
    """

    response: SpectralLines | KrylovResponse
    total: float
    levels: CoreLevels
    l2_strength: float | None


def absorption(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    isotropic: list[Transition],
    energy: Real,
    shape: LineShape,
    fwhm_gauss: float,
    method: str,
) -> Spectrum:
    """The spectrum on a grid.

    Parameters
    ----------
    excited : what the polarisation excites
    isotropic : what unpolarised light excites, from which the boundary of the edges is known
    energy : (n,), eV, evenly spaced
    fwhm_gauss : of the instrument, eV
    method : "dense", "lanczos" or "rscg"

    Raises
    ------
    InputError
        Widths by edge where the problem does not name its core orbitals.
    ConvergenceError
        When an iteration cannot bring the proven error below a millionth of the maximum.
    """
    if shape.by_edge and not problem.core_half:
        raise InputError("hwhm_ev", (shape.l3, shape.l2), "needs the core's j = l - 1/2 orbitals")
    instrument = GaussianFilter(energy, fwhm_gauss / FWHM_PER_SIGMA, shape.narrowest)
    known = (problem, after, instrument.fine, shape.narrowest, method)
    own = _excitation(excited, *known)
    response, total = own.response, own.total
    edges = ratio = share = None
    if problem.core_half:
        every = own if isotropic is excited else _excitation(isotropic, *known)
        if every.total > 0:
            edges = boundary(every.levels, every.response, shape.narrowest)
        if edges is not None and total > 0:
            ratio = edges.strength_below(response, total) / total
            share = ratio if own.l2_strength is None else 1 - own.l2_strength / total
    width = shape.widths(instrument.fine, edges)
    intensity = instrument(shape.intensity(response.green(instrument.fine, width)))
    sticks = response.sticks() if isinstance(response, SpectralLines) else None
    warnings = grid_warnings(energy, shape, fwhm_gauss, response, total)
    return Spectrum(intensity, total, ratio, share, sticks, method, warnings)


def _excitation(
    excited: list[Transition],
    problem: Problem,
    after: Space,
    grid: Real,
    gamma: float,
    method: str,
) -> _Excitation:
    """Take all transitions in; an iterated response is known on ``grid`` (n,) for ``gamma``."""
    total = float(sum(t.weights @ _norms(t.vectors) for t in excited))
    response: SpectralLines | KrylovResponse
    if method == "dense":
        response = SpectralLines()
    else:
        response = KrylovResponse(_KRYLOV[method], excited, total, grid, gamma)
    levels, half = CoreLevels(), 0.0
    resolved = method == "dense" or _all_small(after, excited)
    for t in excited:
        block = after.block(t.final_charge)
        matrix = hamiltonian(block, problem.final)
        vectors = response.add(t, matrix)
        if problem.core_half:
            projection = hole_projection(block, problem.core_half)
            levels.add(t, matrix, projection)
            if resolved:
                vectors = eigensystem(matrix)[1] if vectors is None else vectors
                strength = np.abs(vectors.conj().T @ t.vectors) ** 2 @ t.weights
                half += float(projection.norms(vectors) @ strength)
    return _Excitation(response, total, levels, half if resolved else None)


def _all_small(after: Space, excited: list[Transition]) -> bool:
    return all(after.block_size(t.final_charge) <= _RESOLVED_BLOCK for t in excited)


def _norms(vectors: Array) -> Real:
    return np.asarray(np.einsum("np,np->p", vectors.conj(), vectors).real)
