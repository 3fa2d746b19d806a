"""How much one account may keep and wait for; curators wait for as much as they like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Sum
from django.utils.translation import gettext

from spectradb.models import (
    Calculation,
    Export,
    JobStatus,
    PeakFit,
    Series,
    SeriesAnalysis,
    SeriesUpload,
    SourceFile,
    Upload,
)
from spectradb.services.accounts.roles import may_curate

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


class QuotaError(PermissionDenied):
    """An account has all that it may have; says of what, how much, and what helps."""

    cause = "Quota used up"
    permanent = False


def stored_bytes(user: User) -> int:
    """Bytes of the files behind this person's spectra and of those at hand, each counted once."""
    files = SourceFile.objects.filter(measurements__spectrum__contributor=user).distinct()
    sent = files.filter(n_bytes=OuterRef("n_bytes"), data=OuterRef("data"))
    uploads = Upload.objects.filter(~Exists(sent), requested_by=user)
    return sum(rows.aggregate(n=Sum("n_bytes"))["n"] or 0 for rows in (files, uploads))


def fits(user: User, n_bytes: int) -> bool:
    """Whether so many bytes more still fit in what an account may keep."""
    return stored_bytes(user) + n_bytes <= settings.ACCOUNT_MAX_MB * 10**6


def check_storage(user: User | None, n_bytes: int) -> None:
    """Refuse a file of ``n_bytes`` that does not fit in any more; None is the operator.

    Raises
    ------
    QuotaError
    """
    if user is None or fits(user, n_bytes):
        return
    raise QuotaError(
        gettext(
            "This account keeps %(used).1f of %(limit)d MB, and %(more).1f MB more do not fit: "
            "delete drafts or files at hand, or ask the site’s administrators."
        )
        % {
            "used": stored_bytes(user) / 1e6,
            "limit": settings.ACCOUNT_MAX_MB,
            "more": n_bytes / 1e6,
        }
    )


def check_series(user: User, n_bytes: int) -> None:
    """Refuse series of ``n_bytes`` beyond what an account may keep of them, those on the way too.

    Raises
    ------
    QuotaError
    """
    left = series_bytes_left(user)
    if n_bytes > left:
        raise QuotaError(
            gettext(
                "%(more).1f MB more do not fit: %(left).1f of the %(limit)d MB that this account "
                "may keep of series are left. Delete drafts, or ask the site’s administrators."
            )
            % {
                "more": n_bytes / 1e6,
                "left": left / 1e6,
                "limit": settings.ACCOUNT_SERIES_MAX_MB,
            }
        )


def series_bytes_left(user: User) -> int:
    """Bytes of series and maps that this person may still bring, none where all are used up."""
    stored = Series.objects.filter(contributor=user).aggregate(n=Sum("n_bytes"))["n"] or 0
    maps = SeriesAnalysis.objects.filter(requested_by=user)
    stored += maps.aggregate(n=Sum("n_bytes"))["n"] or 0
    # Of what is read already the series counts; what failed keeps its files until it expires.
    coming = SeriesUpload.objects.filter(requested_by=user).exclude(job_status=JobStatus.DONE)
    announced = coming.aggregate(n=Sum("n_bytes"))["n"] or 0
    return max(0, settings.ACCOUNT_SERIES_MAX_MB * 10**6 - stored - announced)


def open_jobs(user: User) -> int:
    """Calculations, fits, exports and analyses of this person that wait or run."""
    calculations = Calculation.objects.filter(requesters=user, job_status__in=_OPEN).count()
    return calculations + sum(
        model.objects.filter(requested_by=user, job_status__in=_OPEN).count()
        for model in (PeakFit, Export, SeriesUpload, SeriesAnalysis)
    )


def check_jobs(user: User | None, n: int = 1) -> None:
    """Refuse ``n`` jobs more than a person may have waiting; None is the operator.

    Raises
    ------
    QuotaError
    """
    if user is None or may_curate(user):
        return
    limit, waiting = settings.ACCOUNT_MAX_JOBS, open_jobs(user)
    if waiting + n > limit:
        raise QuotaError(
            gettext(
                "%(waiting)d jobs of this account wait or run, and %(more)d more would pass its "
                "limit of %(limit)d: wait for them, or cancel some."
            )
            % {"waiting": waiting, "more": n, "limit": limit}
        )
