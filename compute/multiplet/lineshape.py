"""How a line of a spectrum is broadened, before the instrument does its part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.multiplet.edges import Boundary

Array = NDArray[Any]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class LineShape:
    """Lifetime broadening.

    Attributes
    ----------
    l3, l2 : Lorentzian half widths, eV
    growth : half width gained per eV above ``growth_from``, by decays that open with energy
    growth_from : eV
    fano_q : asymmetry parameter of U. Fano, Phys. Rev. 124 (1961) 1866; None is a Lorentzian
    """

    l3: float = 0.2
    l2: float = 0.2
    growth: float = 0.0
    growth_from: float = 0.0
    fano_q: float | None = None

    @property
    def narrowest(self) -> float:
        """The smallest half width anywhere, eV."""
        return min(self.l3, self.l2)

    @property
    def by_edge(self) -> bool:
        """Whether the width depends on the edge."""
        return self.l3 != self.l2

    def widths(self, energy: Real, edges: Boundary | None) -> Real:
        """Half width at each energy (n,), eV: L3's below the boundary of the edges, L2's above."""
        width = np.full(energy.size, self.l3)
        if edges is not None:
            width += (self.l2 - self.l3) * edges.l2_share(energy)
        return width + self.growth * np.maximum(energy - self.growth_from, 0.0)

    def intensity(self, green: Array) -> Real:
        """The spectrum that a Green's function G(E + i width) makes, per eV.

        Each line has the shape [(q + e)^2 / (1 + e^2) - 1] / q^2 times its Lorentzian's height,
        e the energy in half widths: for large q the Lorentzian itself.
        """
        absorbed = -green.imag / np.pi
        if self.fano_q is None:
            return np.asarray(absorbed)
        q = self.fano_q
        return np.asarray((1 - 1 / q**2) * absorbed + 2 / q * green.real / np.pi)
