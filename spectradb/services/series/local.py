"""Files of series and maps on this machine (:mod:`spectradb.services.files.local`)."""

from __future__ import annotations

from pathlib import Path

from django.core.files.storage import storages
from django.db import connection, transaction

from spectradb.models import Series
from spectradb.services.files import local
from spectradb.services.files.local import digest_of

KIND = "series"


def local_file(name: str, n_bytes: int, sha256: str) -> Path:
    """The path of a file of a series or a map, after it has been checked.

    Raises
    ------
    ReadError
        If it is missing, or not what was stored.
    """
    return local.local_file(KIND, name, n_bytes, sha256)


def keep(name: str, path: Path) -> str:
    """Store one under a name; the name that it got. One of that name from before is replaced."""
    return local.keep(KIND, name, path)


def alone_with(content_hash: str) -> None:
    """Until the transaction ends nobody else stores this series, or removes its file.

    For a constraint no empty contributor is the same as another one. SQLite's transactions are
    IMMEDIATE, so there one at a time writes anyhow.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [int(content_hash[:15], 16)])


def remove_unused(name: str, content_hash: str) -> None:
    """Delete the file of a series that went, unless the same was brought by somebody else."""
    with transaction.atomic():
        alone_with(content_hash)
        if not Series.objects.filter(file_name=name).exists():
            storages[KIND].delete(name)


def is_there(name: str) -> bool:
    """Whether the storage has a file of this name."""
    return storages[KIND].exists(name)


__all__ = ["KIND", "alone_with", "digest_of", "is_there", "keep", "local_file", "remove_unused"]
