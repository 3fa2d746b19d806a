"""Who sees which spectrum: a table written by hand, which every way of asking follows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from ml.errors import LearningError
from spectradb.filters import apply_where
from spectradb.models import PeakFit, Spectrum, Status
from spectradb.models.visibility import spectra_seen_by
from spectradb.services.learning.selection import select
from spectradb.services.matching.groups import Group, groups
from spectradb.services.search.columns import columns
from spectradb.services.search.facets import search, totals
from tests.factories import make_peak_fit, make_spectrum, make_user

pytestmark = pytest.mark.django_db

TODAY = date(2030, 5, 4)
EMBARGOED, ENDED = "published, tomorrow", "published, today"
STATES: dict[str, tuple[str, date | None]] = {
    **{status: (status, None) for status in Status.values},
    EMBARGOED: ("published", TODAY + timedelta(days=1)),
    ENDED: ("published", TODAY),
    "draft, yesterday": ("draft", TODAY - timedelta(days=1)),
    "submitted, yesterday": ("submitted", TODAY - timedelta(days=1)),
    "withdrawn, yesterday": ("withdrawn", TODAY - timedelta(days=1)),
}
ALL = set(STATES)
OPEN = {"published", ENDED}
SEEN: dict[str, tuple[set[str], set[str], set[str]]] = {
    # who: states seen of one's own, of somebody else's, of rows that belong to nobody
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
    told = client.get("/jobs/", {"kind": "fits"}).context
    assert told["page"].paginator.num_pages == 1
    return {one["row"].spectrum_id for one in told["rows"]}


@pytest.mark.parametrize("who", SEEN)
def test_every_way_shows_a_person_what_the_table_says(who, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.localdate", lambda *arguments: TODAY)
    user, other = _user(who), make_user()
    owners = [user if user is not None and user.is_authenticated else None, other, None]
    expected = set()
    for state, (status, until) in STATES.items():
        for owner, seen in zip(owners, SEEN[who], strict=True):
            if owner is None and seen is SEEN[who][0]:
                continue  # who is not signed in owns nothing
            row = make_spectrum("experiment", status=status, contributor=owner, embargo_until=until)
            make_peak_fit(row)
            if state in seen:
                expected.add(row.pk)
    assert set(Spectrum.objects.visible_to(user).values_list("pk", flat=True)) == expected
    assert _in_memory(user) == expected
    assert {row.pk for row in search({}, user).rows[:1000]} == expected
    assert _of_fits(user) == expected
    assert _on_job_page(user) == expected
    if user is None:  # what goes out to everybody: index, training, releases, feed, map, counts
        assert set(Spectrum.objects.published().values_list("pk", flat=True)) == expected


def test_a_record_under_embargo_appears_by_itself_on_its_day(client, monkeypatch):
    row = make_spectrum("experiment", embargo_until=TODAY, title="Kept back", doi="10.1/x")
    pages = [
        f"/spectra/{row.pk}/", f"/spectra/{row.pk}/download/csv/", f"/spectra/{row.pk}/embed/",
        f"/api/v1/spectra/{row.pk}/", f"/spectra/{row.pk}/plot.svg",
    ]  # fmt: skip
    lists = ["/feed.atom", "/sitemap-spectra.xml", "/api/v1/spectra/", "/spectra/?q=Kept"]
    group = Group("Ni", "L23", "experiment")
    row.published_at = timezone.now()
    row.save()
    for day, status in ((TODAY - timedelta(days=1), 404), (TODAY, 200)):
        monkeypatch.setattr("django.utils.timezone.localdate", lambda *_, day=day: day)
        for page in pages:
            assert client.get(page).status_code == status, page
        for page in lists:
            # The words of the results page name what is searched for.
            found = f"/spectra/{row.pk}/" in client.get(page).content.decode()
            found |= f'"id":{row.pk},' in client.get(page).content.decode()
            assert found == (status == 200), page
        assert totals()["spectra"] == (status == 200)
        assert [one.pk for one in group.rows()] == [row.pk] * (status == 200)
        assert [g for g, _, _ in groups()] == [group] * (status == 200)
        assert apply_where(Spectrum, {}, None).count() == (status == 200)
        if status == 404:
            with pytest.raises(LearningError, match="1 under embargo"):
                select({"absorber": ["Ni"], "status": ["published"]})
            with pytest.raises(LearningError, match="1 under embargo"):
                select({"absorber": ["Ni"]})
        else:
            assert select({"absorber": ["Ni"], "quantity": ["arbitrary"]}).spectra.count() == 1
