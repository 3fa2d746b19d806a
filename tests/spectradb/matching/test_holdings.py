"""What a library hardly holds is told in words beside its answer."""

from __future__ import annotations

import pytest

from spectradb.models import Kind
from spectradb.services.matching.groups import Group
from spectradb.services.matching.holdings import thin_in_words, usual_valences
from tests.factories import make_site, make_spectrum, make_structure

GROUP = Group("Mn", "L23", Kind.THEORY)


def hold(formula: str, valence: float) -> None:
    structure = make_structure()
    site = make_site(structure, oxidation_state=valence)
    make_spectrum(
        absorber="Mn", edge="L23", kind=Kind.THEORY, formula=formula, structure=structure, site=site
    )


@pytest.mark.parametrize(
    ("element", "valences"),
    [("Mn", [2, 3, 4]), ("Cu", [2]), ("Fe", [2, 3]), ("Ti", [3, 4]), ("Ni", [2, 3])],
)
def test_usual_valences_have_an_open_shell_and_are_those_of_common_compounds(element, valences):
    assert usual_valences(element) == valences


@pytest.mark.django_db
def test_valences_of_few_compounds_are_told_and_those_of_many_are_not():
    for k in range(3):
        hold(f"Mn{k + 1}O", 2.0)
        hold("Mn2O3", 3.0)  # one compound, however many spectra of it there are
    assert thin_in_words(GROUP) == [
        "Of Mn 3+ the library holds only 1 compound: that it was measured is not excluded.",
        "Of Mn 4+ the library holds no compound: that it was measured is not excluded.",
    ]


@pytest.mark.django_db
def test_a_mixed_valence_counts_by_halves():
    for k in range(6):
        hold(f"LaMn{k + 1}O", 3.5)
    assert [told[:9] for told in thin_in_words(GROUP)] == ["Of Mn 2+ "]


@pytest.mark.django_db
def test_nothing_is_said_of_measured_spectra_and_of_other_edges():
    assert thin_in_words(Group("Mn", "L23", Kind.EXPERIMENT)) == []
    assert thin_in_words(Group("Mn", "K", Kind.THEORY)) == []
