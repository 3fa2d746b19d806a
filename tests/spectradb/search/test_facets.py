"""Counts from memory agree with the database, whatever is asked and whatever changes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from spectradb.filters import apply_where
from spectradb.models import Site, Spectrum, SpectrumEdge, Status
from spectradb.services.search.facets import FACETS, search
from tests.factories import make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db

QUERIES: list[dict[str, list[str]]] = [
    {},
    {"absorber": ["Ni"], "edge": ["L3"]},
    {"elements": ["O"], "energy_above_hull_max": ["0.1"]},
    {"coordination_number": ["6"], "kind": ["theory"]},
    {"coordination_number": ["4", "6"], "oxidation_state": ["2"], "ligands": ["O"]},
    {"q": ["NiO"], "crystal_system": ["cubic"]},
    {"status": ["draft", "submitted"]},
    {"technique": ["EELS"], "without_elements": ["Li"]},
    {"has_structure": ["false"]},
    {"ordering": ["formula"], "kind": ["theory"]},
    {"ordering": ["-energy_above_hull"]},
]


@pytest.fixture
def author() -> User:
    """Rows of every sort, some of them this person's own."""
    rng = np.random.default_rng(3)
    author = make_user(role="contributor")
    sites = []
    for formula, hull in itertools.product(("NiO", "CoO", "LiCoO2"), (0.0, 0.2)):
        structure = make_structure(formula, energy_above_hull=hull, crystal_system="cubic")
        sites += [
            make_site(structure, index=n, coordination_number=4 + 2 * n, ligands="O")
            for n in range(2)
        ]
    for number in range(40):
        site = sites[rng.integers(len(sites))] if number % 7 else None
        row = make_spectrum(
            "experiment" if number % 4 == 0 else "theory",
            site=site,
            structure=site.structure if site else None,
            status=Status.values[rng.integers(len(Status.values))] if number % 3 else "published",
            contributor=author if number % 5 == 0 else None,
            absorber=("Ni", "Co")[number % 2],
            technique=("XANES", "EELS")[number % 3 == 0],
        )
        if number == 9:
            SpectrumEdge.objects.create(spectrum=row, absorber="Ni", edge="L3")
    return author


def check(query: dict[str, list[str]], user: Any) -> None:
    """Everything that ``search`` says, counted again by the database."""
    found = search(query, user)
    expected = apply_where("spectrum", query, user)
    ids = set(expected.values_list("pk", flat=True))
    assert set(found.rows.ids.tolist()) == ids
    assert found.n_spectra == len(found.rows) == len(ids)
    assert found.n_structures == len(
        set(expected.exclude(structure=None).values_list("structure", flat=True))
    )
    if "ordering" in query:
        assert [row.pk for row in found.rows[:50]] == [row.pk for row in expected]
    for name in FACETS:
        others = {key: value for key, value in query.items() if key not in (name, "ordering")}
        rest = apply_where("spectrum", others, user)
        for choice in found.facets[name]:
            with_it = apply_where("spectrum", {**others, name: [str(choice.value)]}, user)
            assert choice.count == with_it.count(), (name, choice)
        told = sum(choice.count for choice in found.facets[name])
        assert told <= rest.count()


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_count_is_that_of_the_database(query: dict[str, list[str]], author: User) -> None:
    for user in (None, author, make_user(role="curator")):
        check(query, user)


def test_the_copy_follows_every_change(author: User) -> None:
    check({}, None)
    row = Spectrum.objects.filter(status="published").first()
    assert row is not None
    row.status = Status.WITHDRAWN
    row.save()
    check({}, None)
    make_spectrum(technique="XMCD")
    check({"technique": ["XMCD"]}, None)
    Spectrum.objects.filter(absorber="Co").update(technique="EXAFS")
    check({"technique": ["EXAFS"]}, None)
    site = Site.objects.first()
    assert site is not None
    site.coordination_number = 12
    site.save()
    Spectrum.objects.filter(site=site).update()
    check({"coordination_number": ["12"]}, None)
    Spectrum.objects.filter(absorber="Ni").delete()
    check({}, None)


def test_a_page_reads_only_its_own_rows_without_arrays(
    author: User, django_assert_num_queries: Any
) -> None:
    found = search({}, None)
    with django_assert_num_queries(1) as captured:
        rows = found.rows[5:10]
    assert [row.pk for row in rows] == found.rows.ids[5:10].tolist()
    assert '"intensity"' not in captured.captured_queries[0]["sql"]


def test_the_newest_come_first(author: User) -> None:
    from django.utils import timezone

    newest = Spectrum.objects.published().order_by("pk")[3]
    Spectrum.objects.filter(pk=newest.pk).update(published_at=timezone.now())
    assert search({}, None).rows[0].pk == newest.pk


def test_valences_that_read_the_same_are_one_choice(client: Client) -> None:
    for valence in (2.0, 2.001, 7 / 3):
        site = make_site(make_structure("NiO"), oxidation_state=valence)
        make_spectrum(structure=site.structure, site=site)
    (facet,) = [
        one for one in client.get("/spectra/").context["facets"] if one.key == "oxidation_state"
    ]
    assert [(one["text"], one["count"]) for one in facet.options] == [("2+", 2), ("2.33+", 1)]
    both = client.get("/spectra/", {"oxidation_state": facet.options[0]["value"]})
    assert both.context["found"].n_spectra == 2
    assert both.context["facets"][0] is not None


@pytest.mark.parametrize("search_for", [{"oxidation_state": "3"}, {"q": "Fe3+"}])
def test_noise_of_a_sum_of_charges_hides_no_site(client: Client, search_for: Any) -> None:
    for valence in (3.0, 2.999999999999998, 3.0000000000000004):
        site = make_site(make_structure("Fe2O3"), element="Fe", oxidation_state=valence)
        make_spectrum(structure=site.structure, site=site, absorber="Fe")
    page = client.get("/spectra/", search_for)
    assert page.context["found"].n_spectra == 3
    (facet,) = [one for one in page.context["facets"] if one.key == "oxidation_state"]
    assert [(one["value"], one["count"]) for one in facet.options] == [("3", 3)]
    assert client.get("/api/v1/spectra/", search_for).json()["count"] == 3
    assert client.get("/api/v1/structures/", search_for).json()["count"] == 3
    assert "2.99999" not in page.content.decode()


def test_one_structure_is_one(client: Client) -> None:
    site = make_site(make_structure("VN"), element="V")
    make_spectrum(structure=site.structure, site=site, absorber="V")
    assert "of 1 structure, in" in client.get("/spectra/?absorber=V").content.decode()
