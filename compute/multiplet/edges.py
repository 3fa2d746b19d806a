"""Where L3 ends and L2 begins, and what share of the strength each has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.operators import HoleProjection
from compute.multiplet.transitions import Transition
from compute.solvers.sparse import Csr

Array = NDArray[Any]
Real = NDArray[np.float64]

_ONSET = 0.1  # of the maximum: where L3 begins
_VALLEY = (0.6, 0.9)  # times the splitting above the onset: L2 begins one splitting above it
_FLOOR = 2.0  # times the lowest intensity there: the floor of the valley
_SMOOTH = 30  # the valley is sought in a spectrum broadened by at least splitting / this
_POINTS = 200  # per splitting


class Response(Protocol):
    """See `response`."""

    def green(self, energy: Real, width: Real) -> Array: ...


@dataclass
class CoreLevels:
    """Strengths and centroids of the excited vectors' two core-hole levels.

    With P the number of j = l - 1/2 holes and |v> = O|a>: <v|P|v> and Re <v|P (H - E_a)|v>, and
    the same with 1 - P. These moments need no eigenstates.
    """

    strength: Real = field(default_factory=lambda: np.zeros(2))  # L3, L2
    moment: Real = field(default_factory=lambda: np.zeros(2))  # strength times energy, eV

    def add(self, t: Transition, matrix: Csr, projection: HoleProjection) -> None:
        """Take in the transitions into one block."""
        product = matrix.apply(t.vectors)
        half, moved = projection.amplitudes(t.vectors), projection.amplitudes(product)
        for sign, left, right in ((0, t.vectors, product), (1, half, moved)):
            norm = np.einsum("np,np->p", left.conj(), left).real
            energy = np.einsum("np,np->p", left.conj(), right).real - t.energies * norm
            for value, total in ((norm, self.strength), (energy, self.moment)):
                amount = float(t.weights @ value)
                total[sign] += amount
                if sign == 1:
                    total[0] -= amount

    @property
    def centroids(self) -> tuple[float, float]:
        """Mean energies of L3 and L2, eV."""
        l3, l2 = self.moment / np.maximum(self.strength, 1e-300)
        return float(l3), float(l2)


def crossing(levels: CoreLevels, response: Response, gamma: float) -> float:
    """The energy between L3 and L2, eV: the middle of the valley's floor.

    L2 begins one splitting of the core level (the distance of the centroids) above the onset of
    L3. What the final state's Coulomb terms do to the edges, up to exchanging most of their
    strength in d0, does not move this.
    """
    low, high = levels.centroids
    splitting = max(high - low, 1e-3)
    step = splitting / _POINTS
    energy = np.arange(low - 1.5 * splitting, high + 0.5 * splitting, step)
    width = np.full(energy.size, max(gamma, splitting / _SMOOTH))
    intensity = -response.green(energy, width).imag
    onset = energy[int(np.argmax(intensity > _ONSET * intensity.max()))]
    inside = (energy > onset + _VALLEY[0] * splitting) & (energy < onset + _VALLEY[1] * splitting)
    if not inside.any():
        return (low + high) / 2
    lowest = int(np.argmin(np.where(inside, intensity, np.inf)))
    walls = np.flatnonzero(intensity > _FLOOR * intensity[lowest])
    left, right = (
        walls[walls < lowest].max(initial=0),
        walls[walls > lowest].min(initial=energy.size - 1),
    )
    return float((energy[left] + energy[right]) / 2)


def strength_below(energy: float, response: Response, total: float) -> float:
    """Strength of all lines below an energy.

    A vertical line in the complex plane divides the poles: of one at distance x to the left,
    int_0^inf Re G(E + iy) dy is pi/2, of one to the right -pi/2. In ln y the integrand is smooth,
    so that the trapezoidal rule is exact to 1e-8; lines within ``reach`` are counted in part.
    """
    reach, far, h = 1e-4, 1e8, 0.5
    y = reach * np.exp(np.arange(0.0, np.log(far / reach), h))
    green = response.green(np.full(y.size, energy), y)
    return total / 2 + float((green.real * y).sum()) * h / np.pi
