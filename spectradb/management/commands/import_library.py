"""Load a snapshot of the computed library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ReadError
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = "Load a library snapshot made by export_library; what is there already stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        self.add_output(parser)

    def handle(self, *, file: Path, output: str | None, **options: Any) -> None:
        from spectradb.services.library.snapshot import import_library

        counts = {"new": 0, "unchanged": 0}
        try:
            for is_new in self.progress(import_library(file), unit="spectrum"):
                counts["new" if is_new else "unchanged"] += 1
        except ReadError as error:
            raise CommandError(str(error)) from error
        self.emit(counts, output)
        self.say(f"{counts['new']} spectra new, {counts['unchanged']} unchanged")
