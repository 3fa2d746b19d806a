"""Series that people send: announced, arriving in pieces, read by a job, forgotten after a day."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError
from compute.series.io.convert import HDF5_ALLOWANCE, SPARE_BYTES
from compute.series.io.raw import GivenAxis
from spectradb.models import JobStatus, SeriesFile, SeriesUpload
from spectradb.models.series_uploads import INCOMING
from spectradb.models.uploads import KEEP, in_a_day
from spectradb.services.accounts.quotas import (
    QuotaError,
    check_jobs,
    check_series,
    series_bytes_left,
)
from spectradb.services.files import local
from spectradb.services.queue import jobs
from spectradb.services.series.pieces import PieceError
from spectradb.services.series.store import ImportedSeries, import_series

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KIND = "series-uploads"
"""Storage of what has arrived, from which any host reads it."""
MAX_FILES = 5000
_FORBIDDEN = re.compile(r"[^\w.+() -]")
_NAME_LENGTH = 100


def announce(
    user: User,
    *,
    n_files: int,
    n_bytes: int,
    element: str = "",
    edge: str = "",
    axes: Sequence[str] = (),
) -> SeriesUpload:
    """Make place for the files of one series, before any of them is sent.

    Raises
    ------
    InputError
        Numbers, axes, an element or an edge that cannot be.
    QuotaError
        More than the account may keep, or than the disk holds with all that is announced.
    """
    if not 1 <= n_files <= MAX_FILES:
        raise InputError("files", n_files, f"1 … {MAX_FILES} make a series")
    if n_bytes < n_files:
        raise InputError("files", n_bytes, "holds no data")
    element, edge = _checked(element, edge, axes)
    forget_old()
    check_jobs(user)
    check_series(user, n_bytes)
    _check_disk(n_bytes)
    return SeriesUpload.objects.create(
        requested_by=user, n_files=n_files, n_bytes=n_bytes, element=element, edge=edge,
        axes=list(axes),
    )  # fmt: skip


def add_file(upload: SeriesUpload, name: str, n_bytes: int, modified: str = "") -> SeriesFile:
    """One of the announced files, empty as yet.

    Raises
    ------
    PieceError
        If nothing more is expected, it has a name that is taken, or is larger than announced.
    """
    if upload.job_status != INCOMING:
        raise PieceError(409, gettext("All files of this series have arrived."))
    if n_bytes < 1:
        raise PieceError(400, gettext("%s is empty.") % harmless(name))
    with transaction.atomic():
        SeriesUpload.objects.select_for_update().get(pk=upload.pk)
        sizes = list(upload.files.values_list("n_bytes", flat=True))
        if len(sizes) >= upload.n_files or sum(sizes) + n_bytes > upload.n_bytes:
            raise PieceError(413, gettext("More files, or larger ones, than were announced."))
        try:
            with transaction.atomic():
                return SeriesFile.objects.create(
                    upload=upload, name=harmless(name), sent_name=name[:255],
                    modified=modified[:20], n_bytes=n_bytes,
                )  # fmt: skip
        except IntegrityError:
            raise PieceError(
                409, gettext("There is another file of the name %s.") % harmless(name)
            ) from None


def harmless(name: str) -> str:
    """A name that is one plain part of a path: no folder, not hidden, no control characters."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")[-1]
    plain = _FORBIDDEN.sub("_", last).lstrip(". ").rstrip()
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _NAME_LENGTH and dot and len(ending) < 12:
        return f"{stem[: _NAME_LENGTH - len(ending) - 1]}.{ending}"
    return plain[:_NAME_LENGTH] or "file"


def has_arrived(file: SeriesFile) -> None:
    """Note that a piece came; with the last one of all files the job begins."""
    upload = file.upload
    SeriesUpload.objects.filter(pk=upload.pk, job_status=INCOMING).update(expires=in_a_day())
    if file.offset < file.n_bytes:
        return
    local.send(KIND, _name(file), file.path)
    SeriesFile.objects.filter(pk=file.pk).update(arrived=True)
    if upload.files.filter(arrived=True).count() < upload.n_files:
        return
    with transaction.atomic():
        if SeriesUpload.objects.filter(pk=upload.pk, job_status=INCOMING).update(
            job_status=JobStatus.QUEUED, created=timezone.now()
        ):
            jobs.enqueue(SeriesUpload, [upload.pk])


def run_upload(pk: int) -> bool:
    """Read what has arrived and store the series as its sender's draft; whether it was done."""
    done = jobs.run(SeriesUpload, pk, _read, _keep)
    row = SeriesUpload.objects.filter(pk=pk, job_status=JobStatus.DONE).first()
    if done and row is not None:
        _remove(row)
    return done


def _name(file: SeriesFile) -> str:
    """In its storage, as below the folder where it arrives."""
    return f"{file.upload.token}/{file.pk}"


def _remove(upload: SeriesUpload) -> None:
    shutil.rmtree(upload.folder, ignore_errors=True)
    local.forget(KIND, upload.token)


def _read(upload: SeriesUpload) -> ImportedSeries:
    files = list(upload.files.order_by("pk"))
    for file in files:
        local.fetch(KIND, _name(file), file.path)
        if file.offset != file.n_bytes:
            raise InputError("file", file.name, f"has {file.offset} of {file.n_bytes} bytes here")
    with tempfile.TemporaryDirectory(dir=upload.folder, prefix="read-") as place:
        paths = [Path(place) / file.name for file in files]
        for file, path in zip(files, paths, strict=True):
            os.link(file.path, path)
        arrays = [path for path in paths if path.suffix.lower() == ".npy"]
        side = {path.with_suffix(".json") for path in arrays}  # found beside its array
        return import_series(
            [path for path in paths if path not in side],
            axes=upload.axes,
            element=upload.element or None,
            edge=upload.edge or None,
            contributor=upload.requested_by,
            # What was announced stands for this upload itself, which is still open.
            most_bytes=series_bytes_left(upload.requested_by) + upload.n_bytes,
        )


def read_again(
    upload: SeriesUpload, *, element: str = "", edge: str = "", axes: Sequence[str] = ()
) -> bool:
    """Read what has arrived once more, with other statements; whether it had failed.

    Raises
    ------
    InputError
        Axes, an element or an edge that cannot be.
    """
    element, edge = _checked(element, edge, axes)
    failed = SeriesUpload.objects.filter(pk=upload.pk, job_status=JobStatus.FAILED)
    if not failed.update(element=element, edge=edge, axes=list(axes), expires=in_a_day()):
        return False
    return bool(jobs.retry(failed))


def _keep(upload: SeriesUpload, done: ImportedSeries) -> None:
    told = done.as_json()
    upload.series_id = done.id
    upload.told = {key: told[key] for key in ("status", "axes", "warnings", "errors")}
    upload.expires = in_a_day()
    upload.save(update_fields=["series", "told", "expires"])


def forget(upload: SeriesUpload) -> bool:
    """Delete an upload with its files, unless it is being read; whether it is gone."""
    open_now = [JobStatus.QUEUED, JobStatus.RUNNING]
    with transaction.atomic():
        row = SeriesUpload.objects.select_for_update().filter(pk=upload.pk)
        if row.filter(job_status__in=open_now).exists():
            return False
        row.delete()
    _remove(upload)
    return True


def forget_old() -> int:
    """Delete what has expired, and folders without a row; how many uploads."""
    old = SeriesUpload.objects.filter(expires__lt=timezone.now())
    n = sum(forget(upload) for upload in old)
    root = Path(settings.VAR_DIR) / "series-uploads"
    for folder in root.glob("*") if root.is_dir() else ():
        stale = time.time() - folder.stat().st_mtime > KEEP.total_seconds()
        if stale and not SeriesUpload.objects.filter(token=folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)
    return n


def _checked(element: str, edge: str, axes: Sequence[str]) -> tuple[str, str]:
    """What is stated, in our words."""
    for text in axes:
        GivenAxis.parse(text)
    found = normalise_element(element) or "", normalise_edge(edge) or ""
    for name, text, one in (("element", element, found[0]), ("edge", edge, found[1])):
        if text and not one:
            raise InputError(name, text, "does not exist")
    return found


def _check_disk(n_bytes: int) -> None:
    """Room for the files, twice for the series made of them, and for all that others announced."""
    root = Path(settings.VAR_DIR)
    root.mkdir(parents=True, exist_ok=True)
    twice = 1 + 2 * HDF5_ALLOWANCE
    announced = 0
    for upload in SeriesUpload.objects.filter(job_status=INCOMING):
        here = sum(file.offset for file in upload.files.all())
        announced += int(twice * upload.n_bytes) - here
    needed = int(twice * n_bytes) + announced + SPARE_BYTES
    free = shutil.disk_usage(root).free
    if needed > free:
        raise QuotaError(
            gettext("The disk of this site has no room for it: %(need).1f GB, %(free).1f GB free.")
            % {"need": needed / 1e9, "free": free / 1e9}
        )
