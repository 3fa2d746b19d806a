"""Make a site from a backup: an empty database and folder in, every row and hash compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.apps.registry import Apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Model

from spectradb.services.backup import archive, remote, rows
from spectradb.services.backup.archive import BackupError
from spectradb.services.backup.snapshot import FILES, KEY, ROWS
from spectradb.services.queue.jobs import send_waiting

_BATCH = 500


@dataclass(frozen=True)
class Restored:
    """What was restored, and compared."""

    made: str
    n_rows: int
    n_tables: int
    n_files: int
    key_written: bool


def restore(path: Path, passphrase: str | None = None) -> Restored:
    """Fill an empty database and folder.

    The archive is read to its end before anything is written. The tables are made as they were
    when it was written, filled in one transaction, compared row by row, and then brought to the
    present version.

    Raises
    ------
    BackupError
        If the archive was changed or cut off, is of a newer version than this code, or the
        database or folder holds something.
    """
    manifest = archive.read(path, passphrase)
    if there := _what_is_there():
        raise BackupError(f"restored into an empty site only; there is {there}")
    state = _migrate(manifest["migrations"])
    models = {f"{ROWS}{one._meta.label_lower}.jsonl": one for one in rows.tables(state)}
    told = {name: one for name, one in manifest["members"].items() if name.startswith(ROWS)}
    if unknown := sorted(told.keys() ^ models.keys()):
        raise BackupError(f"{path}: tables do not fit: {', '.join(unknown[:5])}")
    _check_columns(models, told)
    folder = Path(settings.VAR_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[str] = []

    def take(name: str, source: IO[bytes]) -> None:
        if name.startswith(ROWS):
            _load(models[name], source)
        elif name != FILES + KEY:
            _keep(folder, name.removeprefix(FILES), source)
            files.append(name)

    try:
        with transaction.atomic():
            archive.read(path, passphrase, take)
            _compare(models, told)
            for statement in connection.ops.sequence_reset_sql(no_style(), list(models.values())):
                with connection.cursor() as cursor:
                    cursor.execute(statement)
            for name in files:
                _compare_file(folder / name.removeprefix(FILES), manifest["members"][name])
            remote.take_over()
    except BaseException:
        # Also where the transaction could not be ended: files without rows are nobody's.
        for name in files:
            (folder / name.removeprefix(FILES)).unlink(missing_ok=True)
        remote.empty()
        raise
    written = _keep_key(path, passphrase, folder)
    call_command("migrate", verbosity=0, interactive=False)
    send_waiting()
    return Restored(
        made=manifest["made"],
        n_rows=sum(one["rows"] for one in told.values()),
        n_tables=len(told),
        n_files=len(files),
        key_written=written,
    )


def _what_is_there() -> str:
    """The first thing that makes a site not empty, in words."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    if names:
        return f"a database with {len(names)} tables ({connection.settings_dict['NAME']})"
    folder = Path(settings.VAR_DIR)
    database = str(connection.settings_dict["NAME"])
    for one in sorted(folder.iterdir()) if folder.is_dir() else []:
        made_by_starting = one.name == KEY or str(one).startswith(database)
        if not made_by_starting and (one.is_file() or any(one.iterdir())):
            return str(one)
    return remote.what_is_there()


def _migrate(applied: dict[str, list[str]]) -> Apps:
    """Tables as they were with these migrations; the models of that time.

    Raises
    ------
    BackupError
        If one of them is none of this code's.
    """
    executor = MigrationExecutor(connection)
    known = executor.loader.graph.nodes
    done = {(app, name) for app, names in applied.items() for name in names}
    replaced = {key for one in executor.loader.replacements.values() for key in one.replaces}
    if newer := sorted(done - known.keys() - replaced):
        raise BackupError(
            f"the backup is of a newer version than this code: it knows no {'.'.join(newer[0])}"
        )
    targets = [
        key
        for key in done & known.keys()
        if not any(child.key in done for child in executor.loader.graph.node_map[key].children
                   if child.key[0] == key[0])
    ]  # fmt: skip
    state = executor.migrate(sorted(targets))
    return state.apps


def _check_columns(models: dict[str, type[Model]], told: dict[str, dict[str, Any]]) -> None:
    for name, model in models.items():
        if rows.columns(model) != told[name]["columns"]:
            raise BackupError(f"{name}: it has other columns than {model._meta.label} had")


def _load(model: type[Model], source: IO[bytes]) -> None:
    for one in model._meta.concrete_fields:
        for name in ("auto_now", "auto_now_add"):  # times are those of the rows
            if hasattr(one, name):
                setattr(one, name, False)
    found = (rows.instance(model, line) for line in _lines(source))
    while batch := list(islice(found, _BATCH)):
        model._base_manager.bulk_create(batch)


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    held = b""
    while data := source.read(2**20):
        *whole, held = (held + data).split(b"\n")
        yield from whole
    if held:
        raise BackupError("a row is cut off")


def _compare(models: dict[str, type[Model]], told: dict[str, dict[str, Any]]) -> None:
    """Read every row again; the hash of a table is that of its rows in the archive."""
    for name, model in models.items():
        digest, n = hashlib.sha256(), 0
        for line in rows.lines(model, "default"):
            digest.update(line)
            n += 1
        if (n, digest.hexdigest()) != (told[name]["rows"], told[name]["sha256"]):
            raise BackupError(f"{name}: {n} rows were stored, and they are not those of the backup")


def _keep(folder: Path, name: str, source: IO[bytes]) -> None:
    to = (folder / name).resolve()
    if folder.resolve() not in to.parents:
        raise BackupError(f"{name!r} leads out of the folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("xb") as file:
        while data := source.read(2**20):
            file.write(data)


def _compare_file(path: Path, told: dict[str, Any]) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != told["sha256"]:
            raise BackupError(f"{path} is not what was written")


def _keep_key(path: Path, passphrase: str | None, folder: Path) -> bool:
    """The signing key, where the environment gives none; whether it was written."""
    found: list[str] = []

    def take(name: str, source: IO[bytes]) -> None:
        if name == FILES + KEY:
            found.append(source.read().decode())

    archive.read(path, passphrase, take)
    if os.environ.get("SECRET_KEY", "").strip():
        return False
    to = folder / KEY
    to.unlink(missing_ok=True)
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(found[0])
    return True


__all__ = ["Restored", "restore"]
