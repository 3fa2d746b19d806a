"""What curators decide about structures: a doubt is right, or it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from compute.structures.findings import doubts
from spectradb.models import Structure
from spectradb.services.accounts.roles import may_curate
from spectradb.services.curation.workflow import CurationError

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def overrule(structure: Structure, user: User | AnonymousUser, reason: str) -> Structure:
    """Let a doubted structure be calculated; who said so, when and why stays on the row.

    Raises
    ------
    PermissionDenied
        If the person is no curator.
    CurationError
        If nothing is doubted, it is overruled already, or no reason is given.
    """
    return _decide(structure, user, reason, overruled=True)


def restore_doubts(structure: Structure, user: User | AnonymousUser, reason: str) -> Structure:
    """Take an overruling back: the doubts stand before calculations again.

    Raises
    ------
    PermissionDenied, CurationError
        As :func:`overrule`.
    """
    return _decide(structure, user, reason, overruled=False)


def _decide(
    structure: Structure, user: User | AnonymousUser, reason: str, *, overruled: bool
) -> Structure:
    if not may_curate(user):
        raise PermissionDenied(f"you may not judge the doubts of {structure}")
    reason = reason.strip()
    if not reason:
        raise CurationError("A note is needed: say why.")
    with transaction.atomic():
        row = Structure.objects.select_for_update(of=("self",)).get(pk=structure.pk)
        if not doubts(row.told):
            raise CurationError(f"Nothing is doubted of {row}.")
        if overruled == (row.overruled_at is not None):
            raise CurationError(f"{row} is overruled already." if overruled else f"{row} is not.")
        row.overruled_by = user if overruled else None  # type: ignore[assignment]
        row.overruled_at = timezone.now() if overruled else None
        row.overruled_reason = reason if overruled else ""
        row._change_reason = f"{'Doubts overruled' if overruled else 'Doubts restored'}. {reason}"  # type: ignore[attr-defined]  # of simple_history
        row._history_user = user  # type: ignore[attr-defined]
        row.save(update_fields=["overruled_by", "overruled_at", "overruled_reason", "updated"])
    return row
