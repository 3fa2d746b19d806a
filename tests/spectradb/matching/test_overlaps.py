"""White lines of other elements under an edge are told where they have to be thought of."""

from __future__ import annotations

from spectradb.models import Kind
from spectradb.services.matching.groups import Group
from spectradb.services.matching.overlaps import overlaps_in_words

LA_UNDER_NI = (
    "The M4 edge of La near 853 eV lies among these edges: if the sample holds La, what is told "
    "may be wrong."
)


def theory(element: str, edge: str = "L23") -> Group:
    return Group(element, edge, Kind.THEORY)


def test_they_are_told_of_a_candidate_that_holds_the_element():
    assert overlaps_in_words(theory("Ni"), 0.1, ["La2NiO4", "NiO"]) == [LA_UNDER_NI]
    assert overlaps_in_words(theory("Ni"), 0.1, ["NiO", "LiNiO2"]) == []


def test_they_are_told_where_the_best_candidate_lies_far_away():
    assert overlaps_in_words(theory("Ni"), 4.1, ["LiNiO2"]) == [LA_UNDER_NI]
    assert overlaps_in_words(theory("Mn"), 4.1, ["MnO"]) == []


def test_nothing_is_said_of_measured_spectra_and_of_other_edges():
    assert overlaps_in_words(Group("Ni", "L23", Kind.EXPERIMENT), 4.1, ["La2NiO4"]) == []
    assert overlaps_in_words(theory("Ni", "K"), 4.1, ["La2NiO4"]) == []
