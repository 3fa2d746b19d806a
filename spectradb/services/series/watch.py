"""A folder that a beamline writes into: each file or folder is taken when it has come to rest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import DatabaseError, close_old_connections, connection

from compute.errors import ComputeError, ReadError
from compute.series.io.beside import gathered
from compute.series.io.raw import GivenAxis
from compute.series.io.rosetta import READERS
from spectradb.services.series.store import import_series

_State = tuple[tuple[str, int, int], ...]  # of each file: name, size, time of its change

_AGAIN_SECONDS = 5.0  # until what may pass (a lock, a full disk, no database) is tried again
_LONGEST_SECONDS = 300.0  # between two tries of it
_TRIES = 6  # of a file that others hold; of the rest without end


@dataclass
class _Seen:
    """A file or folder as it was last looked at.

    Attributes
    ----------
    since : float
        When it was first seen so.
    taken : bool
        Whether it was read as it is, for good or ill.
    next_try : float
        Not before, where reading it failed for a reason that may pass.
    told : str
        That reason, told once.
    cost_s : float
        What reading it took the last time: one that grows is not read all the time.
    """

    state: _State
    since: float
    taken: bool = False
    next_try: float = 0.0
    tries: int = 0
    told: str = ""
    cost_s: float = 0.0

    def is_news(self, errors: list[str], tries: int | None, cost_s: float) -> bool:
        """Note what came of a try, of so many that it is worth; whether that is to be told."""
        self.cost_s = cost_s
        self.tries += 1
        self.taken = tries is not None and self.tries >= tries
        if self.taken or not errors:
            return "; ".join(errors) != self.told or not errors
        wait_s = min(_AGAIN_SECONDS * 2 ** min(self.tries - 1, 20), _LONGEST_SECONDS)
        self.next_try = time.monotonic() + wait_s
        before, self.told = self.told, "; ".join(errors)
        return before != self.told


class Watch:
    """What has been seen in a folder, and what has been taken of it.

    Parameters
    ----------
    rest_s
        Seconds for which neither sizes nor times may change.

    Raises
    ------
    InputError
        Axes that are no axes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rest_s: float,
        axes: Sequence[str] = (),
        element: str | None = None,
        edge: str | None = None,
    ) -> None:
        for text in axes:
            GivenAxis.parse(text)
        self._folder, self._rest = folder, rest_s
        self._axes, self._element, self._edge = axes, element, edge
        self._seen: dict[Path, _Seen] = {}
        self._read: dict[Path, list[Path]] = {}  # the files of each that is one
        self._away = False

    @property
    def quiet(self) -> bool:
        """Whether everything that is there has been looked at, as it is."""
        return all(one.taken or one.told for one in self._seen.values())

    def look(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Import what has come to rest; what became of each. Nothing that is in a file ends it."""
        if not connection.in_atomic_block:  # whose work would be lost
            close_old_connections()  # one that a restart of the database broke is opened anew
        try:
            present = self._present()
        except OSError as error:  # a network folder that is away for a moment
            if not self._away:
                yield self._folder, _failed("away", f"{type(error).__name__}: {error}")
            self._away = True
            return
        if self._away:
            yield self._folder, {"status": "back", "id": None, "errors": []}
        self._away = False
        self._seen = {path: one for path, one in self._seen.items() if path in present}
        for path, state in present.items():
            one = self._seen.get(path)
            now = time.monotonic()
            if one is None or one.state != state:
                cost_s = 0.0 if one is None else one.cost_s
                self._seen[path] = _Seen(state, now, cost_s=cost_s)
            elif self._rests(one, now):
                told, tries = self._import(path, state)
                if told["errors"] and self._state(path) != state:
                    continue  # what was read was half of it: again once it rests
                if one.is_news(told["errors"], tries, time.monotonic() - now):
                    yield path, told

    def _rests(self, one: _Seen, now: float) -> bool:
        return (
            not one.taken and now >= one.next_try and now - one.since >= max(self._rest, one.cost_s)
        )

    def _present(self) -> dict[Path, _State]:
        found: dict[Path, _State] = {}
        entries = [one for one in sorted(self._folder.iterdir()) if not one.name.startswith(".")]
        self._read = gathered(entries)
        for path in self._read:
            if state := self._state(path):
                found[path] = state
        return found

    def _state(self, path: Path) -> _State:
        """Of all files that are read of it; empty where none can be."""
        try:
            inside = sorted(_inside(path)) if path.is_dir() else self._read[path]
            return tuple(
                (one.name, stat.st_size, stat.st_mtime_ns)
                for one in inside
                if one.is_file() and (stat := one.stat()) is not None
            )
        except OSError:  # gone, or not readable yet
            return ()

    def _import(self, path: Path, state: _State) -> tuple[dict[str, Any], int | None]:
        """What became of it, and how many tries it is worth as it is; None without end."""
        try:
            done = import_series(
                [path], axes=self._axes, element=self._element, edge=self._edge,
                settled=lambda: self._state(path) == state,
            )  # fmt: skip
        except ReadError as error:
            return _failed("failed", *error.errors), 1 if error.permanent else _TRIES
        except ComputeError as error:
            return _failed("failed", str(error)), 1
        except (DatabaseError, OSError) as error:
            return _failed("failed", f"{type(error).__name__}: {error}"), None
        except Exception as error:  # a fault of ours must not end the watch
            return _failed("failed", f"a fault of ours: {error!r}"), 1
        return done.as_json(), 1


def _inside(folder: Path) -> list[Path]:
    """The files that are read of a folder, or of a file that is a folder (``.zspy``)."""
    inside = folder.rglob("*") if folder.suffix.lower() in READERS else folder.iterdir()
    return [one for one in inside if not one.name.startswith(".")]


def _failed(status: str, *errors: str) -> dict[str, Any]:
    return {"status": status, "id": None, "errors": list(errors)}
