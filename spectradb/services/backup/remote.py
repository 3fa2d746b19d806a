"""Files in a bucket, in a backup and out of it again.

A backup has them as a folder of ``SPECTRADB_VAR`` would, so that it does not matter which of the
two a site has, before or after. Files of series on their way are left out, as of a folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages

from compute.errors import ReadError
from spectradb.models import TrainedModel
from spectradb.services.backup.archive import BackupError, Writer
from spectradb.services.files.local import digest_of, keep, names_in, place_of
from spectradb.services.learning.stored import KIND as MODELS
from spectradb.services.learning.stored import model_folder, put_in_place

_KINDS = ("exports", "series", MODELS)
_SPOOL = 2**24


def add_to(writer: Writer, prefix: str, using: str) -> int:
    """Whatever lies in a bucket: read, hashed, and written into the archive; how many files.

    Parameters
    ----------
    using
        Alias of the connection that the rows were read by.

    Raises
    ------
    BackupError
        If a model is not what its row says.
    """
    n = len(writer.told)
    for kind in kinds():
        if kind == MODELS:
            continue
        for name in names_in(kind):
            with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
                try:
                    with storages[kind].open(name) as source:
                        shutil.copyfileobj(source, spool)
                except FileNotFoundError:
                    continue  # cleared away meanwhile
                writer.add(f"{prefix}{kind}/{name}", spool)
    if MODELS in kinds():
        rows = TrainedModel.objects.using(using).exclude(weights_hash="")
        for name, digest in rows.values_list("name", "weights_hash"):
            for path, below in _of_model(name, digest):
                with path.open("rb") as file:
                    writer.add(f"{prefix}{MODELS}/{name}/{below}", file)
    return len(writer.told) - n


def _of_model(name: str, digest: str) -> Iterator[tuple[Path, str]]:
    try:
        folder = model_folder(name)
    except ReadError as error:
        raise BackupError(f"model {name}: {error}") from error
    if folder.name != digest:
        raise BackupError(f"model {name} was trained anew meanwhile: back up once more")
    if not folder.is_dir():
        raise BackupError(f"model {name}: its files are missing from the bucket")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(folder).as_posix()


def what_is_there() -> str:
    """The first file of a bucket, in words; nothing where there is none."""
    for kind in kinds():
        for name in names_in(kind):
            return f"{kind}/{name} in {storages[kind].__class__.__name__}"
    return ""


def take_over() -> None:
    """Hand what was restored into folders on to the bucket, compare, and empty the folders.

    In the transaction that stores the rows; where that fails, :func:`empty` follows.

    Raises
    ------
    BackupError
        If the bucket gives back something else.
    """
    for kind in kinds():
        home = Path(settings.VAR_DIR) / kind
        if kind == MODELS:
            _hand_on_models(home)
            continue
        for path in sorted(home.rglob("*")):
            if path.is_file():
                _hand_on(kind, path.relative_to(home).as_posix(), path)


def empty() -> None:
    """Delete whatever a bucket holds that was empty before."""
    for kind in kinds():
        for name in list(names_in(kind)):
            storages[kind].delete(name)


def _hand_on(kind: str, name: str, path: Path) -> None:
    kept = keep(kind, name, path)
    with tempfile.TemporaryDirectory(dir=settings.VAR_DIR) as folder:
        back = Path(folder) / "back"
        with storages[kind].open(kept) as source, back.open("wb") as target:
            shutil.copyfileobj(source, target)
        if kept != name or digest_of(back) != digest_of(path):
            raise BackupError(f"{kind}/{name} is not in the bucket as it was written")
    path.unlink()


def _hand_on_models(home: Path) -> None:
    """Each is read again as whoever needs it reads it: from the bucket, by the hash of its row."""
    for name in TrainedModel.objects.exclude(weights_hash="").values_list("name", flat=True):
        if not (home / name).is_dir():
            continue
        put_in_place(home / name, name)
        try:
            found = model_folder(name).is_dir()
        except ReadError as error:
            raise BackupError(f"model {name}: {error}") from error
        if not found:
            raise BackupError(f"model {name} is not the one of its row")


def kinds() -> list[str]:
    """Kinds of files whose storage is a bucket."""
    return [kind for kind in _KINDS if place_of(kind, "any") is None]
