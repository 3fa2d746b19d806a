"""Stored files on this machine: checked once, copied here where their storage is remote.

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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from compute.errors import ReadError

_BLOCK = 2**20


def place_of(kind: str, name: str) -> Path | None:
    """The path of a file whose storage is a folder of this machine; None where it is remote."""
    try:
        return Path(storages[kind].path(name))
    except NotImplementedError:
        return None


def local_file(kind: str, name: str, n_bytes: int, sha256: str) -> Path:
    """The path of a stored file, after it has been checked.

    Parameters
    ----------
    kind : str
        Its storage, one of the aliases of ``STORAGES``.

    Raises
    ------
    ReadError
        If it is missing, or not what was stored.
    """
    path = place_of(kind, name)
    if path is not None:
        return _checked(path, kind, name, n_bytes, sha256)
    path = _copied(storages[kind], name, n_bytes, sha256)
    try:
        return _checked(path, kind, name, n_bytes, sha256)
    except ReadError:
        path.unlink(missing_ok=True)  # so that it is copied anew once the storage has it again
        raise


def _checked(path: Path, kind: str, name: str, n_bytes: int, sha256: str) -> Path:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ReadError([f"{name}: the file is missing from the storage of {kind}"]) from error
    if found.st_size != n_bytes:
        raise ReadError([f"{name}: not the {n_bytes} bytes that were stored ({found.st_size})"])
    note, stands = _note_of(sha256), f"{path} {found.st_size} {found.st_mtime_ns}"
    if not (note.is_file() and note.read_text() == stands):
        with path.open("rb") as file:
            _compare(name, _digest(file), sha256)
        _write(note, stands)
    return path


def keep(kind: str, name: str, path: Path) -> str:
    """Store a file under a name; the name that it got. One of that name from before is replaced."""
    storage = storages[kind]
    if place_of(kind, name) is not None and storage.exists(name):
        storage.delete(name)  # a bucket replaces it in one step
    with path.open("rb") as file:
        return str(storage.save(name, File(file)))


@contextmanager
def written(kind: str, name: str) -> Iterator[Path]:
    """A path to write the file of this name to; it is stored once the block has ended well."""
    place = place_of(kind, name)
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="spectradb-", dir=settings.VAR_DIR) as folder:
        path = Path(folder) / Path(name).name
        yield path
        keep(kind, name, path)


def send(kind: str, name: str, path: Path) -> None:
    """Hand a file that arrived in this machine's folder of a kind on, where that is no storage."""
    if place_of(kind, name) is None:
        keep(kind, name, path)


def fetch(kind: str, name: str, path: Path) -> None:
    """The other way: have a file that arrived at another host at this path, if it is not there.

    Raises
    ------
    ReadError
        If it is missing.
    """
    if place_of(kind, name) is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(storages[kind], name, path)


def forget(kind: str, folder: str) -> None:
    """Delete the files of a folder of a remote storage."""
    if place_of(kind, folder) is None:
        storage = storages[kind]
        for one in storage.listdir(folder)[1]:
            storage.delete(f"{folder}/{one}")


def names_in(kind: str, folder: str = "") -> Iterator[str]:
    """Names of all files of a storage, those in folders of it too."""
    try:
        folders, files = storages[kind].listdir(folder)
    except FileNotFoundError:  # a folder that nothing was ever put into
        return
    before = f"{folder}/" if folder else ""
    yield from (f"{before}{one}" for one in files)
    for one in folders:
        yield from names_in(kind, f"{before}{one}")


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return _digest(file)


def _copied(storage: Storage, name: str, n_bytes: int, sha256: str) -> Path:
    folder = Path(settings.VAR_DIR) / "series-copies"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256}.h5"
    try:
        os.utime(path, (time.time(), path.stat().st_mtime))  # used now; the file is as it was
        return path
    except FileNotFoundError:  # or cleared away by another process just now
        _make_room(folder, n_bytes)
        _download(storage, name, path)
        return path


def _download(storage: Storage, name: str, path: Path) -> None:
    """In one step: never half a file under its name."""
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".copy-")
    try:
        with os.fdopen(handle, "wb") as target, storage.open(name) as source:
            while block := source.read(_BLOCK):
                target.write(block)
        Path(partial).replace(path)
    except FileNotFoundError as error:
        raise ReadError([f"{name}: the file is missing from its storage"]) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def _make_room(folder: Path, n_bytes: int) -> None:
    """Remove the copies that were used longest ago until one more fits within the limit."""
    kept: list[tuple[float, int, Path]] = []
    for one in folder.glob("*.h5"):
        with suppress(FileNotFoundError):  # another process makes room as well
            found = one.stat()
            kept.append((found.st_atime, found.st_size, one))
    size = sum(n for _, n, _ in kept)
    for _, n, one in sorted(kept):
        if size + n_bytes <= settings.SERIES_CACHE_MB * 10**6:
            break
        size -= n
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
