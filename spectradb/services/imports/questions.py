"""Files that leave open what their columns hold: kept a day, until a person answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import ComputeError, InputError, ReadError, SkipFile
from compute.io import Choice, ColumnChoice, Question, QuestionError, read_bytes
from compute.isolation import apart
from spectradb.models import Upload
from spectradb.services.imports.spectra import ImportedFile, import_file
from spectradb.services.imports.uploads import keep, keep_spectrum_file

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FloatArray = NDArray[np.float64]
MAX_CURVES = 6  # in a preview
MAX_FILES = 200  # answered at once
_OPEN = "columns"  # in ``Upload.told``


@dataclass(frozen=True)
class OpenFile:
    """A kept file with its question.

    ``options`` are the answers given before: a second question may follow the first.
    """

    upload: Upload
    question: Question
    options: dict[str, Any]


def keep_open(
    name: str,
    data: bytes,
    user: User | AnonymousUser | None,
    *,
    given: dict[str, str],
    options: dict[str, Any],
) -> Upload:
    """Keep a file until its question is answered; ``given`` are its element and edge."""
    return keep(name, data, {_OPEN: {"given": given, "options": options}}, user)


def open_file(upload: Upload) -> OpenFile | None:
    """The file with what is asked of it; None if nothing is open any more."""
    options = upload.told[_OPEN]["options"]
    try:
        columns = ColumnChoice.checked(**options)
        apart(read_bytes, upload.name, bytes(upload.data), columns=columns)
    except QuestionError as error:
        return OpenFile(upload, error.question, options)
    except (ReadError, SkipFile):
        return None
    return None


def kept_open(tokens: Sequence[str], user: User | AnonymousUser) -> list[Upload]:
    """The person's own files of these tokens that wait for an answer, in their order."""
    owner = user if user.is_authenticated else None
    rows = Upload.objects.filter(token__in=list(tokens)[:MAX_FILES], requested_by=owner)
    found = {row.token: row for row in rows if _OPEN in row.told}
    return [found[token] for token in tokens if token in found]


def take_over(tokens: Sequence[str], user: User) -> list[Upload]:
    """Files that nobody was signed in for, now this person's, in their order.

    Whoever knows the tokens has sent them: they are kept in one's own session.
    """
    rows = Upload.objects.filter(token__in=list(tokens)[:MAX_FILES], requested_by=None)
    found = {row.token: row for row in rows if _OPEN in row.told}
    Upload.objects.filter(pk__in=[row.pk for row in found.values()]).update(requested_by=user)
    return [found[token] for token in tokens if token in found]


def read_named(upload: Upload, options: dict[str, Any], user: User | AnonymousUser) -> Upload:
    """The file at hand, once a person has named its columns; it waits no more.

    Raises
    ------
    QuestionError
        If a second question follows; what was answered is kept.
    ReadError, SkipFile, InputError
        If it cannot be read by this answer.
    """
    options = {**upload.told[_OPEN]["options"], **options}
    try:
        row = keep_spectrum_file(upload.name, bytes(upload.data), user, options=options)
    except QuestionError:
        upload.told[_OPEN]["options"] = options
        upload.save(update_fields=["told"])
        raise
    upload.delete()
    return row


def preview(opened: OpenFile) -> list[tuple[str, FloatArray, FloatArray]]:
    """Name, energy (n,) in eV and signal (n,) of the choices that can be drawn over one axis."""
    curves: list[tuple[str, FloatArray, FloatArray]] = []
    for choice in opened.question.choices:
        if len(curves) >= MAX_CURVES or "signal" not in dict(choice.options):
            continue
        columns = ColumnChoice.checked(**merged(opened.options, choice))
        data = bytes(opened.upload.data)
        try:
            raw = apart(read_bytes, opened.upload.name, data, columns=columns)[0]
        except (ComputeError, SkipFile):
            continue
        curves.append((choice.label, raw.energy_ev, raw.intensity))
    return curves


def merged(options: dict[str, Any], choice: Choice) -> dict[str, Any]:
    """The options of earlier answers with those of a choice."""
    new: dict[str, Any] = dict(choice.options)
    if "signal" in new:
        new["signal"] = [new["signal"]]
    return {**options, **new}


def answer(
    uploads: Sequence[Upload], options: dict[str, Any], user: User
) -> Iterator[ImportedFile]:
    """Import kept files with the columns that a person named; one result a file.

    The answer holds for files with the header of the first; another's question stays open. Files
    that are imported are forgotten.

    Raises
    ------
    InputError
        If an option is none (the unit).
    """
    first = open_file(uploads[0]) if uploads else None
    header = first.question.header if first is not None else None
    for upload in uploads:
        before = upload.told[_OPEN]
        columns = ColumnChoice.checked(**{**before["options"], **options}, header=header)
        if columns is None:
            raise InputError("choice", "", "choose one, or name the columns")
        given = before["given"]
        done = import_file(
            upload.name,
            bytes(upload.data),
            element=given.get("element") or None,
            edge=given.get("edge") or None,
            contributor=user,
            columns=columns,
        )
        if done.status in ("imported", "unchanged"):
            upload.delete()
        elif done.question is not None:
            upload.told = {_OPEN: {"given": given, "options": {**before["options"], **options}}}
            upload.save()
        yield done
