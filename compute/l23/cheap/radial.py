"""Slater integrals and moments of the 3d shell of an ion in a solid.

A free Mn⁴⁺ ion is far more contracted than one in MnO₂, where bonding gives back most of the charge
(Pauling's electroneutrality; J. Chem. Soc. (1948) 1461). So the radial functions are those of the
ion that has lost only a share of its charge beyond 2+, the electrons that it keeps being in the
3d shell: Hartree–Fock values interpolated linearly between whole charges. One global share for
all ions and compounds (``prefactors.Prefactors.charge_share``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

from compute.atom import atomic_parameters, orbital_moments
from compute.ions import ELEMENTS_3D

_FULL_UP_TO = 2.0  # charges that the solid leaves as they are
_SLATER = ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd")


@dataclass(frozen=True)
class Radial:
    """Unscaled Slater integrals of both states, eV; <r²> in bohr², <r⁴> in bohr⁴."""

    initial: Mapping[str, float]
    final: Mapping[str, float]
    r2: float
    r4: float


def felt_charge(valence: float, share: float) -> float:
    """The charge of the free ion whose radial functions are used."""
    return min(valence, _FULL_UP_TO) + share * max(valence - _FULL_UP_TO, 0.0)


def moments_beside_core_hole(
    element: str, valence: float, n_d: int, share: float
) -> tuple[float, float]:
    """<r²> and <r⁴> of the 3d shell of 2p⁵3dⁿ⁺¹, bohr² and bohr⁴.

    A 2p hole is to the 3d shell one more proton: they are those of the next element with the
    same charge.
    """
    following = ELEMENTS_3D[ELEMENTS_3D.index(element) + 1]
    shell = radial(following, valence, n_d + 1, share)
    return shell.r2, shell.r4


def radial(element: str, valence: float, n_d: int, share: float) -> Radial:
    """Values for an ion of this formal valence with ``n_d`` 3d electrons."""
    charge = felt_charge(valence, share)
    low = floor(charge + 1e-9)
    weight = charge - low
    first = _ion(element, low, n_d + round(valence) - low)
    if weight < 1e-9:
        return first
    second = _ion(element, low + 1, n_d + round(valence) - low - 1)

    def mix(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, float]:
        return {key: (1.0 - weight) * a[key] + weight * b[key] for key in a}

    return Radial(
        mix(first.initial, second.initial),
        mix(first.final, second.final),
        (1.0 - weight) * first.r2 + weight * second.r2,
        (1.0 - weight) * first.r4 + weight * second.r4,
    )


def _ion(element: str, charge: int, n_d: int) -> Radial:
    values = atomic_parameters(element, charge, n_d, empty_shells=True)
    moments = orbital_moments(element, charge, n_d)
    initial, final = (
        {key: values[state][key] for key in _SLATER if key in values[state]}
        for state in ("initial", "final")
    )
    return Radial(initial, final, moments["r2"], moments["r4"])
