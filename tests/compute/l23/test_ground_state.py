"""The spin that a computed ground state has, in words."""

from __future__ import annotations

import pytest

from compute.l23.ground_state import common, spin_label, spin_of


@pytest.mark.parametrize(
    ("n_d", "s_squared", "label"),
    [
        (3, 3.75, ""), (9, 0.75, ""), (0, 0.0, ""),
        (6, 6.0, "high"), (6, 5.8, "high"), (6, 2.0, "intermediate"), (6, 0.05, "low"),
        (6, 4.0, "mixed"), (6, 1.0, "mixed"), (5, 8.74, "high"), (5, 0.8, "low"),
        (8, 2.0, "high"), (8, 0.0, "low"), (7, 3.75, "high"), (7, 0.75, "low"), (4, 2.0, "low"),
    ],
)  # fmt: skip
def test_a_label_follows_the_computed_spin(n_d: int, s_squared: float, label: str) -> None:
    assert spin_label(n_d, s_squared) == label


def test_the_label_of_several_ions_is_theirs_or_mixed() -> None:
    assert common(["high", "high", ""]) == "high"
    assert common(["high", "low"]) == "mixed"
    assert common([""]) == ""


def test_the_spin_is_that_of_its_square() -> None:
    assert spin_of(3.75) == pytest.approx(1.5)
