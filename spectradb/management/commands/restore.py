"""``restore FILE``: a site from a backup, into an empty database and folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.commands.backup import add_passphrase, passphrase_of
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Restore a backup into an empty database and folder; every row and file is compared."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        add_passphrase(parser)
        self.add_output(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from spectradb.services.backup.archive import BackupError
        from spectradb.services.backup.crypt import PassphraseError
        from spectradb.services.backup.restore import restore

        try:
            done = restore(options["file"], passphrase_of(options["passphrase_file"]))
        except (BackupError, PassphraseError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stderr.write(
            f"{done.n_rows:,} rows of {done.n_tables} tables and {done.n_files} files, of "
            f"{done.made}: stored, read again and the same."
        )
        if not done.key_written:
            self.stderr.write("The signing key is that of SECRET_KEY; the backup's was left.")
        self.emit(asdict(done), options["output"])
