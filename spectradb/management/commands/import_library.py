"""Load a release or a snapshot of the computed library."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ReadError
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Load a library that export_library wrote, or a set of measured spectra; what is there "
        "already stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FOLDER|FILE")
        self.add_output(parser)

    def handle(self, *, file: Path, output: str | None, **options: Any) -> None:
        from spectradb.services.library.release import is_measured, is_release

        try:
            if is_measured(file):
                counts = self._measured(file)
            else:
                counts = self._release(file) if is_release(file) else self._snapshot(file)
        except ReadError as error:
            raise CommandError(str(error)) from error
        self.emit(counts, output)
        self.say(f"{counts['new']} spectra new, {counts['unchanged']} unchanged")

    def _snapshot(self, file: Path) -> dict[str, Any]:
        from spectradb.services.library.snapshot import import_library

        counts = {"new": 0, "unchanged": 0}
        for is_new in self.progress(import_library(file), unit="spectrum"):
            counts["new" if is_new else "unchanged"] += 1
        return counts

    def _measured(self, file: Path) -> dict[str, Any]:
        from spectradb.services.library.measured import load_measured

        done = load_measured(file if file.is_dir() else file.parent)
        for line in done.refused:
            self.say(line)
        if done.kept_out:
            self.say(f"{done.kept_out} spectra kept out: changed or withdrawn here")
        self.say(f"{done.linked} of them are of crystals that are stored")
        return asdict(done)

    def _release(self, file: Path) -> dict[str, Any]:
        from spectradb.services.library.load import Loaded, load_release, n_parts

        folder = file if file.is_dir() else file.parent
        done = Loaded()
        parts = self.progress(load_release(folder), total=n_parts(folder), unit="part")
        for done in parts:  # noqa: B007
            pass
        for route, (told, now) in done.older.items():
            self.say(f"route {route}: the release is of {told}, the engine here is {now}")
        if done.kept_out:
            self.say(f"{done.kept_out} spectra kept out: another valence is stated, or newer shown")
        if done.withdrawn:
            self.say(f"{done.withdrawn} earlier spectra of the library withdrawn")
        return asdict(done)
