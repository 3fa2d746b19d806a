"""White lines of other elements under an edge are told where they have to be thought of."""

from __future__ import annotations

import pytest

from spectradb.models import Kind
from spectradb.services.matching.groups import Group
from spectradb.services.matching.overlaps import foreign_lines, overlaps_in_words

LA_UNDER_NI = (
    "The M4 edge of La near 853 eV lies among these edges: if the sample holds La, what is told "
    "may be wrong."
)


def theory(element: str, edge: str = "L23") -> Group:
    return Group(element, edge, Kind.THEORY)


@pytest.mark.parametrize(
    ("element", "lines"),
    [
        ("Ni", ["La M4"]), ("Co", ["Ba M5", "Ba M4"]), ("Cu", ["Pr M5", "Pr M4"]), ("Mn", []),
        ("Sc", ["N K"]), ("Cr", []),
    ],
)  # fmt: skip
def test_lines_that_fill_4f_or_2p_are_those_within_the_range(element: str, lines: list[str]):
    assert [f"{one.element} {one.edge}" for one in foreign_lines(theory(element))] == lines


def test_they_are_told_of_a_candidate_that_holds_the_element():
    assert overlaps_in_words(theory("Ni"), 0.1, ["La2NiO4", "NiO"]) == [LA_UNDER_NI]
    assert overlaps_in_words(theory("Ni"), 0.1, ["NiO", "LiNiO2"]) == []


def test_they_are_told_where_the_best_candidate_lies_far_away():
    assert overlaps_in_words(theory("Ni"), 4.1, ["LiNiO2"]) == [LA_UNDER_NI]
    assert overlaps_in_words(theory("Mn"), 4.1, ["MnO"]) == []


def test_nothing_is_said_of_measured_spectra_and_of_other_edges():
    assert foreign_lines(Group("Ni", "L23", Kind.EXPERIMENT)) == []
    assert foreign_lines(theory("Ni", "K")) == []
