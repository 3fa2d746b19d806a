"""The file of a backup: a compressed tar whose last member tells name, size and hash of the others.

It holds secrets, so it is readable by its owner only. It appears under its name when it is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from spectradb.services.backup import crypt

MANIFEST = "manifest.json"
FORMAT = 1
_CHUNK = 2**20


class BackupError(ValueError):
    """A backup that cannot be made, read or restored, and why."""

    cause = "Backup not possible"
    permanent = True


@dataclass
class Writer:
    """Members go in one after the other; ``told`` is what the manifest says of each."""

    tar: tarfile.TarFile
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, source: IO[bytes], **more: Any) -> None:
        """A member of what can be read from a seekable ``source``."""
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        digest = hashlib.sha256()
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self.tar.addfile(info, _Hashing(source, digest))  # type: ignore[arg-type]  # only reads
        self.told[name] = {"bytes": size, "sha256": digest.hexdigest(), **more}


class _Hashing:
    """Feeds a digest with all that is read."""

    def __init__(self, source: IO[bytes], digest: Any) -> None:
        self._source, self._digest = source, digest

    def read(self, n: int = -1) -> bytes:
        data = self._source.read(n)
        self._digest.update(data)
        return data


@contextmanager
def write(path: Path, passphrase: str | None, about: dict[str, Any]) -> Iterator[Writer]:
    """An archive to fill; ``about`` is completed and becomes its manifest.

    Raises
    ------
    BackupError
        If the file exists.
    """
    if path.exists():
        raise BackupError(f"{path} exists; name another file")
    parts = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with ExitStack() as stack:
            handle = os.open(parts, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            file: IO[bytes] = stack.enter_context(os.fdopen(handle, "wb"))
            inner: Any = file
            if passphrase:
                inner = stack.enter_context(crypt.Sealed(file, passphrase))
            zipped = stack.enter_context(gzip.GzipFile("", "wb", 3, inner))
            tar = stack.enter_context(tarfile.open(fileobj=zipped, mode="w|"))
            writer = Writer(tar)
            yield writer
            manifest = json.dumps(about | {"format": FORMAT, "members": writer.told}, indent=1)
            info = tarfile.TarInfo(MANIFEST)
            info.size, info.mode = len(manifest.encode()), 0o600
            tar.addfile(info, io.BytesIO(manifest.encode()))
        with parts.open("rb") as done:
            os.fsync(done.fileno())
        parts.replace(path)
    finally:
        parts.unlink(missing_ok=True)


def read(
    path: Path, passphrase: str | None, take: Callable[[str, IO[bytes]], None] | None = None
) -> dict[str, Any]:
    """Go through an archive, ``take`` each member, and return the manifest.

    Raises
    ------
    BackupError
        If it is no backup of ours, was cut off or changed, or holds what its manifest does not
        tell. What was taken before that is to be thrown away.
    """
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with ExitStack() as stack:
            tar, zipped = _open(path, passphrase, stack)
            for info in tar:
                source = tar.extractfile(info)
                if manifest is not None or source is None or info.name in found:
                    raise BackupError(f"{path}: it was changed, {info.name!r} is out of place")
                if info.name == MANIFEST:
                    manifest = json.loads(source.read())
                    continue
                digest = hashlib.sha256()
                hashing: Any = _Hashing(source, digest)
                if take is not None:
                    take(info.name, hashing)
                while hashing.read(_CHUNK):
                    pass
                found[info.name] = {"bytes": info.size, "sha256": digest.hexdigest()}
            while zipped.read(_CHUNK):  # to the checksum at its very end
                pass
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        gzip.BadGzipFile,
        json.JSONDecodeError,
    ) as error:
        raise BackupError(f"{path} is no whole backup: {error}") from error
    if manifest is None:
        raise BackupError(f"{path} is cut off: its table of contents is missing")
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{path} has format {manifest.get('format')}; this code reads {FORMAT}")
    told = manifest["members"]
    for name in sorted(told.keys() | found.keys()):
        there, said = found.get(name), told.get(name)
        if there is None or said is None or any(said[key] != there[key] for key in there):
            raise BackupError(f"{path}: {name} is not what was written")
    return manifest


def _open(
    path: Path, passphrase: str | None, stack: ExitStack
) -> tuple[tarfile.TarFile, gzip.GzipFile]:
    file: IO[bytes] = stack.enter_context(path.open("rb"))
    inner: Any = file
    if file.read(len(crypt.MAGIC)) == crypt.MAGIC:
        if not passphrase:
            raise BackupError(f"{path} is encrypted: give its passphrase")
        inner = io.BufferedReader(crypt.Opened(file, passphrase))
    else:
        file.seek(0)
    zipped = stack.enter_context(gzip.GzipFile("", "rb", fileobj=inner))
    return stack.enter_context(tarfile.open(fileobj=zipped, mode="r|")), zipped
