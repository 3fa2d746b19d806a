"""Where L3 ends and L2 begins, and what share of the strength each has."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.operators import HoleProjection
from compute.multiplet.transitions import Transition
from compute.solvers.sparse import Csr

Array = NDArray[Any]
Real = NDArray[np.float64]

_ONSET = 0.05  # of the strength lies below the onset of L3
_VALLEY = (0.75, 0.12)  # splittings above the onset, and how far from there (one sigma)
_DEPTH = 4  # points count by this power of 1 / intensity
_RESOLUTION = 30  # lines of splitting / this are told apart; within as much L3 goes over into L2
_POINTS = 100  # per splitting
_NARROWEST = 0.02  # eV
_POLES = 100


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


@dataclass(frozen=True)
class Boundary:
    """Where L3 goes over into L2, as a step of the form [1 + tanh((E - energy) / scale)] / 2.

    One a case, from its isotropic spectrum, whatever the polarisation: polarised spectra then
    average to the isotropic one. A continuous function of all parameters.

    Attributes
    ----------
    energy, scale : eV
    onset : where L3 begins, eV
    splitting : of the core level, eV; L2 begins so much above L3
    """

    energy: float
    scale: float
    onset: float
    splitting: float

    def l2_share(self, energy: Real) -> Real:
        """The step, (n,): 0 in L3, 1 in L2."""
        return np.asarray(0.5 * (1 + np.tanh((energy - self.energy) / self.scale)))

    def strength_below(self, response: Response, total: float) -> float:
        """Strength of the lines of L3, sum_f I_f [1 - step(E_f)], of a ``total`` strength.

        With T = scale / 2 this weight is the Fermi function, hence the Green's function at its
        poles: f(x) = 1/2 - sum_p 2 R_p x / (x^2 + z_p^2), x = (E_f - energy) / T.
        """
        temperature = self.scale / 2
        z, residues = _fermi_poles()
        green = response.green(np.full(z.size, self.energy), temperature * z)
        return total / 2 + 2 * temperature * float(residues @ green.real)


def boundary(levels: CoreLevels, response: Response, gamma: float) -> Boundary:
    """Between L3 and L2: the middle of the valley of an isotropic spectrum.

    L2 begins one splitting of the core level (the distance of the centroids) above the onset of
    L3. What the final state's Coulomb terms do to the edges, up to exchanging most of their
    strength in d0, does not move this. The middle is the mean energy with weights I(E)^-4 within
    a Gaussian window, so that no valley is chosen out of several: as one fills and another
    deepens, the middle moves over.

    Parameters
    ----------
    levels, response : of the isotropic spectrum
    gamma : half width to which the response is known, eV
    """
    low, high = levels.centroids
    splitting = max(high - low, 1e-3)
    place = np.arange(-2 * _POINTS, 2.5 * _POINTS) / _POINTS  # splittings above L3's centroid
    width = np.full(place.size, max(gamma, splitting / _RESOLUTION))
    intensity = -response.green(low + splitting * place, width).imag
    grown = np.cumsum(intensity)
    onset = float(np.interp(_ONSET, grown / grown[-1], place))
    window = (place - onset - _VALLEY[0]) / _VALLEY[1]
    weight = np.exp(-(window**2) / 2) * (intensity / intensity.max()) ** -_DEPTH
    middle = float(place @ weight / weight.sum())
    return Boundary(
        energy=low + splitting * middle,
        scale=max(splitting / _RESOLUTION, _NARROWEST),
        onset=low + splitting * onset,
        splitting=splitting,
    )


@cache
def _fermi_poles() -> tuple[Real, Real]:
    """Poles z_p and residues R_p of the Fermi function, T. Ozaki, Phys. Rev. B 75 (2007) 035123.

    Exact to 1e-12 for |x| < 2000.
    """
    k = np.arange(1.0, 2 * _POLES)
    coupling = 0.5 / np.sqrt((2 * k - 1) * (2 * k + 1))
    values, vectors = np.linalg.eigh(np.diag(coupling, 1) + np.diag(coupling, -1))
    upper = values > 0
    return 1 / values[upper], vectors[0, upper] ** 2 / (4 * values[upper] ** 2)
