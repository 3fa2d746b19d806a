"""A series is deleted with its analyses, and its file if no other row is of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext

from spectradb.models import Series, Status
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.curation.workflow import CurationError
from spectradb.services.series.analyses import forget_maps
from spectradb.services.series.local import remove_unused

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def may_edit(user: User | AnonymousUser, row: Series) -> bool:
    """Whether this person completes, corrects and deletes it: their own draft."""
    return may_contribute(user) and row.contributor_id == user.pk and row.status == Status.DRAFT


def discard_draft(row: Series, user: User | AnonymousUser) -> None:
    """Delete one's own draft.

    Raises
    ------
    PermissionDenied
        If it is another person's, or no draft any more.
    CurationError
        If a spectrum was cut from it that is still there.
    """
    with transaction.atomic():
        held = Series.objects.select_for_update(of=("self",)).without_arrays().get(pk=row.pk)
        if not may_edit(user, held):
            raise PermissionDenied(gettext("Only its contributor deletes a draft."))
        if held.measurements.exists():
            raise CurationError(gettext("Spectra were cut from it: delete them first."))
        discard(held)


def discard(row: Series) -> None:
    """Delete a series. Files go once the transaction holds.

    Raises
    ------
    ProtectedError
        If a stored spectrum was cut from it.
    """
    name, content = row.file_name, row.content_hash
    with transaction.atomic():
        analyses = set(row.analyses.values_list("pk", flat=True))
        row.delete()
        transaction.on_commit(lambda: _remove(name, content, analyses))


def _remove(name: str, content_hash: str, analyses: set[int]) -> None:
    if analyses:
        forget_maps(analyses)
    remove_unused(name, content_hash)
