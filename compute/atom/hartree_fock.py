"""Scalar-relativistic Hartree-Fock of the average energy of a configuration.

Each subshell nl has one radial function; open shells are averaged over all their states (Slater
1960; Cowan, The Theory of Atomic Structure and Spectra, 1981, sec. 6-1). With the pair scale

    s_ab = w_b / (4 l_b + 2)                for another shell,
    s_aa = (w_a - 1) / (4 l_a + 1)          within a shell,

the Fock operator of shell a is that of closed shells, shell by shell:

    F_a = h_a + sum_b s_ab [ (4 l_b + 2) J^0_b - (2 l_b + 1) sum_k (l_a k l_b; 000)^2 K^k_b ],

exchange non-local. Relativity enters as in Cowan and Griffin, J. Opt. Soc. Am. 66 (1976) 1010:
mass-velocity for every shell and Darwin for s shells, with the local part of the shell's own
potential; a shell is normalised by its large component. The nucleus is a point.

Shells of one l with different occupations (2p5 and 3p6) have different operators, and are kept
orthogonal in one of two ways. "sequential": the lower shell solves its own equation, the upper
one its own in the space orthogonal to the lower. "multipliers": both satisfy the conditions of a
stationary average energy, with off-diagonal Lagrange multipliers. Cowan's programs leave these
multipliers out, which matters for a 2p hole (G1(2p,3d) by 2 to 4 %): "sequential" compares with
the parameters that the field has used and scaled for decades, so it is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.linalg import eigh

from compute.atom.angular import three_j_squared
from compute.atom.grid import Array, RadialGrid
from compute.errors import ConvergenceError, InputError
from compute.units import FINE_STRUCTURE

LETTERS = "spdfghik"


@dataclass(frozen=True)
class Shell:
    """A subshell and its electrons (w may be 0: a virtual orbital in the field of the rest)."""

    n: int
    l: int
    w: float

    @property
    def name(self) -> str:
        return f"{self.n}{LETTERS[self.l]}"


def pair_scale(shell: Shell, other: Shell) -> float:
    """s_ab of the module's docstring; never negative for an empty shell."""
    if shell == other:
        return max(shell.w - 1.0, 0.0) / (4 * shell.l + 1)
    return other.w / (4 * other.l + 2)


@dataclass(frozen=True)
class RadialSolution:
    """Self-consistent radial functions of a configuration.

    Attributes
    ----------
    z : int
        Nuclear charge.
    shells : tuple[Shell, ...]
    grid : RadialGrid
    orbitals : float64 (n_shells, n)
        P_nl on the nodes, bohr^-1/2; positive near the nucleus; integral of P^2 dr is 1.
    energies : float64 (n_shells,)
        Diagonal energy parameters, hartree.
    total_energy : float
        Average energy of the configuration, hartree, one-electron terms as in the equations.
    residual : float
        Largest change of an orbital in the last iteration (norm).
    """

    z: int
    shells: tuple[Shell, ...]
    grid: RadialGrid
    orbitals: Array = field(repr=False)
    energies: Array
    total_energy: float
    residual: float

    @cached_property
    def _position(self) -> dict[str, int]:
        return {shell.name: i for i, shell in enumerate(self.shells)}

    def shell(self, name: str) -> Shell:
        """The shell called e.g. ``"3d"``."""
        return self.shells[self._find(name)]

    def radial(self, name: str) -> Array:
        """P_nl on ``grid.r``, bohr^-1/2, (n,)."""
        return np.asarray(self.orbitals[self._find(name)])

    def power(self, name: str, k: float) -> float:
        """Mean of r^k, bohr^k."""
        return self.grid.integrate(self.radial(name) ** 2 * self.grid.r**k)

    def slater(self, k: int, a: str, b: str, c: str, d: str) -> float:
        """R^k(ab;cd), electron one in a and c: P_a P_c and P_b P_d by r<^k/r>^(k+1), hartree."""
        one = self.grid.w * self.radial(a) * self.radial(c)
        two = self.grid.w * self.radial(b) * self.radial(d)
        return float(one @ self.grid.coulomb(k) @ two)

    def _find(self, name: str) -> int:
        if name not in self._position:
            raise InputError("shell", name, f"not among {', '.join(self._position)}")
        return self._position[name]


def solve_configuration(
    z: int,
    shells: tuple[Shell, ...],
    *,
    relativistic: bool = True,
    orthogonality: Literal["sequential", "multipliers"] = "sequential",
    grid: RadialGrid | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
) -> RadialSolution:
    """Solve the configuration's Hartree-Fock equations.

    Parameters
    ----------
    z : int
        Nuclear charge.
    shells : tuple[Shell, ...]
        Subshells, any order; within an l they must run without a gap from n = l+1.
    relativistic : bool
        False leaves out mass-velocity and Darwin.
    orthogonality : {"sequential", "multipliers"}
        See the module's docstring. Closed shells do not depend on it.
    grid : RadialGrid, optional
        By default a first element of 0.1/z, the last ending at 40 bohr.
    tolerance : float
        Largest change (norm) of an orbital that counts as converged.

    Raises
    ------
    InputError
        Impossible shells.
    ConvergenceError
        Not self-consistent after ``max_iterations``.
    """
    _check(z, shells)
    grid = grid or RadialGrid(0.1 / z, 40.0)
    solve = {"sequential": _sequential, "multipliers": _stationary}[orthogonality]
    problem = _Problem(z, shells, grid, FINE_STRUCTURE if relativistic else 0.0, solve)
    vectors, energies = problem.start()
    change, mixing = np.inf, 0.5
    for _ in range(max_iterations):
        new, energies = problem.step(vectors, energies)
        before, change = change, float(np.linalg.norm(new - vectors, axis=1).max())
        if change < tolerance:
            return problem.solution(new, energies, change)
        mixing = min(0.8, 1.05 * mixing) if change < before else max(0.2, 0.7 * mixing)
        vectors = problem.orthonormal((1.0 - mixing) * vectors + mixing * new)
    raise ConvergenceError(f"Hartree-Fock of Z={z} {shells}", change, tolerance)


@dataclass(frozen=True)
class _Problem:
    """The equations; vectors are in the grid's orthonormal basis, c = P sqrt(w)."""

    z: int
    shells: tuple[Shell, ...]
    grid: RadialGrid
    alpha: float
    solve: Callable[[list[Array], Array, list[float]], tuple[Array, Array]]

    @cached_property
    def by_l(self) -> dict[int, list[int]]:
        """Positions of the shells of each l, lowest n first."""
        order = sorted(range(len(self.shells)), key=lambda i: self.shells[i].n)
        return {
            l: [i for i in order if self.shells[i].l == l]
            for l in sorted({shell.l for shell in self.shells})
        }

    @cached_property
    def nonrelativistic(self) -> Array:
        return self.grid.kinetic()

    def start(self) -> tuple[Array, Array]:
        """Orbitals in a Green-Sellin-Zachor screened nuclear field."""
        r = self.grid.r
        electrons = sum(shell.w for shell in self.shells)
        size = 0.8 * self.z**-0.4  # the depth of the screening cloud, bohr
        screening = 1.0 / ((np.exp(np.minimum(r / size, 200.0)) - 1.0) * 1.0 + 1.0)
        charge = (electrons - 1.0) * screening + self.z - electrons + 1.0
        vectors = np.zeros((len(self.shells), r.size))
        energies = np.zeros(len(self.shells))
        for l, members in self.by_l.items():
            matrix = self.nonrelativistic + np.diag(l * (l + 1) / (2 * r**2) - charge / r)
            values, columns = eigh(matrix, subset_by_index=[0, len(members) - 1])
            vectors[members], energies[members] = columns.T, values
        return self.positive(vectors), energies

    def step(self, vectors: Array, energies: Array) -> tuple[Array, Array]:
        """New orbitals and energies in the field of the old."""
        new, levels = np.empty_like(vectors), np.empty_like(energies)
        for members in self.by_l.values():
            fock = [self.fock(a, vectors, energies[a]) for a in members]
            w = [self.shells[a].w for a in members]
            new[members], levels[members] = self.solve(fock, vectors[members], w)
        return self.positive(new), levels

    def fock(self, a: int, vectors: Array, energy: float) -> Array:
        """F_a as a matrix (n, n), hartree."""
        shell, r = self.shells[a], self.grid.r
        density = vectors**2  # P^2 w
        local = -self.z / r
        exchange = np.zeros((r.size, r.size))
        for b, other in enumerate(self.shells):
            scale = pair_scale(self.shells[a], other)
            if scale == 0.0:
                continue
            local += scale * (4 * other.l + 2) * (self.grid.coulomb(0) @ density[b])
            weights = sum(
                three_j_squared(shell.l, k, other.l) * self.grid.coulomb(k)
                for k in range(abs(shell.l - other.l), shell.l + other.l + 1, 2)
            )
            exchange += scale * (2 * other.l + 1) * vectors[b][:, None] * weights * vectors[b]
        return self.one_electron(shell, local, energy) - exchange

    def one_electron(self, shell: Shell, local: Array, energy: float) -> Array:
        """Kinetic energy with its relativistic corrections plus the local potential."""
        r = self.grid.r
        centrifugal = shell.l * (shell.l + 1) / (2 * r**2)
        excess = 0.5 * self.alpha**2 * (energy - local)
        if shell.l == 0 and self.alpha > 0.0:
            return self.grid.kinetic(1.0 / (1.0 + excess)) + np.diag(local)
        mass_velocity = -excess * (energy - local)
        return self.nonrelativistic + np.diag(centrifugal + local + mass_velocity)

    def orthonormal(self, vectors: Array) -> Array:
        """Loewdin's orthonormal vectors, shells of one l among themselves."""
        out = np.empty_like(vectors)
        for members in self.by_l.values():
            u, _, vt = np.linalg.svd(vectors[members], full_matrices=False)
            out[members] = u @ vt
        return out

    def positive(self, vectors: Array) -> Array:
        """The same functions, positive near the nucleus."""
        first = self.grid.r.searchsorted(0.1 / self.z)
        return np.asarray(vectors * np.sign(vectors[:, :first].sum(axis=1))[:, None])

    def solution(self, vectors: Array, energies: Array, change: float) -> RadialSolution:
        total = 0.0
        for a, shell in enumerate(self.shells):
            bare = self.fock_without_field(a, vectors, energies[a])
            mean = vectors[a] @ self.fock(a, vectors, energies[a]) @ vectors[a]
            total += 0.5 * shell.w * float(mean + vectors[a] @ bare @ vectors[a])
        return RadialSolution(
            self.z,
            self.shells,
            self.grid,
            vectors / self.grid.root_w,
            energies,
            total,
            change,
        )

    def fock_without_field(self, a: int, vectors: Array, energy: float) -> Array:
        """F_a less the field of the electrons; relativistic terms still feel it."""
        r = self.grid.r
        field = sum(
            pair_scale(self.shells[a], other)
            * (4 * other.l + 2)
            * (self.grid.coulomb(0) @ vectors[b] ** 2)
            for b, other in enumerate(self.shells)
        )
        local = -self.z / r + field
        return self.one_electron(self.shells[a], local, energy) - np.diag(field)


def _sequential(fock: list[Array], _: Array, __: list[float]) -> tuple[Array, Array]:
    """Each shell's lowest solution orthogonal to the shells below: vectors (m, n), energies."""
    vectors = np.zeros((len(fock), fock[0].shape[0]))
    energies = np.zeros(len(fock))
    for a, operator in enumerate(fock):
        below = vectors[:a]
        inner = below @ operator
        # lift the shells below out of the way without touching their complement
        cross = below.T @ (inner - (0.5 * inner @ below.T) @ below)
        matrix = operator - cross - cross.T
        values, columns = eigh(matrix, subset_by_index=[0, 0])
        vectors[a], energies[a] = columns[:, 0], values[0]
    return vectors, energies


def _stationary(fock: list[Array], occupied: Array, w: list[float]) -> tuple[Array, Array]:
    """Lowest solutions of one operator whose eigenvectors solve all the shells' equations.

    Between two shells it holds (w_a F_a - w_b F_b)/(w_a - w_b), whose vanishing is the
    condition that the average energy does not change when they mix (Roothaan 1960).
    """
    outside = np.eye(occupied.shape[1]) - occupied.T @ occupied
    matrix = outside @ (sum(fock) / len(fock)) @ outside
    for a, operator in enumerate(fock):
        ket = operator @ occupied[a]
        row = np.outer(occupied[a], outside @ ket)
        matrix += row + row.T
        matrix += (occupied[a] @ ket) * np.outer(occupied[a], occupied[a])
        for b in range(a):
            left, right = occupied[b] @ ket, occupied[a] @ fock[b] @ occupied[b]
            if w[a] == w[b]:
                element = 0.5 * (left + right)
            else:
                element = (w[a] * left - w[b] * right) / (w[a] - w[b])
            pair = np.outer(occupied[a], occupied[b])
            matrix += element * (pair + pair.T)
    values, columns = eigh(0.5 * (matrix + matrix.T), subset_by_index=[0, len(fock) - 1])
    return columns.T, values


def _check(z: int, shells: tuple[Shell, ...]) -> None:
    if z < 1:
        raise InputError("z", z, "a nuclear charge is at least 1")
    if len({shell.name for shell in shells}) < len(shells) or not shells:
        raise InputError("shells", shells, "each subshell once, at least one")
    for shell in shells:
        if not 0 <= shell.l < min(shell.n, len(LETTERS)):
            raise InputError("shells", shell, "l must be below n")
        if not 0 <= shell.w <= 4 * shell.l + 2:
            raise InputError("shells", shell, f"a {shell.name} shell holds 0 to {4 * shell.l + 2}")
        below = {other.n for other in shells if other.l == shell.l and other.n < shell.n}
        if below != set(range(shell.l + 1, shell.n)):
            raise InputError("shells", shell, "a lower shell of the same l is missing")
