"""Write the computed library as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Write every library spectrum with its structure and parameters to a snapshot."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="e.g. library.jsonl.gz")
        self.add_output(parser)

    def handle(self, *, file: Path, output: str | None, **options: Any) -> None:
        from spectradb.services.library.snapshot import export_library

        try:
            count = export_library(file)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        self.emit({"spectra": count, "bytes": file.stat().st_size}, output)
        self.say(f"{count} spectra, {file.stat().st_size / 1e6:.1f} MB")
