"""What weighs more before looking."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spectradb.services.matching.commonness import (
    Substance,
    lacks_hydrogen,
    substance_weight,
    valence_weight,
)

OXIDE = Substance("Ni", 2.0, "NiO", "O", made=False)


@pytest.mark.parametrize(
    ("likelier", "other"),
    [
        (OXIDE, replace(OXIDE, formula="NiTiO3")),
        (replace(OXIDE, formula="NiTiO3"), replace(OXIDE, formula="KNiPO4")),
        (replace(OXIDE, formula="KNiPO4"), replace(OXIDE, formula="K0.9NiPO4")),
        (OXIDE, replace(OXIDE, made=True)),
    ],
)
def test_what_is_measured_more_often_weighs_more(likelier: Substance, other: Substance):
    assert substance_weight(likelier) > substance_weight(other) > 0.0


def test_a_made_crystal_that_would_oxidise_its_ligands_hardly_counts():
    made = Substance("Ni", 4.0, "NiBr4", "Br", made=True)
    assert substance_weight(made) < 0.1 * substance_weight(
        replace(made, formula="NiF4", ligands="F")
    )
    assert substance_weight(made) < 0.1 * substance_weight(replace(made, valence=2.0))
    assert substance_weight(replace(made, made=False)) == substance_weight(OXIDE)


def test_a_cell_that_lacks_its_hydrogen_is_not_taken_for_an_oxide():
    told = [
        {"code": "label", "text": "O-H1 is read as O with one hydrogen that is not in the list"}
    ]
    assert lacks_hydrogen(told)
    assert not lacks_hydrogen([{"code": "label", "text": "Cu1 is read as Cu"}])
    hydroxide = Substance("Cu", 2.0, "CuO2", "O", made=False, bare=True)
    assert substance_weight(hydroxide) == substance_weight(replace(OXIDE, formula="NiTiO3"))


def test_a_record_without_a_formula_weighs_as_a_rare_one():
    assert substance_weight(replace(OXIDE, formula="?")) == substance_weight(
        replace(OXIDE, formula="KNiPO4")
    )


@pytest.mark.parametrize(
    ("element", "usual", "rare"), [("Ni", 2, 4), ("Cu", 2, 3), ("Mn", 4, 5), ("Fe", 3, 4)]
)
def test_usual_valences_weigh_more(element: str, usual: int, rare: int):
    assert 1.0 >= valence_weight(element, usual) > valence_weight(element, rare) > 0.0


def test_a_valence_that_nobody_lists_or_knows_has_a_weight():
    assert 0.0 < valence_weight("Sc", 6) < 0.05
    assert valence_weight("Sc", None) == 1.0
