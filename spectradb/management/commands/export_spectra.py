"""Write spectra to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.json_command import JsonCommand
from spectradb.models import Spectrum
from spectradb.services.exports.write import COLUMNS, FORMATS, ExportError, export_spectra


class Command(JsonCommand):
    help = (
        "Write spectra to a file: parquet and json (a row a spectrum), csv (a line a point), hdf5 "
        "(NXdata), xdi (one file a spectrum: --to names a .xdi file, a .zip or a folder)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_where(parser)
        parser.add_argument("--format", choices=FORMATS, required=True)
        parser.add_argument("--to", type=Path, required=True, metavar="PATH", help="where to")
        parser.add_argument(
            "--columns",
            nargs="+",
            metavar="NAME",
            help=f"besides energy_ev and intensity; of {', '.join(COLUMNS)}",
        )
        self.add_output(parser)

    def handle(
        self,
        *,
        where: list[str],
        format: str,
        to: Path,
        columns: list[str] | None,
        output: str | None,
        **options: Any,
    ) -> None:
        try:
            rows = apply_where(Spectrum, self.where(where), EVERYTHING).order_by("pk")
            done = export_spectra(rows, format, to, columns=columns)
        except (SearchError, ExportError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"--to {to}: {error.strerror}") from error
        self.emit(
            {
                "path": done.path,
                "format": format,
                "n_spectra": done.n_rows,
                "n_bytes": done.n_bytes,
            },
            output,
        )
        self.say(f"{done.n_rows} spectra, {done.n_bytes / 1e6:.1f} MB: {done.path}")
