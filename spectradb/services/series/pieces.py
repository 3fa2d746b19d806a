"""Bytes of a file that arrives in pieces: written where they belong, by one request at a time.

The size of the file on the disk is how much of it is here, so that whatever ends the server leaves
an offset that is right.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.utils.translation import gettext

from spectradb.models import SeriesFile

_BLOCK = 2**18
Read = Callable[[int], bytes]


class PieceError(Exception):
    """A piece that cannot be taken; ``status`` is that of HTTP."""

    cause = "A piece cannot be taken"
    permanent = False  # sent again from where the file ends, most are taken

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def append(file: SeriesFile, offset: int, n_bytes: int, read: Read) -> int:
    """Write what ``read`` gives, ``n_bytes`` of it, at the end of a file; bytes that are here then.

    Raises
    ------
    PieceError
        423 while another request writes the file, 409 if it does not end at ``offset``, 413 for
        more than was announced, 507 where the disk is full. What has arrived stays.
    """
    with _open(file) as handle:
        here = os.fstat(handle).st_size
        if offset != here:
            raise PieceError(
                409, gettext("The file goes on at byte %(here)d, not %(offset)d.")
                % {"here": here, "offset": offset},
            )  # fmt: skip
        if offset + n_bytes > file.n_bytes:
            raise PieceError(413, gettext("The file was announced with %d bytes.") % file.n_bytes)
        try:
            while n_bytes and (block := read(min(_BLOCK, n_bytes))):
                _write(handle, block)
                n_bytes -= len(block)
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise PieceError(507, gettext("The disk of this site is full; try later.")) from error
        return os.fstat(handle).st_size


def remove(file: SeriesFile) -> None:
    """Delete a file that nobody writes.

    Raises
    ------
    PieceError
        423 while a request writes it.
    """
    with _open(file):
        file.path.unlink(missing_ok=True)
        file.delete()


@contextmanager
def _open(file: SeriesFile) -> Iterator[int]:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file.path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PieceError(423, gettext("Another request writes this file; try again.")) from None
        yield handle
    finally:
        os.close(handle)


def _write(handle: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(handle, view) :]
