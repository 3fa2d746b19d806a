"""A file that is still written: the draft of its beginning becomes the draft of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from compute.errors import ReadError
from compute.series.io.convert import Converted
from compute.series.io.store import Stored
from spectradb.models import Series, Status
from spectradb.services.series.local import local_file, remove_unused

# What a person or the database adds to what the files say.
_OF_THE_ROW = frozenset({"id", "created", "contributor", "licence", "status"})
_AT_ONCE = 4096  # spectra


def draft_of_beginning(raw: Converted, path: Path, source_names: Sequence[str]) -> Series | None:
    """The draft that holds nothing but a part of this series, of the same file or folder.

    Parameters
    ----------
    path
        The file that the series was written to.
    """
    rows = _untouched().filter(source_names=list(source_names), n_channels=raw.energy_ev.size)
    for row in rows.order_by("-pk"):
        if row.history.filter(history_user__isnull=False).exists():
            continue
        try:
            with Stored(local_file(row.file_name, row.n_bytes, row.sha256)) as before:
                if _holds(before, path):
                    return row
        except ReadError:  # damaged or missing: nothing to go by
            continue
    return None


def _untouched() -> QuerySet[Series]:
    """Drafts that nobody analysed or cut a spectrum from: what has been seen of them stays."""
    return Series.objects.filter(
        contributor=None, status=Status.DRAFT, analyses=None, measurements=None
    )


def grow(before: Series, row: Series) -> bool:
    """Give the draft ``before`` all that ``row``, which is not stored, says of the files.

    False where somebody took it up meanwhile. Call it in a transaction.
    """
    held = _untouched().select_for_update(of=("self",)).filter(pk=before.pk, updated=before.updated)
    # Read, not asked for by exists(), which would lock what is joined, too: PostgreSQL cannot.
    if not held.only("pk"):
        return False
    for field in Series._meta.concrete_fields:
        if field.name in _OF_THE_ROW:
            setattr(row, field.attname, getattr(before, field.attname))
    row.save(force_update=True)
    transaction.on_commit(partial(remove_unused, before.file_name, before.content_hash))
    return True


def _holds(before: Stored, path: Path) -> bool:
    """Whether all spectra of ``before`` are in this file, in their order and at their places."""
    with Stored(path) as after:
        inner = before.shape[1:]
        if (
            not before.shape
            or after.shape[1:] != inner
            or not np.array_equal(before.energy_ev, after.energy_ev)
            or any(
                (a.name, a.unit) != (b.name, b.unit)
                for a, b in zip(before.axes, after.axes, strict=True)
            )
            or any(
                not np.array_equal(a.values, b.values)
                for a, b in zip(before.axes[1:], after.axes[1:], strict=True)
            )
        ):
            return False
        old, new = before.axes[0].values, after.axes[0].values
        at_old, at_new = _Places(before), _Places(after)
        i = 0
        for k, place in enumerate(new):
            if i < old.size and old[i] == place:
                i += _found(at_old[i], at_new[k])
        return i == old.size


class _Places:
    """The spectra at each place of the first axis, some places read at once."""

    def __init__(self, stored: Stored) -> None:
        self._stored, self._rows = stored, int(np.prod(stored.shape[1:], dtype=np.int64))
        self._n = max(1, _AT_ONCE // self._rows)
        self._start, self._held = -1, stored.rows(0, 0)

    def __getitem__(self, place: int) -> NDArray[np.floating]:
        start = place // self._n * self._n
        if start != self._start:
            self._start = start
            self._held = self._stored.rows(start * self._rows, (start + self._n) * self._rows)
        first = (place - start) * self._rows
        return self._held[first : first + self._rows]


def _found(before: NDArray[np.floating], after: NDArray[np.floating]) -> bool:
    """Whether spectra (n, m) are the same, but for those that held nothing yet."""
    empty = ~np.nan_to_num(before).any(axis=1)
    return bool(np.array_equal(before[~empty], after[~empty], equal_nan=True))
