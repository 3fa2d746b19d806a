"""Where a search finds nothing: what would be found, and where it can be computed."""

from __future__ import annotations

import pytest
from django.test import Client

from spectradb.views.search.results import compute_address
from tests.factories import make_series, make_site, make_spectrum, make_structure


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ({"q": ["Fe(IV)"]}, "/multiplet/?ion=Fe4"),
        ({"absorber": ["Fe"], "oxidation_state": ["4"]}, "/multiplet/?ion=Fe4"),
        ({"q": ["鉄4+"]}, "/multiplet/?ion=Fe4"),
        ({"q": ["SrFeO3"]}, "/multiplet/?element=Fe"),
        ({"q": ["Pd L3"]}, ""),
        ({"q": ["ZnO"]}, ""),
    ],
)
def test_compute_one_opens_with_what_was_asked(query: dict[str, list[str]], address: str) -> None:
    assert compute_address(query) == address


@pytest.mark.django_db
def test_what_is_offered_opens(client: Client) -> None:
    page = client.get("/multiplet/?element=Fe")
    assert page.status_code == 200
    assert 'value="Fe3" selected' in page.content.decode()


@pytest.mark.django_db
def test_each_word_of_the_box_can_be_dropped(client: Client) -> None:
    structure = make_structure("NiO")
    make_spectrum(structure=structure, site=make_site(structure), formula="NiO")
    page = client.get("/spectra/?q=NiO+Pd").content.decode()
    assert "1 without" in page
    assert "q=NiO" in page


@pytest.mark.django_db
def test_what_is_like_it_and_would_be_found_is_offered(client: Client) -> None:
    structure = make_structure("NiO")
    make_spectrum(structure=structure, site=make_site(structure), formula="NiO")
    page = client.get("/spectra/?q=nikel").content.decode()
    assert 'href="?q=nickel"' in page
    page = client.get("/spectra/?q=Ni7O9").content.decode()
    assert 'href="?q=Ni+O"' in page or 'href="?q=O+Ni"' in page
    assert "Is this meant?" not in client.get("/spectra/?q=unobtainium").content.decode()


@pytest.mark.django_db
def test_an_id_of_any_kind_leads_to_its_page(client: Client) -> None:
    series, structure = make_series(), make_structure("NiO")
    for text, page in (
        (f"SDB-M{series.pk}", f"/series/{series.pk}/"),
        (f"sdb-s{structure.pk}", f"/structures/{structure.pk}/"),
    ):
        assert client.get("/spectra/", {"q": text})["Location"] == page
