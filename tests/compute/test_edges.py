"""The edge table and the names of elements and edges."""

from __future__ import annotations

import pytest

from compute.edges import edge_energy, edges_within, likely_edges, normalise_edge, normalise_element
from compute.errors import InputError


# X-ray Data Booklet (LBNL 2009), Table 1-1, read by hand: an independent compilation.
@pytest.mark.parametrize(
    ("element", "edge", "booklet"),
    [
        ("Fe", "K", 7112.0),
        ("Cu", "K", 8979.0),
        ("Ni", "L3", 852.7),
        ("Ti", "L2", 460.2),
        ("Pt", "L3", 11564.0),
        ("Ce", "M5", 884.7),
        ("O", "K", 543.1),
        ("Au", "N7", 84.0),
    ],
)
def test_energies_agree_with_the_data_booklet(element: str, edge: str, booklet: float) -> None:
    assert edge_energy(element, edge) == pytest.approx(booklet, abs=1.5)


def test_a_joined_edge_starts_at_its_lowest_member() -> None:
    assert edge_energy("Ni", "L23") == edge_energy("Ni", "L3")
    assert edge_energy("Ni", "L") == edge_energy("Ni", "L3")
    assert edge_energy("La", "M45") == edge_energy("La", "M5")


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("k", "K"),
        (" L3 ", "L3"),
        ("L2,3", "L23"),
        ("l3,2", "L23"),
        ("L_{2,3}", "L23"),
        ("LIII", "L3"),
        ("M4,5", "M45"),
        ("K-edge", "K"),
        ("L", "L"),
        ("O7", "O7"),
        ("L4", None),
        ("L13", None),
        ("K2", None),
        ("Foo", None),
        ("", None),
        ("L²", None),
    ],
)
def test_edge_names_are_understood(text: str, edge: str | None) -> None:
    assert normalise_edge(text) == edge


def test_element_names_are_understood() -> None:
    assert normalise_element(" fe") == "Fe"
    assert normalise_element("Fe2O3") is None
    assert normalise_element("") is None


def test_unknown_names_are_input_errors() -> None:
    with pytest.raises(InputError, match="element"):
        edge_energy("Xx", "K")
    with pytest.raises(InputError, match="edge"):
        edge_energy("Fe", "L9")


def test_edges_of_a_survey_are_found() -> None:
    found = {(edge.element, edge.edge) for edge in edges_within(424, 934)}
    assert {("O", "K"), ("Ni", "L3"), ("La", "M5")} <= found
    assert [edge.edge for edge in edges_within(800, 900, element="Ni")] == ["L3", "L2"]


def test_the_nearest_edge_comes_first() -> None:
    assert (likely_edges(7119.0, 40)[0].element, likely_edges(7119.0, 40)[0].edge) == ("Fe", "K")
