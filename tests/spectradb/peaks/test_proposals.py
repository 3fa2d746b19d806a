"""Fits of others are proposals; owner and curators decide which one a record shows."""

from __future__ import annotations

import pytest
from django.test import Client

from spectradb.models import Kind, PeakFit, Spectrum
from spectradb.services.peaks.proposals import shown_fit
from tests.factories import make_peak_fit, make_spectrum, make_user

pytestmark = pytest.mark.django_db
FORM = {"lo": "846", "hi": "880", "max_peaks": "3", "sigma": "0", "background": "auto"}


def client_of(user: object) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def record() -> Spectrum:
    """Published, of Olga, with the fit that she accepted."""
    owner = make_user("olga", "contributor")
    row = make_spectrum(Kind.EXPERIMENT, contributor=owner)
    make_peak_fit(row, (853.0, 0.3, 1.0), accepted=True, requested_by=owner)
    return row


def test_another_contributor_proposes_and_replaces_nothing(record: Spectrum) -> None:
    accepted = record.fits.get()
    fred = make_user("fred", "contributor")
    client = client_of(fred)
    page = client.get(f"/spectra/{record.pk}/fit/?go=1&lo=846&hi=880&max_peaks=3")
    assert "Propose this fit" in page.content.decode()
    answer = client.post(f"/spectra/{record.pk}/fit/accept/", FORM)
    assert answer.status_code == 302
    proposal = record.fits.exclude(pk=accepted.pk).get()
    assert (proposal.accepted, proposal.requested_by) == (False, fred)
    assert shown_fit(record) == accepted
    assert client.post(f"/spectra/{record.pk}/fit/{proposal.pk}/accept/").status_code == 403
    assert Client().post(f"/spectra/{record.pk}/fit/{proposal.pk}/accept/").status_code == 403
    accepted.refresh_from_db()
    assert accepted.accepted
    text = Client().get(f"/spectra/{record.pk}/").content.decode()
    assert "fred" in text  # beside the accepted one, with its author
    assert "proposed" in text
    assert "Accept</button>" not in text


@pytest.mark.parametrize("who", ["olga", "cur"])
def test_owner_and_curator_accept_a_proposal(record: Spectrum, who: str) -> None:
    make_user("cur", "curator")
    before = record.fits.get()
    proposal = make_peak_fit(
        record, (853.0, 0.3, 1.0), (870.5, 0.5, 0.5), requested_by=make_user("fred", "contributor")
    )
    client = Client()
    assert client.login(username=who, password="password")
    assert "Accept</button>" in client.get(f"/spectra/{record.pk}/").content.decode()
    assert client.post(f"/spectra/{record.pk}/fit/{proposal.pk}/accept/").status_code == 302
    assert list(PeakFit.objects.filter(accepted=True)) == [proposal]
    assert shown_fit(record) == proposal
    assert client.post(f"/spectra/{record.pk}/fit/{before.pk}/accept/").status_code == 302
    assert shown_fit(record) == before


def test_a_proposal_is_not_shown_as_the_fit_of_a_record_that_has_none() -> None:
    row = make_spectrum()  # the operator's
    proposal = make_peak_fit(row, (853.0, 0.3, 1.0), requested_by=make_user("fred", "contributor"))
    assert shown_fit(row) is None
    page = Client().get(f"/spectra/{row.pk}/")
    assert page.context["fit"] is None
    assert f"fit_id={proposal.pk}" in page.content.decode()
    assert Client().get(f"/spectra/{row.pk}/?fit_id={proposal.pk}").context["fit"] == proposal
    make_peak_fit(row, (853.0, 0.3, 1.0))  # by the operator's command
    assert shown_fit(row) is not None


def test_the_curators_record_page_shows_the_fits(record: Spectrum) -> None:
    make_peak_fit(record, (853.0, 0.3, 1.0), requested_by=make_user("fred", "contributor"))
    desk = client_of(make_user("cur", "curator"))
    text = desk.get(f"/admin/spectradb/spectrum/{record.pk}/change/").content.decode()
    assert "Peak fits" in text
    assert "fred" in text
    assert "olga" in text
