"""Who sees which spectrum: a table written by hand, which every way of asking follows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from spectradb.models import PeakFit, Spectrum, Status
from spectradb.models.visibility import spectra_seen_by
from spectradb.services.search.columns import columns
from spectradb.services.search.facets import search
from tests.factories import make_peak_fit, make_spectrum, make_user

pytestmark = pytest.mark.django_db

ALL = set(Status.values)
OPEN = {"published"}
SEEN: dict[str, tuple[set[str], set[str], set[str]]] = {
    # who: statuses seen of one's own, of somebody else's, of rows that belong to nobody
    "nobody signed in": (set(), OPEN, OPEN),
    "no user at all": (set(), OPEN, OPEN),
    "person": (ALL, OPEN, OPEN),
    "contributor": (ALL, OPEN, OPEN),
    "curator": (ALL, ALL, ALL),
    "administrator": (ALL, ALL, ALL),
}


def _user(who: str) -> Any:
    if who == "nobody signed in":
        return AnonymousUser()
    if who == "no user at all":
        return None
    if who == "administrator":
        return make_user(is_superuser=True)
    return make_user(role=None if who == "person" else who)


def _in_memory(user: Any) -> set[int]:
    held, lock = columns()
    with lock:
        return set(held.pk[held.meeting(spectra_seen_by(user))].tolist())


def _of_fits(user: Any) -> set[int]:
    return set(PeakFit.objects.visible_to(user).values_list("spectrum", flat=True))


def _on_job_page(user: Any) -> set[int]:
    client = Client()
    if user is not None and user.is_authenticated:
        client.force_login(user)
    page = client.get("/jobs/", {"kind": "fits"}).context["page"]
    assert page.paginator.num_pages == 1
    return {row.spectrum_id for row in page.object_list}


@pytest.mark.parametrize("who", SEEN)
def test_every_way_shows_a_person_what_the_table_says(who):
    user, other = _user(who), make_user()
    owners = [user if user is not None and user.is_authenticated else None, other, None]
    expected = set()
    for status in Status.values:
        for owner, seen in zip(owners, SEEN[who], strict=True):
            if owner is None and seen is SEEN[who][0]:
                continue  # who is not signed in owns nothing
            row = make_spectrum(status=status, contributor=owner)
            make_peak_fit(row)
            if status in seen:
                expected.add(row.pk)
    assert set(Spectrum.objects.visible_to(user).values_list("pk", flat=True)) == expected
    assert _in_memory(user) == expected
    assert {row.pk for row in search({}, user).rows[:1000]} == expected
    assert _of_fits(user) == expected
    assert _on_job_page(user) == expected
