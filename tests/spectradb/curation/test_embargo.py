"""A record under embargo: asked for, accepted, kept back, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from spectradb.forms import EMBARGO_YEARS, DraftForm
from spectradb.models import Kind, Notice, Spectrum, Status
from spectradb.services.curation.revise import revise
from spectradb.services.curation.workflow import CurationError, decide
from tests.factories import make_spectrum, make_user

pytestmark = [pytest.mark.django_db]


def _later(days: int = 30) -> Any:
    return timezone.localdate() + timedelta(days=days)


def _submitted(**fields: Any) -> Spectrum:
    owner = make_user(role="contributor")
    return make_spectrum(
        "experiment", status=Status.SUBMITTED, contributor=owner, embargo_until=_later(), **fields
    )


def test_an_accepted_record_is_seen_by_owner_and_curators_until_its_day(client: Client) -> None:
    row, curator = _submitted(), make_user(role="curator")
    row = decide(row, "publish", curator)
    assert row.status == Status.PUBLISHED
    assert not row.is_public
    day = _later()
    assert row.published_at == datetime(day.year, day.month, day.day, tzinfo=UTC)
    path = f"/spectra/{row.pk}/"
    assert client.get(path).status_code == 404
    client.force_login(row.contributor)
    page = client.get(path).content.decode()
    assert f"Under embargo: everyone sees it from {day} on" in page
    assert "Embed this plot" not in page
    assert "ld+json" not in page
    assert f"Accepted; everyone sees it from {day} on" in client.get("/notices/").content.decode()
    assert f"until {day}" in client.get("/account/").content.decode()
    client.force_login(curator)
    assert client.get(path).status_code == 200
    assert Notice.objects.get().kind == "published"


def test_without_an_embargo_it_is_public_at_once() -> None:
    row = make_spectrum("experiment", status=Status.SUBMITTED)
    assert decide(row, "publish", make_user(role="curator")).is_public
    assert Spectrum.objects.published().get() == row


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "a day to come"), (-3, "a day to come"), (9999, f"{EMBARGO_YEARS} years")],
)
def test_an_embargo_ends_on_a_day_to_come_within_years(days: int, words: str) -> None:
    row = make_spectrum("experiment", status=Status.DRAFT, contributor=make_user())
    form = DraftForm({"embargo_until": str(_later(days))}, instance=row)
    assert words in str(form.errors["embargo_until"])
    assert "embargo_until" not in DraftForm({"embargo_until": str(_later(5))}, instance=row).errors


def test_what_is_public_cannot_be_hidden_again() -> None:
    row = make_spectrum("experiment")
    form = DraftForm({"embargo_until": str(_later())}, instance=row)
    assert "public already" in str(form.errors["embargo_until"])


def test_a_curator_ends_or_moves_an_embargo(client: Client) -> None:
    row = decide(_submitted(formula="NiO"), "publish", make_user(role="curator"))
    client.force_login(make_user(role="curator"))
    path = f"/admin/spectradb/spectrum/{row.pk}/change/"
    form = client.get(path).context["adminform"].form
    sent = {
        name: "" if value is None else value
        for name, value in ((field.html_name, field.value()) for field in form)
    }
    assert client.post(path, sent | {"embargo_until": ""}).status_code == 302
    row.refresh_from_db()
    assert row.is_public
    assert row.published_at is not None
    assert row.published_at <= timezone.now()


def test_a_computed_record_has_no_embargo() -> None:
    row = make_spectrum()
    row.embargo_until = _later()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    assert DraftForm(instance=make_spectrum(Kind.THEORY)).fields["embargo_until"].disabled


def test_a_new_version_keeps_the_embargo_and_cannot_hide_a_public_one() -> None:
    curator = make_user(role="curator")
    row = decide(_submitted(), "publish", curator)
    new = revise(row, row.energy, 2 * row.intensity, user=curator, reason="Twice.")
    assert new.embargo_until == row.embargo_until
    decide(decide(new, "submit", curator), "publish", curator)
    public = make_spectrum("experiment")
    other = revise(
        public, public.energy, 2 * public.intensity, user=curator, reason="Twice.",
        embargo_until=_later(),
    )  # fmt: skip
    decide(other, "submit", curator)
    with pytest.raises(CurationError, match="cannot be under embargo"):
        decide(other, "publish", curator)


def test_what_is_withdrawn_before_its_day_leaves_no_trace(client: Client) -> None:
    curator = make_user(role="curator")
    row = decide(_submitted(), "publish", curator)
    row = decide(row, "withdraw", curator, "A mistake.")
    assert row.status == Status.REJECTED
    assert client.get(f"/spectra/{row.pk}/").status_code == 404


def test_another_person_who_sends_the_same_file_learns_nothing() -> None:
    from spectradb.services.imports.spectra import import_file

    text = b"# energy ni\n" + b"".join(b"%d.0 %f\n" % (840 + n, n * n % 7) for n in range(50))
    anna, berta = make_user(role="contributor"), make_user(role="contributor")
    import_file("a.dat", text, element="Ni", edge="L23", contributor=anna)
    Spectrum.objects.update(status=Status.PUBLISHED, embargo_until=_later())
    result = import_file("a.dat", text, element="Ni", edge="L23", contributor=berta)
    mine = Spectrum.objects.get(contributor=berta)
    assert result.status == "imported"
    assert not [one for one in mine.checks if one.get("spectrum_id")]
