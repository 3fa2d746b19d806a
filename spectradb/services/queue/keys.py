"""One signing key for all hosts: messages of the queue are pickles signed with it.

A worker with another one would drop every job, so it does not start.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from spectradb.models import SigningKey

_ROW = 1


class OtherKeyError(Exception):
    """This host's key is not the site's."""

    cause = "Other signing key"
    permanent = True

    def __init__(self) -> None:
        super().__init__(
            "SECRET_KEY is not the one that the workers of this database have: jobs that other "
            "hosts send could not be read here. Set the same SECRET_KEY on every host (unset, it "
            "is in the file secret_key of SPECTRADB_VAR). If it was changed on purpose, stop all "
            "workers and start one with: manage.py qcluster --new-key"
        )


def check_key() -> None:
    """Before a worker starts.

    Raises
    ------
    OtherKeyError
        If this host's key is another one than that of the first worker of this database.
    """
    row = SigningKey.objects.filter(pk=_ROW).first()
    if row is None:  # hashing takes a moment, and is for the first worker alone
        made = {"fingerprint": make_password(settings.SECRET_KEY)}
        row, _ = SigningKey.objects.get_or_create(pk=_ROW, defaults=made)
    if not _is(row.fingerprint, settings.SECRET_KEY):
        raise OtherKeyError


def is_the_sites() -> bool:
    """Whether this host's key is that of the workers, or there is none of them yet."""
    row = SigningKey.objects.filter(pk=_ROW).first()
    return row is None or _is(row.fingerprint, settings.SECRET_KEY)


def take_new_key() -> None:
    """From now on this host's key is the site's."""
    SigningKey.objects.update_or_create(
        pk=_ROW, defaults={"fingerprint": make_password(settings.SECRET_KEY)}
    )


@lru_cache(maxsize=8)
def _is(fingerprint: str, key: str) -> bool:
    return check_password(key, fingerprint)
