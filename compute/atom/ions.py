"""Solved ions of the series of :mod:`compute.ions`: configurations, radial functions, integrals."""

from __future__ import annotations

from functools import lru_cache

from compute.atom.hartree_fock import (
    LETTERS,
    RadialSolution,
    Shell,
    solve_configuration,
)
from compute.atom.spin_orbit import spin_orbit_parameter
from compute.ions import atomic_number, series_of
from compute.units import HARTREE_EV


def configuration(element: str, electrons: int, *, core_hole: bool = False) -> tuple[Shell, ...]:
    """Shells of an ion with this many valence electrons.

    Parameters
    ----------
    element : str
    electrons : int
        Electrons in the valence shell of the configuration itself; 0 keeps it as a virtual
        orbital.
    core_hole : bool
        Take one electron out of the series' core-hole shell.
    """
    series = series_of(element)
    shells = []
    for name in [*series.core.split(), series.valence]:
        l = LETTERS.index(name[1])
        w = electrons if name == series.valence else 4 * l + 2
        shells.append(Shell(int(name[0]), l, w - (core_hole and name == series.core_hole)))
    return tuple(shells)


@lru_cache(maxsize=32)
def solve_ion(element: str, electrons: int, *, core_hole: bool = False) -> RadialSolution:
    """Radial functions of an ion (about a second; kept in memory).

    ``solve_ion("Ni", 8)`` is Ni2+ 3d8; ``solve_ion("Ni", 9, core_hole=True)`` its 2p5 3d9 final
    state. The result has ``grid.r`` (bohr), ``radial("3d")`` = P_nl, ``power("3d", 2)`` =
    <r^2> and ``slater(k, "2p", "3d", "3d", "2p")`` = G^k, all in atomic units.
    """
    z = atomic_number(element)
    return solve_configuration(z, configuration(element, electrons, core_hole=core_hole))


def integrals(element: str, electrons: int, *, core_hole: bool = False) -> dict[str, float]:
    """Slater integrals and spin-orbit parameters (eV) and moments (bohr^k) of an ion.

    Keys for the 3d series: ``F2dd, F4dd, zeta_3d, r2_3d, r4_3d``; with a core hole also
    ``F2pd, G1pd, G3pd, zeta_2p``.
    """
    series = series_of(element)
    solution = solve_ion(element, electrons, core_hole=core_hole)
    v, c = series.valence, series.core_hole
    lv, lc = LETTERS.index(v[1]), LETTERS.index(c[1])
    out = {
        f"F{k}{v[1]}{v[1]}": solution.slater(k, v, v, v, v) * HARTREE_EV
        for k in range(2, 2 * lv + 1, 2)
    }
    out[f"zeta_{v}"] = spin_orbit_parameter(solution, v) * HARTREE_EV
    out |= {f"r{k}_{v}": solution.power(v, k) for k in range(2, 2 * lv + 1, 2)}
    if core_hole:
        for k in range(2, 2 * min(lc, lv) + 1, 2):
            out[f"F{k}{c[1]}{v[1]}"] = solution.slater(k, c, v, c, v) * HARTREE_EV
        for k in range(abs(lv - lc), lv + lc + 1, 2):
            out[f"G{k}{c[1]}{v[1]}"] = solution.slater(k, c, v, v, c) * HARTREE_EV
        out[f"zeta_{c}"] = spin_orbit_parameter(solution, c) * HARTREE_EV
    return out
