"""Mean-field spin-orbit parameter of the 2p hole."""

from __future__ import annotations

import numpy as np
import pytest

from compute.atom import atomic_parameters
from compute.l23.cluster.atoms import Atom, metal_occupation, solve_atom
from compute.l23.cluster.spinorbit import mean_field_zeta_2p, one_electron_z, two_electron_z
from compute.units import HARTREE_EV


@pytest.fixture(scope="module")
def nickel() -> Atom:
    return solve_atom("Ni", metal_occupation(9, 1.0), "PBE", absorber=True)


def _first_order(operator: np.ndarray, ion: Atom) -> float:
    x, y = ion.shells[2, 1][:, 0], ion.shells[2, 1][:, 1]
    return float(y @ operator @ x) * HARTREE_EV


@pytest.mark.slow
def test_the_other_electrons_take_a_tenth_off_the_nuclear_spin_orbit(nickel: Atom) -> None:
    one = _first_order(one_electron_z(nickel), nickel)
    two = _first_order(two_electron_z(nickel), nickel)
    assert one > 0
    assert 0.09 < -two / one < 0.15


@pytest.mark.slow
def test_two_components_lie_below_the_pauli_operator_of_the_atomic_solver(nickel: Atom) -> None:
    """By one per cent, as expected to order (Z alpha)^2."""
    pauli = atomic_parameters("Ni", 2)["final"]["zeta_2p"]
    assert 0.98 < mean_field_zeta_2p(nickel) / pauli < 0.998
