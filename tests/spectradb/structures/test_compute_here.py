"""Compute on a structure page: who is offered it, and that its row reports back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from spectradb.models import Calculation, JobStatus
from tests.factories import make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Client:
    client = Client()
    client.force_login(make_user("anna", "contributor"))
    return client


def test_a_row_tells_what_becomes_of_its_calculation(person: Client) -> None:
    site = make_site(equivalent_indices=[0])
    page = f"/structures/{site.structure_id}/"
    row = f"{page}sites/{site.pk}/"
    assert "Compute" in person.get(page).content.decode()
    answer = person.post(f"{page}compute/", {"site": site.pk}, headers={"HX-Request": "true"})
    text = answer.content.decode()
    job = Calculation.objects.get()
    assert text.count("<tr") == 1
    assert f'href="/jobs/{job.pk}/"' in text
    assert f'hx-get="{row}"' in text
    assert "Queued" in text
    for status, asks in ((JobStatus.RUNNING, True), (JobStatus.FAILED, False)):
        Calculation.objects.update(job_status=status, error="The field did not converge")
        for address in (row, page):
            text = person.get(address).content.decode()
            assert (f'hx-get="{row}"' in text) is asks, status
            assert f'href="/jobs/{job.pk}/"' in text
    assert "did not converge" in text
    assert "none yet" not in text
    assert "Compute again" in text
    person.post(f"{page}compute/", {"site": site.pk})
    assert Calculation.objects.get().job_status == JobStatus.QUEUED


def test_it_ends_with_a_link_to_the_spectrum(
    person: Client, django_capture_on_commit_callbacks: Any
) -> None:
    site = make_site(equivalent_indices=[0])
    page = f"/structures/{site.structure_id}/"
    with django_capture_on_commit_callbacks(execute=True):
        person.post(f"{page}compute/", {"site": site.pk}, headers={"HX-Request": "true"})
    row = Calculation.objects.get()
    assert row.job_status == JobStatus.DONE, row.error
    text = person.get(f"{page}sites/{site.pk}/").content.decode()
    assert f'href="/spectra/{row.spectra.get().pk}/"' in text
    assert "hx-get" not in text


@pytest.mark.parametrize(("element", "valence"), [("Cu", 1.0), ("Zn", 2.0), ("Ni", 0.0)])
def test_ions_without_a_multiplet_are_not_offered(
    person: Client, element: str, valence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectradb.views.structures.structure.available", lambda: False)  # FEFF
    site = make_site(make_structure(), element=element, oxidation_state=valence)
    text = person.get(f"/structures/{site.structure_id}/").content.decode()
    assert "/compute/" not in text


def test_feff_offers_what_no_multiplet_describes_and_k_edges(
    person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectradb.views.structures.structure.available", lambda: True)
    structure = make_structure()
    full = make_site(structure, element="Cu", oxidation_state=1.0)
    text = person.get(f"/structures/{structure.pk}/sites/{full.pk}/").content.decode()
    assert [text.count(f'name="edge" value="{edge}"') for edge in ("K", "L23")] == [1, 1]
    full.oxidation_state = 2.0
    full.save()
    text = person.get(f"/structures/{structure.pk}/sites/{full.pk}/").content.decode()
    assert [text.count(f'name="edge" value="{edge}"') for edge in ("K", "L23")] == [1, 0]


def test_two_spectra_of_one_site_are_told_apart(client: Client) -> None:
    site = make_site(equivalent_indices=[0])
    rows = [make_spectrum(structure=site.structure, site=site) for _ in range(2)]
    plot = client.get(f"/structures/{site.structure_id}/").context["plot"]
    assert [one.name for one in plot.figure.curves] == [f"Ni1, 6 O, SDB-{row.pk}" for row in rows]
    assert plot.label == "2 Ni L2,3 spectra of 1 site"
