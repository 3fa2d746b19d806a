"""The splitting of the d levels with covalency, to compare with optical 10Dq."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from compute.l23.charge_transfer import ChargeTransferEnergies

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Filling = tuple[tuple[int, int], tuple[int, int]]  # electrons in (lower, upper) of either spin

_EG, _T2G = (0, 1), (2, 3, 4)
_ALIKE_EV = 1e-9
_PARALLEL = 4.0 / 9.0  # share of a d shell's pairs of spin-orbitals that are of like spin


def effective_splitting(
    n_d: int,
    crystal_field: FloatArray,
    v: FloatArray,
    ligand: FloatArray,
    transfer: ChargeTransferEnergies,
    exchange: float,
) -> float:
    """Energy of moving one d electron from {xy, xz, yz} to {z², x²−y²}, eV.

    What an optical spectrum calls 10Dq (⁴A₂ → ⁴T₂ of d³, ³A₂ → ³T₂ of d⁸), in the mean field: the
    electron keeps its spin, every occupation mixes with one and two ligand holes, and electrons
    of like spin gain Hund's exchange. Averaged over the orbitals of each kind; negative for
    tetrahedra and cubes. An empty shell has no such excitation: the electron that absorption
    adds is moved, beside the core hole. High-spin d⁵ has none that keeps its spin: the minority
    electron of its spin-flipped states is moved.

    Parameters
    ----------
    n_d : int
    crystal_field, v, ligand : float64 (5, 5)
        Ionic field, hopping, ligand shell; eV, order z², x²−y², xy, xz, yz.
    transfer : ChargeTransferEnergies
    exchange : float
        Hund's J of the calculation (:func:`hund_exchange`), eV.
    """
    levels = np.diag(crystal_field)
    ionic = float(levels[list(_EG)].mean() - levels[list(_T2G)].mean())
    if n_d == 10:
        return ionic
    delta = transfer.delta
    if n_d == 0:
        n_d, delta = 1, delta + transfer.u_dd - transfer.u_pd
    shell = _Shell(
        levels,
        np.diag(v @ v),
        np.diag(ligand),
        delta,
        transfer.u_dd,
        exchange,
        transfer.configurations - 1,
    )
    lower, upper = shell.kinds()
    ground = shell.ground(n_d)
    if n_d == 5 and ground[1] == (0, 0):
        ground = (_filled(4, lower), (1, 0))
    excited = _one_moved(ground, len(upper))
    gap = shell.energy(excited, lower, upper) - shell.energy(ground, lower, upper)
    return gap if lower == _T2G else -gap


def configuration_weights(
    n_d: int,
    crystal_field: FloatArray,
    v: FloatArray,
    ligand: FloatArray,
    transfer: ChargeTransferEnergies,
    exchange: float,
) -> FloatArray:
    """Weights of dⁿ, dⁿ⁺¹L, dⁿ⁺²L² … in the mean field's ground state, in the field's cubic mean.

    Arguments as in :func:`effective_splitting`; ``transfer.configurations`` says how many.
    """

    def cubic(matrix: FloatArray) -> FloatArray:
        return np.repeat([matrix.diagonal()[:2].mean(), matrix.diagonal()[2:].mean()], [2, 3])

    shell = _Shell(
        cubic(crystal_field),
        cubic(v @ v),
        cubic(ligand),
        transfer.delta,
        transfer.u_dd,
        exchange,
        transfer.configurations - 1,
    )
    lower, upper = shell.kinds()
    orbitals = next(_distributions(shell.ground(n_d), lower, upper))
    h, holes = shell.hamiltonian(orbitals)
    squares = np.linalg.eigh(h)[1][:, 0] ** 2
    return np.array([squares[holes == k].sum() for k in range(transfer.configurations)])


def hund_exchange(integrals: Mapping[str, float]) -> float:
    """Mean exchange between d electrons of like spin, ``(F2 + F4) / 14``; no integrals, none."""
    return (integrals.get("F2dd", 0.0) + integrals.get("F4dd", 0.0)) / 14.0


def _filled(electrons: int, lower: tuple[int, ...]) -> tuple[int, int]:
    """One spin's electrons, the lower orbitals first."""
    return min(electrons, len(lower)), max(electrons - len(lower), 0)


def _one_moved(filling: Filling, room: int) -> Filling:
    """One electron in the upper orbitals: of the minority spin if that can move."""
    (a, b), (c, d) = filling
    if c and d < room:
        return (a, b), (c - 1, d + 1)
    return (a - 1, b + 1), (c, d)


@dataclass(frozen=True, eq=False)
class _Shell:
    """A d shell and its ligands: levels, squared hopping and ligand levels (5,), eV."""

    levels: FloatArray
    squared: FloatArray
    ligand: FloatArray
    delta: float
    u_dd: float
    exchange: float
    ligand_holes: int

    @property
    def cubic(self) -> bool:
        """Whether the orbitals of each kind are alike."""
        three = np.array([self.levels, self.squared, self.ligand])
        return all(np.ptp(three[:, kind], axis=1).max() < _ALIKE_EV for kind in (_EG, _T2G))

    def kinds(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The lower and the upper orbitals, by what one electron in either costs."""
        one_t2g, one_eg = ((1, 0), (0, 0)), ((0, 1), (0, 0))
        octahedral = self.energy(one_eg, _T2G, _EG) > self.energy(one_t2g, _T2G, _EG)
        return (_T2G, _EG) if octahedral else (_EG, _T2G)

    def ground(self, n_d: int) -> Filling:
        """The filling of lowest energy among those that fill the lower orbitals first."""
        lower, upper = self.kinds()
        fillings = [
            (_filled(up, lower), _filled(n_d - up, lower))
            for up in range((n_d + 1) // 2, min(n_d, 5) + 1)
        ]
        return min(fillings, key=lambda filling: self.energy(filling, lower, upper))

    def energy(self, filling: Filling, lower: tuple[int, ...], upper: tuple[int, ...]) -> float:
        """Lowest level of a filling, mean over its distributions, from the dⁿ average, eV."""
        chosen = list(_distributions(filling, lower, upper))
        if self.cubic:  # all distributions are alike
            chosen = chosen[:1]
        return float(np.mean([np.linalg.eigvalsh(self.hamiltonian(one)[0])[0] for one in chosen]))

    def hamiltonian(self, occupied: tuple[int, ...]) -> tuple[FloatArray, IntArray]:
        """One determinant dⁿ mixed with dⁿ⁺¹L, dⁿ⁺²L² …, and each state's ligand holes.

        Ligand holes answer one to one to the spin-orbitals that were empty, so all hopping
        amplitudes may be taken positive.
        """
        empty = np.array([i for i in range(10) if i not in occupied])
        orbital = empty % 5
        holes, links = _transfers(empty.size, self.ligand_holes)
        up = sum(i < 5 for i in occupied) + holes @ (empty < 5)
        down = sum(i >= 5 for i in occupied) + holes @ (empty >= 5)
        k = holes.sum(axis=1)
        diagonal = k * self.delta + k * (k - 1) / 2 * self.u_dd + self._hund(up, down)
        diagonal += holes @ (self.levels - self.ligand)[orbital]
        diagonal += sum(self.levels[i % 5] for i in occupied)
        h = np.diag(diagonal)
        a, b, which = links
        h[a, b] = h[b, a] = np.sqrt(self.squared[orbital[which]])
        return h, k.astype(np.int64)

    def _hund(self, up: FloatArray, down: FloatArray) -> FloatArray:
        """Exchange from the configuration average."""
        total = up + down
        parallel = up * (up - 1) / 2 + down * (down - 1) / 2
        result: FloatArray = -self.exchange * (parallel - _PARALLEL * total * (total - 1) / 2)
        return result


def _distributions(
    filling: Filling, lower: tuple[int, ...], upper: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """All determinants of a filling: spin-orbitals, those of spin down from 5 on."""
    for up, down in product(*(_spread(one, lower, upper) for one in filling)):
        yield (*up, *(5 + i for i in down))


def _spread(
    electrons: tuple[int, int], lower: tuple[int, ...], upper: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """All orbitals that one spin's electrons may be in."""
    for a, b in product(combinations(lower, electrons[0]), combinations(upper, electrons[1])):
        yield (*a, *b)


@cache
def _transfers(empty: int, most: int) -> tuple[FloatArray, IntArray]:
    """States by which empty orbitals are filled from the ligands, (m, empty); pairs that differ by
    one of them and which, (3, pairs)."""
    sets = [frozenset(c) for n in range(most + 1) for c in combinations(range(empty), n)]
    index = {one: i for i, one in enumerate(sets)}
    holes = np.array([[float(i in one) for i in range(empty)] for one in sets])
    links = [(index[one - {i}], index[one], i) for one in sets if one for i in one]
    return holes, np.array(links, dtype=np.int64).reshape(-1, 3).T
