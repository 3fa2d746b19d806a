"""The outbox: what is due is mailed, and tried again for days while the mail server is away.

A notice is claimed by a conditional update, which puts its next attempt off, so that two workers
never send it both; it is marked as sent as soon as the mail server has taken it. Of a worker that
dies between the two nobody can know whether it was taken: it is sent once more under the same
``Message-ID``, by which mail programs show it once.
"""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext, override

from spectradb.models import Notice
from spectradb.said import said
from spectradb.services.accounts.language import language_of
from spectradb.services.curation.notices import wants_mail

WAITS = tuple(timedelta(minutes=n) for n in (1, 5, 30, 120, 720, 1440, 2880))
"""Before each further attempt; after the last of them the mail is given up."""
_CLAIM = timedelta(minutes=10)  # longer than EMAIL_TIMEOUT
_AT_ONCE = 200


def send_due() -> int:
    """Send what is due; how many mails went out."""
    now = timezone.now()
    due = Notice.objects.filter(mail_due__lte=now, mail_sent=None).order_by("mail_due", "pk")
    return sum(_send(pk) for pk in due.values_list("pk", flat=True)[:_AT_ONCE])


def _send(pk: int) -> bool:
    now = timezone.now()
    mine = Notice.objects.filter(pk=pk, mail_sent=None, mail_due__lte=now)
    if not mine.update(mail_due=now + _CLAIM, mail_attempts=F("mail_attempts") + 1):
        return False
    notice = Notice.objects.select_related("user", "spectrum").get(pk=pk)
    row = Notice.objects.filter(pk=pk)
    if not wants_mail(notice.user):
        row.update(mail_due=None)
        return False
    try:
        mail_of(notice).send()
    except (SMTPException, OSError, ValueError) as error:  # the last: an address that is none
        tried = notice.mail_attempts
        again = now + WAITS[tried - 1] if tried <= len(WAITS) else None
        row.update(mail_due=again, mail_error=f"{type(error).__name__}: {error}"[:1000])
        return False
    row.update(mail_due=None, mail_sent=timezone.now(), mail_error="")
    return True


def mail_of(notice: Notice) -> EmailMessage:
    """The mail of a notice, in the language of whom it is for."""
    with override(language_of(notice.user)):
        return _mail_of(notice)


def _mail_of(notice: Notice) -> EmailMessage:
    subject = _subject(notice)
    lines = [gettext("%s.") % subject]
    shown = notice.spectrum
    if notice.kind == Notice.Kind.PUBLISHED and shown is not None and shown.under_embargo:
        lines.append(gettext("Everyone sees it from %s on.") % shown.embargo_until)
    if notice.reason:
        lines += ["", said(notice.reason)]
    if settings.SITE_URL:
        numbers = {
            "spectra": notice.spectrum_id,
            "series": notice.series_id,
            "collections": notice.collection_id,
        }
        (path,) = (f"{name}/{pk}" for name, pk in numbers.items() if pk is not None)
        lines += ["", f"{settings.SITE_URL}/{path}/"]
    lines += ["", gettext("You can turn these mails off on your page of notices.")]
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    headers = {"Message-ID": f"<notice-{notice.pk}@{host}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, "\n".join(lines), None, [notice.user.email], headers=headers)


def _subject(notice: Notice) -> str:
    about = _named(notice)
    return {
        Notice.Kind.PUBLISHED: gettext("%s is published"),
        Notice.Kind.DRAFT: gettext("%s was sent back to you: something is to be changed"),
        Notice.Kind.REJECTED: gettext("%s was not accepted"),
        Notice.Kind.WITHDRAWN: gettext("%s was withdrawn"),
        Notice.Kind.ANSWERED: gettext("%s has an answer to your comment"),
    }[Notice.Kind(notice.kind)] % about


def _named(notice: Notice) -> str:
    """On one line: a formula is what its contributor wrote."""
    formula = notice.spectrum.formula if notice.spectrum is not None else ""
    return " ".join(f"{notice.about} {formula}".split())
