"""The charge-transfer model of a site from its Kohn-Sham fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies
from compute.l23.cluster.average import Average
from compute.l23.splitting import effective_splitting, hund_exchange

FloatArray = NDArray[np.float64]

# One ligand hole more is taken while the last one kept has more than this share in the averaged
# initial or final state …
_LAST_WEIGHT = 0.05
# … and, beyond three configurations, the final state has no more determinants than this, for the
# engine's time: where the site's point group has that many operations, and elsewhere.
_SYMMETRIC, _DETERMINANTS, _DETERMINANTS_ELSEWHERE = 3, 170_000, 40_000


@dataclass(frozen=True, eq=False)
class State:
    """d and the ligand combinations that hop to it, in one field.

    Attributes
    ----------
    energy : float
        Of all electrons, eV.
    gap : float
        ε_d − ε_L, eV.
    d_electrons : float
        In the localised d orbitals.
    crystal_field, hopping, ligand : float64 (5, 5)
        eV, order z², x²−y², xy, xz, yz; the first and the last traceless.
    slater : mapping
        F and G of the localised orbitals as they are, eV.
    """

    energy: float
    gap: float
    d_electrons: float
    crystal_field: FloatArray
    hopping: FloatArray
    ligand: FloatArray
    slater: Mapping[str, float]

    @property
    def squared_hopping(self) -> float:
        """tr(V Vᵀ)/5, eV²."""
        return float(np.sum(self.hopping**2)) / 5.0


@dataclass(frozen=True, eq=False)
class ChargeTransferModel:
    """What the fields of a site say.

    Attributes
    ----------
    n_d : int
        3d electrons of the initial configuration.
    initial, final : State
        2p⁶(d*)ⁿ and 2p⁵(d*)ⁿ⁺¹.
    u_dd : float
        eV, see :func:`curvature`.
    slater_scale : float
        What is left of the Slater integrals of 3d beside correlation; of those with 2p its root.
    operations : int
        Of the site's point group.
    """

    n_d: int
    initial: State
    final: State
    u_dd: float
    slater_scale: float
    operations: int = 1

    def averages(self) -> tuple[Average, Average]:
        """Of the initial and of the final configuration."""
        return self._averages(self.configurations)

    def _averages(self, number: int) -> tuple[Average, Average]:
        return (
            Average(10 - self.n_d, self.initial.squared_hopping, self.u_dd, number),
            Average(9 - self.n_d, self.final.squared_hopping, self.u_dd, number),
        )

    def transfer(self) -> ChargeTransferEnergies:
        """Δ, U_dd and U_pd."""
        before, after = self.averages()
        delta, final_delta = self._deltas(before, after)
        u_pd = delta + self.u_dd - final_delta
        return ChargeTransferEnergies(delta, self.u_dd, u_pd, self.configurations)

    def covalent_shift(self) -> float:
        """What the final average gains by hopping less what the initial one gains, eV."""
        before, after = self.averages()
        delta, final_delta = self._deltas(before, after)
        return after.gain(final_delta) - before.gain(delta)

    def slater(self, state: State, *names: str) -> dict[str, float]:
        """Scaled integrals of a state, eV."""
        power = {"dd": 1.0, "pd": 0.5}  # how many of their densities, of two, are those of 3d
        return {name: self.slater_scale ** power[name[2:]] * state.slater[name] for name in names}

    def ten_dq(self) -> float:
        """Effective splitting, eV; that of an empty shell is the one beside the core hole."""
        field = self.final if self.n_d == 0 else self.initial
        return effective_splitting(
            self.n_d,
            field.crystal_field,
            field.hopping,
            field.ligand,
            self.transfer(),
            hund_exchange(self.slater(self.initial, "F2dd", "F4dd")),
        )

    def _deltas(self, before: Average, after: Average) -> tuple[float, float]:
        """Δ of the initial and of the final average, eV."""
        return (
            before.delta(self.initial.gap, self.initial.d_electrons - self.n_d),
            after.delta(self.final.gap, self.final.d_electrons - self.n_d - 1),
        )

    @cached_property
    def configurations(self) -> int:
        """How many: up to the first whose share no longer counts."""

        def last_weight(number: int) -> float:
            before, after = self._averages(number)
            delta, final_delta = self._deltas(before, after)
            return max(before.last_weight(delta), after.last_weight(final_delta))

        return configurations(self.n_d, self.operations, last_weight)


def configurations(n_d: int, operations: int, last_weight: Callable[[int], float]) -> int:
    """How many configurations: up to the first whose share no longer counts.

    Parameters
    ----------
    n_d : int
    operations : int
        Of the site's point group.
    last_weight : callable
        Of a number of configurations the share that the last has, in either averaged state.
    """
    most = _DETERMINANTS if operations >= _SYMMETRIC else _DETERMINANTS_ELSEWHERE
    for number in range(2, 11 - n_d):
        if number >= 3 and _determinants(n_d, number + 1) > most:
            return number
        if last_weight(number) < _LAST_WEIGHT:
            return number
    return 11 - n_d


def _determinants(n_d: int, configurations: int) -> int:
    """Of the final state."""
    return sum(6 * comb(10, n_d + 1 + k) * comb(10, k) for k in range(configurations))


def curvature(gap: float, d_electrons: float, moved_gap: float, moved_d_electrons: float) -> float:
    """U_dd: how ε_d − ε_L rises with the electrons that have come to d from the ligands, eV.

    Kohn-Sham levels are derivatives of an energy by occupation (Janak 1978), so this is its second
    derivative by the charge transferred, as in the model's k(k−1)U/2. All else has relaxed.
    """
    return (moved_gap - gap) / (moved_d_electrons - d_electrons)
