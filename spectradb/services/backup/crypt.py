"""A stream under a passphrase: scrypt, then AES-256-GCM over frames of a mebibyte.

Each frame is sealed with its number and whether it is the last, so that one which is changed,
moved, missing or cut off is found out before its content is used.
"""

from __future__ import annotations

import io
import os
import struct
from typing import IO, Any

MAGIC = b"SDBKUP1\0"
_FRAME = 2**20
_SALT, _TAG = 16, 16
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}


class PassphraseError(ValueError):
    """An encrypted archive that this passphrase does not open, or that was changed."""

    cause = "Backup cannot be opened"
    permanent = True


def _cipher(passphrase: str, salt: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ImportError as error:
        words = "encryption needs a package: pip install -r requirements-backup.txt"
        raise PassphraseError(words) from error
    return AESGCM(Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase.encode()))


def _nonce(number: int, last: bool) -> bytes:
    return struct.pack(">?xxxQ", last, number)


class Sealed(io.RawIOBase):
    """Write into it; what arrives in ``to`` is encrypted. Close it, or the end is missing."""

    def __init__(self, to: IO[bytes], passphrase: str) -> None:
        salt = os.urandom(_SALT)
        self._cipher = _cipher(passphrase, salt)
        self._to, self._held, self._number = to, bytearray(), 0
        to.write(MAGIC + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        while len(self._held) > _FRAME:  # the last frame is never empty-handed
            self._put(bytes(self._held[:_FRAME]), last=False)
            del self._held[:_FRAME]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._put(bytes(self._held), last=True)
        super().close()

    def _put(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last), data, None)
        self._to.write(struct.pack(">?I", last, len(sealed)) + sealed)
        self._number += 1


class Opened(io.RawIOBase):
    """Read what :class:`Sealed` wrote; ``source`` stands behind the magic.

    Raises
    ------
    PassphraseError
        While it is read, if the passphrase is another one or the stream was changed or cut.
    """

    def __init__(self, source: IO[bytes], passphrase: str) -> None:
        self._source, self._held, self._number, self._ended = source, b"", 0, False
        self._cipher = _cipher(passphrase, source.read(_SALT))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held and not self._ended:
            self._held = self._next()
        n = min(len(buffer), len(self._held))
        buffer[:n] = self._held[:n]
        self._held = self._held[n:]
        return n

    def _next(self) -> bytes:
        from cryptography.exceptions import InvalidTag

        head = self._source.read(5)
        if len(head) < 5:
            raise PassphraseError("the archive is cut off")
        last, size = struct.unpack(">?I", head)
        sealed = self._source.read(min(size, _FRAME + _TAG))
        try:
            data: bytes = self._cipher.decrypt(_nonce(self._number, last), sealed, None)
        except InvalidTag as error:
            raise PassphraseError("another passphrase, or the archive was changed") from error
        self._number, self._ended = self._number + 1, last
        return data
