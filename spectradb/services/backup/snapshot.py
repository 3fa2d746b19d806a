"""Back a site up while it runs: rows of one moment, then files and the signing key."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from spectradb.services.backup import archive, remote, rows

ROWS, FILES = "rows/", "files/"
KEY = "secret_key"
_ALIAS = "backup"
_NOT_KEPT = {
    "numba", "columns", "match", "training", "metrics", "series-incoming", "series-uploads",
    "series-maps", "series-copies", "series-checked", "model-copies", "cluster",
}  # fmt: skip
"""Folders of ``var/`` that are made anew (compiled kernels, searchable columns, indexes for
matching, descriptors), series and maps that are just being sent, written, copied or checked, and
logs of runs on a cluster."""
SECRETS = (
    "the signing key (sessions, mailed links, messages of the queue)",
    "password hashes, e-mail addresses and hashes of API keys",
    "unpublished spectra and uploaded files",
)
_SPOOL = 2**24


def backup(path: Path, passphrase: str | None = None) -> dict[str, Any]:
    """Write a backup; returns its manifest.

    Raises
    ------
    BackupError
        If the file exists, or a row cannot be written.
    """
    about: dict[str, Any] = {
        "made": timezone.now().isoformat(timespec="seconds"),
        "version": settings.VERSION,
        "database": connections["default"].vendor,
        "secrets": SECRETS,
        "left_out": rows.LEFT_OUT,
    }
    with archive.write(path, passphrase, about) as writer, one_moment() as using:
        about["migrations"] = applied(using)
        for model in rows.tables(apps):
            with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
                n = 0
                for line in rows.lines(model, using):
                    spool.write(line)
                    n += 1
                name = f"{ROWS}{model._meta.label_lower}.jsonl"
                writer.add(name, spool, rows=n, columns=rows.columns(model))
        for place, name in _files():
            with tempfile.SpooledTemporaryFile(_SPOOL) as spool:
                try:
                    _copy(place, spool)
                except FileNotFoundError:
                    continue  # cleared away meanwhile
                writer.add(FILES + name, spool)
        about["in_bucket"] = remote.add_to(writer, FILES, using)
        with tempfile.SpooledTemporaryFile() as spool:
            spool.write(str(settings.SECRET_KEY).encode())
            writer.add(FILES + KEY, spool)
    return about | {"members": writer.told}


def applied(using: str) -> dict[str, list[str]]:
    """Names of the migrations that a database has seen, by app."""
    found: dict[str, list[str]] = {}
    for app, name in MigrationRecorder(connections[using]).applied_migrations():
        found.setdefault(app, []).append(name)
    return {app: sorted(names) for app, names in sorted(found.items())}


@contextmanager
def one_moment() -> Iterator[str]:
    """The alias of a connection that sees the database as it is now, whatever is written since.

    A connection of its own: on SQLite one whose transaction only reads, so that nobody waits.
    """
    default = connections["default"]
    if default.vendor == "sqlite" and default.is_in_memory_db():  # type: ignore[attr-defined]
        yield "default"  # there is no other connection to it
        return
    connections.settings[_ALIAS] = deepcopy(default.settings_dict)
    options = connections.settings[_ALIAS]["OPTIONS"]
    if default.vendor == "sqlite":
        options["transaction_mode"] = "DEFERRED"
    connection = connections[_ALIAS]
    try:
        connection.ensure_connection()
        connection.set_autocommit(False)
        with connection.cursor() as cursor:
            if default.vendor == "sqlite":
                cursor.execute("BEGIN")
            else:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT count(*) FROM django_migrations")  # the moment begins here
        yield _ALIAS
    finally:
        connection.close()
        del connections[_ALIAS]
        del connections.settings[_ALIAS]


def _files() -> Iterator[tuple[Path, str]]:
    """Every file of ``var/`` that is kept, and its name below it; not what a bucket has instead."""
    var = Path(settings.VAR_DIR)
    left_out = _NOT_KEPT | {*remote.kinds()}
    database = settings.DATABASES["default"]
    beside = str(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else ""
    for path in sorted(var.rglob("*")):
        name = path.relative_to(var)
        own = beside and str(path).startswith(beside)
        if not path.is_file() or own or name.parts[0] in left_out or str(name) == KEY:
            continue
        if not path.name.endswith((".part", "-wal", "-shm", "-journal")):
            yield path, str(name)


def _copy(path: Path, to: IO[bytes]) -> None:
    """A file that somebody may be writing to, as it is now; a SQLite database whole."""
    if path.suffix != ".sqlite3":
        with path.open("rb") as source:
            shutil.copyfileobj(source, to)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as live,
            closing(sqlite3.connect(copy)) as still,
        ):
            live.backup(still)
        to.write(copy.read_bytes())
