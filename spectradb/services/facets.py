"""How many spectra a search finds, and how many each further choice would leave.

One grouped query counts the set by every facet at once (a small cube); each facet's numbers are
then sums over that cube, with the facet's own choice left out, so that its alternatives show.
Cubes are kept until the library changes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.core.cache import cache
from django.db.models import Count, Max, QuerySet

from spectradb.filters import SearchError, filterset
from spectradb.models import Spectrum, Status
from spectradb.models.spectra import SpectrumQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FACETS: dict[str, str] = {
    "kind": "kind",
    "technique": "technique",
    "coordination_number": "site__coordination_number",
    "geometry": "site__geometry",
    "oxidation_state": "site__oxidation_state",
    "ligands": "site__ligands",
    "crystal_system": "structure__crystal_system",
}
"""Key of the search language → column counted."""

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


@dataclass(frozen=True)
class Found:
    """What a search finds.

    ``rows`` is lazy; ``facets`` holds choices in falling order of count.
    """

    rows: SpectrumQuerySet
    n_spectra: int
    n_structures: int
    facets: dict[str, list[Choice]]


def search(query: Query, user: User | AnonymousUser | None) -> Found:
    """The spectra a person may see that answer a query, counted.

    Raises
    ------
    SearchError
        Naming each unknown key and each bad value.
    """
    everything = Spectrum.objects.visible_to(user)
    bound = filterset(Spectrum, query, everything)
    if not bound.is_valid():
        raise SearchError(bound.search_errors())
    given = bound.form.cleaned_data
    chosen = {facet: set(given.get(facet) or ()) for facet in FACETS}
    outer = {
        key: values for key, values in query.items() if key not in FACETS and key != "ordering"
    }
    cube = _cube(outer, user)
    facets: dict[str, list[Choice]] = {}
    names = list(FACETS)
    for position, facet in enumerate(names):
        counts: dict[Any, int] = defaultdict(int)
        for values, count in cube:
            if all(
                other == position or not chosen[name] or values[other] in chosen[name]
                for other, name in enumerate(names)
            ):
                counts[values[position]] += count
        for value in chosen[facet]:
            counts.setdefault(value, 0)
        numbers = _coordination(cube) if facet == "geometry" else {}
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
        facets[facet] = [
            Choice(value, count, value in chosen[facet], numbers.get(value))
            for value, count in ranked
            if value not in (None, "")
        ]
    total = sum(
        count
        for values, count in cube
        if all(
            not chosen[name] or values[place] in chosen[name] for place, name in enumerate(names)
        )
    )
    rows = cast(SpectrumQuerySet, bound.qs)
    return Found(rows, total, _structures(rows, query, user), facets)


def _coordination(cube: list[tuple[tuple[Any, ...], int]]) -> dict[Any, Any]:
    """Geometry → its most frequent coordination number in the set."""
    names = list(FACETS)
    shape, number = names.index("geometry"), names.index("coordination_number")
    counts: dict[Any, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    for values, count in cube:
        counts[values[shape]][values[number]] += count
    return {name: max(by, key=lambda n: by[n]) for name, by in counts.items()}


def library_stamp() -> str:
    """Changes whenever a spectrum is added or a curator decides; two look-ups by key."""
    newest = Spectrum.objects.order_by().aggregate(last=Max("pk"))["last"]
    change = Spectrum.history.order_by().aggregate(last=Max("history_id"))["last"]
    return f"{newest}:{change}"


def totals() -> dict[str, Any]:
    """Published spectra by absorber, edge and kind, and the home page's numbers."""
    key = f"totals:{library_stamp()}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        published = Spectrum.objects.filter(status=Status.PUBLISHED).order_by()
        cells = list(
            published.exclude(absorber="")
            .values_list("absorber", "edge", "kind")
            .annotate(n=Count("pk"))
        )
        found = {
            "cells": cells,
            "spectra": published.count(),
            "structures": published.exclude(structure=None).values("structure").distinct().count(),
            "measured": published.filter(kind="experiment").count(),
            "absorbers": len({absorber for absorber, _, _, _ in cells}),
        }
        cache.set(key, found, _KEEP_SECONDS)
    return found


def _cube(query: Query, user: User | AnonymousUser | None) -> list[tuple[tuple[Any, ...], int]]:
    """Counts of the set by all facets: [((value of each facet), count)]."""
    key = _key("cube", query, user)
    cube: list[tuple[tuple[Any, ...], int]] | None = cache.get(key)
    if cube is None:
        rows = filterset(Spectrum, query, Spectrum.objects.visible_to(user)).qs
        columns = list(FACETS.values())
        grouped = rows.order_by().values_list(*columns).annotate(n=Count("pk"))
        cube = [(tuple(row[:-1]), row[-1]) for row in grouped]
        cache.set(key, cube, _KEEP_SECONDS)
    return cube


def _structures(rows: QuerySet[Spectrum], query: Query, user: User | AnonymousUser | None) -> int:
    outer = {key: values for key, values in query.items() if key != "ordering"}
    key = _key("structures", outer, user)
    count: int | None = cache.get(key)
    if count is None:
        count = rows.order_by().values("structure").distinct().count()
        if count and rows.filter(structure=None).exists():
            count -= 1
        cache.set(key, count, _KEEP_SECONDS)
    return count


def _key(name: str, query: Query, user: User | AnonymousUser | None) -> str:
    """Visitors share counts; people who see more have their own."""
    who = user.pk if user is not None and user.is_authenticated else 0
    asked = repr((sorted((key, sorted(values)) for key, values in query.items()), who))
    digest = hashlib.sha256(asked.encode()).hexdigest()[:24]
    return f"{name}:{library_stamp()}:{digest}"
