"""Write spectra to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.given import SCALE_HELP, SPLIT_HELP, read_json
from spectradb.management.json_command import JsonCommand
from spectradb.models import Spectrum
from spectradb.services.exports.columns import COLUMNS
from spectradb.services.exports.write import FORMATS, Exported, ExportError, export_spectra


class Command(JsonCommand):
    help = (
        "Write spectra to a file: parquet and json (a row a spectrum), csv (a line a point), hdf5 "
        "(NXdata), xdi (one file a spectrum: --to names a .xdi file, a .zip or a folder). With "
        "--training-set: what a model would learn from, on one grid, with crystals, sites, splits "
        "and noise, as parquet or hdf5 (ml.exported.open_training_set reads it)."
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
        parser.add_argument("--training-set", action="store_true", help="see above")
        parser.add_argument("--split", metavar="FILE.json", help=f"of a training set; {SPLIT_HELP}")
        parser.add_argument(
            "--grid",
            nargs=3,
            type=float,
            metavar=("START", "STOP", "STEP"),
            help="of a training set, eV",
        )
        parser.add_argument(
            "--target-scale", metavar="FILE.json", help=f"of a training set; {SCALE_HELP}"
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
        training_set: bool,
        **options: Any,
    ) -> None:
        if training_set:
            if columns:
                raise CommandError("--columns: a training set has columns of its own")
            self._training_set(self.where(where), format, to, output, options)
            return
        for name in ("split", "grid", "target_scale"):
            if options[name]:
                raise CommandError(f"--{name.replace('_', '-')}: of a --training-set alone")
        try:
            rows = apply_where(Spectrum, self.where(where), EVERYTHING).order_by("pk")
            done = export_spectra(rows, format, to, columns=columns)
        except (SearchError, ExportError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"--to {to}: {error.strerror}") from error
        self._tell(done, format, output)

    def _tell(self, done: Exported, format: str, output: str | None, **more: Any) -> None:
        told = {"path": done.path, "format": format, "n_spectra": done.n_rows}
        self.emit(told | {"n_bytes": done.n_bytes} | more, output)
        self.say(f"{done.n_rows} spectra, {done.n_bytes / 1e6:.1f} MB: {done.path}")

    def _training_set(
        self,
        query: dict[str, list[str]],
        format: str,
        to: Path,
        output: str | None,
        options: dict[str, Any],
    ) -> None:
        # Learning is loaded with it, which no other export needs.
        from ml.errors import LearningError
        from spectradb.services.exports.training_set import export_training_set, training_set
        from spectradb.services.learning.selection import in_words, told_left_out

        try:
            rows, left_out = training_set(
                query,
                split=read_json(options["split"], "--split"),
                grid=tuple(options["grid"]) if options["grid"] else None,
                target_scale=read_json(options["target_scale"], "--target-scale"),
            )
            done = export_training_set(rows, format, to)
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"--to {to}: {error.strerror}") from error
        split = {part: len(rows.part(part)) for part in ("train", "val", "test")}
        self._tell(done, format, output, split=split, left_out=told_left_out(left_out))
        if left_out:
            self.say(f"left out: {in_words(left_out)}")
