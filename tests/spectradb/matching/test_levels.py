"""What a match can tell, level by level."""

from __future__ import annotations

import pytest

from compute.matching import AlternativeShare
from spectradb.services.matching.levels import Seen, compounds_of, in_words, levels_of

SEEN = [
    Seen(0.30, "Mn", 3.0, "O", 6, "LaMnO3"),
    Seen(0.25, "Mn", 3.0, "O", 6, "Mn2O3"),
    Seen(0.20, "Mn", 3.0, "O", 6, "Mn2O3"),
    Seen(0.10, "Mn", 3.5, "O", 6, "LiMn2O4"),
    Seen(0.10, "Mn", 2.0, "F", 6, "MnF2"),
]


def test_levels_sum_over_what_shares_them_and_a_mixed_valence_belongs_to_both():
    found = {one.level: one for one in levels_of(SEEN)}
    assert found["element"].probability == pytest.approx(0.95)
    assert found["valence"].value == "Mn 3+"
    assert found["valence"].probability == pytest.approx(0.80)
    assert found["family"].value == "Mn 3+ in O6"
    assert found["compound"].value == "Mn2O3"
    assert not found["compound"].decided
    assert found["compound"].among == ["Mn2O3", "LaMnO3", "LiMn2O4", "MnF2"]


def test_a_compound_computed_twice_is_one_compound():
    first = compounds_of(SEEN)[0]
    assert first.formula == "Mn2O3"
    assert first.probability == pytest.approx(0.45)


def test_the_sentence_tells_the_finest_level_decided_and_what_the_next_is_open_among():
    told = in_words(levels_of(SEEN), [], 0.05)
    assert told.startswith("Mn 3+ in O6 (0.80); compound undecided among Mn2O3, LaMnO3")


def test_none_of_these_is_told_by_name_where_it_has_one():
    full = [AlternativeShare("3d10", 1, 0.9), AlternativeShare("metal", 0, 0.05)]
    assert in_words(levels_of(SEEN), full, 0.97) == (
        "a full 3d shell (1+): no white line, a step (0.90)"
    )
    assert "none of the library" in in_words(levels_of(SEEN), [], 0.97)
