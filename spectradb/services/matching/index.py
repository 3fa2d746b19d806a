"""Libraries for matching, one for each group of published spectra, kept in ``var/match``.

Arrays never change under a number, so the numbers that are published say whether an index is up to
date, and what has to be added and removed. Whoever asks a question is served the index as it is;
workers bring it up to date.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from math import ceil
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django_q.tasks import async_task

from compute.errors import InputError, ReadError
from compute.matching import SpectrumLibrary
from compute.matching.grid import ComparisonGrid
from compute.matching.index import common_grid
from compute.matching.version import VERSION as MATCHING
from compute.normalise.version import VERSION as NORMALISE
from spectradb.models import Kind
from spectradb.services.matching.commonness import VERSION as COMMONNESS
from spectradb.services.matching.groups import Curve, Group, groups, prepared, usable
from spectradb.services.matching.teaching import (
    SHIPPED,
    assume,
    pair_numbers,
    teach,
)

_VERSIONS = f"{MATCHING} {NORMALISE}"
_REBUILD_SHARE = 0.5
_BATCH = 500  # rows of a query
_LOOKED_AT, _PART = 2_000, 10_000  # curves in memory: to begin with, and at once after that
_LOADED: dict[Path, tuple[int, SpectrumLibrary]] = {}
_ASKED_SECONDS = 300  # a refresh that was asked for is not asked for again so soon


class IndexState(StrEnum):
    """How an index stands to the database."""

    CURRENT = "current"
    STALE = "stale"
    MISSING = "missing"


def library_of(group: Group) -> SpectrumLibrary:
    """The library of a group as it was last indexed; built here only if there is none.

    It may hold spectra that are public no more, and lack new ones: see `state_of`.

    Raises
    ------
    InputError
        If nothing in the group can be matched.
    """
    library = _stored(group)
    return refresh(group) if library is None else library


def state_of(group: Group) -> IndexState:
    """Whether the index is there, and of what is published now. Asks for the numbers of all."""
    if _version(group) == 0:
        return IndexState.MISSING
    return IndexState.CURRENT if read_stamp(group) == _stamp(group) else IndexState.STALE


def refresh(group: Group) -> SpectrumLibrary:
    """Bring a group's index up to date, and its calibration with it.

    Raises
    ------
    InputError
        If nothing in the group can be matched.
    """
    if (library := _current(group)) is not None:
        return library
    for one in _neighbours(group):
        _begin(one)
    with _alone(group):
        return _current(group) or _refresh(group)


def refresh_all() -> int:
    """Bring every index up to date; how many there are."""
    count = 0
    for group, _, _ in groups():
        if state_of(group) is not IndexState.CURRENT:
            try:
                refresh(group)
            except InputError:  # nothing in it can be matched, so nobody is kept waiting
                continue
        count += 1
    return count


def ask_for_refresh(wanted: Iterable[Group]) -> None:
    """Tell the workers to bring indexes up to date, each at most once in some minutes."""
    for group in wanted:
        if cache.add(f"match-index-{group.path.name}", True, _ASKED_SECONDS):
            async_task(
                "spectradb.tasks.refresh_match_index", group.absorber, group.edge, group.kind
            )


def forget() -> None:
    """Drop all saved libraries; they are built again when they are asked for."""
    _LOADED.clear()
    shutil.rmtree(Path(settings.VAR_DIR) / "match", ignore_errors=True)


def read_stamp(group: Group) -> str:
    """What the saved library was made of."""
    stamp = group.path / "stamp"
    return stamp.read_text() if stamp.exists() else ""


@contextmanager
def _alone(group: Group) -> Iterator[None]:
    """One builder of an index at a time, over all processes of this host."""
    group.path.parent.mkdir(parents=True, exist_ok=True)
    with (group.path.parent / f".{group.path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stamp(group: Group) -> str:
    """Versions of what makes an index, and a hash of the spectra in it."""
    wanted = sorted(group.rows().values_list("pk", flat=True))
    pairs = [pair_numbers(one) for one in (group, *_neighbours(group))]
    shipped = SHIPPED.read_text(encoding="utf-8") if group.lines and SHIPPED.exists() else ""
    digest = hashlib.sha256(json.dumps([wanted, pairs, shipped, COMMONNESS]).encode()).hexdigest()
    return f"{_VERSIONS} {digest}"


def _refresh(group: Group) -> SpectrumLibrary:
    stamp = _stamp(group)
    library = _stored(group)
    if not read_stamp(group).startswith(_VERSIONS):
        library = None  # of another matching or normalisation: nothing of it is kept
    wanted = set(group.rows().values_list("pk", flat=True))
    # What cannot be used stays out, so compare with what was tried, not with what is in.
    before = set(library.ids) if library is not None else set()
    gone, new = before - wanted, wanted - before
    if library is None or len(gone) + len(new) > _REBUILD_SHARE * len(wanted):
        library = _built(group, wanted)
    else:
        library = SpectrumLibrary.load(group.path)  # others go on asking the one in memory
        fresh = _fitting(library.grid, dict(_curves(group, new)))
        if fresh:
            library.put(list(fresh.values()), list(fresh))
        if gone:
            library.remove(gone)
    beside = {one: _stored(one) for one in _neighbours(group)}
    teach(library, group, {one: held for one, held in beside.items() if held is not None})
    return _kept(group, library, stamp)


def _begin(group: Group) -> None:
    """Keep the spectra of a group that has known pairs and no index, as if it had no pairs.

    It teaches its neighbours, and is taught by them when it is brought up to date itself.
    """
    if _stored(group) is None and pair_numbers(group):
        with _alone(group), suppress(InputError):  # of nothing that can be matched
            if _stored(group) is None:
                library = _built(group, set(group.rows().values_list("pk", flat=True)))
                assume(library, group)
                _ = library.calibration
                _kept(group, library, _VERSIONS)


def _kept(group: Group, library: SpectrumLibrary, stamp: str) -> SpectrumLibrary:
    """The library as it is on disk, from where its rows are read as they are used."""
    library.save(group.path)
    (group.path / "stamp").write_text(stamp)
    _LOADED[group.path] = (_version(group), SpectrumLibrary.load(group.path))
    return _LOADED[group.path][1]


def _current(group: Group) -> SpectrumLibrary | None:
    """The index, if it is of what is published now."""
    library = _stored(group)
    return library if library is not None and read_stamp(group) == _stamp(group) else None


def _neighbours(group: Group) -> list[Group]:
    """Groups whose theory errs alike: the 3d L2,3 edges of the other elements."""
    if group.lines is None or group.kind != Kind.THEORY:
        return []
    return [
        one
        for one, _, _ in groups(edge=group.edge, kind=group.kind)
        if one.lines is not None and one != group
    ]


def _built(group: Group, wanted: set[int]) -> SpectrumLibrary:
    """A library of published spectra, of which nothing is expected yet.

    Of a large group some, spread over all, say what energies and resolution the library has; the
    others follow in parts, so that no more than a part's curves are in memory beside its rows.
    """
    # Measured spectra reach less far; their range is that in which they meet.
    lines = group.lines if group.kind == Kind.THEORY else None
    range_ev = None if lines is None else lines.range_ev
    listed = sorted(wanted)
    first = listed[:: ceil(len(listed) / _LOOKED_AT) or 1]
    rest = sorted(wanted - set(first))
    library = None
    for part in (first, *(rest[k : k + _PART] for k in range(0, len(rest), _PART))):
        curves = dict(_curves(group, set(part)))
        if not curves:
            continue
        if library is None:
            library = _begun(curves, range_ev)
        elif fresh := _fitting(library.grid, curves):
            library.put(list(fresh.values()), list(fresh))
    if library is None:
        raise InputError(
            "library", 0, f"no published {group.absorber} {group.edge} spectrum can be matched"
        )
    return library


def _begun(curves: dict[int, Curve], range_ev: tuple[float, float] | None) -> SpectrumLibrary:
    """A library of these, less those that cover too little of what the others do."""
    grid = common_grid(list(curves.values()), range_ev)
    fitting = _fitting(grid, curves)
    if fitting and len(fitting) < len(curves):
        curves, range_ev = fitting, (grid.start_ev, grid.stop_ev)
    return SpectrumLibrary.from_spectra(list(curves.values()), list(curves), range_ev=range_ev)


def _curves(group: Group, numbers: set[int]) -> Iterator[tuple[int, Curve]]:
    listed = sorted(numbers)
    for first in range(0, len(listed), _BATCH):
        for row in group.rows().filter(pk__in=listed[first : first + _BATCH]):
            curve = prepared(row)
            if curve is not None and usable(curve):
                yield row.pk, curve


def _fitting(grid: ComparisonGrid, curves: dict[int, Curve]) -> dict[int, Curve]:
    """Those that cover half of the library's range."""
    low, high = grid.start_ev, grid.stop_ev
    return {
        pk: (e, v)
        for pk, (e, v) in curves.items()
        if min(e[-1], high) - max(e[0], low) >= 0.5 * (high - low)
    }


def _stored(group: Group) -> SpectrumLibrary | None:
    version = _version(group)
    if version == 0:
        return None
    held = _LOADED.get(group.path)
    if held is not None and held[0] == version:
        return held[1]
    try:
        library = SpectrumLibrary.load(group.path)
    except ReadError:
        return None
    _LOADED[group.path] = (version, library)
    return library


def _version(group: Group) -> int:
    meta = group.path / "library.json"
    return meta.stat().st_mtime_ns if meta.exists() else 0
