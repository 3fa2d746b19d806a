"""What must be true of any multiplet code: analytic limits, sum rules, symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from compute.errors import InputError
from compute.multiplet import angular, solve
from compute.multiplet.frame import about
from compute.orbitals import rotation_matrix

ZERO_FINAL = {
    "F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.0, "F2pd": 0.0, "G1pd": 0.0, "G3pd": 0.0, "zeta_2p": 9.0,
}  # fmt: skip


def ion(n_d: int, **changes: Any) -> dict[str, Any]:
    """A 3d^n ion with all integrals given."""
    element, charge = [
        ("Ti", 4), ("V", 4), ("V", 3), ("Cr", 3), ("Mn", 3), ("Fe", 3), ("Fe", 2), ("Co", 2),
        ("Ni", 2), ("Cu", 2),
    ][n_d]  # fmt: skip
    return {
        "element": element,
        "charge": charge,
        "initial": {"F2dd": 9.8, "F4dd": 6.1, "zeta_3d": 0.08},
        "final": {
            "F2dd": 10.4, "F4dd": 6.5, "zeta_3d": 0.1,
            "F2pd": 6.2, "G1pd": 4.6, "G3pd": 2.6, "zeta_2p": 9.0,
        },
        "grid": {"start": -20, "stop": 25, "step": 0.1},
    } | changes  # fmt: skip


def racah_levels(n_d: int, b: float, c: float) -> list[tuple[float, int]]:
    """(energy above the ground term, degeneracy) of d2 (= d8) and d3 (= d7), A left out.

    E. U. Condon and G. H. Shortley, The Theory of Atomic Spectra, chapter V.
    """
    if n_d in (2, 8):
        terms = {"3F": (-8 * b, 21), "3P": (7 * b, 9), "1G": (4 * b + 2 * c, 9)}
        terms |= {"1D": (-3 * b + 2 * c, 5), "1S": (14 * b + 7 * c, 1)}
    else:
        root = np.sqrt(193 * b**2 + 8 * b * c + 4 * c**2)
        terms = {"4F": (-15 * b, 28), "4P": (0.0, 12), "2H": (-6 * b + 3 * c, 22)}
        terms |= {"2P": (-6 * b + 3 * c, 6), "2G": (-11 * b + 3 * c, 18)}
        terms |= {"2F": (9 * b + 3 * c, 14)}
        terms |= {"2D+": (5 * b + 5 * c + root, 10), "2D-": (5 * b + 5 * c - root, 10)}
    lowest = min(energy for energy, _ in terms.values())
    return sorted((energy - lowest, g) for energy, g in terms.values())


@pytest.mark.parametrize("n_d", [2, 3, 7, 8])
def test_free_ion_terms_are_those_of_racah(n_d: int) -> None:
    f2, f4 = 9.8, 6.1
    b, c = f2 / 49 - 5 * f4 / 441, 35 * f4 / 441
    case = ion(n_d, initial={"F2dd": f2, "F4dd": f4, "zeta_3d": 0.0}, method="dense")
    levels = solve(case)["initial_eigenvalues_ev"]
    expected = np.concatenate([np.full(g, e) for e, g in racah_levels(n_d, b, c)])
    np.testing.assert_allclose(levels, expected[: len(levels)], atol=1e-12)


@pytest.mark.parametrize("n_d", range(10))
def test_hunds_rules(n_d: int) -> None:
    """Weak spin-orbit coupling and no field: the ground level has Hund's S, L, J."""
    case = ion(n_d, initial={"F2dd": 9.8, "F4dd": 6.1, "zeta_3d": 0.01}, temperature_k=0.5)
    s = (n_d if n_d <= 5 else 10 - n_d) / 2
    l = [0, 2, 3, 3, 2][n_d % 5]
    j = abs(l - s) if n_d < 5 else l + s
    found = solve(case)["expectation"]
    assert found["S2"] == pytest.approx(s * (s + 1), abs=1e-3)
    assert found["L2"] == pytest.approx(l * (l + 1), abs=1e-3)
    assert found["J2"] == pytest.approx(j * (j + 1), abs=1e-9)
    assert found["n_d"] == pytest.approx(n_d, abs=1e-12)


def test_branching_is_two_to_one_with_core_spin_orbit_alone() -> None:
    case = ion(8, final=ZERO_FINAL, initial=dict.fromkeys(("F2dd", "F4dd", "zeta_3d"), 0.0))
    result = solve(case | {"method": "dense", "crystal_field": {"ten_dq": 1.0}})
    sticks = result["sticks"]
    l3 = sticks["energy_ev"] < 0
    assert sticks["intensity"][l3].sum() == pytest.approx(2 * sticks["intensity"][~l3].sum())
    assert result["l3_fraction"] == pytest.approx(2 / 3, abs=1e-12)
    # d9 in the final state: hole in e_g (3Dq below its average) and p_{3/2} or p_{1/2}
    first = sticks["energy_ev"][l3].mean()
    assert sticks["energy_ev"][~l3].mean() - first == pytest.approx(1.5 * 9.0, abs=1e-9)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("n_d", [0, 1, 4, 7, 9])
def test_total_intensity_counts_the_holes(n_d: int, method: str) -> None:
    field = {"ten_dq": 0.8, "ds": 0.1, "dt": 0.02}
    case = ion(n_d, method=method, crystal_field=field)
    parts = {
        p: solve(case | {"polarization": p})["total_intensity"]
        for p in ("isotropic", "x", "y", "z", "plus", "minus")
    }
    assert parts["isotropic"] == pytest.approx(4 / 3 * (10 - n_d) / 10, abs=1e-10)
    assert parts["isotropic"] == pytest.approx(np.mean([parts[p] for p in "xyz"]), abs=1e-10)
    assert parts["x"] == pytest.approx(parts["y"], abs=1e-10)
    assert parts["plus"] == pytest.approx(parts["minus"], abs=1e-10)
    assert parts["plus"] + parts["minus"] == pytest.approx(parts["x"] + parts["y"], abs=1e-10)


@pytest.mark.parametrize("n_d", [1, 3, 6, 8, 9])
def test_circular_dichroism_obeys_the_orbital_sum_rule(n_d: int) -> None:
    """B. T. Thole et al., Phys. Rev. Lett. 68 (1992) 1943: difference / sum = -<L_z>/(2 n_h).

    The sign is that of absorbing Delta m = +1 first, on an ion whose spins point down.
    """
    case = ion(n_d, exchange_field_ev=[0, 0, 0.1], crystal_field={"ten_dq": 0.6, "ds": 0.1})
    results = {p: solve(case | {"polarization": p}) for p in ("plus", "minus", "z")}
    total = {p: r["total_intensity"] for p, r in results.items()}
    l_z = results["z"]["expectation"]["Lz"]
    assert results["z"]["expectation"]["Sz"] < -0.1
    assert abs(l_z) > 1e-3
    ratio = (total["plus"] - total["minus"]) / sum(total.values())
    assert ratio == pytest.approx(-l_z / (2 * (10 - n_d)), abs=1e-10)


def test_a_reversed_field_exchanges_the_circular_polarisations() -> None:
    up = solve(ion(7, exchange_field_ev=[0, 0, 0.1], polarization="plus"))
    down = solve(ion(7, exchange_field_ev=[0, 0, -0.1], polarization="minus"))
    np.testing.assert_allclose(up["intensity"], down["intensity"], atol=1e-10)


def rotation_of_d(axis: np.ndarray, angle: float) -> np.ndarray:
    """How the real d orbitals turn, (5, 5) real orthogonal."""
    l_z, l_plus = angular.momentum(2)
    l_x, l_y = (l_plus + l_plus.T) / 2, (l_plus - l_plus.T) / 2j
    generator = axis[0] * l_x + axis[1] * l_y + axis[2] * l_z
    u = angular.real_d_orbitals()
    turned = u.conj().T @ expm(-1j * angle * generator) @ u
    assert np.abs(turned.imag).max() < 1e-12
    return turned.real


@settings(max_examples=15, deadline=None)
@given(
    n_d=st.sampled_from([1, 7, 8, 9]),
    angles=st.tuples(st.floats(0, np.pi), st.floats(0, 2 * np.pi), st.floats(0, 2 * np.pi)),
    seed=st.integers(0, 2**16),
)
def test_turning_the_axes_changes_nothing(
    n_d: int, angles: tuple[float, float, float], seed: int
) -> None:
    """Crystal field and exchange field turned together leave the isotropic spectrum alone."""
    rng = np.random.default_rng(seed)
    field = rng.standard_normal((5, 5)) / 2
    field = field + field.T
    b = rng.standard_normal(3) / 20
    theta, phi, angle = angles
    axis = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    cross = np.cross(np.eye(3), axis)
    turn = rotation_of_d(axis, angle)
    case = ion(n_d, crystal_field={"matrix": field}, exchange_field_ev=b.tolist())
    turned = case | {
        "crystal_field": {"matrix": turn @ field @ turn.T},
        "exchange_field_ev": (expm(angle * cross) @ b).tolist(),
    }
    first, second = solve(case), solve(turned)
    np.testing.assert_allclose(
        first["initial_eigenvalues_ev"], second["initial_eigenvalues_ev"], atol=1e-9
    )
    np.testing.assert_allclose(first["intensity"], second["intensity"], atol=1e-8)
    assert first["l3_fraction"] == pytest.approx(second["l3_fraction"], abs=1e-6)


def test_a_cubic_field_seen_from_a_trigonal_axis() -> None:
    """No symmetry of the turned frame is used, so this holds the symmetric path to account."""
    cubic = np.diag([0.6, 0.6, -0.4, -0.4, -0.4])
    turn = rotation_of_d(np.array([1, 1, 0]) / np.sqrt(2), np.arccos(1 / np.sqrt(3)))
    transfer = {"delta": 4.0, "u_dd": 7.0, "u_pd": 8.0, "configurations": 2}
    hop = np.diag([2.0, 2.0, 1.1, 1.1, 1.1])
    straight = solve(ion(7, crystal_field={"matrix": cubic}, charge_transfer=transfer | {"v": hop}))
    tilted = solve(
        ion(
            7,
            crystal_field={"matrix": turn @ cubic @ turn.T},
            charge_transfer=transfer | {"v": turn @ hop @ turn.T},
        )
    )
    assert straight["n_initial_states"] == tilted["n_initial_states"]
    peak = straight["intensity"].max()
    np.testing.assert_allclose(straight["intensity"], tilted["intensity"], atol=5e-6 * peak)
    assert straight["total_intensity"] == pytest.approx(tilted["total_intensity"], abs=1e-8)


def test_ligand_orbitals_may_be_turned_among_themselves() -> None:
    """Only v v+ matters while the ligand levels are degenerate."""
    rng = np.random.default_rng(4)
    v = rng.standard_normal((5, 5))
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    transfer = {"delta": 3.0, "u_dd": 6.0, "u_pd": 7.5, "configurations": 3}
    first, second = (
        solve(ion(8, charge_transfer=transfer | {"v": m.tolist()})) for m in (v, v @ turn)
    )
    np.testing.assert_allclose(first["intensity"], second["intensity"], atol=1e-8)


def test_no_hopping_is_no_charge_transfer() -> None:
    transfer = {"delta": 5.0, "u_dd": 7.0, "u_pd": 8.0, "v_eg": 0, "v_t2g": 0, "configurations": 2}
    with_ligands = solve(ion(8, charge_transfer=transfer, crystal_field={"ten_dq": 1.0}))
    without = solve(ion(8, crystal_field={"ten_dq": 1.0}))
    np.testing.assert_allclose(with_ligands["intensity"], without["intensity"], atol=1e-9)
    np.testing.assert_allclose(with_ligands["expectation"]["configuration_weights"], [1, 0])


def test_a_level_shift_of_the_ligands_is_part_of_delta() -> None:
    """All ligand orbitals lifted by e cost a hole e less."""
    transfer = {"u_dd": 7.0, "u_pd": 8.0, "v_eg": 2.0, "v_t2g": 1.0, "configurations": 3}
    lifted = ion(8, charge_transfer=transfer | {"delta": 5.0, "ligand": (0.7 * np.eye(5)).tolist()})
    plain = ion(8, charge_transfer=transfer | {"delta": 4.3})
    np.testing.assert_allclose(solve(lifted)["intensity"], solve(plain)["intensity"], atol=1e-9)


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
def test_zero_temperature_is_the_limit(method: str) -> None:
    case = ion(7, crystal_field={"ten_dq": 0.9}, method=method)
    cold, zero = (solve(case | {"temperature_k": t}) for t in (0.5, 0.0))
    assert zero["n_initial_states"] == 2
    np.testing.assert_allclose(cold["intensity"], zero["intensity"], atol=1e-6)


def test_a_temperature_that_populates_the_bulk_of_an_iterated_block_is_refused() -> None:
    transfer = {"delta": 4.0, "u_dd": 6.0, "u_pd": 7.5, "v_eg": 2.0, "v_t2g": 1.0}
    case = ion(3, charge_transfer=transfer | {"configurations": 3}, temperature_k=10_000.0)
    with pytest.raises(InputError, match="5000 K") as caught:
        solve(case)
    assert (caught.value.field, caught.value.value) == ("temperature_k", 10_000.0)


@pytest.mark.parametrize("widths", [{"l3": 0.2, "l2": 0.5}, 0.3])
@pytest.mark.parametrize("gauss", [0.0, 0.4])
def test_line_shapes_do_not_depend_on_the_solver(widths: Any, gauss: float) -> None:
    case = ion(7, crystal_field={"ten_dq": 0.9}, hwhm_ev=widths, fwhm_gauss_ev=gauss)
    results = [solve(case | {"method": m})["intensity"] for m in ("dense", "lanczos", "rscg")]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-5 * results[0].max())


def test_each_edge_has_its_own_width() -> None:
    case = ion(8, crystal_field={"ten_dq": 1.0})
    both = solve(case | {"hwhm_ev": {"l3": 0.2, "l2": 0.5}})
    energy = both["energy_ev"]
    for edge, width in ((energy < -2, 0.2), (energy > 6, 0.5)):
        alone = solve(case | {"hwhm_ev": width})
        np.testing.assert_allclose(both["intensity"][edge], alone["intensity"][edge], rtol=1e-2)


def test_fano_lines_and_growing_widths_have_their_analytic_shapes() -> None:
    """Against sums over the sticks, each a Fano profile of its own energy's width."""
    case = ion(8, crystal_field={"ten_dq": 1.0}, method="dense")
    plain = solve(case)
    growing = {"hwhm_growth": {"per_ev": 0.03, "from_ev": -5.0}, "fano_q": -6.0}
    energy = plain["energy_ev"]
    width = 0.2 + 0.03 * np.maximum(energy + 5.0, 0.0)
    expected = np.zeros(energy.size)
    for position, area in zip(*plain["sticks"].values(), strict=True):
        e = (energy - position) / width
        expected += area / (np.pi * width) * ((-6.0 + e) ** 2 / (1 + e**2) - 1) / 36
    peak = plain["intensity"].max()
    for method in ("dense", "lanczos", "rscg"):
        result = solve(case | growing | {"method": method})
        np.testing.assert_allclose(result["intensity"], expected, atol=1e-5 * peak)
        assert result["parameters"]["fano_q"] == -6.0
        assert result["parameters"]["hwhm_growth"] == growing["hwhm_growth"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fano_q": 0.5}, "fano_q"),
        ({"hwhm_growth": {"per_ev": -1}}, "hwhm_growth.per_ev"),
        ({"hwhm_growth": {"slope": 1}}, "hwhm_growth.slope"),
    ],
)
def test_line_shapes_that_make_no_sense_are_refused(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        solve(ion(8) | change)
    assert caught.value.field == field


FIELDS = (np.diag([0.5, 0.3, -0.1, -0.3, -0.4]), np.diag([-0.2, 0.6, 0.1, -0.2, -0.3]))


@pytest.mark.parametrize(("n_d", "seen"), [(0, 1), (9, 0)])
def test_an_empty_shell_sees_the_final_states_field_alone_and_a_full_one_the_initials(
    n_d: int, seen: int
) -> None:
    """2p6 3d0 has no electron in the first field, 2p5 3d10 no splitting in the second."""
    first, second = ({"matrix": field.tolist()} for field in FIELDS)
    case = ion(n_d, crystal_field=first, final_field={"crystal_field": FIELDS[1].tolist()})
    same = ion(n_d, crystal_field=(first, second)[seen])
    np.testing.assert_allclose(solve(case)["intensity"], solve(same)["intensity"], atol=1e-10)


def test_symmetry_that_the_final_state_lacks_is_not_used() -> None:
    """A cubic field before absorption says nothing about a tilted one after it."""
    tilt = rotation_matrix(about(np.array([0.36, 0.48, 0.8]), 0.7))
    tilted = (tilt.T @ FIELDS[1] @ tilt).tolist()
    case = ion(0, crystal_field={"ten_dq": 1.5}, final_field={"crystal_field": tilted})
    same = ion(0, crystal_field={"matrix": tilted})
    np.testing.assert_allclose(solve(case)["intensity"], solve(same)["intensity"], atol=1e-10)


def test_a_higher_mean_ligand_level_of_the_final_field_is_a_lower_final_delta() -> None:
    """The average without a ligand hole stays the zero of energy in either state."""
    transfer = {"delta": 4.0, "u_dd": 6.5, "u_pd": 7.5, "v_eg": 2.0, "v_t2g": 1.0}
    zero, v = np.zeros((5, 5)), np.diag([2.0, 2.0, 1.0, 1.0, 1.0])
    higher = {"crystal_field": zero, "v": v, "ligand": zero + 0.8 * np.eye(5)}
    case = ion(7, charge_transfer=transfer, final_field=higher)
    same = ion(7, charge_transfer=transfer | {"u_pd": 8.3})
    np.testing.assert_allclose(solve(case)["intensity"], solve(same)["intensity"], atol=1e-8)


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_a_final_field_like_the_initial_one_changes_nothing(method: str) -> None:
    v = np.diag([2.0, 1.9, 1.1, 1.0, 1.0]).tolist()
    transfer = {"delta": 4.0, "u_dd": 6.5, "u_pd": 7.5, "v": v, "ligand": FIELDS[1].tolist()}
    case = ion(8, crystal_field={"matrix": FIELDS[0].tolist()}, charge_transfer=transfer)
    own = {"crystal_field": FIELDS[0].tolist(), "v": v, "ligand": FIELDS[1].tolist()}
    found = solve(case | {"final_field": own, "method": method})
    np.testing.assert_allclose(found["intensity"], solve(case)["intensity"], atol=1e-6)
    assert found["parameters"]["final_field"] == own


def test_a_final_field_obeys_the_sum_rule_and_moves_the_spectrum() -> None:
    """Total intensity belongs to the initial state; hopping off, the satellite is gone."""
    transfer = {"delta": 4.0, "u_dd": 6.5, "u_pd": 7.5, "v_eg": 2.0, "v_t2g": 1.0}
    case = ion(8, crystal_field={"ten_dq": 0.6}, charge_transfer=transfer)
    zero = np.zeros((5, 5)).tolist()
    other = case | {"final_field": {"crystal_field": zero, "v": zero, "ligand": zero}}
    usual, changed = solve(case), solve(other)
    assert changed["total_intensity"] == pytest.approx(usual["total_intensity"], rel=1e-12)
    assert np.abs(changed["intensity"] - usual["intensity"]).max() > 0.01
