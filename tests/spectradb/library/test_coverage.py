"""Counts of the library by ion and surroundings."""

from __future__ import annotations

import html
import re

import pytest
from django.core.cache import cache
from django.test import Client

from spectradb.models import Kind, Status
from spectradb.services.library.coverage import MOST_LIGANDS, Environment, Gap, Ion, coverage, gaps
from tests.factories import make_site, make_spectrum, make_structure

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


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


def test_a_map_is_counted_once_until_something_changes(django_assert_num_queries: object) -> None:
    spectrum("Ni", 2.0, "O", 6)
    with django_assert_num_queries(4):  # type: ignore[operator]  # newest, changes, the count
        coverage()
    with django_assert_num_queries(3):  # type: ignore[operator]
        coverage()
    spectrum("Mn", 2.0, "O", 6)
    assert coverage().n_spectra == 2


def test_what_only_prototypes_have_is_told_as_missing() -> None:
    spectrum("Ni", 2.0, "O", 6)
    spectrum("Ni", 2.0, "O", 6, hypothetical=True)
    spectrum("Ni", 2.0, "F", 6, hypothetical=True)
    spectrum("Ni", 2.0, "Br", 4, hypothetical=True)
    spectrum("Cu", 2.0, "Cl", 4, hypothetical=True, status=Status.DRAFT)
    assert gaps() == [Gap(Ion("Ni", 2.0), ["Br", "F"])]


def test_shared_charges_stand_in_one_row_between_whole_ones() -> None:
    for state in (2.0, 2.01, 2.33, 2.6, 3.0):
        spectrum("Fe", state, "O", 6)
    found = coverage()
    assert found.ions == [Ion("Fe", 2.0), Ion("Fe", 2.5), Ion("Fe", 3.0)]
    assert found.totals[Ion("Fe", 2.5)] == 2
    assert Ion("Fe", 2.5).between == (2, 3)
    assert found.states[Ion("Fe", 2.0)] == [2.0, 2.01]


def test_a_cell_opens_what_it_counts(client: Client) -> None:
    for state in (7 / 3, 8 / 3, 3.0):
        spectrum("Fe", state, "O", 6)
    page = client.get("/coverage/").content.decode()
    cells = re.findall(r'href="(/spectra/\?[^"]*ligands=O[^"]*)" aria-label="[^"]*">(\d+)<', page)
    assert sorted(int(n) for _, n in cells) == [1, 2]
    for address, n in cells:
        found = client.get(html.unescape(address)).context["found"]
        assert found.n_spectra == int(n), address
