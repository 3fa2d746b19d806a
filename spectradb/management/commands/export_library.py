"""Write the computed library as a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ReadError
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Write every published library spectrum with its structure and parameters, and the real "
        "crystals without one: to a FOLDER as a release (manifest, Parquet), to a FILE.jsonl.gz "
        "spectra alone, as lines of JSON."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FOLDER|FILE.jsonl.gz")
        parser.add_argument(
            "--release", default="unreleased", metavar="NAME", help="its version, e.g. 2026.12"
        )
        parser.add_argument(
            "--distance",
            type=float,
            default=0.0,
            metavar="D",
            help="leave out hypothetical crystals whose spectrum is so near to another of the same "
            "ion and route: 0.02 is a difference of 2 percent",
        )
        parser.add_argument(
            "--routes", nargs="+", default=[], metavar="ROUTE", help="spectra of these routes only"
        )
        parser.add_argument(
            "--beyond",
            type=Path,
            metavar="FOLDER",
            help="only what this release and its supplements have not: another supplement to it",
        )
        self.add_output(parser)

    def handle(
        self,
        *,
        file: Path,
        release: str,
        distance: float,
        routes: list[str],
        beyond: Path | None,
        output: str | None,
        **options: Any,
    ) -> None:
        from spectradb.services.library.build import library_structures
        from spectradb.services.library.publish import publish
        from spectradb.services.library.release import read_release
        from spectradb.services.library.snapshot import export_library
        from spectradb.services.library.starter import supplements

        if file.name.endswith(".gz") and (beyond or routes or distance):
            raise CommandError(
                "--beyond, --routes and --distance are of releases, not of lines of JSON"
            )
        try:
            if file.name.endswith(".gz"):
                count, size = export_library(file), file.stat().st_size
            else:
                real = library_structures().filter(hypothetical=False).order_by("pk")
                held = [beyond, *supplements(beyond)] if beyond else []
                bases = [read_release(one) for one in held if one.resolve() != file.resolve()]
                manifest = publish(
                    file,
                    release,
                    distance=distance,
                    routes=routes,
                    also=() if bases else real.iterator(100),
                    beyond=bases,
                )
                count = manifest["counts"]["spectra"]
                size = sum(one["bytes"] for one in manifest["files"].values())
        except ReadError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        self.emit({"spectra": count, "bytes": size}, output)
        self.say(f"{count} spectra, {size / 1e6:.1f} MB, {size / max(count, 1):.0f} bytes each")
