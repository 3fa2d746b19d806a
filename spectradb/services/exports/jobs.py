"""Bulk downloads too large to answer at once: asked for, written by a worker, kept a week."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone
from django.utils.http import content_disposition_header

from spectradb.filters import SearchError, apply_where
from spectradb.models import Export, Spectrum
from spectradb.services.accounts.quotas import check_jobs
from spectradb.services.exports.columns import COLUMNS
from spectradb.services.exports.write import FORMATS, Exported, ExportError, export_spectra
from spectradb.services.files.local import place_of, written
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

KIND = "exports"
"""Their storage."""
KEEP_SECONDS = 7 * 24 * 3600
SIGNED_SECONDS = 600
"""So long the address of a file in a bucket may be used to begin, or to go on after a break."""
# Bytes a spectrum and a point of it, measured on the starter library (800 points each).
_SIZES = {
    "parquet": (600, 11.0),
    "hdf5": (8_000, 16.5),
    "nxxas": (14_000, 16.5),
    "json": (1_500, 37.0),
    "csv": (0, 240.0),
    "xdi": (1_500, 31.0),
}
_ENDINGS = {
    "parquet": "parquet",
    "hdf5": "h5",
    "nxxas": "nxs",
    "json": "json",
    "csv": "csv",
    "xdi": "zip",
}


def opened(export: Export) -> File[bytes] | None:
    """The file of a finished export, to be read; None once it has been cleared away."""
    if not export.file_name:
        return None
    try:
        file: File[bytes] = storages[KIND].open(export.file_name)
    except FileNotFoundError:
        return None
    return file


def signed_address(export: Export) -> str | None:
    """Where its bucket gives the file of a finished export to whoever has the address, for a while.

    Whether a person may have it is asked before. None where this site sends it (a folder, a small
    file, ``EXPORT_SIGNED_MB`` unset), or it was cleared away.
    """
    limit = settings.EXPORT_SIGNED_MB
    name = export.file_name
    if limit is None or not name or (export.n_bytes or 0) <= limit * 10**6:
        return None
    storage = storages[KIND]
    if place_of(KIND, name) is not None or not storage.exists(name):
        return None
    told = {"ResponseContentDisposition": content_disposition_header(True, download_name(export))}
    return str(storage.url(name, parameters=told, expire=SIGNED_SECONDS))  # type: ignore[call-arg]  # of buckets


def download_name(export: Export) -> str:
    """What a person's copy of the file is called."""
    return f"spectradb-{export.pk}.{_ENDINGS[export.format]}"


def estimated_bytes(rows: QuerySet[Spectrum]) -> dict[str, int]:
    """About how large a file of these spectra is in each format, from their numbers of points."""
    told = rows.order_by().aggregate(n=Count("pk"), points=Sum("n_points"))
    return {
        format: int(told["n"] * of_row + (told["points"] or 0) * of_point)
        for format, (of_row, of_point) in _SIZES.items()
    }


def request_export(
    query: Mapping[str, Sequence[str]],
    format: str,
    *,
    columns: Sequence[str] = (),
    user: User | AnonymousUser | None = None,
) -> Export:
    """Queue the export of what this person may see of a search.

    Raises
    ------
    SearchError
        If a key or value of the search is bad.
    ExportError
        If the format or a column is unknown, nothing is selected, or it would be too large.
    QuotaError
        If this person has too many jobs waiting.
    """
    if format not in FORMATS:
        raise ExportError(f"format {format!r}: choose one of {', '.join(FORMATS)}")
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise ExportError(f"columns {', '.join(unknown)}: choose of {', '.join(COLUMNS)}")
    rows = apply_where(Spectrum, query, user)
    if not rows.exists():
        raise ExportError("the search selects no spectrum")
    size, limit = estimated_bytes(rows)[format], settings.EXPORT_MAX_MB
    if size > limit * 10**6:
        raise ExportError(
            f"this would be about {size / 1e6:,.0f} MB of {format}; at most {limit:,} MB are "
            "written: narrow the search, or choose parquet"
        )
    known = user if user is not None and user.is_authenticated else None
    check_jobs(known)
    row = Export.objects.create(
        query=dict(query),
        format=format,
        columns=list(columns),
        requested_by=known,
        public=known is None,
    )
    jobs.enqueue(Export, [row.pk])
    return row


def write(row: Export) -> Exported:
    """Write the file of a queued export, and clear away the old ones."""
    _clear()
    try:
        # Whoever asked may have lost a right meanwhile: rights are those of now.
        rows = apply_where(Spectrum, row.query, row.requested_by)
    except SearchError as error:
        raise ExportError(str(error)) from error
    # A name of this attempt: a host that was cut off ends its own later, and changes no other's.
    name = f"{secrets.token_hex(4)}-{download_name(row)}"
    with written(KIND, name) as path:
        return export_spectra(rows, row.format, path, columns=row.columns or None)


def keep(row: Export, done: Exported) -> None:
    """Note where the file is."""
    row.file_name = done.path.name
    row.n_rows, row.n_bytes = done.n_rows, done.n_bytes
    row.save(update_fields=["file_name", "n_rows", "n_bytes"])


def _clear() -> None:
    oldest = timezone.now() - timedelta(seconds=KEEP_SECONDS)
    storage = storages[KIND]
    try:
        _, names = storage.listdir("")
    except FileNotFoundError:  # nothing was ever exported
        return
    for name in names:
        with suppress(FileNotFoundError):  # another worker cleared it
            if storage.get_modified_time(name) < oldest:
                storage.delete(name)
