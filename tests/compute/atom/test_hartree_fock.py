"""The solver against published Hartree-Fock energies, hydrogen and its own equations."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from sympy.physics.wigner import wigner_3j

from compute.atom.grid import RadialGrid
from compute.atom.hartree_fock import LETTERS, RadialSolution, Shell, solve_configuration
from compute.atom.ions import solve_ion
from compute.errors import InputError


def shells(text: str) -> tuple[Shell, ...]:
    """``"1s2 2p6"`` -> shells."""
    return tuple(Shell(int(t[0]), LETTERS.index(t[1]), float(t[2:])) for t in text.split())


@pytest.mark.parametrize(
    ("z", "text", "energy"),
    [
        # Froese Fischer, The Hartree-Fock Method for Atoms (1977); Saito, ADNDT 95 (2009) 836
        (2, "1s2", -2.8616799956),
        (10, "1s2 2s2 2p6", -128.5470981094),
        (18, "1s2 2s2 2p6 3s2 3p6", -526.8175128027),
        (30, "1s2 2s2 2p6 3s2 3p6 3d10 4s2", -1777.8481161910),
    ],
)
def test_total_energies_of_closed_shell_atoms_are_the_published_ones(
    z: int, text: str, energy: float
) -> None:
    solution = solve_configuration(z, shells(text), relativistic=False)
    assert solution.total_energy == pytest.approx(energy, rel=1e-8)


@pytest.mark.parametrize("shell", [Shell(1, 0, 1), Shell(2, 1, 1), Shell(3, 2, 1)])
def test_a_hydrogen_like_ion_has_rydberg_levels(shell: Shell) -> None:
    below = tuple(Shell(n, shell.l, 0) for n in range(shell.l + 1, shell.n))
    solution = solve_configuration(20, (*below, shell), relativistic=False)
    assert solution.energies[-1] == pytest.approx(-200.0 / shell.n**2, rel=1e-8)
    mean = (3 * shell.n**2 - shell.l * (shell.l + 1)) / 40.0
    assert solution.power(shell.name, 1) == pytest.approx(mean, rel=1e-8)


@pytest.mark.parametrize("n", [1, 2])
def test_hydrogen_like_s_levels_shift_as_scalar_dirac_theory_says(n: int) -> None:
    """First order in alpha^2: E = -(Z^2/2n^2)[1 + (alpha Z)^2 (1/n - 3/(4n^2))] for s levels."""
    z, alpha = 10, 7.2973525693e-3
    levels = tuple(Shell(i, 0, float(i == n)) for i in range(1, n + 1))
    energy = solve_configuration(z, levels).energies[-1]
    shift = energy + z**2 / (2 * n**2)
    expected = -(z**2) / (2 * n**2) * (alpha * z) ** 2 * (1 / n - 3 / (4 * n**2))
    assert shift == pytest.approx(expected, rel=0.02)


def test_radial_functions_are_orthonormal_and_satisfy_the_virial_theorem() -> None:
    solution = solve_configuration(
        18, shells("1s2 2s2 2p6 3s2 3p6"), relativistic=False, tolerance=1e-10
    )
    grid = solution.grid
    s = [solution.radial(name) for name in ("1s", "2s", "3s")]
    overlap = np.array([[grid.integrate(a * b) for a in s] for b in s])
    np.testing.assert_allclose(overlap, np.eye(3), atol=1e-10)
    kinetic = 0.0
    for shell in solution.shells:
        vector = solution.radial(shell.name) * grid.root_w
        kinetic += shell.w * float(vector @ grid.kinetic() @ vector)
        kinetic += 0.5 * shell.w * shell.l * (shell.l + 1) * solution.power(shell.name, -2)
    assert solution.total_energy == pytest.approx(-kinetic, rel=1e-7)


def test_a_finer_grid_changes_nothing() -> None:
    coarse = solve_ion("Ni", 8)
    fine = solve_configuration(
        28, coarse.shells, grid=RadialGrid(1e-2 / 28, 50.0, growth=1.7, order=12)
    )
    for k in (0, 2, 4):
        args = (k, "3d", "3d", "3d", "3d")
        assert fine.slater(*args) == pytest.approx(coarse.slater(*args), rel=1e-7)


def test_both_ways_of_orthogonality_agree_where_shells_of_an_l_are_closed() -> None:
    configuration = shells("1s2 2s2 2p6 3s2 3p6 3d5")
    args = (2, "3d", "3d", "3d", "3d")
    values = [
        solve_configuration(25, configuration, relativistic=False, orthogonality=way).slater(*args)
        for way in ("sequential", "multipliers")
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_multipliers_make_the_average_energy_stationary_when_shells_mix() -> None:
    def slope(way: str) -> float:
        """dE/dangle of a rotation of 2p into 3p."""
        solution = solve_configuration(
            22, configuration, relativistic=False, orthogonality=way, tolerance=1e-10
        )
        return (rotated_energy(solution, 1e-3) - rotated_energy(solution, -1e-3)) / 2e-3

    configuration = shells("1s2 2s2 2p5 3s2 3p6 3d1")
    assert abs(slope("multipliers")) < 1e-5
    assert abs(slope("sequential")) > 0.01


def test_the_total_energy_is_slaters_average_of_the_configuration() -> None:
    solution = solve_configuration(22, shells("1s2 2s2 2p5 3s2 3p6 3d4"), relativistic=False)
    assert solution.total_energy == pytest.approx(rotated_energy(solution, 0.0), rel=1e-10)


def rotated_energy(solution: RadialSolution, angle: float) -> float:
    """Average energy by Slater's formula, pair by pair, with 2p and 3p rotated into each other."""
    names = [shell.name for shell in solution.shells]
    i, j = names.index("2p"), names.index("3p")
    orbitals = solution.orbitals.copy()
    orbitals[i] = np.cos(angle) * solution.orbitals[i] + np.sin(angle) * solution.orbitals[j]
    orbitals[j] = np.cos(angle) * solution.orbitals[j] - np.sin(angle) * solution.orbitals[i]
    turned = replace(solution, orbitals=orbitals)
    grid, energy = solution.grid, 0.0
    for shell in turned.shells:
        l, w, name = shell.l, shell.w, shell.name
        vector = turned.radial(name) * grid.root_w
        one = float(vector @ grid.kinetic() @ vector)
        one += 0.5 * l * (l + 1) * turned.power(name, -2) - turned.z * turned.power(name, -1)
        pair = turned.slater(0, name, name, name, name)
        for k in range(2, 2 * l + 1, 2):
            three_j = float(wigner_3j(l, k, l, 0, 0, 0)) ** 2
            pair -= (2 * l + 1) / (4 * l + 1) * three_j * turned.slater(k, name, name, name, name)
        energy += w * one + 0.5 * w * (w - 1) * pair
    for a, b in combinations(turned.shells, 2):
        pair = turned.slater(0, a.name, b.name, a.name, b.name)
        for k in range(abs(a.l - b.l), a.l + b.l + 1, 2):
            three_j = float(wigner_3j(a.l, k, b.l, 0, 0, 0)) ** 2
            pair -= 0.5 * three_j * turned.slater(k, a.name, b.name, b.name, a.name)
        energy += a.w * b.w * pair
    return energy


@pytest.mark.parametrize("element", ["Ru", "Gd"])
def test_4d_and_4f_ions_are_only_data(element: str) -> None:
    solution = solve_ion(element, 5)
    name = solution.shells[-1].name
    assert solution.power(name, 0) == pytest.approx(1.0)
    assert solution.energies[-1] < 0.0


@pytest.mark.parametrize(
    ("z", "configuration"),
    [(0, "1s1"), (5, "1s3"), (5, "1s2 1s1"), (5, "1s2 3s1"), (5, "1p1")],
)
def test_impossible_shells_are_refused(z: int, configuration: str) -> None:
    with pytest.raises(InputError):
        solve_configuration(z, shells(configuration))
