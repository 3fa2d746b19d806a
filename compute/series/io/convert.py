"""From the files of a series to the one that is stored: read, checked for room, written, hashed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import ReadError
from compute.series.io.raw import Axis, Floats, RawSeries
from compute.series.io.read import read_series
from compute.series.io.store import Stored, Written, write

SPARE_BYTES = 256 * 2**20  # of the disk, that stays free
HDF5_ALLOWANCE = 1.1


@dataclass(frozen=True)
class Converted:
    """A series as it was written; nothing of it but the sums is in memory.

    Attributes
    ----------
    content_hash : str
        SHA-256 of energies, axes and values, whatever the files around them look like.
    counted : float64 (m,)
        How many spectra have a value in each channel.
    errors : list of str
        Files of a folder that failed and are left out.
    """

    axes: tuple[Axis, ...]
    energy_ev: Floats
    element: str | None
    edge: str | None
    quantity: str
    technique: str
    written: Written
    content_hash: str
    counted: Floats
    header: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)


def convert(
    paths: Sequence[Path],
    target: Path,
    *,
    axes: Sequence[str] = (),
    element: str | None = None,
    edge: str | None = None,
    most_bytes: int | None = None,
) -> Converted:
    """Write the series of these paths to ``target``, which must not exist.

    Parameters
    ----------
    most_bytes
        That the values may take; None for as many as the disk holds.

    Raises
    ------
    ReadError
        No series in the paths, one that ends too early, more values than ``most_bytes`` or disk.
    InputError
        Axes, an element or an edge that cannot be.
    """
    raw, errors = read_series(paths, axes=axes, element=element, edge=edge)
    return convert_read(raw, target, errors=errors, most_bytes=most_bytes)


def convert_read(
    raw: RawSeries,
    target: Path,
    *,
    errors: Sequence[str] = (),
    most_bytes: int | None = None,
) -> Converted:
    """Write what a reader gave, as :func:`convert`."""
    _check_room(raw, target.parent, most_bytes)
    written = write(raw, target)
    warnings = list(raw.warnings)
    if written.gaps:
        warnings.append(f"{written.gaps} of {raw.n_spectra} spectra hold no value")
    if written.full:
        warnings.append(f"{written.full}: full counters or dead pixels, taken as they are")
    if written.below:
        warnings.append(
            f"{written.below}: differences, or counters that ran over? Taken as they are"
        )
    content, counted = _seen(raw, target)
    return Converted(
        raw.axes, raw.energy_ev, raw.element, raw.edge, raw.quantity, raw.technique, written,
        content, counted, dict(raw.header), warnings, list(errors),
    )  # fmt: skip


def _check_room(raw: RawSeries, folder: Path, most_bytes: int | None) -> None:
    """Refuse what the disk cannot hold twice (as it is written, and as it is stored)."""
    values = raw.n_spectra * raw.energy_ev.size * np.dtype(raw.dtype).itemsize
    if most_bytes is not None and values > most_bytes:
        raise ReadError(
            [f"its values take {values / 1e9:.3g} GB; {most_bytes / 1e9:.3g} GB are allowed"]
        )
    needed = int(2 * HDF5_ALLOWANCE * values) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ReadError(
            [f"{needed / 1e9:.1f} GB are needed to store the series, {free / 1e9:.1f} GB are free"]
        )


def _seen(raw: RawSeries, path: Path) -> tuple[str, Floats]:
    """The content hash, and (m,) how many spectra have a value in each channel."""
    digest = hashlib.sha256(np.ascontiguousarray(raw.energy_ev, "<f8").tobytes())
    for axis in raw.axes:
        digest.update(repr((axis.name, axis.unit)).encode())
        digest.update(np.ascontiguousarray(axis.values, "<f8").tobytes())
    digest.update(repr((raw.element, raw.edge)).encode())
    counted = np.zeros(raw.energy_ev.size)
    with Stored(path) as stored:
        for _, rows in stored.parts(1024):
            digest.update(np.ascontiguousarray(rows).tobytes())
            counted += np.isfinite(rows).sum(axis=0)
    return digest.hexdigest(), counted
