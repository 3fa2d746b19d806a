"""The shipped table: agreement with Cowan's values, with the solver, and its edges."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from compute.atom import atomic_parameters, hartree_fock_share, orbital_moments
from compute.atom.ions import integrals
from compute.errors import InputError
from compute.ions import SERIES
from tests.shared_data import shared_data

TOLERANCE = {"zeta_3d": 0.03, "zeta_2p": 0.01}  # 1 % for every F and G


def test_values_are_cowans_to_one_percent_and_zeta_3d_to_three() -> None:
    ions = json.loads(shared_data("multiplet", "cowan_hf_parameters.json").read_text())["ions"]
    for ion in ions.values():
        ours = atomic_parameters(ion["element"], ion["charge"])
        for state in ("initial", "final"):
            for key, value in ours[state].items():
                cowan = ion[state][key.replace("_", "")]
                assert value == pytest.approx(cowan, rel=TOLERANCE.get(key, 0.01)), (ion, key)


def test_the_table_is_what_the_solver_gives() -> None:
    fresh = integrals("V", 3, core_hole=True)
    for key, value in atomic_parameters("V", 3)["final"].items():
        assert value == pytest.approx(fresh[key], abs=1e-6)


@pytest.mark.parametrize("element", SERIES["3d"].elements)
@pytest.mark.parametrize("charge", [2, 3, 4, 5])
def test_every_ion_from_2_to_5_plus_that_exists_is_there(element: str, charge: int) -> None:
    n_d = SERIES["3d"].elements.index(element) + 3 - charge
    if n_d < 0:
        with pytest.raises(InputError, match="charge"):
            atomic_parameters(element, charge)
        return
    values = atomic_parameters(element, charge)
    assert set(values["initial"]) == {"F2dd", "F4dd", "zeta_3d"}
    assert set(values["final"]) == {
        "F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd", "zeta_2p",
    }  # fmt: skip
    assert all(value > 0.0 for value in values["final"].values()) or n_d == 0
    assert values == atomic_parameters(element, charge, n_d)


def test_integrals_grow_with_charge_and_the_orbital_shrinks() -> None:
    f2 = [atomic_parameters("Fe", charge)["initial"]["F2dd"] for charge in (1, 2, 3, 4)]
    r2 = [orbital_moments("Fe", charge)["r2"] for charge in (1, 2, 3, 4)]
    assert f2 == sorted(f2)
    assert r2 == sorted(r2, reverse=True)


def test_an_empty_shell_has_zeros_or_on_demand_the_virtual_orbitals_values() -> None:
    assert atomic_parameters("Ti", 4)["initial"] == {"F2dd": 0.0, "F4dd": 0.0, "zeta_3d": 0.0}
    virtual = atomic_parameters("Ti", 4, empty_shells=True)
    assert virtual["initial"]["F2dd"] == pytest.approx(
        atomic_parameters("Ti", 3, empty_shells=True)["initial"]["F2dd"], rel=0.05
    )
    assert virtual["final"]["F2dd"] > virtual["initial"]["F2dd"]


def test_a_full_shell_has_a_final_state_without_the_added_electron() -> None:
    assert atomic_parameters("Zn", 2)["final"]["G1pd"] > 0.0


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("Xx", 2), "element"),
        (("Ni", 11), "charge"),
        (("Ni", -3), "charge"),
        (("Ni", 2.5), "charge"),
        (("Ni", 2, 11), "n_d"),
        (("Ni", 2, True), "n_d"),
    ],
)
def test_impossible_ions_are_refused_by_name(arguments: tuple, field: str) -> None:
    with pytest.raises(InputError) as caught:
        atomic_parameters(*arguments)
    assert caught.value.field == field


def test_looking_up_imports_neither_scipy_nor_numba() -> None:
    code = (
        "import sys; from compute.atom import atomic_parameters as f; f('Ni', 2);"
        "assert not {'scipy', 'numba', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_share_of_scaled_integrals_is_their_scale() -> None:
    ion = atomic_parameters("Ni", 2)["final"]
    scaled = {key: 0.8 * value for key, value in ion.items()}
    assert hartree_fock_share("Ni", 2, None, scaled) == pytest.approx(0.8, rel=1e-12)
    assert hartree_fock_share("Ni", 2, 8, ion | {"G1pd": 0.0}) < 0.8
