"""Links by which others see a file at hand: random, expiring, taken back at any time."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from spectradb.models import Share, Upload

DAYS = (1, 7, 30)


def share(upload: Upload, days: int) -> Share:
    """A new link, for at most as long as the file itself is kept.

    Raises
    ------
    ValueError
        If ``days`` is none of :data:`DAYS`.
    """
    if days not in DAYS:
        raise ValueError(f"{days} days: choose one of {DAYS}")
    until = timezone.now() + timedelta(days=days)
    if upload.expires is not None:
        until = min(until, upload.expires)
    return Share.objects.create(upload=upload, expires=until)


def shares_of(upload: Upload) -> QuerySet[Share]:
    """Links that work, the newest first."""
    return Share.objects.filter(upload=upload, expires__gt=timezone.now()).order_by("-pk")


def revoke(upload: Upload, token: str) -> bool:
    """Take a link of this file back; whether there was one."""
    return bool(Share.objects.filter(upload=upload, token=token).delete()[0])


def shared(token: str) -> Upload | None:
    """The file that a working link shows."""
    now = timezone.now()
    found = Share.objects.filter(token=token, expires__gt=now).select_related("upload").first()
    if found is None or (found.upload.expires is not None and found.upload.expires <= now):
        return None
    return found.upload
