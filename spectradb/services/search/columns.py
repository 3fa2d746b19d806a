"""The searchable columns of all spectra, held in memory as number arrays.

Counting a set by eight facets, or finding page 3,000 of it, takes a database a pass over all
its rows for each; over a few bytes a row it takes well under a millisecond. Each process has them
(about 50 bytes a spectrum) and brings them up to date by asking for the rows changed since, so
whoever changes a site or a structure that spectra are found by must touch their ``updated``
(``Spectrum.objects.filter(site=…).update()`` does). Of a large library they are kept in a file
(:mod:`spectradb.services.search.kept`), which the processes of a host map instead of reading
every row: a new one then starts at once, and all have the same memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, Max, Q, QuerySet
from numpy.typing import NDArray

from spectradb.database_state import database_state, oldest_open
from spectradb.filters.fields import written_valence
from spectradb.models import Spectrum
from spectradb.models.visibility import Alternatives, EmptyOrBy
from spectradb.services.search import kept

Ints = NDArray[np.signedinteger[Any]]
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

_ARRAYS = ("pk", "structure", "contributor", "published", "embargo")
_PLAIN = ("pk", "structure_id", "contributor_id", "published_at", "embargo_until")
_OVERLAP = timedelta(seconds=10)  # that the clocks of the hosts may differ by
_COUNT_SECONDS = 10.0  # between counts of all rows, which tell that some were deleted
_KEPT_FROM = 20_000  # spectra; fewer are read in a second
_KEPT_CHANGED = 0.05  # of all rows: then the file is written anew


class Columns:
    """All spectra, in order of number.

    Attributes
    ----------
    pk, structure, contributor, published : int64 (n,)
        −1 where there is none; ``published`` in µs.
    embargo : int32 (n,)
        Days as :meth:`datetime.date.toordinal` counts them; −1 where there is none.
    codes : dict of int16 or int32 (n,)
        For each of :data:`CODED` an index into ``values``.
    values : dict of list
        The distinct values; index 0 is always None.
    """

    def __init__(self) -> None:
        self._empty()
        self._last: datetime | None = None
        self._seen: datetime | None = None  # what was stamped before, it has (oldest_open)
        self._state: str | None = None
        self._counted = -_COUNT_SECONDS
        self._history = 0
        self._changed = 0  # rows since the file was written
        self._mapped = False

    def refresh(self) -> None:
        """Bring the copy up to date: one look-up when nothing has been stored since."""
        state = database_state()
        if state is not None and state == self._state:
            return
        seen = oldest_open()  # before the rows are read
        rows = Spectrum.objects.order_by()
        last = rows.aggregate(last=Max("updated"))["last"]
        if not self._mapped:
            self._mapped = True
            self._from_file(last)
        if self._needs_count(last, state):
            self._merge_all(rows, last)
        elif self._last is not None and not self._is_settled(last):
            self._merge(self._unseen(rows))
        self._last, self._seen, self._state = last, seen, state
        large = self.pk.size >= _KEPT_FROM and self._changed > _KEPT_CHANGED * self.pk.size
        if large and state is not None:
            self._to_file()

    def _is_settled(self, last: datetime | None) -> bool:
        """Whether no row changed since: nor one stamped before the newest and committed after."""
        return (
            last == self._last
            and last is not None
            and self._seen is not None
            and self._seen - last > _OVERLAP
        )

    def _unseen(self, rows: QuerySet[Spectrum]) -> QuerySet[Spectrum]:
        """Rows that may have been committed since the last look, of any transaction."""
        assert self._last is not None
        assert self._seen is not None
        return rows.filter(updated__gt=min(self._last, self._seen) - _OVERLAP)

    def _needs_count(self, last: datetime | None, state: str | None) -> bool:
        """Whether rows may have been deleted.

        Of few rows that is always asked. Of many, a count is a pass over all of them: it is taken
        where the history has a deletion, and now and then for what leaves none.
        """
        older = last is None or self._last is None or last < self._last
        if older or state is None or self.pk.size < _KEPT_FROM:
            return True
        new = Spectrum.history.order_by().filter(history_id__gt=self._history)
        told = new.aggregate(last=Max("history_id"), gone=Count("pk", Q(history_type="-")))
        self._history = told["last"] or self._history
        return bool(told["gone"]) or time.monotonic() - self._counted > _COUNT_SECONDS

    def _merge_all(self, rows: QuerySet[Spectrum], last: datetime | None) -> None:
        n = rows.count()
        self._counted = time.monotonic()
        if n >= _KEPT_FROM:
            history = Spectrum.history.order_by()
            self._history = history.aggregate(last=Max("history_id"))["last"] or 0
        if n == self.pk.size and self._is_settled(last):
            return
        # Where the newest is older than what was seen, another state of the rows was put back.
        known = self._last is not None and last is not None and last >= self._last
        if known:
            self._merge(self._unseen(rows))
        if not known or self.pk.size != n:
            # Rows were deleted, or this is the first time.
            self._empty()
            self._merge(rows)

    def _empty(self) -> None:
        none = np.empty(0, np.int64)
        self.pk = self.structure = self.contributor = self.published = none
        self.embargo = np.empty(0, np.int32)
        self.codes: dict[str, Ints] = dict.fromkeys(CODED, np.empty(0, np.int16))
        self.values: dict[str, list[Any]] = {name: [None] for name in CODED}
        self._index: dict[str, dict[Any, int]] = {name: {None: 0} for name in CODED}
        self._orders: dict[str, Ints] = {}

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

    def together(self, names: tuple[str, ...], chosen: Mask) -> dict[tuple[Any, ...], int]:
        """Values of several columns → rows that have them together, of those chosen."""
        code = np.zeros(int(np.count_nonzero(chosen)), np.int64)
        for name in names:
            code = code * len(self.values[name]) + self.codes[name][chosen]
        found = {}
        for one, n in zip(*np.unique(code, return_counts=True), strict=True):
            left, values = int(one), []
            for name in reversed(names):
                left, last = divmod(left, len(self.values[name]))
                values.append(self.values[name][last])
            found[tuple(reversed(values))] = int(n)
        return found

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
        self._orders.clear()
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
        self.embargo = joined(self.embargo, np.array(days, np.int32))
        for name, values in zip(CODED, columns[len(_PLAIN) :], strict=True):
            codes = np.fromiter((self._code(name, v) for v in values), np.int32, len(values))
            small = len(self.values[name]) < np.iinfo(np.int16).max
            self.codes[name] = joined(self.codes[name], codes.astype(np.int16) if small else codes)
        self.pk = joined(self.pk, pk)
        self._changed += len(found)

    def _from_file(self, newest: datetime | None) -> None:
        """What the file holds, if it is of these rows; what changed since is merged after."""
        found = kept.load(CODED)
        if found is None:
            return
        last = datetime.fromisoformat(found.last)
        of_before = Spectrum.objects.filter(updated__lte=last)
        if newest is None or newest < last or of_before.count() > found.arrays["pk"].size:
            return  # another database, or this one as it was once
        self._take(found)
        self._last, self._seen = last, datetime.fromisoformat(found.seen)

    def _take(self, found: kept.Kept) -> None:
        for name in _ARRAYS:
            setattr(self, name, found.arrays[name])
        self.codes = {name: found.arrays[f"code:{name}"] for name in CODED}
        self.values = found.values
        self._index = {
            name: {value: code for code, value in enumerate(values)}
            for name, values in found.values.items()
        }
        self._changed = 0

    def _to_file(self) -> None:
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"code:{name}": codes for name, codes in self.codes.items()}
        assert self._last is not None
        assert self._seen is not None
        own = kept.Kept(self._last.isoformat(), self._seen.isoformat(), self.values, arrays)
        self._changed = 0  # where nothing can be written, it is tried again after as many changes
        if not kept.save(own):
            return
        found = kept.load(CODED)
        if found is not None and found.is_same(own):  # not what another process wrote meanwhile
            self._take(found)  # the memory that all share, in place of our own

    def _code(self, name: str, value: Any) -> int:
        if value == "":
            value = None
        if name == "oxidation_state" and value is not None:
            value = written_valence(value)
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


def is_large() -> bool:
    """Whether the library has so many spectra that the columns are kept in a file; asks nothing."""
    return kept.exists()
