"""The configuration average of the charge-transfer model, and Δ from a Kohn-Sham level difference.

The h holes of d^n sit in ten d spin-orbitals; each may hop to its own partner on the ligands. On
average over the configuration the levels are alike and hopping is its mean square, so that the
states with k holes on the ligands that mix are the symmetric ones:

    <k|H|k> = kΔ + k(k−1)U/2,   <k|H|k+1> = ((k+1)(h−k) V²)^½,   V² = tr(V Vᵀ)/5.

For equal hopping and no multiplets this is exact for every determinant of d^n (checked against
the many-electron Hamiltonian in the tests).

*Double counting.* The average energy of d^(n+k) L^k is kΔ + k(k−1)U/2. Kohn-Sham levels are
derivatives of an energy by occupation (Janak, Phys. Rev. B 18 (1978) 7165), at the occupation that
the field has:

    ε_d − ε_L = d/dk [kΔ + k(k−1)U/2] = Δ + (k − ½) U.

k is taken from the model itself with the configurations the engine will use, ⟨k⟩(Δ), so Δ solves
one equation. Where U exceeds some four times the hopping it has three solutions, with few, half and
many ligand holes (NiPS3 beside the core hole: Δ_f = 2.3, 0, −2.3 eV); the field tells which it is.
(The k of the field itself is larger than the model's: functionals are too covalent.)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

FloatArray = NDArray[np.float64]

_STEPS = 400  # of the search for Δ


@dataclass(frozen=True)
class Average:
    """The average of one configuration.

    Attributes
    ----------
    holes : float
        In d, of the configuration without ligand holes.
    squared_hopping : float
        tr(V Vᵀ)/5, eV².
    u_dd : float
        eV.
    configurations : int
        k = 0 … configurations − 1.
    """

    holes: float
    squared_hopping: float
    u_dd: float
    configurations: int

    def ligand_holes(self, delta: float) -> float:
        """⟨k⟩ of the lowest state."""
        values = self._lowest(delta)[1]
        return float(values**2 @ np.arange(values.size))

    def last_weight(self, delta: float) -> float:
        """Share of the configuration with most ligand holes; zero where none is left out."""
        values = self._lowest(delta)[1]
        return float(values[-1] ** 2) if values.size <= floor(self.holes) else 0.0

    def gain(self, delta: float) -> float:
        """Energy of the lowest state, from the k = 0 average, eV; not positive."""
        return self._lowest(delta)[0]

    def delta(self, level_difference: float, field_holes: float) -> float:
        """Δ whose average has the given ε_d − ε_L, eV.

        Parameters
        ----------
        level_difference : float
            eV.
        field_holes : float
            Ligand holes of the field; of several solutions that with the nearest number is taken.
        """

        def excess(delta: float) -> float:
            return delta + (self.ligand_holes(delta) - 0.5) * self.u_dd - level_difference

        # 0 ≤ k < configurations bounds Δ.
        most = max(self.configurations, 2) * self.u_dd
        grid = np.linspace(level_difference - most, level_difference + most, _STEPS)
        values = np.array([excess(delta) for delta in grid])
        changes = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
        found = [float(brentq(excess, grid[i], grid[i + 1])) for i in changes]
        return min(found, key=lambda delta: abs(self.ligand_holes(delta) - field_holes))

    def _lowest(self, delta: float) -> tuple[float, FloatArray]:
        k = np.arange(min(self.configurations, floor(self.holes) + 1))
        h = np.diag(k * delta + k * (k - 1) / 2 * self.u_dd)
        ways = np.sqrt(k[1:] * (self.holes - k[:-1]) * self.squared_hopping)
        h = h + np.diag(ways, 1) + np.diag(ways, -1)
        values, columns = np.linalg.eigh(h)
        return float(values[0]), columns[:, 0]
