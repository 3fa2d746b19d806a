"""Blume-Watson parameters: closed forms of the exchange and limits."""

from __future__ import annotations

import numpy as np
import pytest

from compute.atom.hartree_fock import Shell, solve_configuration
from compute.atom.ions import solve_ion
from compute.atom.spin_orbit import spin_orbit_parameter
from compute.errors import InputError
from compute.units import FINE_STRUCTURE


def test_a_hydrogen_like_p_level_splits_as_the_closed_form() -> None:
    solution = solve_configuration(10, (Shell(2, 1, 1),), relativistic=False)
    expected = (
        0.5 * FINE_STRUCTURE**2 * 10**4 / (8 * 1 * 1.5 * 2)
    )  # <r^-3> = Z^3/(n^3 l(l+.5)(l+1))
    assert spin_orbit_parameter(solution, "2p") == pytest.approx(expected, rel=1e-8)


def test_exchange_with_an_s_shell_is_blume_and_watsons_closed_form() -> None:
    """For closed s on p only N^0- and V^0-like integrals survive; done here by brute force."""
    solution = solve_configuration(5, (Shell(1, 0, 2), Shell(2, 1, 1)), relativistic=False)
    numeric = spin_orbit_parameter(solution, "2p")
    grid = solution.grid
    r, w = grid.r, grid.w
    s, p = solution.radial("1s"), solution.radial("2p")
    inside = grid.cumulative(s**2)
    field = 5 * (w @ (p**2 / r**3)) - 2 * (w @ (p**2 * inside / r**3))
    direct = 0.5 * FINE_STRUCTURE**2 * field
    exchange = numeric - direct
    # <p1 s|[grad_1 (1/r12) x p_1]_z|s p1>: s has no angular momentum: only -q U (1/rho) dR_s/drho
    # is left, with k = 1, q = 1, <p1|C^1_1|s>^2 = 1/3:  X = -(1/3) int P_p (P_s/r)' u_1 dr
    below = grid.cumulative(s * p * r)
    above = grid.cumulative(s * p / r**2)
    u = below / r**2 + (above[-1] - above) * r
    x = -(1 / 3) * (w @ (p * (grid.derivative(s) - s / r) * u / r))
    assert exchange == pytest.approx(-3 * FINE_STRUCTURE**2 * x, rel=1e-6)


def test_exchange_angular_factors_do_not_depend_on_m() -> None:
    """The averaged operator is zeta l.s: its z element must be proportional to m."""
    from compute.atom import spin_orbit

    exact = spin_orbit.angular_factors(2, 1)
    for m in (1, 2):
        again = spin_orbit.exchange_factors(2, 1, m)
        np.testing.assert_allclose(np.array(again), np.array(exact), atol=1e-12)


def test_zeta_grows_steeply_along_the_series() -> None:
    zeta = [spin_orbit_parameter(solve_ion(e, n), "3d") for e, n in (("Mn", 5), ("Co", 7))]
    assert 1.4 < zeta[1] / zeta[0] < 2.0


def test_an_s_shell_has_no_parameter() -> None:
    with pytest.raises(InputError):
        spin_orbit_parameter(solve_ion("Ni", 8), "3s")
