"""A folder that a beamline writes into: each file or folder is taken when it has come to rest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from compute.errors import ComputeError
from compute.series.io.raw import GivenAxis
from spectradb.services.series.store import import_series

_State = tuple[tuple[str, int, int], ...]  # of each file: name, size, time of its change


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
        self._seen: dict[Path, tuple[_State, float]] = {}
        self._taken: dict[Path, _State] = {}

    @property
    def quiet(self) -> bool:
        """Whether everything that was seen has been taken, as it is."""
        return all(self._taken.get(path) == state for path, (state, _) in self._seen.items())

    def look(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Import what has come to rest; what became of each. Nothing that is in a file ends it."""
        now = time.monotonic()
        present = self._present()
        self._seen = {path: one for path, one in self._seen.items() if path in present}
        for path, state in present.items():
            before = self._seen.get(path)
            if before is None or before[0] != state:
                self._seen[path] = (state, now)
                continue
            if self._taken.get(path) == state or now - before[1] < self._rest:
                continue
            self._taken[path] = state
            yield path, self._import(path)

    def _present(self) -> dict[Path, _State]:
        found: dict[Path, _State] = {}
        try:
            entries = sorted(self._folder.iterdir())
        except OSError:  # a network folder that is away for a moment
            return found
        for path in entries:
            if path.name.startswith(".") or path.suffix.lower() == ".json":
                continue
            try:
                files = sorted(path.iterdir()) if path.is_dir() else [path]
                state = tuple(
                    (one.name, stat.st_size, stat.st_mtime_ns)
                    for one in files
                    if (stat := one.stat()) is not None
                )
            except OSError:  # gone, or not readable yet
                continue
            if state:
                found[path] = state
        return found

    def _import(self, path: Path) -> dict[str, Any]:
        try:
            done = import_series([path], axes=self._axes, element=self._element, edge=self._edge)
        except ComputeError as error:
            return {"status": "failed", "id": None, "errors": [str(error)]}
        except (DatabaseError, OSError) as error:  # may pass: tried again when the file changes
            self._taken.pop(path, None)
            return {"status": "failed", "id": None, "errors": [f"{type(error).__name__}: {error}"]}
        except Exception as error:  # a fault of ours must not end the watch
            return {"status": "failed", "id": None, "errors": [f"a fault of ours: {error!r}"]}
        return done.as_json()
