"""The charge-transfer model of a site from its Kohn-Sham fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies
from compute.l23.cluster.average import Average
from compute.l23.splitting import effective_splitting

FloatArray = NDArray[np.float64]

# No, one and two ligand holes; chosen on measured spectra: with one less MnO2 lacks a peak.
CONFIGURATIONS = 3


@dataclass(frozen=True, eq=False)
class OneElectron:
    """d and the ligand combinations that hop to it, in one field.

    Attributes
    ----------
    gap : float
        ε_d − ε_L, eV.
    crystal_field, hopping, ligand : float64 (5, 5)
        eV, order z², x²−y², xy, xz, yz; the first and the last traceless.
    """

    gap: float
    crystal_field: FloatArray
    hopping: FloatArray
    ligand: FloatArray

    @property
    def squared_hopping(self) -> float:
        """tr(V Vᵀ)/5, eV²."""
        return float(np.sum(self.hopping**2)) / 5.0


@dataclass(frozen=True, eq=False)
class ChargeTransferModel:
    """What the fields of the initial and of the final configuration say.

    Attributes
    ----------
    n_d : int
        3d electrons of the initial configuration.
    u_dd : float
        eV.
    initial, final : OneElectron
    exchange : float
        Hund's J, eV.
    """

    n_d: int
    u_dd: float
    initial: OneElectron
    final: OneElectron
    exchange: float

    def averages(self) -> tuple[Average, Average]:
        """Of the initial and of the final configuration."""
        number = self._configurations
        return (
            Average(10 - self.n_d, self.initial.squared_hopping, self.u_dd, number),
            Average(9 - self.n_d, self.final.squared_hopping, self.u_dd, number),
        )

    def transfer(self) -> ChargeTransferEnergies:
        """Δ, U_dd and U_pd."""
        before, after = self.averages()
        delta, final_delta = before.delta(self.initial.gap), after.delta(self.final.gap)
        u_pd = delta + self.u_dd - final_delta
        return ChargeTransferEnergies(delta, self.u_dd, u_pd, self._configurations)

    def covalent_shift(self) -> float:
        """What the final average gains by hopping less what the initial one gains, eV."""
        before, after = self.averages()
        gain = before.gain(before.delta(self.initial.gap))
        return after.gain(after.delta(self.final.gap)) - gain

    def ten_dq(self) -> float:
        """Effective splitting, eV; that of an empty shell is the one beside the core hole."""
        field = self.final if self.n_d == 0 else self.initial
        return effective_splitting(
            self.n_d,
            field.crystal_field,
            field.hopping,
            field.ligand,
            self.transfer(),
            self.exchange,
        )

    @property
    def _configurations(self) -> int:
        return min(CONFIGURATIONS, 11 - self.n_d)
