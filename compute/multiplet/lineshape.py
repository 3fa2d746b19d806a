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
    rise : half width gained per eV above the onset of L3, and again above that of L2: final states
        with an electron in e_g live in wider bands than those with one in t2g
    rise_most : the largest such gain, eV
    fano_q : asymmetry parameter of U. Fano, Phys. Rev. 124 (1961) 1866; None is a Lorentzian
    """

    l3: float = 0.2
    l2: float = 0.2
    growth: float = 0.0
    growth_from: float = 0.0
    rise: float = 0.0
    rise_most: float = 0.0
    fano_q: float | None = None

    @property
    def narrowest(self) -> float:
        """The smallest half width anywhere, eV."""
        return min(self.l3, self.l2)

    @property
    def by_edge(self) -> bool:
        """Whether the width depends on where the edges are."""
        return self.l3 != self.l2 or self.rise > 0

    def widths(self, energy: Real, edges: Boundary | None) -> Real:
        """Half width at each energy (n,), eV: L3's below the boundary of the edges, L2's above."""
        width = np.full(energy.size, self.l3)
        if edges is not None:
            share = edges.l2_share(energy)
            width += (self.l2 - self.l3) * share
            above = [self._risen(energy - edges.onset - k * edges.splitting) for k in (0, 1)]
            width += (1 - share) * above[0] + share * above[1]
        return width + self.growth * np.maximum(energy - self.growth_from, 0.0)

    def _risen(self, energy: Real) -> Real:
        """Half width gained so far above an onset, (n,), eV."""
        return np.clip(self.rise * energy, 0.0, self.rise_most)

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
