"""Links by which others see a file at hand or a collection: random, expiring, to be taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from spectradb.models import Collection, Share, Status, Upload

DAYS = (1, 7, 30)
ENDED = (Status.REJECTED, Status.WITHDRAWN)
"""States of a collection in which its links show nothing: a curator has taken it away."""
Shared = Upload | Collection


def share(what: Shared, days: int) -> Share:
    """A new link, for at most as long as the file itself is kept.

    Raises
    ------
    ValueError
        If ``days`` is none of :data:`DAYS`.
    """
    if days not in DAYS:
        raise ValueError(f"{days} days: choose one of {DAYS}")
    until = timezone.now() + timedelta(days=days)
    if isinstance(what, Upload) and what.expires is not None:
        until = min(until, what.expires)
    return Share.objects.create(**_of(what), expires=until)


def shares_of(what: Shared) -> QuerySet[Share]:
    """Links that work, the newest first."""
    return Share.objects.filter(**_of(what), expires__gt=timezone.now()).order_by("-pk")


def revoke(what: Shared, token: str) -> bool:
    """Take a link of this back; whether there was one."""
    return bool(Share.objects.filter(**_of(what), token=token).delete()[0])


def shared(token: str) -> Shared | None:
    """What a working link shows."""
    now = timezone.now()
    rows = Share.objects.filter(token=token, expires__gt=now)
    found = rows.select_related("upload", "collection").first()
    if found is None:
        return None
    if found.upload is not None:
        ended = found.upload.expires is not None and found.upload.expires <= now
        return None if ended else found.upload
    collection = found.collection
    return None if collection is None or collection.status in ENDED else collection


def _of(what: Shared) -> dict[str, Any]:
    return {"upload" if isinstance(what, Upload) else "collection": what}
