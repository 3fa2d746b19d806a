"""A series from files to one row and one file; and the file back, local for as long as needed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from compute.errors import ReadError
from compute.isolation import ALLOWANCE, Allowance, apart_within
from compute.series.io import RawSeries
from compute.series.io.beside import ARRAY
from compute.series.io.convert import Converted, convert, convert_read
from compute.series.io.raw import Axis
from compute.series.io.rosetta import MAPPED
from compute.series.io.store import Stored
from spectradb.models import Quantity, Series, Status
from spectradb.services.imports.fields import plain_json, short_text
from spectradb.services.series.grown import draft_of_beginning, grow
from spectradb.services.series.local import alone_with, is_there, keep, local_file

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_PREVIEW = 128
_AXIS_LETTERS = 40  # of a name or unit, which pages show in one line
_EVEN = 1e-4  # of the range, within which steps count as the same
_ROUNDING = 1e-14  # of the largest value, which is no step
_STALE_SECONDS = 24 * 3600
_SMALL_BYTES = 2**20
_MAPPED = MAPPED | {ARRAY}
_READING = Allowance(memory_bytes=2**30, cpu_seconds=60.0, wall_factor=20.0)


@dataclass(frozen=True)
class ImportedSeries:
    """What became of an import."""

    id: int
    outcome: str  # imported, grown or unchanged
    axes: list[dict[str, Any]]
    absorber: str
    edge: str
    n_spectra: int
    n_channels: int
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        told = dict(vars(self))
        told["status"] = told.pop("outcome")
        return told

    @property
    def is_new(self) -> bool:
        return self.outcome == "imported"


def import_series(
    paths: Sequence[Path],
    *,
    axes: Sequence[str] = (),
    element: str | None = None,
    edge: str | None = None,
    contributor: User | None = None,
    most_bytes: int | None = None,
    settled: Callable[[], bool] | None = None,
) -> ImportedSeries:
    """Store the series of these paths as a draft, whole or not at all; once a contributor.

    Files of a folder that fail are told in ``errors`` and left out. With ``most_bytes`` they come
    from a stranger: they are read in a child with limits, and their values take no more.
    ``settled`` is of a watched folder, and says whether they still are as they were when reading
    began: they are read in a child too, and a draft that holds the beginning of them grows
    (:mod:`~spectradb.services.series.grown`).

    Raises
    ------
    ReadError
        No series in the paths, one that ends too early, or more data than disk.
    InputError
        Axes, an element or an edge that cannot be.
    """
    folder = Path(settings.VAR_DIR) / "series-incoming"
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix="import-") as place:
        path = Path(place) / "series.h5"
        if most_bytes is None and settled is None:
            raw = convert(paths, path, axes=axes, element=element, edge=edge)
        else:
            raw = apart_within(
                _allowance(paths), convert, paths, path,
                axes=axes, element=element, edge=edge, most_bytes=most_bytes,
            )  # fmt: skip
        if settled is not None and not settled():
            raise ReadError([f"{paths[0].name}: changed while it was read"], permanent=False)
        names = [one.name for one in paths]
        before = None if settled is None else draft_of_beginning(raw, path, names)
        return _told(raw, *_stored(raw, path, paths[0].stem, names, contributor, before))


def store_series(
    raw: RawSeries, title: str, source_names: Sequence[str], *, contributor: User | None = None
) -> ImportedSeries:
    """Store what was made here, not read; ``title`` where it has none of its own.

    Raises
    ------
    ReadError
        More data than disk.
    """
    folder = Path(settings.VAR_DIR) / "series-incoming"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="import-") as place:
        path = Path(place) / "series.h5"
        made = convert_read(raw, path)
        return _told(made, *_stored(made, path, title, source_names, contributor))


def _told(raw: Converted, row: Series, outcome: str) -> ImportedSeries:
    told = [{key: axis[key] for key in ("name", "unit", "size")} for axis in row.axes]
    return ImportedSeries(
        row.pk, outcome, told, row.absorber, row.edge, row.n_spectra, row.n_channels, raw.warnings,
        raw.errors,
    )  # fmt: skip


def _allowance(paths: Sequence[Path]) -> Allowance:
    """Time by the size of the files; address space for an array that is mapped from its file."""
    files = [one for path in paths for one in (path.rglob("*") if path.is_dir() else [path])]
    sizes = [(one.suffix.lower(), one.stat().st_size) for one in files if one.is_file()]
    n_bytes = sum(size for _, size in sizes)
    if n_bytes < _SMALL_BYTES:
        return ALLOWANCE  # its child serves many calls
    mapped = sum(size for suffix, size in sizes if suffix in _MAPPED)
    return replace(
        _READING,
        memory_bytes=_READING.memory_bytes + 2 * mapped,
        cpu_seconds=_READING.cpu(n_bytes),
    )


def _stored(
    raw: Converted,
    path: Path,
    title: str,
    source_names: Sequence[str],
    contributor: User | None,
    before: Series | None = None,
) -> tuple[Series, str]:
    """The file first, then the row: a file without a row is nothing that anybody sees.

    ``before`` is a draft of the beginning, whose place it takes.
    """
    content = raw.content_hash
    alike = Series.objects.filter(content_hash=content)
    if known := alike.filter(contributor=contributor).first():
        return known, "unchanged"
    name, n_bytes, sha256 = f"{content[:2]}/{content}.h5", raw.written.n_bytes, raw.written.sha256
    if other := alike.first():  # of somebody else: a row of one's own, the same file
        name, n_bytes, sha256 = other.file_name, other.n_bytes, other.sha256
    else:
        # One that is there already has no row: it was left by an import that was killed.
        name = keep(name, path)
        local_file(name, n_bytes, sha256)  # as it was written, now and later
    quantity = raw.quantity if raw.quantity in Quantity.values else Quantity.ARBITRARY
    row = Series(
        title=short_text(str(raw.header.get("title") or title), 200),
        technique=raw.technique[:12],
        absorber=raw.element or "",
        edge=raw.edge or "",
        quantity=quantity,
        axes=[_axis(axis) for axis in raw.axes],
        n_spectra=raw.written.level.size,
        n_channels=raw.energy_ev.size,
        energy_min=float(raw.energy_ev[0]),
        energy_max=float(raw.energy_ev[-1]),
        file_name=name,
        n_bytes=n_bytes,
        sha256=sha256,
        content_hash=content,
        source_names=list(source_names)[:1000],
        header=plain_json(raw.header),
        warnings=raw.warnings,
        status=Status.DRAFT,
        contributor=contributor,
        licence="" if contributor is not None else Series._meta.get_field("licence").default,
        energy=raw.energy_ev,
        summed=raw.written.total,
        counted=raw.counted,
        preview=_preview(raw.written.level.reshape(raw.shape or (1,))),
    )
    with transaction.atomic():
        alone_with(content)
        if known := alike.filter(contributor=contributor).first():  # imported at the same time
            return known, "unchanged"
        if not is_there(row.file_name):  # the row that it was of went just now
            row.file_name = keep(name, path)
            row.n_bytes, row.sha256 = raw.written.n_bytes, raw.written.sha256
        if before is not None and grow(before, row):
            return row, "grown"
        row.save()
    return row, "imported"


def _axis(axis: Axis) -> dict[str, Any]:
    """As the row keeps it; every value where the steps differ."""
    first, last = float(axis.values[0]), float(axis.values[-1])
    told = {**axis.told(), "first": first, "last": last}
    told |= {key: short_text(told[key], _AXIS_LETTERS) for key in ("name", "unit")}
    even = np.linspace(first, last, axis.size)
    rounding = _ROUNDING * float(np.abs(axis.values).max())
    if np.abs(axis.values - even).max() > _EVEN * abs(last - first) + rounding:
        told["values"] = axis.values.tolist()
    return told


@contextmanager
def opened(row: Series) -> Iterator[Stored]:
    """The stored series, on this machine and checked (:mod:`~spectradb.services.series.local`).

    Raises
    ------
    ReadError
        If the file is missing or is not the one that was stored.
    """
    with Stored(local_file(row.file_name, row.n_bytes, row.sha256)) as stored:
        yield stored


def _clear(folder: Path) -> None:
    """What imports that were killed have left."""
    for one in folder.glob("import-*"):
        if time.time() - one.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(one, ignore_errors=True)


def _preview(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of blocks, at most `_PREVIEW` on an axis."""
    for i, size in enumerate(level.shape):
        block = -(-size // _PREVIEW)
        if block > 1:
            starts = np.arange(0, size, block)
            counts = np.add.reduceat(np.isfinite(level).astype(float), starts, axis=i)
            sums = np.add.reduceat(np.nan_to_num(level), starts, axis=i)
            with np.errstate(invalid="ignore", divide="ignore"):
                level = sums / counts
    return np.ascontiguousarray(level)
