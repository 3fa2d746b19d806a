"""Parameters out of their physical range are errors that tell the parameter and its value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.errors import ImplausibleError
from compute.l23.cluster.model import ChargeTransferModel, State, curvature
from compute.l23.cluster.plausibility import check_case, check_model
from compute.l23.cluster.slater import slater_scale
from compute.l23.routes import prepare
from compute.sites import Site, analyze_sites


@pytest.fixture(scope="module")
def nickel() -> Site:
    return next(s for s in analyze_sites(crystal("rocksalt-NiO").structure()) if s.element == "Ni")


def _model(**changes: float) -> ChargeTransferModel:
    """Nickel oxide's, as the route gives it."""
    atom = atomic_parameters("Ni", 2, 8)
    v = np.diag([1.96, 1.96, 1.16, 1.16, 1.16])
    level = np.diag([0.3, 0.3, -0.2, -0.2, -0.2])
    slater = {"F2dd": 0.92 * atom["initial"]["F2dd"], "F4dd": 0.92 * atom["initial"]["F4dd"]}
    initial = State(0.0, 3.08, 8.28, level, v, level, slater)
    final = replace(initial, energy=850.0, gap=1.43, d_electrons=9.26)
    model = ChargeTransferModel(8, initial, final, 5.39, 0.95)
    fields = {name: value for name, value in changes.items() if name not in ("u_dd",)}
    return replace(
        model,
        u_dd=changes.get("u_dd", 5.39),
        initial=replace(initial, **fields) if fields else initial,
    )


def test_nickel_oxide_passes(nickel: Site) -> None:
    check_model(_model(), nickel)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"u_dd": 0.4}, r"U_dd \(eV\) came out as 0.4, plausible is"),
        ({"u_dd": -2.0}, r"U_dd \(eV\) came out as -2,"),
        ({"gap": 30.0}, "Δ .* came out as"),
        ({"gap": 7.5}, "U_pd .* came out as"),
        ({"d_electrons": 12.0}, "initial electrons given to d came out as 4"),
    ],
)
def test_what_no_ion_has_is_refused_by_name_and_value(
    nickel: Site, changes: dict[str, float], told: str
) -> None:
    with pytest.raises(ImplausibleError, match=told) as caught:
        check_model(_model(**changes), nickel)
    assert caught.value.permanent
    assert not caught.value.low <= caught.value.value <= caught.value.high


def test_orbitals_that_are_no_3d_orbitals_are_refused(nickel: Site) -> None:
    model = _model()
    spread = {name: value / 2 for name, value in model.initial.slater.items()}
    model = replace(model, initial=replace(model.initial, slater=spread))
    with pytest.raises(ImplausibleError, match="initial F2dd over that of the free ion"):
        check_model(model, nickel)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"ten_dq": 9.0}, "10Dq"), ({"energy_offset_ev": 700.0}, "energy zero")],
)
def test_what_follows_from_the_model_is_checked_too(changes: dict[str, float], told: str) -> None:
    structure = crystal("rocksalt-NiO").structure()
    sites = analyze_sites(structure)
    case = prepare(structure, sites, next(s for s in sites if s.element == "Ni"))
    check_case(case)
    with pytest.raises(ImplausibleError, match=told):
        check_case(replace(case, **changes))


def test_u_is_the_slope_of_the_level_difference() -> None:
    assert curvature(3.0, 8.3, 4.6, 8.6) == pytest.approx(16 / 3)


def test_integrals_of_spread_orbitals_lose_more_to_correlation() -> None:
    shares = np.linspace(0.7, 0.95, 6)
    factors = [slater_scale(share) for share in shares]
    assert (np.diff(factors) > 0).all()
    assert 0.9 < slater_scale(0.93) < 1.0  # nickel in oxides and fluorides
    assert slater_scale(0.807) < 0.75  # pyrite


def test_integrals_of_2p_with_3d_lose_the_root_of_what_those_of_3d_lose() -> None:
    bare = {"F2dd": 10.0, "F2pd": 6.0, "G1pd": 5.0, "G3pd": 3.0}
    model = replace(_model(), slater_scale=0.64)
    scaled = model.slater(replace(model.final, slater=bare), *bare)
    left = {name: value / bare[name] for name, value in scaled.items()}
    assert left == pytest.approx({"F2dd": 0.64, "F2pd": 0.8, "G1pd": 0.8, "G3pd": 0.8})


@pytest.mark.parametrize(
    ("n_d", "squared_hopping", "operations", "expected"),
    [
        (8, 2.3, 16, 3),
        (3, 6.0, 8, 4),
        (3, 6.0, 1, 3),
        (3, 0.1, 8, 2),
        (5, 3.6, 1, 4),
        (0, 6.8, 48, 3),
    ],
)
def test_ligand_holes_are_taken_by_their_weight_as_far_as_the_engine_can_go(
    n_d: int, squared_hopping: float, operations: int, expected: int
) -> None:
    """Nickel oxide, Mn4+ with and without symmetry, an ionic d3, hematite, titanate."""
    model = _model()
    hopping = np.sqrt(squared_hopping) * np.eye(5)
    initial = replace(model.initial, hopping=hopping, gap=4.0, d_electrons=n_d + 0.8)
    final = replace(model.final, hopping=hopping, gap=2.5, d_electrons=n_d + 1.9)
    model = ChargeTransferModel(n_d, initial, final, 4.5, 0.8, operations)
    assert model.configurations == expected
    assert model.transfer().configurations == expected
