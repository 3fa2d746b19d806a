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
from compute.multiplet.edges import CoreLevels, crossing, strength_below
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
    branching_ratio : share of the strength below the valley between the edges, or None
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


def absorption(
    problem: Problem,
    after: Space,
    excited: list[Transition],
    energy: Real,
    shape: LineShape,
    fwhm_gauss: float,
    method: str,
) -> Spectrum:
    """The spectrum on a grid.

    Parameters
    ----------
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
    total = float(sum(t.weights @ _norms(t.vectors) for t in excited))
    instrument = GaussianFilter(energy, fwhm_gauss / FWHM_PER_SIGMA, shape.narrowest)
    lines = SpectralLines()
    krylov = None
    if method != "dense":
        grid = instrument.fine
        krylov = KrylovResponse(_KRYLOV[method], excited, total, grid, shape.narrowest)
    levels, half = CoreLevels(), 0.0
    resolved = krylov is None or _all_small(after, excited)
    for t in excited:
        block = after.block(t.final_charge)
        matrix = hamiltonian(block, problem.final)
        vectors = None
        if krylov is None:
            vectors = lines.add(t, matrix)
        else:
            krylov.add(t, matrix)
        if problem.core_half:
            projection = hole_projection(block, problem.core_half)
            levels.add(t, matrix, projection)
            if resolved:
                vectors = eigensystem(matrix)[1] if vectors is None else vectors
                strength = np.abs(vectors.conj().T @ t.vectors) ** 2 @ t.weights
                half += float(projection.norms(vectors) @ strength)
    response = lines if krylov is None else krylov
    between = splitting = 0.0
    ratio = share = None
    if problem.core_half and total > 0:
        splitting = float(np.ptp(levels.centroids))
        between = crossing(levels, response, shape.narrowest)
        ratio = strength_below(between, response, total) / total
        share = 1 - half / total if resolved else ratio
    width = shape.widths(instrument.fine, between, splitting)
    intensity = instrument(shape.intensity(response.green(instrument.fine, width)))
    sticks = lines.sticks() if krylov is None else None
    warnings = grid_warnings(energy, shape, fwhm_gauss, response, total)
    return Spectrum(intensity, total, ratio, share, sticks, method, warnings)


def _all_small(after: Space, excited: list[Transition]) -> bool:
    return all(after.block_size(t.final_charge) <= _RESOLVED_BLOCK for t in excited)


def _norms(vectors: Array) -> Real:
    return np.asarray(np.einsum("np,np->p", vectors.conj(), vectors).real)
