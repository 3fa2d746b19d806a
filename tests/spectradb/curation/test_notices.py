"""A contributor is told what became of a record: on their page, and once by mail."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail import EmailMessage
from django.db import transaction
from django.test import Client
from django.utils import timezone

from spectradb import tasks
from spectradb.models import Comment, Notice, Preferences, Spectrum, Status
from spectradb.services.accounts.language import choose_language
from spectradb.services.curation import mails
from spectradb.services.curation.comments import MOST_OPEN, CommentError, answer, comment
from spectradb.services.curation.notices import n_unread
from spectradb.services.curation.revise import revise
from spectradb.services.curation.workflow import CurationError, decide
from spectradb.throttle import Throttle
from tests.factories import make_spectrum, make_user

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def posted(settings: LazySettings) -> list[Any]:
    settings.EMAIL_HOST, settings.SITE_URL = "mail.example.org", "https://spectra.example.org"
    return mail.outbox


def _record(status: str = Status.SUBMITTED, **fields: Any) -> Spectrum:
    anna = make_user("anna", "contributor", email="anna@example.org")
    return make_spectrum(
        "experiment", status=status, contributor=anna, licence="CC BY 4.0", **fields
    )


@pytest.mark.parametrize(
    ("start", "action", "note", "kind", "words"),
    [
        (Status.SUBMITTED, "publish", "", "published", "Published."),
        (Status.SUBMITTED, "reject", "It is noise.", "rejected", "Not accepted."),
        (Status.SUBMITTED, "send_back", "Name the sample.", "draft", "something is to be changed"),
        (Status.PUBLISHED, "withdraw", "Wrong energy.", "withdrawn", "Withdrawn."),
    ],
)
def test_every_decision_is_told_with_its_reason(
    start: str, action: str, note: str, kind: str, words: str, posted: list[Any], client: Client
) -> None:
    row = _record(start)
    decide(row, action, make_user("curator", "curator"), note)
    (notice,) = Notice.objects.all()
    assert (notice.user, notice.kind, notice.reason) == (row.contributor, kind, note)
    client.force_login(row.contributor)
    page = client.get("/account/").content.decode()
    assert "1 notice" in page
    told = client.get("/notices/").content.decode()
    assert words in told
    assert note in told
    assert n_unread(row.contributor) == 1  # reading a page changes nothing
    client.post("/notices/")
    assert n_unread(row.contributor) == 0
    assert mails.send_due() == 1
    (sent,) = posted
    assert sent.to == ["anna@example.org"]
    assert note in sent.body
    assert f"https://spectra.example.org/spectra/{row.pk}/" in sent.body
    assert mails.send_due() == 0


def test_an_address_that_is_none_keeps_no_other_mail_back(posted: list[Any]) -> None:
    """A provider may have told it: no form has looked at it."""
    curator = make_user("curator", "curator")
    broken, good = _record(), make_spectrum(
        "experiment", status=Status.SUBMITTED, licence="CC BY 4.0",
        contributor=make_user("ben", "contributor", email="ben@example.org"),
    )  # fmt: skip
    broken.contributor.email = "anna@example.org\nBcc: all@example.org"
    broken.contributor.save()
    for row in (broken, good):
        decide(row, "publish", curator)
    assert mails.send_due() == 1
    assert [one.to for one in posted] == [["ben@example.org"]]
    notice = Notice.objects.get(spectrum=broken)
    assert "BadHeaderError" in notice.mail_error
    assert notice.mail_due is not None


def test_a_mail_is_in_the_language_of_whom_it_is_for(posted: list[Any], client: Client) -> None:
    """Whatever the curator's is: that of the sign-up, until another one is chosen."""
    client.cookies["django_language"] = "ja"
    sent = {"username": "yuki", "email": "yuki@example.org", "password1": "long-enough-7",
            "password2": "long-enough-7"}  # fmt: skip
    assert client.post("/register/", sent).status_code == 302
    yuki, curator = get_user_model().objects.get(), make_user("curator", "curator")
    row = make_spectrum("experiment", status=Status.SUBMITTED, contributor=yuki, formula="NiO",
                        licence="CC BY 4.0")  # fmt: skip
    decide(row, "publish", curator)
    assert mails.send_due() == 1
    assert posted[0].subject == f"SDB-{row.pk} NiO を公開しました"
    assert "お知らせのページ" in posted[0].body
    visitor = Client()  # who asks for a new password may be anybody
    visitor.post("/password/", {"email": yuki.email})
    assert "パスワード" in posted[1].subject
    assert "/password/" in posted[1].body
    client.post("/notices/", {"language": "en"})
    assert client.post("/notices/", {"language": "xx"}).status_code == 400
    decide(row, "withdraw", curator, "Wrong energy.")
    assert mails.send_due() == 1
    assert posted[2].subject == f"SDB-{row.pk} NiO was withdrawn"


def test_a_reason_that_the_site_gives_is_translated_too(posted: list[Any]) -> None:
    row, curator = _record(Status.PUBLISHED), make_user("curator", "curator")
    choose_language(row.contributor, "ja")
    new = revise(row, row.energy, 2 * row.intensity, user=curator, reason="Twice as much.")
    decide(new, "submit", curator)
    decide(new, "publish", curator)
    mails.send_due()
    (told,) = [one for one in posted if "取り下げ" in one.subject]
    assert f"SDB-{new.pk}（第 2 版）に置き換えられました。" in told.body


def test_a_decision_that_fails_tells_nobody(posted: list[Any]) -> None:
    row = _record(absorber="")  # a failed check blocks it
    with pytest.raises(CurationError):
        decide(row, "publish", make_user("curator", "curator"))
    with transaction.atomic():
        decide(row, "reject", make_user("other", "curator"), "No.")
        assert Notice.objects.exists()
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_nobody_is_told_what_they_did_themselves() -> None:
    curator = make_user("curator", "curator")
    row = make_spectrum("experiment", status=Status.SUBMITTED, contributor=curator)
    decide(row, "publish", curator)
    decide(make_spectrum("experiment", status=Status.SUBMITTED), "publish", curator)
    assert not Notice.objects.exists()


def test_a_mail_is_tried_again_until_the_server_takes_it_and_sent_once(
    posted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _record()
    decide(row, "publish", make_user("curator", "curator"))
    send, ids = EmailMessage.send, []

    def refuse(message: EmailMessage, *_: Any) -> int:
        ids.append(message.extra_headers["Message-ID"])
        raise SMTPServerDisconnected("the line went dead")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    assert tasks.send_mails() == 0
    notice = Notice.objects.get()
    assert notice.mail_due is not None
    assert notice.mail_due > timezone.now()
    assert "the line went dead" in notice.mail_error
    assert tasks.send_mails() == 0
    assert len(ids) == 1, "not before it is due"
    monkeypatch.setattr(EmailMessage, "send", send)
    Notice.objects.update(mail_due=timezone.now() - timedelta(seconds=1))
    assert tasks.send_mails() == 1
    assert posted[0].extra_headers["Message-ID"] == ids[0]
    notice = Notice.objects.get()
    assert notice.mail_due is None
    assert notice.mail_error == ""
    assert notice.mail_sent is not None


def test_what_is_never_taken_is_given_up_after_days_and_stays_on_the_page(
    posted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(_record(), "publish", make_user("curator", "curator"))
    monkeypatch.setattr(EmailMessage, "send", _dead)
    for _ in range(len(mails.WAITS) + 1):
        Notice.objects.update(mail_due=timezone.now() - timedelta(seconds=1))
        mails.send_due()
    notice = Notice.objects.get()
    assert notice.mail_due is None
    assert notice.mail_attempts == len(mails.WAITS) + 1
    assert notice.mail_error


def _dead(*_: Any) -> int:
    raise ConnectionRefusedError("nobody there")


def test_one_worker_alone_sends_a_mail(posted: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    decide(_record(), "publish", make_user("curator", "curator"))
    send = EmailMessage.send

    def meanwhile(message: EmailMessage, *arguments: Any) -> int:
        monkeypatch.setattr(EmailMessage, "send", send)
        assert mails.send_due() == 0, "a second worker, while the first one is sending"
        return send(message, *arguments)

    monkeypatch.setattr(EmailMessage, "send", meanwhile)
    assert mails.send_due() == 1
    assert len(posted) == 1


def test_who_wants_no_mail_gets_none_and_is_still_told(posted: list[Any], client: Client) -> None:
    row = _record()
    client.force_login(row.contributor)
    client.post("/notices/", {"mail": "no"})
    assert not Preferences.objects.get(user=row.contributor).mail_notices
    decide(row, "publish", make_user("curator", "curator"))
    assert mails.send_due() == 0
    assert Notice.objects.get().mail_due is None
    client.post("/notices/", {"mail": "yes"})
    assert "mailed to you too" in client.get("/notices/").content.decode()


def test_without_a_mail_server_or_an_address_nothing_is_due(settings: LazySettings) -> None:
    curator = make_user("curator", "curator")
    decide(_record(), "publish", curator)
    settings.EMAIL_HOST = "mail.example.org"
    plain = make_user("plain", "contributor")
    row = make_spectrum("experiment", status=Status.SUBMITTED, contributor=plain)
    decide(row, "publish", curator)
    assert not Notice.objects.exclude(mail_due=None).exists()
    assert Notice.objects.count() == 2


def test_who_wrote_a_replaced_version_is_told() -> None:
    row, curator = _record(Status.PUBLISHED), make_user("curator", "curator")
    new = revise(row, row.energy, 2 * row.intensity, user=curator, reason="Twice as much.")
    decide(new, "submit", curator)
    decide(new, "publish", curator)
    told = {(one.spectrum_id, one.kind) for one in Notice.objects.all()}
    assert told == {(row.pk, "withdrawn"), (new.pk, "published")}


# --- comments -----------------------------------------------------------------------------------


def test_a_comment_is_seen_by_its_author_and_curators_and_answered(
    client: Client, posted: list[Any]
) -> None:
    row = make_spectrum()
    anna = make_user("anna", email="anna@example.org")
    path = f"/spectra/{row.pk}/"
    assert "Sign in to tell the curators" in client.get(path).content.decode()
    client.force_login(anna)
    client.post(f"{path}comment/", {"text": "L3 is <b>too low</b>"})
    assert "L3 is &lt;b&gt;too low&lt;/b&gt;" in client.get(path).content.decode()
    other = Client()
    other.force_login(make_user("other", "contributor"))
    for reader in (other, Client()):
        assert "too low" not in reader.get(path).content.decode()
    curator = make_user("curator", "curator")
    other.force_login(curator)
    assert "too low" in other.get(path).content.decode()
    assert "1 comment to answer" in other.get("/admin/").content.decode()
    assert "too low" in other.get("/admin/spectradb/comment/").content.decode()
    assert "too low" in other.get(f"/admin/spectradb/spectrum/{row.pk}/change/").content.decode()
    one = Comment.objects.get()
    form = f"/admin/spectradb/comment/{one.pk}/change/"
    seen = other.get(form).context["adminform"].form.initial["seen"]
    assert other.post(form, {"answer": "Mended.", "seen": seen}).status_code == 302
    one.refresh_from_db()
    assert (one.answer, one.answered_by) == ("Mended.", curator)
    assert "Mended." in client.get(path).content.decode()
    assert "Your comment is answered." in client.get("/notices/").content.decode()
    assert mails.send_due() == 1
    with pytest.raises(CommentError, match="answered already"):
        answer(one, curator, "Again.")


def test_comments_are_bounded_in_number_length_and_rate(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, anna = make_spectrum(), make_user("anna")
    for text in ("", "  ", "x" * 2001):
        with pytest.raises(CommentError):
            comment(row, anna, text)
    for n in range(MOST_OPEN):
        comment(row, anna, f"number {n}")
    with pytest.raises(CommentError, match="wait for an answer"):
        comment(row, anna, "one more")
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"comment": "1/hour"})
    client.force_login(make_user("berta"))
    sent = [client.post(f"/spectra/{row.pk}/comment/", {"text": "a"}) for _ in range(2)]
    assert [one.status_code for one in sent] == [302, 429]


def test_nothing_is_said_of_a_record_that_one_does_not_see(client: Client) -> None:
    draft = make_spectrum(status=Status.DRAFT, contributor=make_user())
    client.force_login(make_user())
    assert client.post(f"/spectra/{draft.pk}/comment/", {"text": "a"}).status_code == 404
    assert not Comment.objects.exists()


# --- versions and history -----------------------------------------------------------------------


def test_a_page_tells_versions_with_reasons_and_history_to_its_contributor(client: Client) -> None:
    row, curator = _record(Status.PUBLISHED), make_user("curator", "curator")
    new = revise(row, row.energy, 2 * row.intensity, user=curator, reason="A dead channel.")
    path = f"/spectra/{row.pk}/"
    assert f"SDB-{new.pk}" not in client.get(path).content.decode(), "not public yet"
    decide(new, "submit", curator)
    decide(new, "publish", curator, "Looks right.")
    page = client.get(f"/spectra/{new.pk}/").content.decode()
    assert "A dead channel." in page
    assert f'href="{path}"' in page
    assert f"Replaced by SDB-{new.pk}" in page
    assert "Looks right." not in page, "notes of decisions are its contributor's"
    client.force_login(row.contributor)
    page = client.get(f"/spectra/{new.pk}/").content.decode()
    assert "History, seen by you" in page
    assert "Looks right." in page
