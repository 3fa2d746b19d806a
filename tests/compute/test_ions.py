"""The table of the open-shell series, on which the engine, the routes and the sites rely."""

from __future__ import annotations

import pytest

from compute.edges import SYMBOLS
from compute.errors import InputError
from compute.ions import ELEMENTS_3D, SERIES, atomic_number, d_electrons, series_of


def test_every_series_counts_as_the_periodic_table_does():
    for series in SERIES.values():
        for element in series.elements:
            assert SYMBOLS[atomic_number(element) - 1] == element
            assert series_of(element) is series


@pytest.mark.parametrize(
    ("element", "charge", "expected"),
    [
        ("Sc", 3, 0),
        ("Ti", 3, 1),
        ("Mn", 2, 5),
        ("Fe", 3, 5),
        ("Ni", 2, 8),
        ("Cu", 2, 9),
        ("Cu", 1, 10),
        ("Zn", 2, 10),
        ("Zn", 0, None),
        ("Ti", 5, None),
        ("Zr", 4, None),
        ("O", -2, None),
    ],
)
def test_d_electrons_of_an_ion(element: str, charge: float, expected: int | None):
    assert d_electrons(element, charge) == expected


def test_an_element_of_no_series_is_refused():
    assert "O" not in ELEMENTS_3D
    with pytest.raises(InputError, match="3d, 4d or 4f"):
        atomic_number("O")
