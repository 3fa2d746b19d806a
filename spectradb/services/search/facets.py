"""How many spectra a search finds, and how many each further choice would leave.

What the search asks of structures and spectra is answered by the database as sets of numbers;
facets, visibility, counts and order are read from :mod:`spectradb.services.search.columns`. A
facet is counted with its own choice left out, so that its alternatives show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from django.core.cache import cache
from django.db.models import Max
from django.utils import timezone

from spectradb.filters import SearchError, filterset
from spectradb.filters.spectra import further_edges, main_edge
from spectradb.filters.structures import STRUCTURE_KEYS, structures_where
from spectradb.models import Spectrum
from spectradb.models.visibility import spectra_seen_by
from spectradb.services.search.columns import CODED, Columns, Ints, Mask, columns

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FACETS = tuple(name for name in CODED if name not in ("status", "absorber", "edge"))
"""Keys of the search language that are counted."""

_KEEP_SECONDS = 600
Query = Mapping[str, list[str]]


@dataclass(frozen=True)
class Choice:
    """One value of a facet and how many spectra it would leave."""

    value: Any
    count: int
    chosen: bool
    beside: Any = None
    """For a geometry, its usual coordination number."""


class Rows(Sequence[Spectrum]):
    """The spectra found, in order; a slice reads just its rows, without arrays."""

    def __init__(self, ids: Ints) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return int(self.ids.size)

    @overload
    def __getitem__(self, index: int) -> Spectrum: ...
    @overload
    def __getitem__(self, index: slice) -> list[Spectrum]: ...
    def __getitem__(self, index: int | slice) -> Spectrum | list[Spectrum]:
        if isinstance(index, int):
            return self._read([int(self.ids[index])])[0]
        return self._read(self.ids[index].tolist())

    def _read(self, ids: list[int]) -> list[Spectrum]:
        rows = (
            Spectrum.objects.without_arrays()
            .select_related("structure", "site", "calculation", "measurement")
            # What a list never shows is not read either.
            .defer(
                "structure__data", "calculation__results", "calculation__sticks",
                "calculation__trace", "measurement__header", "checks",
            )
            .in_bulk(ids)
        )  # fmt: skip
        return [rows[pk] for pk in ids if pk in rows]


@dataclass(frozen=True)
class Found:
    """What a search finds; ``facets`` holds choices in falling order of count."""

    rows: Rows
    n_spectra: int
    n_structures: int
    facets: dict[str, list[Choice]]


def count(query: Query, user: User | AnonymousUser | None) -> int:
    """How many spectra a person may see that answer a query.

    Raises
    ------
    SearchError
        As :func:`search`.
    """
    given = _bound(query).form.cleaned_data
    held, lock = columns()
    with lock:
        base, chosen = _masks(held, query, given, user)
        return int(np.count_nonzero(_all_of(base, chosen)))


def search(query: Query, user: User | AnonymousUser | None) -> Found:
    """The spectra a person may see that answer a query, counted; the newest first unless told.

    Raises
    ------
    SearchError
        Naming each unknown key and each bad value.
    """
    bound = _bound(query)
    given = bound.form.cleaned_data
    held, lock = columns()
    with lock:
        base, chosen = _masks(held, query, given, user)
        everything = _all_of(base, chosen)
        facets = {name: _choices(held, name, base, chosen, given) for name in FACETS}
        order = given.get("ordering") or ""
        in_order = bound.filters["ordering"].filter(Spectrum.objects.all(), order or None)
        ids = held.ordered(everything, order, in_order)
        return Found(Rows(ids), int(ids.size), held.n_structures(everything), facets)


def _bound(query: Query) -> Any:
    bound = filterset(Spectrum, query, Spectrum.objects.all())
    if not bound.is_valid():
        raise SearchError(bound.search_errors())
    return bound


def _masks(
    held: Columns, query: Query, given: Mapping[str, Any], user: User | AnonymousUser | None
) -> tuple[Mask, dict[str, Mask]]:
    """Rows that this person sees and that meet all but the facets; those of each facet chosen."""
    base = held.meeting(spectra_seen_by(user)) & _asked(held, query, given)
    return base, {name: held.among(name, given[name]) for name in FACETS if given.get(name)}


def _asked(held: Columns, query: Query, given: Mapping[str, Any]) -> Mask:
    """Rows that meet every key but the facets."""
    found = np.ones(held.pk.size, bool)
    if given.get("status"):
        found &= held.among("status", given["status"])
    done = {*FACETS, "status", "absorber", "edge", "ordering"}
    if given.get("absorber") or given.get("edge"):
        asked = given["absorber"], given["edge"]
        further = further_edges(*asked).values_list("spectrum", flat=True)
        found &= held.meeting(main_edge(*asked)) | held.with_ids(further)
    about_structures = {key: query[key] for key in query if key in STRUCTURE_KEYS}
    about_structures = {key: v for key, v in about_structures.items() if key not in done}
    if about_structures:
        bound = filterset("structure", about_structures)
        bound.is_valid()
        rows = structures_where(bound.filters, bound.form.cleaned_data)
        found &= held.of_structures(rows.values_list("pk", flat=True))
        done.update(about_structures)
    rest = {key: values for key, values in query.items() if key not in done}
    if rest:
        spectra = filterset(Spectrum, rest, Spectrum.objects.all()).qs
        found &= held.with_ids(spectra.order_by().values_list("pk", flat=True))
    return found


def _all_of(base: Mask, chosen: Mapping[str, Mask], but: str = "") -> Mask:
    for name, mask in chosen.items():
        if name != but:
            base = base & mask
    return base


def _choices(
    held: Columns, name: str, base: Mask, chosen: Mapping[str, Mask], given: Mapping[str, Any]
) -> list[Choice]:
    left = _all_of(base, chosen, but=name)
    counts = {value: n for value, n in held.counts(name, left).items() if value is not None}
    wanted = set(given.get(name) or ())
    for value in wanted:
        counts.setdefault(value, 0)
    numbers = _coordination(held, left) if name == "geometry" else {}
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return [Choice(value, n, value in wanted, numbers.get(value)) for value, n in ranked]


def _coordination(held: Columns, chosen: Mask) -> dict[Any, Any]:
    """Geometry → its most frequent coordination number in the set."""
    counts: dict[Any, dict[Any, int]] = defaultdict(dict)
    for (shape, number), n in held.together(("geometry", "coordination_number"), chosen).items():
        counts[shape][number] = n
    return {shape: max(by, key=lambda value: by[value]) for shape, by in counts.items()}


def library_stamp() -> str:
    """Changes when a spectrum is added, a curator decides, or a day begins; two look-ups by key.

    With the day, since embargoes end by themselves.
    """
    newest = Spectrum.objects.order_by().aggregate(last=Max("pk"))["last"]
    change = Spectrum.history.order_by().aggregate(last=Max("history_id"))["last"]
    return f"{newest}:{change}:{timezone.localdate().toordinal()}"


def totals() -> dict[str, Any]:
    """Published spectra by absorber, edge and kind, and the home page's numbers."""
    key = f"totals:{library_stamp()}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        held, lock = columns()
        with lock:
            public = held.meeting(spectra_seen_by(None))
            cells = [
                (absorber, edge or "", kind, n)
                for (absorber, edge, kind), n in held.together(
                    ("absorber", "edge", "kind"), public
                ).items()
                if absorber
            ]
            found = {
                "cells": cells,
                "spectra": int(np.count_nonzero(public)),
                "structures": held.n_structures(public),
                "measured": int(np.count_nonzero(public & held.among("kind", ["experiment"]))),
                "absorbers": len({absorber for absorber, _, _, _ in cells}),
            }
        cache.set(key, found, _KEEP_SECONDS)
    return found
