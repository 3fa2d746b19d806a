"""Maps while they are made: part after part on the disk, and one file once all are there.

Each part is a file of its own that appears whole or not at all, so that a process may be killed at
any moment: what is there is right, and the same question goes on behind it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import h5py
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from compute.series.version import VERSION
from spectradb.models import Series
from spectradb.services.series.source import Source

Floats = NDArray[np.float64]

PART = 4096  # spectra at most between two marks of a restart
PART_BYTES = 64 * 2**20
_STALE_SECONDS = 14 * 24 * 3600  # since a part of an analysis that nobody went on with


@dataclass(frozen=True)
class Asked:
    """What is asked of a series; with the series and the version it is the key of a restart.

    Without ``components`` there are as many as validation predicts; ``select`` keeps the references
    that the spectra ask for. ``corrections`` are pairs of a name and a value
    (:data:`spectradb.services.series.source.CORRECTIONS`); ``smooth`` is of the library.
    """

    method: str
    references: tuple[str, ...] = ()
    components: int | None = None
    free: tuple[str, ...] = ()
    noise: str | None = None
    quantities: tuple[str, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    corrections: tuple[tuple[str, Any], ...] = ()
    select: bool = False
    smooth: str = "alike"

    def key(self, row: Series, digests: Sequence[str]) -> str:
        told = [VERSION, row.content_hash, asdict(self), *digests]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass
class Progress:
    """Spectra done of all, after each part."""

    done: int
    total: int
    warnings: list[str] = field(default_factory=list)


class Parts:
    """Numbers of spectra, one for each, kept in parts under the key of a question.

    Whoever asks the same while it is being answered has a folder of their own.
    """

    def __init__(self, key: str, n: int) -> None:
        home = Path(settings.VAR_DIR) / "series-maps"
        self.n = n
        self.folder = home / key
        found = _alone_in(self.folder)
        if found is None:
            self.folder = home / f"{key}-{secrets.token_hex(4)}"
            found = _alone_in(self.folder)
        self._held = found
        os.utime(self.folder)
        for one in home.iterdir():
            with suppress(FileNotFoundError):  # of an analysis that ended just now
                if time.time() - one.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(one, ignore_errors=True)
        self._starts: list[int] = []
        self.done = 0
        while (values := self._read(self.done)) is not None:
            self._starts.append(self.done)
            self.done += len(next(iter(values.values())))

    def put(self, values: Mapping[str, Floats]) -> None:
        """The next part; it is on the disk before it counts as done."""
        path = self._path(self.done)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            _savez(file, values)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        self._starts.append(self.done)
        self.done += len(next(iter(values.values())))

    def names(self) -> list[str]:
        first = self._read(0)
        return [] if first is None else list(first)

    def whole(self, name: str) -> Floats:
        """One map (n,), from all parts."""
        parts = []
        for start in self._starts:
            values = self._read(start)
            assert values is not None
            parts.append(values[name])
        return np.concatenate(parts)

    def finish(
        self,
        output: Path,
        source: Source,
        energy: Floats,
        spectra: Floats,
        told: Mapping[str, Any],
        more: Mapping[str, Floats] | None = None,
        texts: Mapping[str, Any] | None = None,
    ) -> None:
        """All maps on the axes, whole, under the name asked for; the parts go.

        ``more`` are maps (n,) that need all parts, ``texts`` lists too long for an attribute.
        """
        shape = source.shape or (1,)
        partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
        try:
            with h5py.File(partial, "w") as out:
                out.attrs.update(
                    {"version": VERSION, **{k: json.dumps(v) for k, v in told.items()}}
                )
                for name in self.names():
                    if name not in (more or {}):
                        out.create_dataset(name, data=self.whole(name).reshape(shape))
                for name, values in (more or {}).items():
                    out.create_dataset(name, data=values.reshape(shape))
                for name, text in (texts or {}).items():
                    out.create_dataset(name, data=json.dumps(text))
                out.create_dataset("spectra", data=spectra)
                out.create_dataset("energy", data=energy).attrs["units"] = "eV"
                for i, axis in enumerate(source.axes):
                    one = out.create_dataset(f"axes/{i}", data=axis.values)
                    one.attrs.update({"name": axis.name, "units": axis.unit})
            partial.replace(output)
        finally:
            partial.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._held is not None:
            self._held.close()

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:012d}.npz"

    def _read(self, start: int) -> dict[str, Floats] | None:
        """A part; None where there is none, or it is no part (a disk that was full)."""
        try:
            with np.load(self._path(start), allow_pickle=False) as file:
                return {name.replace("|", "/"): file[name] for name in file.files}
        except (OSError, ValueError, BadZipFile, KeyError):
            return None


def _alone_in(folder: Path) -> BinaryIO | None:
    """A lock of this folder until it is closed, or the process ends; None where another has it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = (folder / ".lock").open("wb")
        except FileNotFoundError:  # its analysis has ended just now
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat((folder / ".lock").stat(), os.fstat(file.fileno())):
                return file
        file.close()


def provenance(row: Series, source: Source, asked: Asked) -> dict[str, Any]:
    """Which series was asked what, and how it was corrected before: attributes of the maps."""
    return {
        "method": asked.method,
        "series": row.pk,
        "content_hash": row.content_hash,
        "asked": asdict(asked),
        "corrections": source.records(),
    }


def _savez(file: BinaryIO, values: Mapping[str, Floats]) -> None:
    """Names of maps hold slashes, names inside a zip file had better not."""
    renamed: dict[str, Any] = {name.replace("/", "|"): one for name, one in values.items()}
    np.savez(file, **renamed)


def rows_of(n_channels: int) -> int:
    """Spectra of a part."""
    return int(max(1, min(PART, PART_BYTES // (8 * n_channels))))
