"""Determinants and kernels against slow, obvious twins."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
from sympy.physics.wigner import gaunt as sympy_gaunt
from sympy.physics.wigner import wigner_3j as sympy_3j

from compute.multiplet import angular
from compute.multiplet.determinants import Space
from compute.multiplet.integrals import Integrals, OneElectron, TwoElectron
from compute.multiplet.operators import apply, hamiltonian, hole_projection

SHELLS = (4, 6)
CONFIGURATIONS = ((4, 2), (3, 3), (2, 4))
CHARGES = (1, -1, 3, -3, 1, -1, 3, -3, 5, -5)


def destroy(state: dict[int, complex], k: int) -> dict[int, complex]:
    out = {}
    for d, amplitude in state.items():
        if d >> k & 1:
            out[d ^ (1 << k)] = amplitude * (-1) ** (d & ((1 << k) - 1)).bit_count()
    return out


def create(state: dict[int, complex], k: int) -> dict[int, complex]:
    out = {}
    for d, amplitude in state.items():
        if not d >> k & 1:
            out[d | (1 << k)] = amplitude * (-1) ** (d & ((1 << k) - 1)).bit_count()
    return out


def add(total: dict[int, complex], more: dict[int, complex], factor: complex) -> None:
    for d, amplitude in more.items():
        total[d] = total.get(d, 0) + factor * amplitude


def random_integrals(rng: np.random.Generator, *, real: bool) -> tuple[Any, Any]:
    """Hermitian one-electron matrix and two-electron tensor with <ij|kl> = <kl|ij>*."""
    n = sum(SHELLS)
    h = rng.standard_normal((n, n)) + (0 if real else 1j) * rng.standard_normal((n, n))
    v = rng.standard_normal((n,) * 4) + (0 if real else 1j) * rng.standard_normal((n,) * 4)
    v = v * (rng.random(v.shape) < 0.05)
    v = v + v.transpose(1, 0, 3, 2)
    return h + h.conj().T, v + v.transpose(2, 3, 0, 1).conj()


@pytest.mark.parametrize("real", [True, False])
def test_hamiltonian_is_that_of_creation_and_annihilation(real: bool) -> None:
    h, v = random_integrals(np.random.default_rng(3), real=real)
    n = len(h)
    space = Space(SHELLS, CONFIGURATIONS, (0,) * n, 1)
    block = space.block(0)
    shifts = (0.5, -1.0, 2.0)
    parts = Integrals(OneElectron.from_matrix(h), TwoElectron.from_tensor(v), shifts)
    ours = hamiltonian(block, parts).dense()
    index = {int(d): i for i, d in enumerate(block.determinants)}
    twin = np.diag(np.array(shifts, complex)[block.configuration])
    for d, column in index.items():
        total: dict[int, complex] = {}
        for j in range(n):
            removed = destroy({d: 1.0}, j)
            for i in range(n):
                add(total, create(removed, i), h[i, j])
        for k, l, i, j in zip(*np.nonzero(v.transpose(2, 3, 0, 1)), strict=True):
            # (1/2) <ij|kl> a+_i a+_j a_l a_k
            removed = destroy(destroy({d: 1.0}, k), l)
            add(total, create(create(removed, j), i), v[i, j, k, l] / 2)
        for other, amplitude in total.items():
            if other in index:
                twin[index[other], column] += amplitude
    np.testing.assert_allclose(ours, twin, atol=1e-12)
    np.testing.assert_allclose(ours, ours.conj().T, atol=1e-12)


def test_one_electron_operator_between_blocks() -> None:
    rng = np.random.default_rng(5)
    n = sum(SHELLS)
    matrix = rng.standard_normal((n, n))
    space = Space(SHELLS, CONFIGURATIONS, CHARGES, 0)
    x = {q: rng.standard_normal((space.block(q).size, 2)) for q in space.block_charges}
    charge = np.array(CHARGES)
    source = 2
    for target in space.block_charges:
        part = np.where(charge[:, None] - charge == target - source, matrix, 0.0)
        block, other = space.block(source), space.block(target)
        ours = apply(OneElectron.from_matrix(part), block, other, x[source])
        index = {int(d): i for i, d in enumerate(other.determinants)}
        twin = np.zeros_like(ours)
        for row, d in enumerate(block.determinants):
            for i, j in zip(*np.nonzero(part), strict=True):
                for e, sign in create(destroy({int(d): 1.0}, j), i).items():
                    if e in index:
                        twin[index[e]] += sign * part[i, j] * x[source][row]
        np.testing.assert_allclose(ours, twin, atol=1e-12)


def test_blocks_hold_every_determinant_once_and_find_it() -> None:
    space = Space(SHELLS, CONFIGURATIONS, CHARGES, 4)
    everything = {
        sum(1 << b for b in low + tuple(4 + c for c in high))
        for n_low, n_high in CONFIGURATIONS
        for low in combinations(range(4), n_low)
        for high in combinations(range(6), n_high)
    }
    found: list[int] = []
    for q in space.block_charges:
        block = space.block(q)
        found += block.determinants.tolist()
        assert block.size == space.block_size(q)
        for place, d in enumerate(block.determinants):
            charges = [c for bit, c in enumerate(CHARGES) if int(d) >> bit & 1]
            assert sum(charges) % 4 == q
            bits, base, high, low, rank, offset = block.lookup
            h, l = int(d) >> bits, int(d) & ((1 << bits) - 1)
            assert base[h] + offset[high[h], low[l]] + rank[l] == place
            counts = (int(d) & 15).bit_count(), (int(d) >> 4).bit_count()
            assert CONFIGURATIONS[block.configuration[place]] == counts
    assert len(found) == len(set(found)) == space.size
    assert set(found) == everything
    assert space.size == sum(comb(4, a) * comb(6, b) for a, b in CONFIGURATIONS)


def test_hole_projection_counts_the_holes() -> None:
    rng = np.random.default_rng(2)
    space = Space(SHELLS, CONFIGURATIONS, (0,) * 10, 1)
    block = space.block(0)
    a, b = 0.6, 0.8
    x = rng.standard_normal((block.size, 3))
    projector = np.zeros((10, 10))
    projector[np.ix_([1, 2], [1, 2])] = np.outer([a, b], [a, b])
    electrons = np.sum(x * apply(OneElectron.from_matrix(projector), block, block, x), axis=0)
    holes = hole_projection(block, (((1, a), (2, b)),)).norms(x)
    np.testing.assert_allclose(holes, np.sum(x**2, axis=0) - electrons, atol=1e-12)


def test_wigner_and_gaunt_against_sympy() -> None:
    for j in [(1, 1, 2), (2, 2, 4), (2, 2, 2), (1, 3, 2), (2, 1, 1)]:
        for m1 in range(-j[0], j[0] + 1):
            for m2 in range(-j[1], j[1] + 1):
                if abs(m1 + m2) <= j[2]:
                    ours = angular.wigner_3j(*j, m1, m2, -m1 - m2)
                    assert ours == pytest.approx(float(sympy_3j(*j, m1, m2, -m1 - m2)), abs=1e-14)
    for k, l1, l2 in [(2, 2, 2), (4, 2, 2), (1, 2, 1), (3, 2, 1), (2, 1, 1)]:
        for m1 in range(-l1, l1 + 1):
            for m2 in range(-l2, l2 + 1):
                if abs(m1 - m2) <= k:
                    # int Y*_1 Y_k Y_2 with Y* = (-1)^m Y_-m
                    exact = float(sympy_gaunt(l1, k, l2, -m1, m1 - m2, m2)) * (-1) ** m1
                    exact *= np.sqrt(4 * np.pi / (2 * k + 1))
                    assert angular.gaunt(k, l1, m1, l2, m2) == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("l", [1, 2])
def test_spin_orbit_has_the_two_levels_of_j(l: int) -> None:
    values = np.linalg.eigvalsh(angular.spin_orbit(l))
    expected = np.repeat([-(l + 1) / 2, l / 2], [2 * l, 2 * l + 2])
    np.testing.assert_allclose(values, expected, atol=1e-14)


def test_p_half_orbitals_are_eigenvectors_of_spin_orbit() -> None:
    u = np.zeros((6, 2))
    for column, orbital in enumerate(angular.p_half_orbitals()):
        for row, value in orbital:
            u[row, column] = value
    np.testing.assert_allclose(angular.spin_orbit(1) @ u, -u, atol=1e-14)
    np.testing.assert_allclose(u.T @ u, np.eye(2), atol=1e-14)


def test_real_orbitals_are_those_of_cartesian_coordinates() -> None:
    """<z2| and friends on the sphere: the angular factors they are named after."""
    from scipy.special import sph_harm_y

    rng = np.random.default_rng(1)
    v = rng.standard_normal((20, 3))
    v /= np.linalg.norm(v, axis=1)[:, None]
    x, y, z = v.T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    harmonics = np.stack([sph_harm_y(2, m, theta, phi) for m in range(-2, 3)], axis=1)
    ours = harmonics @ angular.real_d_orbitals()
    named = np.stack(
        [(3 * z**2 - 1) / np.sqrt(12), (x**2 - y**2) / 2, x * y, x * z, y * z], axis=1
    ) * np.sqrt(15 / (4 * np.pi))
    np.testing.assert_allclose(ours, named, atol=1e-12)
