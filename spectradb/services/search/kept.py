"""The searchable columns in a file that the processes of a host map: read-only, shared memory."""

from __future__ import annotations

import hashlib
import json
import mmap
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

_MAGIC = b"SDBCOL4\n"
_HEAD = 16  # bytes: the magic number and the length of what follows it
_ALIGN = 64


@dataclass(frozen=True)
class Kept:
    """``last`` is the newest ``updated`` of its rows; what was stamped before ``seen`` is among
    them; both ISO 8601. ``values`` belong to the codes."""

    last: str
    seen: str
    values: dict[str, list[Any]]
    arrays: dict[str, NDArray[Any]]

    def is_same(self, other: Kept) -> bool:
        """Whether both hold the same of the same rows."""
        same = (self.last, self.values) == (other.last, other.values)
        return same and all(
            np.array_equal(array, other.arrays[name]) for name, array in self.arrays.items()
        )


def save(columns: Kept) -> bool:
    """Write the file anew, in one step for whoever opens it; False where nothing can be written."""
    if settings.READ_ONLY:
        return False
    arrays = {name: np.ascontiguousarray(array) for name, array in columns.arrays.items()}
    about: dict[str, Any] = {"last": columns.last, "seen": columns.seen, "values": columns.values}
    about["arrays"] = [(name, array.dtype.str, array.size) for name, array in arrays.items()]
    head = json.dumps(about, ensure_ascii=False).encode()
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115
    except OSError:
        return False
    half = Path(file.name)
    try:
        with file:
            file.write(_MAGIC + len(head).to_bytes(8, "little") + head)
            for array in arrays.values():
                file.write(b"\0" * (-file.tell() % _ALIGN))
                array.tofile(file)
        half.replace(path)
    except OSError:  # a full disk; tried again later, so that nothing may be left each time
        half.unlink(missing_ok=True)
        return False
    return True


def load(names: Iterable[str]) -> Kept | None:
    """The columns of the file; None where there is none, or one of other columns."""
    try:
        with _path().open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    if data[: len(_MAGIC)] != _MAGIC:
        return None
    at = _HEAD + int.from_bytes(data[len(_MAGIC) : _HEAD], "little")
    try:
        about = json.loads(data[_HEAD:at])
        if list(about["values"]) != list(names):
            return None
        arrays = {}
        for name, kind, size in about["arrays"]:
            at += -at % _ALIGN
            arrays[name] = np.frombuffer(data, np.dtype(kind), size, at)
            at += arrays[name].nbytes
    except (ValueError, OverflowError):  # cut short by a full disk
        return None
    return Kept(about["last"], about["seen"], about["values"], arrays)


def exists() -> bool:
    """Whether this database has a file."""
    return _path().is_file()


def _path() -> Path:
    """One of each database, whose name tells them apart on a host."""
    told = json.dumps([str(connection.settings_dict[key]) for key in ("HOST", "PORT", "NAME")])
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    return Path(settings.VAR_DIR) / "columns" / f"{name}.bin"
