"""Files of series and maps on this machine (:mod:`spectradb.services.files.local`)."""

from __future__ import annotations

from pathlib import Path

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


__all__ = ["KIND", "digest_of", "keep", "local_file"]
