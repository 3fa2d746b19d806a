"""Take the series that a beamline writes into a folder, while it writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Watch a folder and store every file that holds a series, and every folder inside it as "
        "one, once nothing of it has changed for some seconds. A bad file is told and left alone "
        "until it changes. Ends by Ctrl-C, or with --once when everything there has been looked at."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument(
            "--rest", type=float, default=5.0, metavar="S", help="seconds without a change; 5"
        )
        parser.add_argument("--axis", action="append", default=[], metavar="NAME=START:STEP[:UNIT]")
        parser.add_argument("--element", metavar="X")
        parser.add_argument("--edge", metavar="Y")
        parser.add_argument("--once", action="store_true", help="end when all has been looked at")
        self.add_output(parser)

    def handle(
        self,
        *,
        folder: Path,
        rest: float,
        axis: list[str],
        element: str | None,
        edge: str | None,
        once: bool,
        output: str | None,
        **options: Any,
    ) -> None:
        from spectradb.services.series.watch import Watch

        if not folder.is_dir():
            raise CommandError(f"{folder}: there is no such folder")
        try:
            watch = Watch(folder, rest_s=rest, axes=axis, element=element, edge=edge)
        except InputError as error:
            raise CommandError(f"--{error.field} {error.value}: {error.reason}") from error
        report: list[dict[str, Any]] = []
        try:
            while True:
                for path, told in watch.look():
                    report.append({"path": str(path), **told})
                    for text in told["errors"]:
                        self.say(f"{path}: {text}")
                    self.say(f"{path}: {told['status']}")
                if once and watch.quiet:
                    break
                time.sleep(min(max(rest / 2, 0.05), 2.0))
        except KeyboardInterrupt:
            self.say("stopped")
        self.emit(report, output)
        if faulty := sum(bool(told["errors"]) for told in report):
            raise CommandError(f"{faulty} of {len(report)} files and folders had faults")
