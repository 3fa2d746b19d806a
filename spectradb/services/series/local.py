"""Files of the storage of series on this machine: checked once, copied here where they are remote.

A file is what its row says: so many bytes with this SHA-256. Reading them all takes seconds, so
that it is done once for a file as it lies there (name, size, time of change) and noted in
``var/series-checked``. Copies of remote files are kept up to ``SERIES_CACHE_MB``; those unused for
longest go first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from io import BufferedReader
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from compute.errors import ReadError

_BLOCK = 2**20


def local_file(name: str, n_bytes: int, sha256: str) -> Path:
    """The path of a file of the storage ``series``, after it has been checked.

    Raises
    ------
    ReadError
        If it is missing, or not what was stored.
    """
    storage = storages["series"]
    try:
        path = Path(storage.path(name))
    except NotImplementedError:
        path = _copied(storage, name, n_bytes, sha256)
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ReadError([f"{name}: the file is missing from the storage of series"]) from error
    if found.st_size != n_bytes:
        raise ReadError([f"{name}: not the {n_bytes} bytes that were stored ({found.st_size})"])
    note, stands = _note_of(sha256), f"{path} {found.st_size} {found.st_mtime_ns}"
    if not (note.is_file() and note.read_text() == stands):
        with path.open("rb") as file:
            _compare(name, _digest(file), sha256)
        _write(note, stands)
    return path


def keep(name: str, path: Path) -> str:
    """Store a file under a name; the name that it got. One of that name from before is replaced."""
    storage = storages["series"]
    if storage.exists(name):
        storage.delete(name)
    with path.open("rb") as file:
        return str(storage.save(name, File(file)))


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return _digest(file)


def _copied(storage: Storage, name: str, n_bytes: int, sha256: str) -> Path:
    folder = Path(settings.VAR_DIR) / "series-copies"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256}.h5"
    if path.is_file():
        os.utime(path, (time.time(), path.stat().st_mtime))  # used now; the file is as it was
        return path
    _make_room(folder, n_bytes)
    handle, partial = tempfile.mkstemp(dir=folder, prefix=".copy-")
    try:
        with os.fdopen(handle, "wb") as target, storage.open(name) as source:
            while block := source.read(_BLOCK):
                target.write(block)
        Path(partial).replace(path)
    except FileNotFoundError as error:
        raise ReadError([f"{name}: the file is missing from the storage of series"]) from error
    finally:
        Path(partial).unlink(missing_ok=True)
    return path


def _make_room(folder: Path, n_bytes: int) -> None:
    """Remove the copies that were used longest ago until one more fits within the limit."""
    kept = sorted(folder.glob("*.h5"), key=lambda one: one.stat().st_atime)
    size = sum(one.stat().st_size for one in kept)
    for one in kept:
        if size + n_bytes <= settings.SERIES_CACHE_MB * 10**6:
            break
        size -= one.stat().st_size
        one.unlink(missing_ok=True)


def _note_of(sha256: str) -> Path:
    return Path(settings.VAR_DIR) / "series-checked" / sha256


def _write(note: Path, text: str) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=note.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(note)


def _digest(file: BufferedReader) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(name: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise ReadError(
            [
                f"{name}: the file is damaged: its SHA-256 is {found[:12]}…, that of the stored "
                f"one is {wanted[:12]}…. Put it back from a backup"
            ]
        )
