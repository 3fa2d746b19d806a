"""What an account holds: given to its owner as one file, and deleted at their wish."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from spectradb.models import (
    ApiKey,
    Collection,
    Comment,
    Measurement,
    Notice,
    Series,
    SourceFile,
    Spectrum,
    Status,
    Upload,
)
from spectradb.services.accounts.language import language_of
from spectradb.services.curation.workflow import save_with_reason
from spectradb.services.exports.write import export_spectra
from spectradb.services.series.discard import discard

if TYPE_CHECKING:
    from django.contrib.auth.models import User

STAYS = (Status.PUBLISHED, Status.WITHDRAWN)
"""Records that others may have cited: they stay, with the attribution that they state."""


def write_archive(user: User, to: BinaryIO) -> None:
    """A zip of ``account.json``, ``spectra.json`` and every file that the person sent or keeps."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("account.json", json.dumps(_about(user), indent=1, ensure_ascii=False))
        mine = Spectrum.objects.filter(contributor=user).order_by("pk")
        if mine.exists():
            with tempfile.TemporaryDirectory(prefix="spectradb-") as folder:
                path = Path(folder) / "spectra.json"
                export_spectra(mine, "json", path)
                archive.write(path, "spectra.json")
        # Under the names that this person gave them: who else sent the same is nobody's to know.
        sent = Measurement.objects.filter(spectrum__contributor=user).exclude(file=None)
        names = dict(sent.order_by("-pk").values_list("file", "file_name"))
        for file in SourceFile.objects.filter(pk__in=names).iterator(chunk_size=1):
            name = PurePath(names[file.pk]).name or "file"
            archive.writestr(f"files/{file.pk}-{name}", bytes(file.data))
        for kept in Upload.objects.filter(requested_by=user).iterator(chunk_size=1):
            archive.writestr(f"at-hand/{kept.pk}-{PurePath(kept.name).name}", bytes(kept.data))


def delete_account(user: User) -> int:
    """Delete an account, its keys, files, comments and what is not public; how many spectra stay.

    What goes leaves no history either. What was published stays without the account; where it
    states no citation or authors, it keeps the person's name as such.
    """
    name = user.get_full_name() or user.get_username()
    with transaction.atomic():
        mine = Spectrum.objects.filter(contributor=user)
        gone = list(mine.exclude(status__in=STAYS).values_list("pk", "measurement"))
        Spectrum.objects.filter(pk__in=[pk for pk, _ in gone]).delete()
        measured = Measurement.objects.filter(pk__in=[pk for _, pk in gone if pk is not None])
        files = list(measured.exclude(file=None).values_list("file", flat=True))
        measured.delete()
        _forget(Spectrum, [pk for pk, _ in gone])
        _forget(Measurement, [pk for _, pk in gone if pk is not None])
        SourceFile.objects.filter(pk__in=files, measurements=None).delete()
        stay = list(mine.without_arrays())
        for row in stay:
            row.citation = row.citation or name
            row.contributor = None
            save_with_reason(row, None, "Its contributor has deleted their account.")
        lists = Collection.objects.filter(contributor=user)
        private = list(lists.exclude(status__in=STAYS).values_list("pk", flat=True))
        lists.filter(pk__in=private).delete()
        _forget(Collection, private)
        lists.filter(authors="").update(authors=name)
        _leave_series(user, name)
        user.delete()
    return len(stay)


def _forget(model: Any, ids: list[int]) -> None:
    """Remove what the history keeps of rows that are deleted: titles, samples, places."""
    model.history.filter(id__in=ids).delete()


def _leave_series(user: User, name: str) -> None:
    """As with spectra; one of which a record that stays was cut stays too, for curators."""
    for row in Series.objects.filter(contributor=user).without_arrays():
        if row.status not in STAYS and not row.measurements.exists():
            number = row.pk
            discard(row)
            _forget(Series, [number])
            continue
        row.citation = row.citation or name
        row.contributor = None
        save_with_reason(row, None, "Its contributor has deleted their account.")


def _about(user: User) -> dict[str, Any]:
    return {
        "username": user.get_username(),
        "name": user.get_full_name(),
        "email": user.email,
        "language_of_mails": language_of(user),
        "joined": user.date_joined.isoformat(),
        "last_login": user.last_login.isoformat() if user.last_login else None,
        "roles": list(user.groups.values_list("name", flat=True)),
        "keys": [
            {"name": key.name, "made": key.created.isoformat(), "revoked": key.revoked}
            for key in ApiKey.objects.filter(user=user)
        ],
        "identities": list(SocialAccount.objects.filter(user=user).values("provider", "uid")),
        "spectra": list(Spectrum.objects.filter(contributor=user).values_list("pk", flat=True)),
        "collections": [
            {
                "title": row.title,
                "description": row.description,
                "authors": row.authors,
                "status": row.status,
                "entries": list(row.entries.values("spectrum", "note")),
            }
            for row in Collection.objects.filter(contributor=user)
        ],
        "series": [
            {"series": row.pk, "title": row.title, "status": row.status, "files": row.source_names}
            for row in Series.objects.filter(contributor=user).without_arrays()
        ],
        "comments": list(Comment.objects.filter(author=user).values("spectrum", "text", "answer")),
        "notices": list(Notice.objects.filter(user=user).values("spectrum", "kind", "reason")),
        "files_at_hand": list(
            Upload.objects.filter(requested_by=user).values_list("name", flat=True)
        ),
    }
