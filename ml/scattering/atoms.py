"""Phase shifts of free atoms: how each element scatters an electron of some ten eV.

    python -m ml.scattering.atoms

writes ``phases.npz``, which :mod:`ml.scattering.waves` reads. Each atom is solved without spin or
relativity in the local-density approximation (exchange of a homogeneous gas, correlation of S. H.
Vosko, L. Wilk and M. Nusair, Can. J. Phys. 58 (1980) 1200), and its potential is cut off where it
has risen to ``INSIDE_EV``: there the flat potential between the atoms begins, from whose level
kinetic energies count. An absorbing atom lacks a 1s electron and has one more in its outer shells.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import spherical_jn, spherical_yn

Float = NDArray[np.float64]

PHASES = Path(__file__).with_name("phases.npz")
KINETIC_EV = np.arange(6.0, 37.0, 3.0)
"""Kinetic energies of the table, from the flat potential between the atoms."""
L_MAX = 2
INSIDE_EV = -12.0
_HARTREE_EV = 27.211386
_N_ELEMENTS = 103
_FILLED = [
    "1s", "2s", "2p", "3s", "3p", "4s", "3d", "4p", "5s", "4d", "5p", "6s", "4f", "5d", "6p", "7s",
    "5f", "6d",
]  # fmt: skip
_LETTERS = "spdf"
# Ground states that the order above does not give.
_OTHERWISE: dict[int, dict[str, int]] = {
    24: {"4s": 1, "3d": 5}, 29: {"4s": 1, "3d": 10}, 41: {"5s": 1, "4d": 4},
    42: {"5s": 1, "4d": 5}, 44: {"5s": 1, "4d": 7}, 45: {"5s": 1, "4d": 8},
    46: {"5s": 0, "4d": 10}, 47: {"5s": 1, "4d": 10}, 57: {"4f": 0, "5d": 1},
    58: {"4f": 1, "5d": 1}, 64: {"4f": 7, "5d": 1}, 78: {"6s": 1, "5d": 9},
    79: {"6s": 1, "5d": 10}, 89: {"5f": 0, "6d": 1}, 90: {"5f": 0, "6d": 2},
    91: {"5f": 2, "6d": 1}, 92: {"5f": 3, "6d": 1}, 93: {"5f": 4, "6d": 1},
    96: {"5f": 7, "6d": 1},
}  # fmt: skip
_POINTS, _FINE = 2000, 4000  # of the radial grids
_LAST = 40.0  # bohr
_ROUNDS, _MIXING, _CLOSE = 300, 0.3, 1e-5  # of the potential, hartree bohr


@dataclass(frozen=True)
class Atom:
    """A solved atom; atomic units.

    Attributes
    ----------
    r : (n,)
        Radii, in equal steps of their logarithm.
    potential : (n,)
    level : dict
        Energy of each occupied shell, ``"3d"``.
    """

    r: Float
    potential: Float
    level: dict[str, float]


def configuration(number: int, *, core_hole: bool = False) -> dict[str, int]:
    """Electrons of each shell; with ``core_hole`` those of the next element less one of 1s.

    Hydrogen, whose 1s electron is its outermost, is then as it was.
    """
    if core_hole:
        return configuration(number + 1) | {"1s": 1}
    found, left = {}, number
    for shell in _FILLED:
        found[shell] = min(left, 4 * _LETTERS.index(shell[1]) + 2)
        left -= found[shell]
    found |= _OTHERWISE.get(number, {})
    return {shell: count for shell, count in found.items() if count}


def solve(number: int, occupied: dict[str, int]) -> Atom:
    """Potential and levels of an atom with that nucleus, by iteration to self-consistency."""
    x = np.linspace(np.log(1e-4 / number), np.log(_LAST), _POINTS)
    r, step = np.exp(x), x[1] - x[0]
    # Screened roughly as by Green, Sellin and Zachor, Phys. Rev. 184 (1969) 1.
    screened = 1 / (1 + number**0.4 * np.expm1(np.minimum(r / 0.8, 50.0)))
    potential = -(1 + (number - 1) * screened) / r
    for _ in range(_ROUNDS):
        level, density = _levels(r, step, potential, occupied)
        inside = _integral(density * r, step)
        outside = _integral(density, step)
        hartree = inside / r + outside[-1] - outside
        new = -number / r + hartree + exchange_correlation(density / (4 * np.pi * r**2))
        change = float(np.abs((new - potential) * r).max())
        potential += _MIXING * (new - potential)
        if change < _CLOSE:
            return Atom(r, potential, level)
    raise ArithmeticError(f"atom {number} did not converge: {change:.1e}")


def _levels(
    r: Float, step: float, potential: Float, occupied: dict[str, int]
) -> tuple[dict[str, float], Float]:
    """Energies and radial density 4πr²n of the occupied shells."""
    level: dict[str, float] = {}
    density = np.zeros_like(r)
    for shell, count in occupied.items():
        l = _LETTERS.index(shell[1])
        level[shell], u = _bound(r, step, potential, l, int(shell[0]) - l - 1)
        square = u**2
        density += count * square / _integral(square * r, step)[-1]
    return level, density


@njit(cache=True)  # type: ignore[untyped-decorator]
def _bound(r: Float, step: float, potential: Float, l: int, nodes: int) -> tuple[float, Float]:
    """Energy and u = r R (not normalised) of the state with that many nodes.

    With u = √r w the radial equation is w″ = [(l + ½)² + 2 r² (V − E)] w in ln r. The energy is
    where one more node comes in from the outer end.
    """
    n = len(r)
    centrifugal = (l + 0.5) ** 2
    high, low = 0.0, -0.5 * (potential[0] * r[0]) ** 2 - 1.0  # below 1s of the bare nucleus
    w = np.zeros(n)
    w[0], w[1] = 1e-30 * r[0] ** (l + 0.5), 1e-30 * r[1] ** (l + 0.5)
    while high - low > 1e-11 * max(1.0, -low):
        energy = 0.5 * (low + high)
        f = centrifugal + 2 * r * r * (potential - energy)
        if _numerov(f, step, w[: _reach(f, step)[1]].copy()) > nodes:
            high = energy
        else:
            low = energy
    f = centrifugal + 2 * r * r * (potential - high)
    turn, end = _reach(f, step)
    _numerov(f, step, w[: turn + 1])
    back = np.zeros(end - turn)  # from the outer end, where the solution outwards is lost
    back[0], back[1] = 1e-30, 1e-30 * np.exp(step * np.sqrt(max(f[end - 1], 1.0)))
    _numerov(f[turn:end][::-1].copy(), step, back)
    for i in range(end - turn):
        w[end - 1 - i] = back[i] / back[end - turn - 1] * w[turn]
    u = w * np.sqrt(r)
    return high, u / np.abs(u).max()


@njit(cache=True)  # type: ignore[untyped-decorator]
def _reach(f: Float, step: float) -> tuple[int, int]:
    """The outermost turning point of w″ = f w, and where w has died away or steps are too long."""
    turn = len(f) - 3
    while turn > 1 and f[turn] > 0:
        turn -= 1
    end = turn + 2
    while end < len(f) and step * step * f[end] < 1.0:
        end += 1
    return turn, end


def _integral(values: Float, step: float) -> Float:
    """∫ values d(ln r) up to each point."""
    return np.concatenate([[0.0], np.cumsum(0.5 * step * (values[1:] + values[:-1]))])


def exchange_correlation(n: Float) -> Float:
    """Potential of a homogeneous gas of density ``n`` without spin, hartree."""
    n = np.maximum(n, 1e-30)
    rs = (3 / (4 * np.pi * n)) ** (1 / 3)
    a, x0, b, c = 0.0310907, -0.10498, 3.72744, 12.9352
    x = np.sqrt(rs)
    whole, q = rs + b * x + c, np.sqrt(4 * c - b**2)
    angle = np.arctan(q / (2 * x + b))
    at_x0 = x0**2 + b * x0 + c
    energy = a * (
        np.log(rs / whole) + 2 * b / q * angle
        - b * x0 / at_x0 * (np.log((x - x0) ** 2 / whole) + 2 * (b + 2 * x0) / q * angle)
    )  # fmt: skip
    slope = a * (c * (x - x0) - b * x0 * x) / ((x - x0) * whole)  # rs dε/drs
    return np.asarray(-((3 * n / np.pi) ** (1 / 3)) + energy - slope / 3)


def phase_shifts(atom: Atom, kinetic_ev: Float, l_max: int = L_MAX) -> Float:
    """(energies, l_max + 1) rad, modulo π, of the atom's potential up to ``INSIDE_EV``."""
    flat = INSIDE_EV / _HARTREE_EV
    edge = np.log(atom.r[np.flatnonzero(atom.potential < flat)[-1] + 1])
    x = np.linspace(np.log(atom.r[0]), edge, _FINE)
    step, r = x[1] - x[0], np.exp(x)
    inner = np.interp(x, np.log(atom.r), atom.potential * atom.r) / r - flat
    found = np.empty((len(kinetic_ev), l_max + 1))
    for i, energy in enumerate(kinetic_ev / _HARTREE_EV):
        k, last = np.sqrt(2 * energy), r[-1]
        for l in range(l_max + 1):
            w = np.zeros(_FINE)
            w[:2] = 1e-30 * r[:2] ** (l + 0.5)
            _numerov((l + 0.5) ** 2 + 2 * r**2 * (inner - energy), step, w)
            u = w[-5:] * np.sqrt(r[-5:])
            slope = float(u @ [3, -16, 36, -48, 25]) / (12 * step) / last
            log_slope = slope / u[-1] - 1 / last  # of u/r
            wave = [f(l, k * last, d) for f in (spherical_jn, spherical_yn) for d in (False, True)]
            j, dj, y, dy = wave
            found[i, l] = np.arctan2(k * dj - log_slope * j, k * dy - log_slope * y)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _numerov(f: Float, step: float, w: Float) -> int:
    """Carry w″ = f w on from its first two values; the number of its nodes."""
    g = 1 - step * step / 12 * f
    nodes = 0
    for i in range(1, len(w) - 1):
        w[i + 1] = ((12 - 10 * g[i]) * w[i] - g[i - 1] * w[i - 1]) / g[i + 1]
        if w[i + 1] * w[i] < 0:
            nodes += 1
        if abs(w[i + 1]) > 1e100:
            w[: i + 2] *= 1e-100
    return nodes


def main() -> None:
    shape = (_N_ELEMENTS + 1, len(KINETIC_EV), L_MAX + 1)
    neutral, absorbing = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for number in range(1, _N_ELEMENTS + 1):
        for table, core_hole in ((neutral, False), (absorbing, True)):
            atom = solve(number, configuration(number, core_hole=core_hole))
            table[number] = phase_shifts(atom, KINETIC_EV)
        sys.stderr.write(f"\r{number} of {_N_ELEMENTS}")
    np.savez_compressed(PHASES, kinetic_ev=KINETIC_EV, neutral=neutral, absorbing=absorbing)


if __name__ == "__main__":
    main()
