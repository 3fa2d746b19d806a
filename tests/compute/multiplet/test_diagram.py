"""Ligand-field levels carry the names that group theory gives them."""

from __future__ import annotations

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.l23.cheap.parameters import ligand_field
from compute.multiplet.diagram import DLevel, cubic_ground_term, d_levels, effective_spin
from compute.sites import analyze_sites


def levels_of(name: str, element: str, geometry: str) -> list[DLevel]:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element and s.geometry == geometry)
    field = ligand_field(structure, sites, site)
    delta = field.charge_transfer.delta
    return d_levels(field.crystal_field, field.v, field.ligand, delta, site.point_group)


@pytest.mark.parametrize(
    ("name", "element", "geometry", "symbols"),
    [
        ("rocksalt-NiO", "Ni", "octahedron", ["t2g", "eg"]),
        ("spinel-Co3O4", "Co", "tetrahedron", ["e", "t2"]),
        ("spinel-Co3O4", "Co", "octahedron", ["a1g", "eg", "eg"]),
        ("K2NiF4-K2NiF4", "Ni", "octahedron", ["a1g", "b1g", "b2g", "eg"]),
    ],
)
def test_symbols_are_those_of_the_point_group(
    name: str, element: str, geometry: str, symbols: list[str]
) -> None:
    found = levels_of(name, element, geometry)
    assert sorted(level.symbol for level in found) == sorted(symbols)
    assert sum(level.degeneracy for level in found) == 5
    assert found[0].energy_ev == 0.0


def test_a_trigonal_a1g_is_of_all_three_t2g_orbitals() -> None:
    lowest = levels_of("spinel-Co3O4", "Co", "octahedron")[0]
    assert (lowest.symbol, lowest.orbitals) == ("a1g", ("xy", "xz", "yz"))


def test_a_square_has_x2_y2_on_top_and_the_least_of_it_is_3d() -> None:
    found = levels_of("CuO", "Cu", "square plane")
    assert found[-1].orbitals == ("x²−y²",)
    assert found[-1].d_share == min(level.d_share for level in found)


def test_without_hopping_the_levels_are_those_of_the_field() -> None:
    field = np.diag([0.6, 0.6, -0.4, -0.4, -0.4])
    low, high = d_levels(field, None, None, 0.0, "m-3m")
    assert (low.degeneracy, low.symbol, low.orbitals) == (3, "t2g", ("xy", "xz", "yz"))
    assert high.energy_ev == pytest.approx(1.0)
    assert high.d_share == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("n_d", "spin", "geometry", "symbol", "degeneracy"),
    [
        (8, 1.0, "octahedron", "A2", 3),
        (6, 0.0, "octahedron", "A1", 1),
        (6, 2.0, "octahedron", "T2", 15),
        (7, 1.5, "tetrahedron", "A2", 4),
        (4, 2.0, "octahedron", "E", 10),
    ],
)
def test_ground_terms_are_those_of_tanabe_and_sugano(
    n_d: int, spin: float, geometry: str, symbol: str, degeneracy: int
) -> None:
    assert effective_spin(spin * (spin + 1)) == pytest.approx(spin)
    term = cubic_ground_term(n_d, spin * (spin + 1), geometry)
    assert (term.symbol, term.degeneracy) == (symbol, degeneracy)
    assert term.multiplicity == 2 * spin + 1


@pytest.mark.parametrize(
    ("n_d", "s_squared", "geometry"),
    [(8, 2.0, "square plane"), (7, 3.0, "octahedron"), (8, 0.0, "octahedron")],
)
def test_a_mixed_spin_or_another_polyhedron_has_no_cubic_term(n_d, s_squared, geometry) -> None:
    assert cubic_ground_term(n_d, s_squared, geometry) is None
