"""Free atoms in the local-density approximation, and how they scatter."""

from __future__ import annotations

import numpy as np
import pytest

from ml.scattering.atoms import (
    KINETIC_EV,
    PHASES,
    Atom,
    configuration,
    phase_shifts,
    solve,
)

HARTREE_EV = 27.211386
# S. Kotochigova et al., Phys. Rev. A 55 (1997) 191; NIST Standard Reference Database 141, LDA.
PUBLISHED = {
    1: {"1s": -0.233471},
    10: {"1s": -30.305855, "2s": -1.322809, "2p": -0.498034},
    18: {"1s": -113.800134, "3p": -0.382330},
    30: {"1s": -344.969756, "3d": -0.398944, "4s": -0.222725},
}


@pytest.mark.parametrize("number", PUBLISHED)
def test_levels_are_those_published(number: int) -> None:
    found = solve(number, configuration(number)).level
    for shell, level in PUBLISHED[number].items():
        assert found[shell] == pytest.approx(level, abs=1e-4)


@pytest.mark.parametrize("number", [1, 2, 24, 29, 57, 92, 103])
def test_an_atom_is_neutral_with_and_without_its_hole(number: int) -> None:
    assert sum(configuration(number).values()) == number
    hollow = configuration(number, core_hole=True)
    assert sum(hollow.values()) == number
    assert hollow["1s"] == 1


def test_phases_of_a_square_well_are_those_of_matched_waves() -> None:
    """Against the closed form of s waves: k cot(ka + δ) = κ cot κa."""
    depth, radius, flat = 1.5, 2.0, -12.0 / HARTREE_EV
    r = np.exp(np.linspace(np.log(1e-3), np.log(3.0), 200_001))
    well = np.where(r < radius, flat - depth, flat + 1e-9)
    found = phase_shifts(Atom(r, well, {}), KINETIC_EV, l_max=0)[:, 0]
    energy = KINETIC_EV / HARTREE_EV
    k, inner = np.sqrt(2 * energy), np.sqrt(2 * (energy + depth))
    edge = r[np.flatnonzero(well < flat)[-1] + 1]
    exact = np.arctan2(k * np.sin(inner * edge), inner * np.cos(inner * edge)) - k * edge
    np.testing.assert_allclose(np.sin(found - exact), 0.0, atol=2e-3)


@pytest.mark.parametrize("number", [1, 8, 29])
def test_the_table_is_what_the_command_writes(number: int) -> None:
    with np.load(PHASES) as table:
        np.testing.assert_array_equal(table["kinetic_ev"], KINETIC_EV)
        for kind, core_hole in (("neutral", False), ("absorbing", True)):
            atom = solve(number, configuration(number, core_hole=core_hole))
            apart = phase_shifts(atom, KINETIC_EV) - table[kind][number]
            np.testing.assert_allclose(np.sin(apart), 0.0, atol=1e-5)
