"""Whose fit a record shows: anyone who contributes proposes one, its owner and curators accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet

from spectradb.models import JobStatus, PeakFit, Spectrum
from spectradb.services.accounts.roles import may_curate

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def may_accept(user: User | AnonymousUser, spectrum: Spectrum) -> bool:
    """Whether this person decides which fit the record shows."""
    if may_curate(user):
        return True
    return user.is_authenticated and spectrum.contributor_id == user.pk


def accept(row: PeakFit, user: User | AnonymousUser) -> None:
    """Make it the fit of its record, in the place of the one before.

    Raises
    ------
    PermissionDenied
        If the record is another person's.
    """
    if not may_accept(user, row.spectrum):
        raise PermissionDenied("Only its author and the curators accept a fit of a record.")
    with transaction.atomic():
        of_record = PeakFit.objects.select_for_update().filter(spectrum=row.spectrum_id)
        of_record.filter(accepted=True).exclude(pk=row.pk).update(accepted=False)
        of_record.filter(pk=row.pk).update(accepted=True)
    row.accepted = True


def done_fits(spectrum: Spectrum) -> QuerySet[PeakFit]:
    """Finished fits of a record, the accepted one first, then the newest."""
    rows = spectrum.fits.filter(job_status=JobStatus.DONE).select_related("requested_by")
    return rows.order_by("-accepted", "-created", "-pk")


def shown_fit(spectrum: Spectrum) -> PeakFit | None:
    """The accepted fit; else the newest of the operator's and the owner's, no proposal."""
    own = Q(accepted=True) | Q(requested_by=None)
    if spectrum.contributor_id is not None:
        own |= Q(requested_by=spectrum.contributor_id)
    return done_fits(spectrum).filter(own).prefetch_related("peaks").first()
