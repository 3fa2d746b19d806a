"""Hankel products, their signal space and the poles in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.errors import InputError
from compute.expsum.esprit import esprit_poles, hankel_products, hankel_signal_space

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("dtype", [float, complex])
def test_products_are_those_of_the_hankel_matrix(dtype: type) -> None:
    samples = RNG.standard_normal(37) + (1j * RNG.standard_normal(37) if dtype is complex else 0.0)
    matrix = np.array([[samples[i + j] for j in range(16)] for i in range(22)])
    forward, adjoint = hankel_products(samples, 22)
    v, u = RNG.standard_normal(16), RNG.standard_normal(22)
    np.testing.assert_allclose(forward(v), matrix @ v, atol=1e-12)
    np.testing.assert_allclose(adjoint(u), matrix.conj().T @ u, atol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_lanczos_finds_the_singular_triplets_of_the_dense_matrix(noise: float) -> None:
    n = np.arange(1200)
    z = np.exp([-0.01 + 0.3j, -0.02 + 0.32j, -0.005 + 1.0j, -0.1])
    samples = (z ** n[:, None]).sum(axis=1)
    samples = samples + noise * (RNG.standard_normal(1200) + 1j * RNG.standard_normal(1200))
    space = hankel_signal_space(samples, rank=4)
    matrix = np.lib.stride_tricks.sliding_window_view(samples, 600)
    u, s, _ = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(space.singular_values, s[:4], rtol=1e-10)
    assert np.abs(np.linalg.svd(space.vectors.conj().T @ u[:, :4])[1] - 1).max() < 1e-9


def test_a_tolerance_finds_the_number_of_poles() -> None:
    n = np.arange(2000)
    samples = np.exp(-0.01 * n) + 0.5 * np.exp(-0.03 * n) + 0.1 * np.exp(-0.002 * n)
    space = hankel_signal_space(samples, tolerance=1e-10)
    assert space.singular_values.size == 3
    assert space.exhausted


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0.01, 0.5), min_size=1, max_size=4, unique_by=lambda a: round(a, 1)),
    st.integers(40, 1000),
)
def test_poles_of_clean_sums_come_back(decays: list[float], count: int) -> None:
    n = np.arange(count)
    samples = sum(np.exp(-a * n) for a in decays)
    space = hankel_signal_space(samples, rank=len(decays))
    found = np.sort(-np.log(esprit_poles(space.vectors)).real)
    np.testing.assert_allclose(found, np.sort(decays), atol=1e-6)


def test_poles_do_not_depend_on_the_scale_of_the_samples() -> None:
    n = np.arange(600)
    samples = np.exp(-0.05 * n) * np.cos(0.4 * n)
    one, two = (esprit_poles(hankel_signal_space(c * samples, rank=2).vectors) for c in (1, 1e-9))
    np.testing.assert_allclose(np.sort_complex(one), np.sort_complex(two), rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"samples": [1.0, 2.0], "rank": 1}, "samples"),
        ({"samples": [1.0, np.nan, 3.0], "rank": 1}, "samples"),
        ({"samples": [1.0, 2.0, 3.0, 4.0], "rank": 9}, "rank"),
        ({"samples": [1.0, 2.0, 3.0, 4.0]}, "tolerance"),
    ],
)
def test_unusable_input_is_refused_by_name(arguments: dict, field: str) -> None:
    with pytest.raises(InputError) as caught:
        hankel_signal_space(**arguments)
    assert caught.value.field == field
