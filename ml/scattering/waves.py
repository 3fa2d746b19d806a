"""Multiple scattering of a p wave from the absorber by the atoms around it.

In the basis of outgoing waves h_l(kr) Y_L about each atom, an atom answers the waves that reach it
with T_l = i e^{iδ_l} sin δ_l, and what leaves atom j reaches atom i by

    S_LL'(R) = 4π Σ_L'' i^{l+l''−l'} G_LL''L' h_l''(kR) Y_L''(R̂),    R = R_i − R_j,

G the integral of three real spherical harmonics (J. J. Rehr, R. C. Albers, Rev. Mod. Phys. 72
(2000) 621). All paths together bring ρ = S (1 − T S)⁻¹ T S back to the absorber, and its cross
section is that of the free atom times 1 + Re e^{2iδ_1} ⟨ρ⟩, the mean over the three p waves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from ml.crystals import Crystal, neighbours
from ml.scattering.atoms import KINETIC_EV, L_MAX, PHASES

Float = NDArray[np.float64]
Complex = NDArray[np.complex128]

WIDTH: Final = 2 * len(KINETIC_EV)
"""Numbers of a site: real, then imaginary parts."""
CUTOFF = 4.8  # Å
_FADES = 4.2  # Å; from here to the cutoff an atom scatters less and less
_MOST_ATOMS = 120  # the nearest; crystals of usual pressures have fewer
_NEAREST = 0.5  # Å; atoms that are nearer count as so far apart
_HBAR2_2M = 3.80998  # eV Å²
_LOSS_EV = 1.5  # half width of the final state without kinetic energy
_LOSS_SLOPE = 0.04  # what it rises by, per kinetic energy
_WAVES = (L_MAX + 1) ** 2
_WEAK = 0.02  # |T|, at most 1; waves that a neutral atom answers with no more are left out


def scattering(crystal: Crystal, sites: Sequence[int]) -> Float:
    """(sites, WIDTH): real and imaginary parts of e^{2iδ_1} ⟨ρ⟩ at each kinetic energy."""
    near = neighbours(crystal, CUTOFF, np.asarray(sites, np.int64))
    rows = []
    for k, site in enumerate(sites):
        part = slice(near.start[k], min(near.start[k + 1], near.start[k] + _MOST_ATOMS))
        atoms = crystal.numbers[near.atom[part]]
        back = returning(int(crystal.numbers[site]), atoms, near.vector[part])
        rows.append(np.concatenate([back.real, back.imag]))
    return np.array(rows)


def returning(absorber: int, numbers: NDArray[np.int64], vectors: Float) -> Complex:
    """(energies,) e^{2iδ_1} ⟨ρ⟩ of an absorber with other atoms at ``vectors`` (n, 3) Å from it."""
    phases = _phases("absorbing")[absorber]
    answer = np.empty((len(KINETIC_EV), len(numbers) + 1, _WAVES), np.complex64)
    answer[:, 0] = _answers("absorbing")[absorber]
    distance = np.linalg.norm(vectors, axis=1)
    fading = np.cos(np.pi / 2 * np.clip((distance - _FADES) / (CUTOFF - _FADES), 0, 1)) ** 2
    answer[:, 1:] = (_answers("neutral")[numbers] * fading[:, None, None]).transpose(1, 0, 2)
    strong = np.empty(answer.shape, bool)
    strong[:, 1:] = (np.abs(_answers("neutral")) > _WEAK)[numbers].transpose(1, 0, 2)
    strong[:, 0] = True
    between = _propagators(np.vstack([np.zeros(3), vectors]))
    found = np.empty(len(KINETIC_EV), np.complex128)
    for e, (t, s) in enumerate(zip(answer, between, strict=True)):
        kept = np.flatnonzero(strong[e])
        t, s = t.ravel()[kept, None], s[np.ix_(kept, kept)]
        sent = t * s[:, 1:4]
        inverse = -t * s
        inverse[np.diag_indices(len(kept))] += 1
        found[e] = np.einsum("ma,am->", s[1:4], np.linalg.solve(inverse, sent)) / 3
    return np.asarray(np.exp(2j * phases[:, 1]) * found)


def _propagators(places: Float) -> NDArray[np.complex64]:
    """(energies, n · waves, n · waves): S between all pairs of atoms at ``places`` (n, 3) Å."""
    i, j = np.triu_indices(len(places), 1)
    vector = places[i] - places[j]
    distance = np.linalg.norm(vector, axis=1)
    unit = vector / np.maximum(distance, 1e-9)[:, None]
    k = np.sqrt((KINETIC_EV + 1j * (_LOSS_EV + _LOSS_SLOPE * KINETIC_EV)) / _HBAR2_2M)
    size = len(places) * _WAVES
    found = np.zeros((len(k), size, size), np.complex64)
    distance = np.maximum(distance, _NEAREST)
    _fill(harmonics(2 * L_MAX, unit), distance, k, i, j, *_coefficients(), _DEGREE, found)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(harmonic, distance, k, i, j, rows, columns, of, coefficient, degree, found):  # type: ignore[no-untyped-def]
    """The blocks of each pair, and of its reverse, which is the transposed."""
    n_waves = _WAVES
    by_degree = np.zeros((degree[-1] + 1, n_waves, n_waves))
    h = np.empty(degree[-1] + 1, np.complex128)
    for p in range(len(distance)):
        by_degree[:] = 0.0
        for t in range(len(rows)):
            by_degree[degree[of[t]], rows[t], columns[t]] += coefficient[t] * harmonic[p, of[t]]
        for e in range(len(k)):
            x = k[e] * distance[p]
            wave = np.exp(1j * x)
            h[0] = wave / (1j * x)
            h[1] = -wave * (x + 1j) / (x * x)
            for l in range(1, len(h) - 1):
                h[l + 1] = (2 * l + 1) / x * h[l] - h[l - 1]
            for a in range(n_waves):
                for b in range(n_waves):
                    value = 0j
                    first = abs(degree[a] - degree[b])
                    for l in range(first, degree[a] + degree[b] + 1, 2):
                        value += h[l] * by_degree[l, a, b]
                    found[e, i[p] * n_waves + a, j[p] * n_waves + b] = value
                    found[e, j[p] * n_waves + b, i[p] * n_waves + a] = value


def harmonics(l_max: int, unit: Float) -> Float:
    """(n, (l_max + 1)²) real spherical harmonics of unit vectors (n, 3)."""
    theta, phi = np.arccos(np.clip(unit[:, 2], -1, 1)), np.arctan2(unit[:, 1], unit[:, 0])
    found = []
    for l in range(l_max + 1):
        for m in range(-l, l + 1):
            y = sph_harm_y(l, abs(m), theta, phi)
            found.append(
                y.real if m == 0 else np.sqrt(2) * (-1) ** m * (y.real if m > 0 else y.imag)
            )
    return np.stack(found, axis=1)


_DEGREE = np.repeat(np.arange(2 * L_MAX + 1), 2 * np.arange(2 * L_MAX + 1) + 1)


@cache
def _coefficients() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Float]:
    """L, L', L'' and 4π i^{l+l''−l'} G of all that are not zero; the power is ±1."""
    x, weight = np.polynomial.legendre.leggauss(4 * L_MAX + 2)
    around = 2 * np.pi * np.arange(8 * L_MAX + 4) / (8 * L_MAX + 4)
    height, angle = (one.ravel() for one in np.meshgrid(x, around, indexing="ij"))
    flat = np.sqrt(1 - height**2)
    unit = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)
    weights = np.repeat(weight, len(around)) * 2 * np.pi / len(around)
    inner, outer = harmonics(L_MAX, unit), harmonics(2 * L_MAX, unit)
    triple = np.einsum("n,na,nb,nc->abc", weights, inner, inner, outer)
    a, b, c = np.nonzero(np.abs(triple) > 1e-12)
    power = (_DEGREE[a] + _DEGREE[c] - _DEGREE[b]) // 2
    return a, b, c, 4 * np.pi * (-1.0) ** power * triple[a, b, c]


@cache
def _phases(kind: str) -> Float:
    """(104, energies, l) of ``neutral`` or ``absorbing`` atoms."""
    with np.load(PHASES) as table:
        return np.asarray(table[kind], np.float64)


@cache
def _answers(kind: str) -> Complex:
    """(104, energies, waves) T of each element."""
    phases = _phases(kind)
    t = 1j * np.exp(1j * phases) * np.sin(phases)
    return np.repeat(t, 2 * np.arange(L_MAX + 1) + 1, axis=2)
