"""A series from files to one row and one file; and the file back, local for as long as needed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from numpy.typing import NDArray

from compute.errors import ReadError
from compute.series.io import RawSeries, read_series
from compute.series.io.store import Stored, Written, write
from spectradb.models import Quantity, Series, Status
from spectradb.services.imports.fields import plain_json, short_text

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_SPARE_BYTES = 256 * 2**20  # of the disk, that stays free
_PREVIEW = 128
_STALE_SECONDS = 24 * 3600
_HDF5_ALLOWANCE = 1.1


@dataclass(frozen=True)
class ImportedSeries:
    """What became of an import."""

    id: int
    is_new: bool
    axes: list[dict[str, Any]]
    absorber: str
    edge: str
    n_spectra: int
    n_channels: int
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        told = dict(vars(self))
        told["status"] = "imported" if told.pop("is_new") else "unchanged"
        return told


def import_series(
    paths: Sequence[Path],
    *,
    axes: Sequence[str] = (),
    element: str | None = None,
    edge: str | None = None,
    contributor: User | None = None,
) -> ImportedSeries:
    """Store the series of these paths as a draft, whole or not at all; once, however often asked.

    Files of a folder that fail are told in ``errors`` and left out.

    Raises
    ------
    ReadError
        No series in the paths, one that ends too early, or more data than disk.
    InputError
        Axes, an element or an edge that cannot be.
    """
    raw, errors = read_series(paths, axes=axes, element=element, edge=edge)
    folder = Path(settings.VAR_DIR) / "series-incoming"
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    _has_room(raw, folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix="import-") as place:
        path = Path(place) / "series.h5"
        written = write(raw, path)
        warnings = list(raw.warnings)
        if written.gaps:
            warnings.append(f"{written.gaps} of {raw.n_spectra} spectra hold no value")
        content = _content_hash(raw, path)
        row = Series.objects.filter(content_hash=content).first()
        is_new = row is None
        if row is None:
            row, is_new = _stored(raw, written, path, content, warnings, paths, contributor)
    told = [{key: axis[key] for key in ("name", "unit", "size")} for axis in row.axes]
    return ImportedSeries(
        row.pk, is_new, told, row.absorber, row.edge, row.n_spectra, row.n_channels, warnings,
        errors,
    )  # fmt: skip


def _stored(
    raw: RawSeries,
    written: Written,
    path: Path,
    content: str,
    warnings: list[str],
    paths: Sequence[Path],
    contributor: User | None,
) -> tuple[Series, bool]:
    """The file first, then the row: a file without a row is nothing that anybody sees."""
    storage = storages["series"]
    name = f"{content[:2]}/{content}.h5"
    if storage.exists(name):  # no row has it: left by an import that was killed
        storage.delete(name)
    with path.open("rb") as file:
        name = storage.save(name, File(file))
    quantity = raw.quantity if raw.quantity in Quantity.values else Quantity.ARBITRARY
    row = Series(
        title=short_text(str(raw.header.get("title") or paths[0].stem), 200),
        technique=raw.technique[:12],
        absorber=raw.element or "",
        edge=raw.edge or "",
        quantity=quantity,
        axes=[
            {**axis.told(), "first": float(axis.values[0]), "last": float(axis.values[-1])}
            for axis in raw.axes
        ],
        n_spectra=raw.n_spectra,
        n_channels=raw.energy_ev.size,
        energy_min=float(raw.energy_ev[0]),
        energy_max=float(raw.energy_ev[-1]),
        file_name=name,
        n_bytes=written.n_bytes,
        sha256=written.sha256,
        content_hash=content,
        source_names=[one.name for one in paths][:1000],
        header=plain_json(dict(raw.header)),
        warnings=warnings,
        status=Status.DRAFT,
        contributor=contributor,
        licence="" if contributor is not None else Series._meta.get_field("licence").default,
        energy=raw.energy_ev,
        summed=written.total,
        preview=_preview(written.level.reshape(raw.shape or (1,))),
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:  # the same series, imported at the same time
        return Series.objects.get(content_hash=content), False
    return row, True


@contextmanager
def opened(row: Series) -> Iterator[Stored]:
    """The stored series; from a remote storage by a copy that goes afterwards.

    Raises
    ------
    ReadError
        If the file is missing or is not the one that was stored.
    """
    storage = storages["series"]
    try:
        local: Path | None = Path(storage.path(row.file_name))
    except NotImplementedError:
        local = None
    try:
        with tempfile.TemporaryDirectory(prefix="spectradb-series-") as place:
            if local is None:
                local = Path(place) / "series.h5"
                with storage.open(row.file_name) as source, local.open("wb") as target:
                    shutil.copyfileobj(source, target, 2**20)
            if local.stat().st_size != row.n_bytes:
                raise ReadError([f"{row.file_name}: not the {row.n_bytes} bytes that were stored"])
            with Stored(local) as stored:
                yield stored
    except FileNotFoundError as error:
        raise ReadError([f"{row.file_name}: the file of series {row.pk} is missing"]) from error


def _content_hash(raw: RawSeries, path: Path) -> str:
    """Of energies, axes and values, whatever the file around them looks like."""
    digest = hashlib.sha256(np.ascontiguousarray(raw.energy_ev, "<f8").tobytes())
    for axis in raw.axes:
        digest.update(repr((axis.name, axis.unit)).encode())
        digest.update(np.ascontiguousarray(axis.values, "<f8").tobytes())
    digest.update(repr((raw.element, raw.edge)).encode())
    with Stored(path) as stored:
        for _, rows in stored.parts(1024):
            digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()


def _clear(folder: Path) -> None:
    """What imports that were killed have left."""
    for one in folder.glob("import-*"):
        if time.time() - one.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(one, ignore_errors=True)


def _has_room(raw: RawSeries, folder: Path) -> None:
    """Refuse what the disk cannot hold twice (as it is written, and as it is stored)."""
    values = raw.n_spectra * raw.energy_ev.size * np.dtype(raw.dtype).itemsize
    needed = int(2 * _HDF5_ALLOWANCE * values) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ReadError(
            [f"{needed / 1e9:.1f} GB are needed to store the series, {free / 1e9:.1f} GB are free"]
        )


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
