"""One calculation, a record for each person who asks: seen, deleted and published by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.test import Client

from compute.crystals.published import crystal
from compute.l23 import routes
from spectradb.models import Calculation, JobStatus, Site, Spectrum, Status
from spectradb.services.calculations.explicit import queue_case, run_case
from spectradb.services.calculations.structures import queue_sites, run_calculation
from spectradb.services.curation.workflow import CurationError, publish, submit, withdraw
from spectradb.services.learning.training_data import training_rows
from spectradb.services.library.build import queue_library, store_crystals
from spectradb.services.library.coverage import coverage
from spectradb.services.matching.groups import Group
from tests.factories import make_site, make_spectrum, make_user

CASE = {"element": "Ti", "charge": 4, "crystal_field": {"ten_dq": 1.7}}

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, Any]:
    return {
        "anna": make_user("anna", "contributor"),
        "bert": make_user("bert", "contributor"),
        "carl": make_user("carl", "curator"),
    }


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def seen_by(user: Any) -> set[int]:
    return set(Calculation.objects.visible_to(user).values_list("pk", flat=True))


@pytest.mark.parametrize("when", ["before it runs", "after it ran"])
def test_two_who_save_one_case_have_a_record_each_of_one_calculation(people, when) -> None:
    anna, bert = people["anna"], people["bert"]
    row, new = queue_case(CASE, anna)
    assert new
    if when == "after it ran":
        assert run_case(row.pk)
    again, new = queue_case(CASE, bert)
    assert (again.pk, new) == (row.pk, False)
    if when == "before it runs":
        assert run_case(row.pk)
    mine, theirs = (Spectrum.objects.get(contributor=who) for who in (anna, bert))
    assert mine.pk != theirs.pk
    assert {mine.calculation_id, theirs.calculation_id} == {row.pk}
    np.testing.assert_array_equal(mine.intensity, theirs.intensity)
    assert {mine.status, theirs.status} == {Status.DRAFT}
    for who, own, other in ((anna, mine, theirs), (bert, theirs, mine)):
        client = client_of(who)
        page = client.get(f"/jobs/{row.pk}/").content.decode()
        assert f"/spectra/{own.pk}/" in page
        assert f"/spectra/{other.pk}/" not in page
        assert client.get(f"/spectra/{own.pk}/").status_code == 200
        assert client.get(f"/spectra/{other.pk}/").status_code == 404
        assert client.get(f"/api/v1/calculations/{row.pk}/").json()["spectrum"] == own.pk


def test_asking_twice_gives_one_record(people) -> None:
    row, _ = queue_case(CASE, people["anna"])
    run_case(row.pk)
    queue_case(CASE, people["anna"])
    assert Spectrum.objects.count() == 1


def test_a_calculation_is_seen_by_who_asked_and_then_by_who_sees_a_record(people) -> None:
    anna, bert, carl = people["anna"], people["bert"], people["carl"]
    row, _ = queue_case(CASE, anna)
    for _ in ("queued", "done"):
        assert seen_by(anna) == seen_by(carl) == {row.pk}
        assert seen_by(bert) == seen_by(None) == set()
        opened = f"/multiplet/?calculation={row.pk}"
        for path in (f"/jobs/{row.pk}/", f"/jobs/{row.pk}/case.json", opened):
            assert client_of(anna).get(path).status_code == 200
            assert client_of(bert).get(path).status_code == Client().get(path).status_code == 404
        listed = f'href="/jobs/{row.pk}/"'
        assert listed in client_of(anna).get("/jobs/").content.decode()
        assert listed not in client_of(bert).get("/jobs/").content.decode()
        counts = client_of(bert).get("/api/v1/calculations/summary/").json()["counts"]
        assert not any(counts.values())
        run_case(row.pk)
    publish(submit(Spectrum.objects.get(), anna), carl)
    assert seen_by(bert) == seen_by(None) == {row.pk}


def test_a_person_who_leaves_does_not_open_what_they_asked_for(people) -> None:
    row, _ = queue_case(CASE, people["anna"])
    people["anna"].delete()
    assert seen_by(None) == seen_by(people["bert"]) == set()
    assert seen_by(people["carl"]) == {row.pk}


def test_deleting_a_record_leaves_those_of_others(people) -> None:
    row, _ = queue_case(CASE, people["anna"])
    queue_case(CASE, people["bert"])
    run_case(row.pk)
    Spectrum.objects.get(contributor=people["anna"]).delete()
    assert client_of(people["bert"]).get(f"/jobs/{row.pk}/").status_code == 200
    assert client_of(people["anna"]).get(f"/jobs/{row.pk}/").status_code == 404
    queue_case(CASE, people["anna"])  # from the other's arrays, without a word of it
    assert Spectrum.objects.filter(calculation=row).count() == 2


def test_a_calculation_whose_records_are_all_gone_runs_again(people) -> None:
    row, _ = queue_case(CASE, people["anna"])
    run_case(row.pk)
    Spectrum.objects.all().delete()
    again, new = queue_case(CASE, people["bert"])
    assert (again.pk, new, again.job_status) == (row.pk, True, JobStatus.QUEUED)
    assert run_case(row.pk)
    assert Spectrum.objects.get().contributor == people["bert"]


def test_who_asked_first_cannot_cancel_it_for_others(people) -> None:
    row, _ = queue_case(CASE, people["anna"])
    queue_case(CASE, people["bert"])
    path = f"/api/v1/calculations/{row.pk}/cancel/"
    assert client_of(people["anna"]).post(path).json() == {"status": "cancelled"}
    row.refresh_from_db()
    assert row.job_status == JobStatus.QUEUED
    assert seen_by(people["anna"]) == set()
    assert client_of(people["bert"]).post(path).json() == {"status": "cancelled"}
    row.refresh_from_db()
    assert row.job_status == JobStatus.CANCELLED
    queue_case(CASE, people["anna"])
    row.refresh_from_db()
    assert row.job_status == JobStatus.QUEUED


def test_published_once_it_counts_once(people) -> None:
    anna, bert, carl = people["anna"], people["bert"], people["carl"]
    row, _ = queue_case(CASE, anna)
    queue_case(CASE, bert)
    run_case(row.pk)
    mine, theirs = (submit(Spectrum.objects.get(contributor=who), who) for who in (anna, bert))
    assert not any(one["spectrum_id"] for one in [*mine.checks, *theirs.checks])
    publish(mine, carl)
    theirs.refresh_from_db()
    assert theirs.status == Status.DRAFT  # no curator has to look at it again
    assert f"SDB-{mine.pk}" in theirs.status_note
    with pytest.raises(CurationError, match=f"SDB-{mine.pk}"):
        publish(submit(theirs, bert), carl)
    assert Group("Ti", "L23", "theory").rows().count() == 1
    assert coverage().n_spectra == 1
    withdraw(mine, carl, "wrong")
    assert publish(Spectrum.objects.get(pk=theirs.pk), carl).status == Status.PUBLISHED


def test_training_counts_a_calculation_once(people) -> None:
    site = make_site()
    first = make_spectrum(structure=site.structure, site=site)
    make_spectrum(structure=site.structure, site=site)
    second = Spectrum.objects.get(pk=first.pk)
    second.pk, second._state.adding = None, True
    second.contributor, second.status = people["anna"], Status.DRAFT
    second.content_hash = second.hash_content("second")
    second.save()
    assert len(training_rows(Spectrum.objects.all()).keys) == 2


def test_two_who_ask_for_a_site_get_a_record_each_until_one_is_public(people) -> None:
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    sites = Site.objects.filter(element="Ti")
    (row,) = queue_sites(sites, send=False, requested_by=people["anna"])
    page = f"/structures/{row.structure_id}/"
    compute = f'name="site" value="{sites.get().pk}"'
    assert compute in client_of(people["bert"]).get(page).content.decode()
    (again,) = queue_sites(sites, send=False, requested_by=people["bert"])
    assert again.pk == row.pk
    assert compute not in client_of(people["bert"]).get(page).content.decode()
    assert run_calculation(row.pk)
    records = Spectrum.objects.filter(calculation=row)
    assert {one.contributor for one in records} == {people["anna"], people["bert"]}
    assert {one.status for one in records} == {Status.SUBMITTED}
    (row,) = queue_library(["Ti"])  # the operator's: one that all see
    published = Spectrum.objects.published().get()
    assert (published.calculation, published.contributor) == (row, None)
    dora = make_user("dora", "contributor")
    queue_sites(sites, send=False, requested_by=dora)
    assert not Spectrum.objects.filter(contributor=dora).exists()
    assert seen_by(dora) == {row.pk}


def test_checks_tell_nobody_of_what_others_asked_for(people, monkeypatch) -> None:
    list(store_crystals([crystal("CuO")]))
    sites = Site.objects.filter(element="Cu")
    for name, version in (("anna", "multiplet-a"), ("bert", "multiplet-b")):
        monkeypatch.setattr(routes, "ENGINE", version)
        (row,) = queue_sites(sites, send=False, requested_by=people[name])
        assert run_calculation(row.pk)
    checks = Spectrum.objects.get(contributor=people["bert"]).checks
    assert checks
    assert not [one for one in checks if one["spectrum_id"]]


def test_what_a_curator_withdrew_is_not_published_again_by_a_campaign(people) -> None:
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    (row,) = queue_library(["Ti"])
    run_calculation(row.pk)
    withdraw(Spectrum.objects.get(), people["carl"], "not converged in the basis")
    queue_library(["Ti"])
    assert Spectrum.objects.get().status == Status.WITHDRAWN
