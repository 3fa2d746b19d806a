"""Counts of the library by ion and surroundings."""

from __future__ import annotations

import pytest

from spectradb.models import Kind, Status
from spectradb.services.library.coverage import MOST_LIGANDS, Environment, Gap, Ion, coverage, gaps
from tests.factories import make_site, make_spectrum, make_structure

pytestmark = pytest.mark.django_db


def spectrum(element: str, state: float, ligands: str, number: int, **fields: object) -> None:
    structure = make_structure(hypothetical=bool(fields.pop("hypothetical", False)))
    site = make_site(
        structure, element=element, oxidation_state=state, ligands=ligands,
        coordination_number=number,
    )  # fmt: skip
    make_spectrum(structure=structure, site=site, absorber=element, **fields)  # type: ignore[arg-type]


def test_published_l23_spectra_are_counted_by_ion_and_surroundings() -> None:
    spectrum("Ni", 2.0, "O", 6)
    spectrum("Ni", 2.0, "O", 6)
    spectrum("Mn", 4.0, "F", 6)
    spectrum("Ni", 2.0, "O", 6, status=Status.DRAFT)
    spectrum("Ni", 2.0, "O", 6, edge="K")
    found = coverage()
    assert found.counts == {
        (Ion("Ni", 2.0), Environment("O", 6)): 2,
        (Ion("Mn", 4.0), Environment("F", 6)): 1,
    }
    assert found.ions == [Ion("Mn", 4.0), Ion("Ni", 2.0)]  # as in the periodic table
    assert (found.n_spectra, found.n_known) == (3, 3)


def test_a_measurement_without_a_site_counts_for_its_element_alone() -> None:
    make_spectrum(Kind.EXPERIMENT)
    found = coverage()
    assert found.totals == {Ion("Ni", None): 1}
    assert found.counts == {}
    assert found.n_known == 0


def test_kind_and_reality_narrow_the_count() -> None:
    spectrum("Ni", 2.0, "O", 6)
    spectrum("Ni", 2.0, "O", 6, hypothetical=True)
    make_spectrum(Kind.EXPERIMENT)
    assert coverage(kind="theory").n_spectra == 2
    assert coverage(kind="experiment").n_spectra == 1
    assert coverage(hypothetical=True).n_spectra == 1
    assert coverage(hypothetical=False).n_spectra == 1


def test_rare_ligands_share_the_last_column() -> None:
    names = ["O", "F", "Cl", "Br", "I", "S", "Se", "Te", "N", "P"]
    for k, ligand in enumerate(names):
        for _ in range(2 if k < MOST_LIGANDS else 1):
            spectrum("Ni", 2.0, ligand, 6)
    found = coverage()
    assert found.environments[-1] == Environment(None, None)
    assert found.counts[Ion("Ni", 2.0), Environment(None, None)] == 2


def test_one_query_is_enough(django_assert_num_queries) -> None:
    for k in range(5):
        spectrum("Ni", float(k), "O", 6)
    with django_assert_num_queries(1):
        coverage()


def test_what_only_prototypes_have_is_told_as_missing() -> None:
    spectrum("Ni", 2.0, "O", 6)
    spectrum("Ni", 2.0, "O", 6, hypothetical=True)
    spectrum("Ni", 2.0, "F", 6, hypothetical=True)
    spectrum("Ni", 2.0, "Br", 4, hypothetical=True)
    spectrum("Cu", 2.0, "Cl", 4, hypothetical=True, status=Status.DRAFT)
    assert gaps() == [Gap(Ion("Ni", 2.0), ["Br", "F"])]
