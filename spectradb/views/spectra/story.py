"""A record's versions and what happened to it, as its page tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from spectradb.models import Comment, Spectrum, Status
from spectradb.services.accounts.roles import may_curate
from spectradb.services.curation.workflow import history_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_MOST = 50


@dataclass(frozen=True)
class Version:
    """One version of a record."""

    number: int
    pk: int
    status: str
    status_words: str
    when: datetime
    reason: str
    """Why it was made, or why it was withdrawn."""
    seen: bool
    """Whether this reader may open it; of a withdrawn one everybody reads the reason."""


def versions_of(row: Spectrum, user: User | AnonymousUser) -> list[Version]:
    """All versions of which this person may know, the newest first."""
    ids, older = [row.pk], row.replaces_id
    while older is not None and len(ids) < _MOST:
        ids.append(older)
        older = Spectrum.objects.filter(pk=older).values_list("replaces", flat=True).first()
    newer = Spectrum.objects.filter(replaces=row.pk).values_list("pk", flat=True).first()
    while newer is not None and len(ids) < 2 * _MOST:
        ids.insert(0, newer)
        newer = Spectrum.objects.filter(replaces=newer).values_list("pk", flat=True).first()
    if len(ids) == 1:
        when = row.published_at or row.created
        return [Version(row.version, row.pk, row.status, row.get_status_display(), when, "", True)]
    rows = Spectrum.objects.without_arrays().defer("checks").in_bulk(ids)
    may_open = set(
        Spectrum.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True)
    )
    found = []
    for pk in ids:
        one = rows[pk]
        tombstone = one.status == Status.WITHDRAWN and not one.under_embargo
        if pk not in may_open and not tombstone:
            continue
        made = one.history.order_by("history_id").values_list("history_change_reason", flat=True)
        reason = one.status_note if tombstone else (made.first() or "")
        found.append(
            Version(
                one.version,
                pk,
                one.status,
                one.get_status_display(),
                one.published_at or one.created,
                reason if tombstone or one.replaces_id is not None else "",
                pk in may_open,
            )
        )
    return found


def story_of(row: Spectrum, user: User | AnonymousUser) -> list[dict[str, Any]]:
    """Every change with who made it and why: for its contributor and the curators."""
    own = user.is_authenticated and row.contributor_id == user.pk
    return history_of(row) if own or may_curate(user) else []


def comments_on(row: Spectrum, user: User | AnonymousUser) -> list[Comment]:
    """Comments on it that this person sees, the newest first."""
    if not user.is_authenticated:
        return []
    rows = Comment.objects.visible_to(user).filter(spectrum=row)
    return list(rows.select_related("author", "answered_by").order_by("-pk")[:_MOST])
