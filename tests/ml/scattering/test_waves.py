"""The wave that comes back to an absorber: theorems, limits, and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import spherical_jn, spherical_yn

from ml.crystals import Crystal
from ml.scattering import WIDTH, scattering, waves
from ml.scattering.atoms import KINETIC_EV, L_MAX
from tests.ml.samples import random_crystal, rotation

N_WAVES = (L_MAX + 1) ** 2
DEGREE = [l for l in range(L_MAX + 1) for _ in range(2 * l + 1)]


def momentum() -> np.ndarray:
    loss = waves._LOSS_EV + waves._LOSS_SLOPE * KINETIC_EV
    return np.sqrt((KINETIC_EV + 1j * loss) / waves._HBAR2_2M)


def propagator(vector: np.ndarray) -> np.ndarray:
    """(energies, waves, waves): S from an atom at the origin to one at ``vector``."""
    return waves._propagators(np.array([vector, np.zeros(3)]))[:, :N_WAVES, N_WAVES:]


def test_a_wave_about_one_place_is_waves_about_another() -> None:
    """h_l Y_L about the origin, near a second place, of what is regular there."""
    place, nearby = np.array([1.1, -2.0, 2.3]), np.array([0.07, 0.02, -0.06])
    there = place + nearby
    distance = np.linalg.norm(there)
    k = momentum()
    harmonic = waves.harmonics(L_MAX, (there / distance)[None])[0]
    for e in range(len(k)):
        x = k[e] * distance
        sent = [
            (spherical_jn(l, x) + 1j * spherical_yn(l, x)) * y
            for l, y in zip(DEGREE, harmonic, strict=True)
        ]
        small = np.linalg.norm(nearby)
        regular = [
            spherical_jn(l, k[e] * small) * y
            for l, y in zip(DEGREE, waves.harmonics(L_MAX, (nearby / small)[None])[0], strict=True)
        ]
        found = np.array(regular) @ propagator(place)[e]
        np.testing.assert_allclose(found, sent, atol=2e-3 * np.abs(sent).max())


def test_what_goes_back_is_the_transposed_of_what_comes() -> None:
    there = propagator(np.array([1.0, 2.0, -0.7]))
    back = propagator(-np.array([1.0, 2.0, -0.7]))
    np.testing.assert_allclose(back, there.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)


def all_paths(absorber: int, numbers: np.ndarray, vectors: np.ndarray, most: int) -> np.ndarray:
    """The slow twin: paths of up to ``most`` scatterings one order after the other."""
    places = np.vstack([np.zeros(3), vectors])
    n = len(places)
    s = waves._propagators(places).astype(complex).reshape(-1, n, N_WAVES, n, N_WAVES)
    t = np.stack(
        [waves._answers("absorbing")[absorber], *(waves._answers("neutral")[z] for z in numbers)]
    )
    found = np.zeros(len(KINETIC_EV), complex)
    for e in range(len(KINETIC_EV)):
        sent = t[:, e, :, None] * s[e, :, :, 0, 1:4]
        for _ in range(most):
            found[e] += np.einsum("mia,iam->", s[e, 0, 1:4], sent)
            sent = t[:, e, :, None] * np.einsum("iajb,jbm->iam", s[e], sent)
    phase = waves._phases("absorbing")[absorber][:, 1]
    return np.exp(2j * phase) * found / 3


def test_it_is_the_sum_of_all_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where atoms are far apart paths die out, and can be added one by one."""
    monkeypatch.setattr(waves, "_WEAK", -1.0)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4, 3))
    vectors *= (np.array([2.6, 3.1, 3.5, 4.0]) / np.linalg.norm(vectors, axis=1))[:, None]
    numbers = np.array([8, 16, 29, 11])
    found = waves.returning(29, numbers, vectors)
    np.testing.assert_allclose(found, all_paths(29, numbers, vectors, 40), atol=1e-4)


@pytest.mark.parametrize("other", [1, 9, 17])
def test_weak_answers_that_are_left_out_hardly_matter(
    other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lattice = 2.1 * (np.ones((3, 3)) - np.eye(3))
    crystal = Crystal(lattice, np.array([29, other]), np.array([[0.0] * 3, [0.5] * 3]))
    few = scattering(crystal, [0])
    monkeypatch.setattr(waves, "_WEAK", -1.0)
    apart = np.abs(few - scattering(crystal, [0])).max()
    assert 0.0 < apart < 0.05


def test_a_turned_crystal_and_another_labelling_give_the_same() -> None:
    crystal = random_crystal(5, 6)
    turned = Crystal(crystal.lattice @ rotation(1).T, crystal.numbers, crystal.frac)
    order = np.array([3, 5, 0, 1, 4, 2])
    relabelled = Crystal(crystal.lattice, crystal.numbers[order], crystal.frac[order])
    expected = scattering(crystal, [0])
    np.testing.assert_allclose(scattering(turned, [0]), expected, atol=2e-4)
    np.testing.assert_allclose(scattering(relabelled, [2]), expected, atol=2e-4)


@pytest.mark.parametrize("distance", [waves.CUTOFF, waves._FADES])
def test_an_atom_fades_in_without_a_step(distance: float) -> None:
    def found(r: float) -> np.ndarray:
        near = np.array([[0.0, 0.0, 1.9], [r, 0.0, 0.0]])
        return waves.returning(29, np.array([8, 29]), near)

    assert np.abs(found(distance + 1e-4) - found(distance - 1e-4)).max() < 2e-3


def test_nothing_comes_back_to_a_lonely_atom() -> None:
    alone = Crystal(np.eye(3) * 20.0, np.array([29]), np.zeros((1, 3)))
    np.testing.assert_array_equal(scattering(alone, [0]), np.zeros((1, WIDTH)))


def test_atoms_almost_at_one_place_stay_finite() -> None:
    lattice = np.diag([0.2, 0.2, 9.0])
    packed = Crystal(lattice, np.array([29]), np.zeros((1, 3)))
    assert np.isfinite(scattering(packed, [0])).all()
