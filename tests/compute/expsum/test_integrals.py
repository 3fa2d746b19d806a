"""Slater and two-centre integrals against exact values, on every kind of grid."""

from __future__ import annotations

from math import erf, exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.atom.grid import RadialGrid
from compute.atom.hartree_fock import RadialSolution, solve_configuration
from compute.atom.ions import configuration
from compute.errors import InputError
from compute.expsum import slater_integral, two_center_integral
from tests.compute.expsum.exact import slater, tabulated

GRIDS = {
    "log": np.geomspace(1e-6, 120.0, 300),
    "log from 1e-3": np.geomspace(1e-3, 120.0, 700),
    "linear from zero": np.linspace(0.0, 120.0, 2401),
    "linear from 1e-6": np.linspace(1e-6, 120.0, 2000),
    "exponential minus one": (np.exp(np.linspace(0.0, 9.5, 500)) - 1.0) * 9e-3,
    "irregular": np.sort(np.exp(np.random.default_rng(0).uniform(-13.0, 4.8, 1500))),
}
CASES = [
    (0, ("1s", "1s", "1s", "1s")),
    (0, ("2s", "2s", "2s", "2s")),
    (2, ("2p", "2p", "2p", "2p")),
    (0, ("3d", "3d", "3d", "3d")),
    (4, ("3d", "3d", "3d", "3d")),
    (0, ("4f", "4f", "4f", "4f")),
    (6, ("4f", "4f", "4f", "4f")),
    (2, ("2p", "3d", "2p", "3d")),
    (1, ("2p", "3d", "3d", "2p")),
    (3, ("2p", "3d", "3d", "2p")),
    (2, ("1s", "3d", "3d", "1s")),
    (1, ("4s", "3p", "3p", "4s")),
    (2, ("3s", "3d", "3d", "3s")),
    (1, ("1s", "3d", "2p", "2p")),
]


@pytest.mark.parametrize("method", ["expsum", "direct"])
@pytest.mark.parametrize("grid", GRIDS)
def test_hydrogenic_integrals_are_the_rational_numbers(grid: str, method: str) -> None:
    r = GRIDS[grid]
    for k, names in CASES:
        p = [tabulated(name, r) for name in names]
        value = slater_integral(k, r, *p, method=method)
        assert value == pytest.approx(slater(k, names), rel=1e-10), (k, names)


@pytest.mark.parametrize("method", ["expsum", "direct"])
@pytest.mark.parametrize("grid", ["log", "linear from zero"])
def test_a_heavy_nucleus_needs_no_other_grid(grid: str, method: str) -> None:
    r = GRIDS[grid] / 20.0
    for k, names in CASES:
        p = [tabulated(name, r, 28) for name in names]
        value = slater_integral(k, r, *p, method=method)
        assert value == pytest.approx(slater(k, names, 28), rel=1e-10), (k, names)


def test_integrals_of_hartree_fock_functions_agree_in_three_ways() -> None:
    """Finite elements, cumulative integration and exponential sums share nothing."""
    solution = solve_configuration(
        28,
        configuration("Ni", 9, core_hole=True),
        relativistic=False,
        grid=RadialGrid(0.3 / 28, 40.0, growth=1.6, order=14),
        tolerance=1e-9,
    )
    r = np.geomspace(1e-5, 14.0, 500)
    p = {name: on_grid(solution, name, r) for name in ("2p", "3s", "3d")}
    for k, names in [
        (0, ("3d", "3d", "3d", "3d")),
        (2, ("3d", "3d", "3d", "3d")),
        (4, ("3d", "3d", "3d", "3d")),
        (2, ("2p", "3d", "2p", "3d")),
        (1, ("2p", "3d", "3d", "2p")),
        (3, ("2p", "3d", "3d", "2p")),
        (2, ("3s", "3d", "3d", "3s")),
    ]:
        expected = solution.slater(k, *names)
        for method in ("expsum", "direct"):
            value = slater_integral(k, r, *(p[name] for name in names), method=method)
            assert value == pytest.approx(expected, rel=1e-8), (k, names, method)


def on_grid(solution: RadialSolution, name: str, r: np.ndarray) -> np.ndarray:
    """A finite-element function anywhere, by the elements' own polynomials."""
    from scipy.interpolate import BarycentricInterpolator

    grid = solution.grid
    full = np.zeros(grid._total)
    full[1:-1] = solution.radial(name)
    out = np.zeros(r.size)
    for nodes, values in zip(grid._nodes, full[grid._index], strict=True):
        inside = (r >= nodes[0]) & (r <= nodes[-1])
        if inside.any():
            out[inside] = BarycentricInterpolator(nodes, values)(r[inside])
    return out


def roothaan(a: float, b: float, distance: float) -> float:
    """(1s_a 1s_a | 1s_b 1s_b) of exponents a and b (Roothaan, J. Chem. Phys. 19 (1951) 1445)."""
    x, y = a * distance, b * distance
    if a == b:
        return (1.0 - exp(-2 * x) * (1 + 11 / 8 * x + 3 / 4 * x**2 + x**3 / 6)) / distance
    kappa = (a * a + b * b) / (a * a - b * b)
    left = (1 - kappa) ** 2 * ((2 + kappa) / 4 + x / 4) * exp(-2 * x)
    right = (1 + kappa) ** 2 * ((2 - kappa) / 4 + y / 4) * exp(-2 * y)
    return (1.0 - left - right) / distance


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(GRIDS)[:5]),
    st.floats(0.5, 4.0),
    st.sampled_from([1.0, 1.7, 6.0]),
    st.floats(0.3, 20.0),
)
def test_two_1s_densities_repel_by_roothaans_formula(
    grid: str, a: float, ratio: float, distance: float
) -> None:
    r, b = GRIDS[grid] / 3.0, a * ratio
    densities = [4 * c**3 * r**2 * np.exp(-2 * c * r) for c in (a, b)]
    value = two_center_integral(r, *densities, distance)
    assert value == pytest.approx(roothaan(a, b, distance), rel=1e-10)


@pytest.mark.parametrize("distance", [0.5, 3.0, 12.0])
@pytest.mark.parametrize(("one", "two"), [("2s", "1s"), ("2p", "2s"), ("3d", "2p"), ("3d", "3d")])
def test_two_center_repulsion_is_the_potential_averaged_over_the_other_density(
    one: str, two: str, distance: float
) -> None:
    r = np.geomspace(1e-6, 120.0, 400)
    a, b = tabulated(one, r) ** 2, tabulated(two, r) ** 2
    assert two_center_integral(r, a, b, distance) == pytest.approx(
        real_space(one, two, distance), rel=1e-10
    )


def real_space(one: str, two: str, distance: float) -> float:
    """By Gauss-Legendre panels, from the mean of 1/max(u, t) over t, a sphere's distance to A."""
    x, w = np.polynomial.legendre.leggauss(24)

    def nodes(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = 0.5 * np.diff(ends)[:, None]
        return (ends[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()

    s, ws = nodes(np.unique(np.concatenate([np.linspace(0.0, 140.0, 71), [distance]])))
    rho_b = tabulated(two, s) ** 2
    low, high = np.abs(distance - s), distance + s
    total = 0.0
    for weight, radius, near, far in zip(ws * rho_b, s, low, high, strict=True):
        u, wu = nodes(np.unique(np.concatenate([np.linspace(0.0, 140.0, 71), [near, far]])))
        t = np.clip(u, near, far)  # the mean has kinks at near and far
        mean = ((t**2 - near**2) / (2 * u) + far - t) / (2 * radius * distance)
        total += weight * float(wu @ (tabulated(one, u) ** 2 * mean))
    return total


def test_gaussian_densities_are_fitted_too() -> None:
    r = np.geomspace(1e-6, 30.0, 600)
    a, b, distance = 0.7, 2.0, 1.5
    densities = [4 * np.pi * r**2 * (c / np.pi) ** 1.5 * np.exp(-c * r * r) for c in (a, b)]
    expected = erf(np.sqrt(a * b / (a + b)) * distance) / distance
    assert two_center_integral(r, *densities, distance) == pytest.approx(expected, rel=1e-10)


def test_touching_centres_give_the_one_centre_integral() -> None:
    r = GRIDS["log"]
    density = tabulated("2p", r) ** 2
    expected = slater(0, ("2p",) * 4)
    for distance in (0.0, 1e-5):
        value = two_center_integral(r, density, density, distance)
        assert value == pytest.approx(expected, rel=1e-9)


def test_swapping_electrons_changes_nothing() -> None:
    r = GRIDS["log"]
    p = [tabulated(name, r) for name in ("1s", "2p", "3d", "2p")]
    for method in ("expsum", "direct"):
        one = slater_integral(2, r, *p, method=method)
        two = slater_integral(2, r, p[1], p[0], p[3], p[2], method=method)
        assert one == pytest.approx(two, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"k": -1}, "k"),
        ({"k": 1.5}, "k"),
        ({"r": np.linspace(1.0, 0.0, 50)}, "r"),
        ({"p2": np.ones(7)}, "p2"),
        ({"p3": np.full(50, np.nan)}, "p3"),
        ({"method": "guess"}, "method"),
    ],
)
def test_unusable_input_is_refused_by_name(change: dict, field: str) -> None:
    r = np.linspace(0.1, 5.0, 50)
    arguments = {"k": 0, "r": r, "p1": r, "p2": r, "p3": r, "p4": r} | change
    with pytest.raises(InputError) as caught:
        slater_integral(**arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("k", [0, 1, 2, 4, 6])
def test_multipoles_that_no_atom_needs_are_exact_on_a_linear_grid_too(k: int) -> None:
    """2s of Z = 28: beyond l1 + l3, r^-(k+1) weighs the first cell most."""

    def two_s(r: np.ndarray) -> list[np.ndarray]:
        return [28**1.5 / np.sqrt(2) * r * (1 - 14 * r) * np.exp(-14 * r)] * 4

    coarse, fine = np.linspace(0, 10, 2001), np.geomspace(1e-6, 10, 2000)
    expected = slater_integral(k, fine, *two_s(fine))
    for method in ("expsum", "direct"):
        value = slater_integral(k, coarse, *two_s(coarse), method=method)
        assert value == pytest.approx(expected, rel=1e-10)


def test_a_poor_fit_is_told_and_not_used() -> None:
    r = np.linspace(0, 30, 1500)
    noise = 1 + 3e-8 * np.random.default_rng(1).standard_normal(r.size)
    p = 2 * r * np.exp(-r) * noise
    with pytest.warns(RuntimeWarning, match="integrated directly"):
        value = slater_integral(0, r, p, p, p, p)
    assert value == slater_integral(0, r, p, p, p, p, method="direct")
