"""OPTIMADE: the filter language and the shape of answers."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from spectradb.api.optimade.grammar import (
    Comparison,
    FilterError,
    Junction,
    Not,
    NotImplementedFilter,
    parse,
)
from spectradb.models import Structure
from tests.factories import make_structure


def test_and_binds_more_tightly_than_or_and_not_most() -> None:
    tree = parse('NOT nelements=2 OR elements HAS ALL "Ti","O" AND 3 < nsites')
    assert tree == Junction(
        "OR",
        (
            Not(Comparison("nelements", "=", (2,))),
            Junction(
                "AND",
                (
                    Comparison("elements", "HAS ALL", ("Ti", "O")),
                    Comparison("nsites", ">", (3,)),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    "text",
    ["nelements", "=2", "nelements=2 AND", "(nelements=2", "a HAS", "A=1", "a=1 b=2", '"x"', "a~1"],
)
def test_a_broken_filter_is_told(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


@pytest.mark.parametrize("text", ["a:b HAS 1:2", "a HAS > 3", "a=b"])
def test_what_is_left_out_of_the_standard_is_told(text: str) -> None:
    with pytest.raises(NotImplementedFilter):
        parse(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='abAND OR()=<>!"\\,:.HAS1e9\n_%', max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError, NotImplementedFilter):
        parse(text)


def ask(client: Client, text: str) -> set[str]:
    response = client.get("/optimade/v1/structures", {"filter": text})
    assert response.status_code == 200, response.content
    return {one["attributes"]["chemical_formula_descriptive"] for one in response.json()["data"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('elements HAS ALL "Li","O"', {"LiCoO2"}),
        ('elements HAS "O"', {"LiCoO2", "TiO2", "NiO"}),
        ('elements HAS ANY "Li","Cl"', {"LiCoO2", "NaCl"}),
        ('elements HAS ONLY "Na","Cl","K"', {"NaCl"}),
        ('elements HAS ALL "Xx"', set()),
        ("elements LENGTH 3", {"LiCoO2"}),
        ("elements LENGTH < 3", {"TiO2", "NiO", "NaCl"}),
        ('nelements=2 AND NOT elements HAS "O"', {"NaCl"}),
        ('chemical_formula_reduced="O2Ti"', {"TiO2"}),
        ('chemical_formula_reduced="TiO2"', set()),
        ('chemical_formula_anonymous="A2B"', {"TiO2"}),
        ('chemical_formula_anonymous!="AB"', {"TiO2", "LiCoO2"}),
        ("_spectradb_energy_above_hull IS UNKNOWN", {"LiCoO2", "TiO2", "NiO"}),
        ("_spectradb_energy_above_hull <= 0.01", {"NaCl"}),
        ("_other_property > 3", set()),
        ('type="structures" AND nelements > 2.5', {"LiCoO2"}),
        ('chemical_formula_reduced >= "O2Ti"', {"TiO2"}),
        ('chemical_formula_reduced CONTAINS "O2"', {"LiCoO2", "TiO2"}),
        ('chemical_formula_anonymous > "A2B"', {"LiCoO2", "NiO", "NaCl"}),
        ('chemical_formula_descriptive ENDS WITH "O2"', {"LiCoO2", "TiO2"}),
        ("elements_ratios HAS 0.25", {"LiCoO2"}),
        ("elements_ratios HAS ONLY 0.5", {"NiO", "NaCl"}),
        ('structure_features HAS "disorder"', set()),
        ("structure_features LENGTH 0 AND nperiodic_dimensions > 2 AND nelements = 3", {"LiCoO2"}),
        ('last_modified > "2020-01-01T00:00:00Z" AND elements HAS "Na"', {"NaCl"}),
        ('last_modified < "2020-01-01T00:00:00Z"', set()),
        ("nelements = 2.5 OR elements LENGTH 2.5", set()),
        ('nelements != 2.5 AND elements HAS "Na"', {"NaCl"}),
        ('nelements <= 2.5 AND nelements < 1e300 AND elements HAS "Na"', {"NaCl"}),
    ],
)
def test_filters_select_structures(client: Client, text: str, found: set[str]) -> None:
    for formula in ("LiCoO2", "TiO2", "NiO"):
        make_structure(formula)
    make_structure("NaCl", energy_above_hull=0.0)
    assert ask(client, text) == found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"filter": "nelements="}, 400),
        ({"filter": "nosuch=1"}, 400),
        ({"filter": 'nelements="2"'}, 400),
        ({"filter": "last_modified > 3"}, 400),
        ({"filter": 'last_modified > "9999-12-31T23:59:59Z"'}, 400),
        ({"filter": 'last_modified > "0001-01-01T00:00:00+14:00"'}, 400),
        ({"filter": 'last_modified > "yesterday"'}, 400),
        ({"filter": 'elements_ratios HAS "x"'}, 400),
        ({"filter": "nperiodic_dimensions HAS 3"}, 501),
        ({"filter": "lattice_vectors HAS 3"}, 501),
        ({"page_limit": "0"}, 403),
        ({"page_limit": "x"}, 400),
        ({"sort": "id"}, 400),
        ({"colour": "red"}, 400),
        ({"response_format": "xml"}, 400),
        ({"response_fields": "nosuch"}, 400),
        ({"_other_thing": "1"}, 200),
        ({"filter": "(" * 3000}, 400),
    ],
)
def test_refusals_have_the_status_of_the_standard(
    client: Client, query: dict[str, str], status: int
) -> None:
    response = client.get("/optimade/v1/structures", query)
    assert response.status_code == status
    assert ("errors" in response.json()) == (status != 200)
    assert response.json()["meta"]["api_version"] == "1.2.0"


@pytest.mark.django_db
def test_what_is_told_can_be_asked_for(client: Client) -> None:
    make_structure("NaCl")
    row = make_structure("NiO")
    told = client.get(
        f"/optimade/v1/structures/{row.pk}?response_fields=immutable_id,last_modified"
    )
    for name, value in told.json()["data"]["attributes"].items():
        assert "NiO" in ask(client, f'{name} = "{value}"')
        assert "NiO" not in ask(client, f'{name} != "{value}"')
    assert ask(client, f'id >= "{row.pk}" AND id CONTAINS "{row.pk}"') == {"NiO"}


@pytest.mark.django_db
def test_properties_that_are_not_known_are_null(client: Client) -> None:
    row = make_structure("NiO")
    asked = "space_group_symbol_hall,assemblies,space_group_it_number"
    one = client.get(f"/optimade/v1/structures/{row.pk}?response_fields={asked}").json()["data"]
    assert one["attributes"] == {
        "assemblies": None, "space_group_it_number": 225, "space_group_symbol_hall": None,
    }  # fmt: skip


@pytest.mark.django_db
def test_pages_are_linked_and_fields_chosen(client: Client) -> None:
    rows = [make_structure("NiO") for _ in range(5)]
    path: str | None = "/optimade/v1/structures?page_limit=2&response_fields=elements,nsites"
    seen: list[Any] = []
    while path:
        body = client.get(path).json()
        assert body["meta"]["data_returned"] == 5
        seen += body["data"]
        path = body["links"]["next"]
    assert [one["id"] for one in seen] == [str(row.pk) for row in rows]
    assert seen[0]["attributes"] == {"elements": ["Ni", "O"], "nsites": 2}


@pytest.mark.django_db
def test_a_single_structure_has_its_geometry(client: Client) -> None:
    row = make_structure("NiO")
    one = client.get(f"/optimade/v1/structures/{row.pk}").json()["data"]["attributes"]
    assert one["species_at_sites"] == ["Ni", "O"]
    assert one["chemical_formula_reduced"] == "NiO"
    assert len(one["lattice_vectors"]) == 3
    assert client.get("/optimade/v1/structures/999999").json()["data"] is None


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["versions", "v1/info", "v1/info/structures", "v1/links"])
def test_the_server_describes_itself(client: Client, path: str) -> None:
    assert client.get(f"/optimade/{path}").status_code == 200
    assert client.get("/optimade/v1/nosuch").status_code == 404
    assert not Structure.objects.exists()
