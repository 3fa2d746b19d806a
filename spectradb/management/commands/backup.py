"""``backup FILE``: the whole site in one file, while it runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand


def add_passphrase(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="its first line encrypts the backup; keep it elsewhere: without it nothing is read",
    )


def passphrase_of(path: Path | None) -> str | None:
    """The first line of a file.

    Raises
    ------
    CommandError
        If it cannot be read, or is empty.
    """
    if path is None:
        return None
    try:
        line = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError as error:
        raise CommandError(f"--passphrase-file {path}: {error.strerror}") from error
    if not line:
        raise CommandError(f"--passphrase-file {path}: its first line is empty")
    return line


class Command(JsonCommand):
    help = "Write rows, files and the signing key of this site into one file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="does not exist yet; readable by you alone")
        add_passphrase(parser)
        self.add_output(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        from spectradb.services.backup.archive import BackupError
        from spectradb.services.backup.crypt import PassphraseError
        from spectradb.services.backup.snapshot import ROWS, backup

        passphrase = passphrase_of(options["passphrase_file"])
        try:
            told = backup(options["file"], passphrase)
        except (BackupError, PassphraseError, OSError) as error:
            raise CommandError(str(error)) from error
        tables = [one for name, one in told["members"].items() if name.startswith(ROWS)]
        n_rows = sum(one["rows"] for one in tables)
        n_files = len(told["members"]) - len(tables)
        size = options["file"].stat().st_size
        of_bucket = f", {told['in_bucket']} of them of the bucket" if told["in_bucket"] else ""
        self.stderr.write(
            f"{n_rows:,} rows of {len(tables)} tables and {n_files} files{of_bucket}: "
            f"{size / 1e6:,.1f} MB"
        )
        self.stderr.write(f"It holds secrets: {'; '.join(told['secrets'])}.")
        if passphrase is None:
            self.stderr.write("It is not encrypted: --passphrase-file does that.")
        result = {
            "file": str(options["file"]),
            "bytes": size,
            "rows": n_rows,
            "tables": len(tables),
            "files": n_files,
            "in_bucket": told["in_bucket"],
            "encrypted": passphrase is not None,
            "secrets": list(told["secrets"]),
        }
        self.emit(result, options["output"])
