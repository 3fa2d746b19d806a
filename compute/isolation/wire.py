"""Messages between a process and its children: a length, then a pickle.

A child has read what a stranger sent, so that its answers are unpickled by a list of what may be
in them: arrays, dates, dataclasses and errors of ours, crystals of pymatgen.
"""

from __future__ import annotations

import importlib
import io
import pickle
import socket
from typing import Any

_BUILTINS = {"set", "frozenset", "complex", "bytearray", "slice", "range"}
_NUMPY = {"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"}
_PLAIN = {
    "datetime": {"datetime", "date", "timedelta", "timezone"},
    "collections": {"OrderedDict", "defaultdict", "Counter"},
    "copyreg": {"_reconstructor", "__newobj__"},
    "pathlib": {"PurePosixPath", "PosixPath"},
}
_OURS = ("compute.", "pymatgen.core.")


class _Answers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = (
            (module == "builtins" and name in _BUILTINS)
            or (module.split(".")[0] == "numpy" and name in _NUMPY)
            or name in _PLAIN.get(module, ())
            or (module, name) == ("compute.errors", "rebuilt")
        )
        if known:
            return getattr(importlib.import_module(module), name)
        if module.startswith(_OURS):
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")


def answer_of(data: bytes) -> Any:
    """What a child sent; raises ``pickle.UnpicklingError`` if it holds anything unusual."""
    return _Answers(io.BytesIO(data)).load()


def send(line: socket.socket, data: bytes) -> None:
    line.sendall(len(data).to_bytes(8, "little"))
    line.sendall(data)


def receive(line: socket.socket, limit: int) -> bytes:
    """The next message; empty where the other side is gone.

    Raises
    ------
    ValueError
        If it is longer than ``limit`` bytes.
    """
    size = int.from_bytes(_exactly(line, 8), "little")
    if size > limit:
        raise ValueError(f"{size} bytes")
    return _exactly(line, size)


def _exactly(line: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = line.recv(min(size - len(data), 2**20))
        if not part:
            return b""
        data += part
    return bytes(data)
