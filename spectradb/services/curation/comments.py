"""Comments to the curators on a record, and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from spectradb.models import Comment, Spectrum
from spectradb.services.accounts.roles import may_curate
from spectradb.services.curation.notices import tell_answer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST = 2000  # characters
MOST_OPEN = 20
"""Unanswered comments that one person may have."""


class CommentError(ValueError):
    """A comment or an answer that is not taken, and why."""

    cause = "Comment not taken"
    permanent = True


def comment(spectrum: Spectrum, user: User, text: str) -> Comment:
    """Keep what somebody tells the curators about a record that they see.

    Raises
    ------
    CommentError
        If it is empty or too long, or too many of this person's wait for an answer.
    """
    kept = _text(text)
    if Comment.objects.unanswered().filter(author=user).count() >= MOST_OPEN:
        raise CommentError(
            gettext("%d of your comments wait for an answer; write again then.") % MOST_OPEN
        )
    return Comment.objects.create(spectrum=spectrum, author=user, text=kept)


def answer(row: Comment, user: User, text: str) -> Comment:
    """Answer a comment; its author is told.

    Raises
    ------
    PermissionDenied
        If this person is no curator.
    CommentError
        If it is answered already, or the answer is empty or too long.
    """
    if not may_curate(user):
        raise PermissionDenied("curators answer comments")
    kept = _text(text)
    with transaction.atomic():
        held: Comment = Comment.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if held.answered_at is not None:
            raise CommentError(gettext("This comment is answered already."))
        held.answer, held.answered_by, held.answered_at = kept, user, timezone.now()
        held.save(update_fields=["answer", "answered_by", "answered_at"])
        tell_answer(held)
    return held


def _text(text: str) -> str:
    kept = text.strip()
    if not kept:
        raise CommentError(gettext("Write something."))
    if len(kept) > LONGEST:
        raise CommentError(gettext("At most %d characters.") % LONGEST)
    return kept
