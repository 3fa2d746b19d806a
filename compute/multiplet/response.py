"""Green's functions of all excited vectors together: diagonalised, or by Krylov spaces.

Both kinds offer ``add`` for the vectors of one final block, and afterwards
G(E + i width) = sum_a w_a <a|O+ (E + E_a + i width - H)^-1 O|a>.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.broadening import pole_sum
from compute.errors import ConvergenceError
from compute.multiplet.transitions import Transition
from compute.solvers.dense import eigensystem
from compute.solvers.resolvent import Resolvent
from compute.solvers.rscg import ShiftedCG
from compute.solvers.sparse import LANES, Csr

Array = NDArray[Any]
Real = NDArray[np.float64]
Kind = type[Resolvent] | type[ShiftedCG]

_PRECISION = 2e-6  # of the highest point: error of an iterated spectrum
_CAUTION = 4.0  # times the share of the error bound that the last steps showed to be true
_CHUNK = 16  # Krylov steps between two looks at the error
_MAX_STEPS = 6000
_FLOOR = 1 / 200  # 1/eV: no spectrum is flatter than its total intensity times this
_MERGE_EV = 1e-6  # sticks closer than this are one


class SpectralLines:
    """Every line, from all eigenstates of the final blocks."""

    def __init__(self) -> None:
        self._position: list[Real] = []
        self._area: list[Real] = []

    def add(self, t: Transition, matrix: Csr) -> Array:
        """Take in the transitions into one block; returns its eigenvectors (n, n)."""
        values, vectors = eigensystem(matrix)
        strength = np.abs(vectors.conj().T @ t.vectors) ** 2 * t.weights
        self._position.append((values[:, None] - t.energies).ravel())
        self._area.append(strength.ravel())
        return vectors

    def sticks(self) -> tuple[Real, Real]:
        """Positions in eV and areas: sorted, merged within a millionth of an eV."""
        if not self._position:
            return np.zeros(0), np.zeros(0)
        return merge_sticks(np.concatenate(self._position), np.concatenate(self._area))

    def green(self, energy: Real, width: Real) -> Array:
        """G(E + i width) at each energy, (n,) complex."""
        return pole_sum(energy, width, *self.sticks())


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


@dataclass
class _Converged:
    """A converged Krylov space of up to eight states, without its vectors."""

    space: Resolvent | ShiftedCG
    energies: Real  # (lanes,)
    weights: Real  # (lanes,)


class KrylovResponse:
    """Krylov spaces of every excited vector, grown until the spectrum is known."""

    def __init__(
        self, kind: Kind, excited: list[Transition], total: float, grid: Real, gamma: float
    ) -> None:
        """Converge on ``grid`` (n,) for half widths of ``gamma`` and more.

        ``total`` is the strength of all that is ``excited``.
        """
        stride = max(1, int(gamma / (grid[1] - grid[0]))) if grid.size > 1 else 1
        self._points = np.unique(np.append(grid[::stride], grid[-1]))
        self._kind, self._gamma, self._total = kind, gamma, total
        self._known = np.zeros(self._points.size)
        self._spaces: list[_Converged] = []
        self._groups = sum(-(-t.weights.size // LANES) for t in excited)

    def add(self, t: Transition, matrix: Csr) -> None:
        """Take in the transitions into one block.

        Raises
        ------
        ConvergenceError
            When the proven error cannot be brought below `_PRECISION`.
        """
        for first in range(0, t.weights.size, LANES):
            part = slice(first, first + LANES)
            space = self._kind(matrix, t.vectors[:, part])
            item = _Converged(space, t.energies[part], t.weights[part])
            self._known += self._converge(item)
            space.forget()
            self._spaces.append(item)

    def _converge(self, item: _Converged) -> Real:
        """Grow a space until its weighted error is below its share; returns its spectrum.

        Half of the error may come from all groups alike, half in proportion to their strength:
        states that hardly count are not driven to a precision of their own.
        """
        space, points = item.space, self._points
        strength = float(item.weights @ space.norm2) / self._total if self._total > 0 else 1.0
        share = (strength + 1 / self._groups) / 2
        solutions = [
            space.solutions(lane, points + item.energies[lane] + 1j * self._gamma)
            for lane in range(space.lanes)
        ]
        worst = np.inf
        spectrum = bound = np.zeros(points.size)
        while space.steps < _MAX_STEPS:
            space.advance(_CHUNK)
            last, last_bound = spectrum, bound
            spectrum, bound = np.zeros(points.size), np.zeros(points.size)
            for lane, solution in enumerate(solutions):
                solution.update()
                spectrum = spectrum - item.weights[lane] * solution.green.imag / np.pi
                bound = bound + item.weights[lane] * solution.error / np.pi
            highest = float((self._known + spectrum).max())
            scale = share * max(highest, self._total * _FLOOR, 1e-300)
            # The bound takes the resolvent at its largest, 1 / gamma. How much of the last bound
            # was true shows now that it has come down.
            true = float(np.abs(spectrum - last).max()) / max(float(last_bound.max()), 1e-300)
            trust = min(1.0, _CAUTION * true) if last_bound.any() else 1.0
            worst = float(bound.max()) / scale * trust
            if worst <= _PRECISION:
                return spectrum
        raise ConvergenceError("spectrum, relative error", worst, _PRECISION)

    def green(self, energy: Real, width: Real) -> Array:
        """G(E + i width) at each energy, (n,) complex; widths not below ``gamma``."""
        out = np.zeros(energy.size, complex)
        for item in self._spaces:
            for lane in range(item.space.lanes):
                solution = item.space.solutions(lane, energy + item.energies[lane] + 1j * width)
                out += item.weights[lane] * solution.green
        return out
