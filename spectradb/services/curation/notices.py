"""What became of a record or a comment, told to whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from spectradb.models import Collection, Comment, Notice, Preferences, Series, Spectrum

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def tell(row: Spectrum | Series | Collection, by: User | AnonymousUser | None) -> Notice | None:
    """Tell its contributor of a row's present status and the reason; None if they did it.

    Stored in the caller's transaction, the decision's own.
    """
    owner = row.contributor
    if owner is None or (by is not None and by.pk == owner.pk):
        return None
    return _keep(Notice(user=owner, kind=row.status, reason=row.status_note), row)


def tell_answer(comment: Comment) -> Notice | None:
    """Tell the author of a comment what a curator has answered; None if that is themselves."""
    if comment.answered_by_id == comment.author_id:
        return None
    notice = Notice(user=comment.author, kind=Notice.Kind.ANSWERED, reason=comment.answer)
    return _keep(notice, comment.spectrum)


def _keep(notice: Notice, about: Spectrum | Series | Collection) -> Notice:
    if isinstance(about, Spectrum):
        notice.spectrum = about
    elif isinstance(about, Series):
        notice.series = about
    else:
        notice.collection = about
    if wants_mail(notice.user):
        notice.mail_due = timezone.now()
        transaction.on_commit(lambda: async_task("spectradb.tasks.send_mails"))
    notice.save()
    return notice


def wants_mail(user: User) -> bool:
    """Whether this person is written to: there is a mail server, an address, and no objection."""
    if not (settings.EMAIL_HOST and user.email and user.is_active):
        return False
    return not Preferences.objects.filter(user=user, mail_notices=False).exists()


def notices_of(user: User) -> QuerySet[Notice]:
    """The newest first."""
    rows = Notice.objects.filter(user=user).select_related("spectrum", "series", "collection")
    return rows.defer(
        "spectrum__energy", "spectrum__intensity",
        "series__energy", "series__summed", "series__preview",
    ).order_by("-pk")  # fmt: skip


def n_unread(user: User | AnonymousUser) -> int:
    if not user.is_authenticated:
        return 0
    return Notice.objects.filter(user=user, read_at=None).count()


def mark_read(user: User) -> int:
    """Take all as read; how many were not."""
    return Notice.objects.filter(user=user, read_at=None).update(read_at=timezone.now())
