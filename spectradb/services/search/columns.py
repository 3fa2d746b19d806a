"""The searchable columns of all spectra, held in memory as number arrays.

Counting a set by eight facets, or finding page 3,000 of it, takes a database a pass over all
its rows for each; over a few bytes a row it takes well under a millisecond. One copy is kept in
each process (about 60 bytes a spectrum) and brought up to date by asking for the rows changed
since, so whoever changes a site or a structure that spectra are found by must touch their
``updated`` (``Spectrum.objects.filter(site=…).update()`` does).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Max, QuerySet
from numpy.typing import NDArray

from spectradb.models import Spectrum
from spectradb.models.visibility import Alternatives, EmptyOrBy

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

CODED: dict[str, str] = {
    "kind": "kind",
    "technique": "technique",
    "status": "status",
    "absorber": "absorber",
    "edge": "edge",
    "coordination_number": "site__coordination_number",
    "geometry": "site__geometry",
    "oxidation_state": "site__oxidation_state",
    "ligands": "site__ligands",
    "crystal_system": "structure__crystal_system",
}
"""Key of the search language → column, kept as a code a row."""

_PLAIN = ("pk", "structure_id", "contributor_id", "published_at", "embargo_until")
_OVERLAP = timedelta(seconds=10)  # a slow transaction may commit rows stamped a little earlier


class Columns:
    """All spectra, in order of number.

    Attributes
    ----------
    pk, structure, contributor, published : int64 (n,)
        −1 where there is none; ``published`` in µs.
    embargo : int64 (n,)
        Days as :meth:`datetime.date.toordinal` counts them; −1 where there is none.
    codes : dict of int64 (n,)
        For each of :data:`CODED` an index into ``values``.
    values : dict of list
        The distinct values; index 0 is always None.
    """

    def __init__(self) -> None:
        self.pk = np.empty(0, np.int64)
        self.structure = self.contributor = self.published = self.embargo = self.pk
        self.codes: dict[str, Ints] = dict.fromkeys(CODED, self.pk)
        self.values: dict[str, list[Any]] = {name: [None] for name in CODED}
        self._index: dict[str, dict[Any, int]] = {name: {None: 0} for name in CODED}
        self._orders: dict[str, Ints] = {}
        self._last: datetime | None = None

    def refresh(self) -> None:
        """Bring the copy up to date: two look-ups when nothing has changed."""
        rows = Spectrum.objects.order_by()
        last = rows.aggregate(last=Max("updated"))["last"]
        count = rows.count()
        if last == self._last and count == self.pk.size:
            return
        if self._last is not None:
            self._merge(rows.filter(updated__gt=self._last - _OVERLAP))
        if self.pk.size != count:
            # Rows were deleted, or this is the first time.
            self.pk = self.structure = self.contributor = np.empty(0, np.int64)
            self.published = self.embargo = self.pk
            self.codes = dict.fromkeys(CODED, self.pk)
            self._merge(rows)
        self._last = last
        self._orders.clear()

    def meeting(self, alternatives: Alternatives) -> Mask:
        """Rows for which one of the alternatives holds (:mod:`spectradb.models.visibility`)."""
        found = np.zeros(self.pk.size, bool)
        for wanted in alternatives:
            one = np.ones(self.pk.size, bool)
            for name, values in wanted.items():
                one &= self.among(name, values)
            found |= one
        return found

    def among(self, name: str, values: Iterable[Any] | EmptyOrBy) -> Mask:
        """Rows whose value of a column is one of these; the embargo alone is asked by a day."""
        if isinstance(values, EmptyOrBy):
            if name != "embargo_until":
                raise KeyError(name)
            come: Mask = self.embargo <= values.day.toordinal()
            return come
        if name == "contributor":
            return _member(self.contributor, values)
        wanted = np.zeros(len(self.values[name]), bool)
        for value in values:
            if (code := self._index[name].get(value)) is not None:
                wanted[code] = True
        found: Mask = wanted[self.codes[name]]
        return found

    def with_ids(self, ids: Iterable[int]) -> Mask:
        """Rows of these numbers."""
        return _member(self.pk, ids)

    def of_structures(self, ids: Iterable[int]) -> Mask:
        """Rows of these structures."""
        return _member(self.structure, ids)

    def counts(self, name: str, chosen: Mask) -> dict[Any, int]:
        """Value → rows, of those chosen."""
        size = len(self.values[name])
        found = np.bincount(self.codes[name][chosen], minlength=size)
        return {self.values[name][code]: int(found[code]) for code in np.flatnonzero(found)}

    def pairs(self, first: str, second: str, chosen: Mask) -> dict[tuple[Any, Any], int]:
        """(value, value) → rows."""
        width = len(self.values[second])
        both = self.codes[first][chosen] * width + self.codes[second][chosen]
        codes, found = np.unique(both, return_counts=True)
        return {
            (self.values[first][code // width], self.values[second][code % width]): int(n)
            for code, n in zip(codes.tolist(), found.tolist(), strict=True)
        }

    def n_structures(self, chosen: Mask) -> int:
        """How many different structures the chosen rows have."""
        seen = np.zeros(int(self.structure.max(initial=0)) + 2, bool)
        seen[self.structure[chosen]] = True
        seen[-1] = False  # where there is none: −1
        return int(np.count_nonzero(seen))

    def ordered(self, chosen: Mask, order: str, rows: QuerySet[Spectrum]) -> Ints:
        """Numbers of the chosen rows in order; ``rows`` is any queryset in that order."""
        if order not in self._orders:
            if order:
                ids = np.fromiter(rows.values_list("pk", flat=True), np.int64)
                known = np.isin(ids, self.pk)
                self._orders[order] = np.searchsorted(self.pk, ids[known])
            else:  # the newest first
                self._orders[order] = np.lexsort((-self.pk, -self.published))
        place = self._orders[order]
        return np.asarray(self.pk[place[chosen[place]]])

    def _merge(self, changed: QuerySet[Spectrum]) -> None:
        found = list(changed.order_by("pk").values_list(*_PLAIN, *CODED.values()).iterator(5000))
        if not found:
            return
        columns = list(zip(*found, strict=True))
        pk = np.array(columns[0], np.int64)
        keep = ~np.isin(self.pk, pk)
        place = np.argsort(np.concatenate([self.pk[keep], pk]), kind="stable")

        def joined(old: Ints, new: Ints) -> Ints:
            return np.asarray(np.concatenate([old[keep], new])[place])

        none = -1
        self.structure = joined(
            self.structure, np.array([none if v is None else v for v in columns[1]], np.int64)
        )
        self.contributor = joined(
            self.contributor, np.array([none if v is None else v for v in columns[2]], np.int64)
        )
        times = [none if v is None else round(v.timestamp() * 1e6) for v in columns[3]]
        self.published = joined(self.published, np.array(times, np.int64))
        days = [none if v is None else v.toordinal() for v in columns[4]]
        self.embargo = joined(self.embargo, np.array(days, np.int64))
        for name, values in zip(CODED, columns[len(_PLAIN) :], strict=True):
            codes = np.fromiter((self._code(name, v) for v in values), np.int64, len(values))
            self.codes[name] = joined(self.codes[name], codes)
        self.pk = joined(self.pk, pk)

    def _code(self, name: str, value: Any) -> int:
        if value == "":
            value = None
        code = self._index[name].get(value)
        if code is None:
            code = self._index[name][value] = len(self.values[name])
            self.values[name].append(value)
        return code


def _member(column: Ints, ids: Iterable[int]) -> Mask:
    """Which entries are among the ids: a table by number, since ids are small and dense."""
    wanted = np.fromiter(ids, np.int64)
    if not wanted.size or not column.size:
        return np.zeros(column.size, bool)
    table = np.zeros(int(max(wanted.max(), column.max())) + 2, bool)
    table[wanted] = True
    table[-1] = False  # where column is −1: none
    found: Mask = table[column]
    return found


_lock = threading.Lock()
_columns: dict[str, Columns] = {}


def columns() -> tuple[Columns, threading.Lock]:
    """The copy of this process, up to date, and the lock to hold while it is read."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    with _lock:
        held = _columns.setdefault(name, Columns())
        held.refresh()
    return held, _lock
