"""Split spectra into Lorentz peaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from django.core.management.base import CommandError, CommandParser

from compute.errors import ComputeError, SkipFile
from compute.io import ColumnChoice, columns_header
from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.columns import add_columns, columns_named
from spectradb.management.json_command import JsonCommand
from spectradb.models import JobStatus, PeakFit, Spectrum
from spectradb.services.peaks.fit import (
    UNDETERMINED,
    FitOptions,
    fit_file,
    queue_fits,
    request_fit,
    row_as_json,
    run_fit,
)


class Command(JsonCommand):
    help = (
        "Split spectra into Lorentz (or Voigt) peaks without a guess; their number comes from the "
        "data. Files are only answered; stored spectra keep the fit as a PeakFit, and one that is "
        "there already is not computed again. n_peaks is null where the model cannot be right; "
        "the warnings say why."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="measured spectra")
        parser.add_argument(
            "--spectrum", nargs="+", type=int, metavar="ID", default=[], help="stored spectra"
        )
        self.add_where(parser)
        parser.add_argument(
            "--range", nargs=2, type=float, metavar=("LO", "HI"), help="fit this part only, eV"
        )
        parser.add_argument(
            "--edge-step", action="store_true", help="there is an absorption edge under the peaks"
        )
        parser.add_argument(
            "--edge-splitting",
            type=float,
            default=0.0,
            metavar="EV",
            help="with --edge-step: a second step of half the height so much later (L2 after L3)",
        )
        parser.add_argument(
            "--gaussian-sigma",
            type=_sigma,
            default=0.0,
            metavar="EV|fit",
            help="standard deviation of the instrument's Gaussian, eV, or 'fit'",
        )
        parser.add_argument(
            "--phase", action="store_true", help="peaks may be dispersive (Fano) or point down"
        )
        parser.add_argument(
            "--background",
            choices=("auto", "none", "constant", "linear", "flank", "power"),
            default="auto",
            help="auto chooses none, a constant, a line or the flank of an edge by the data",
        )
        parser.add_argument("--max-peaks", type=int, metavar="N", help="at most so many")
        parser.add_argument(
            "--noise-floor",
            type=float,
            metavar="FRACTION",
            help="residual of the highest point that need not be explained (default: 0.001 for "
            "stored theory, 0 otherwise)",
        )
        parser.add_argument(
            "--queue", action="store_true", help="leave stored spectra to the workers"
        )
        add_columns(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        files: list[Path],
        spectrum: list[int],
        where: list[str],
        range: list[float] | None,
        edge_step: bool,
        edge_splitting: float,
        gaussian_sigma: float | Literal["fit"],
        phase: bool,
        background: Literal["auto", "none", "constant", "linear", "flank", "power"],
        max_peaks: int | None,
        noise_floor: float | None,
        queue: bool,
        output: str | None,
        energy: str | None = None,
        signal: list[str] | None = None,
        i0: str | None = None,
        unit: str | None = None,
        **options: Any,
    ) -> None:
        columns = columns_named(energy=energy, signal=signal or [], i0=i0, unit=unit)
        if sum(map(bool, (files, spectrum, where))) != 1:
            raise CommandError("give files, --spectrum or --where, and only one of them")
        if queue and files:
            raise CommandError("--queue: files are fitted here; import them first")
        asked = FitOptions(
            edge_step=edge_step,
            edge_splitting_ev=edge_splitting,
            gaussian_sigma_ev=gaussian_sigma,
            phase=phase,
            background=background,
            energy_range=(range[0], range[1]) if range else None,
            max_peaks=max_peaks,
            noise_floor=noise_floor,
        )
        if files:
            answers = list(self._of_files(files, asked, columns))
            several = len(files) > 1 or len(answers) > 1
        else:
            rows = self._rows(spectrum, where)
            if queue:
                ids = queue_fits(rows.only("content_hash").iterator(), asked)
                self.emit({"queued": len(ids), "fits": ids}, output)
                self.say(f"{len(ids)} fits queued")
                return
            answers = list(self._of_rows(rows, asked))
            several = bool(where) or len(spectrum) > 1
        self.emit(answers if several else answers[0], output)
        failed = [one for one in answers if one.get("error")]
        if output is None:
            for one in answers:
                self._say_peaks(one)
        self.say(f"{len(answers) - len(failed)} fitted, {len(failed)} failed")
        if failed:
            lines = [f"{one.get('file') or one['spectrum_id']}: {one['error']}" for one in failed]
            raise CommandError("\n".join(lines))

    def _say_peaks(self, answer: dict[str, Any]) -> None:
        """One fit as a table, for whoever asks for no JSON."""
        if answer.get("error"):
            return
        name = answer.get("file") or f"SDB-{answer['spectrum_id']}"
        count = answer["n_peaks"]
        told = "no number of peaks" if count is None else f"{count} peaks"
        self.say(f"{name} {answer.get('label') or ''}".rstrip())
        self.say(f"{told}, residual rms {answer['residual_rms']:.3g}")
        if answer["peaks"]:
            self.say(f"{'position, eV':>22}  {'HWHM, eV':>20}  {'area':>24}")
        for peak in answer["peaks"]:
            self.say(
                f"{_with_error(peak['position_ev'], peak['position_err'], 11, 4):>22}  "
                f"{_with_error(peak['hwhm_ev'], peak['hwhm_err'], 9, 4):>20}  "
                f"{_with_error(peak['area'], peak['area_err'], 11, 5, 'g'):>24}"
            )
        for text in answer["warnings"]:
            self.say(text)

    def _rows(self, ids: list[int], where: list[str]) -> Any:
        if where:
            try:
                rows = apply_where(Spectrum, self.where(where), EVERYTHING).order_by("pk")
            except SearchError as error:
                raise CommandError(str(error)) from error
            if not rows.exists():
                raise CommandError(f"--where {' '.join(where)}: no spectrum")
            return rows
        rows = Spectrum.objects.filter(pk__in=ids).order_by("pk")
        if missing := sorted(set(ids) - set(rows.values_list("pk", flat=True))):
            raise CommandError(f"--spectrum: no spectrum {', '.join(map(str, missing))}")
        return rows

    def _of_files(
        self, files: list[Path], asked: FitOptions, columns: ColumnChoice | None
    ) -> Iterator[dict[str, Any]]:
        if columns is not None and len(files) > 1:
            # Named for the first file: the others must have its header.
            columns = replace(columns, header=columns_header(files[0]))
        for path in self.progress(files, unit="file"):
            try:
                yield from fit_file(path, asked, columns)
            except (ComputeError, SkipFile, OSError) as error:
                yield {"file": str(path.absolute()), "error": str(error)}

    def _of_rows(self, rows: Any, asked: FitOptions) -> Iterator[dict[str, Any]]:
        light = rows.only("content_hash")
        for one in self.progress(light.iterator(), total=light.count(), unit="spectrum"):
            fit = request_fit(one, asked)
            if fit.job_status == JobStatus.QUEUED:
                run_fit(fit.pk)
                fit = PeakFit.objects.get(pk=fit.pk)
            if fit.job_status == JobStatus.DONE:
                yield row_as_json(fit)
            else:
                reason = fit.error or f"the fit is {fit.job_status}"
                yield {"spectrum_id": one.pk, "fit_id": fit.pk, "error": reason}


def _sigma(text: str) -> float | Literal["fit"]:
    return "fit" if text == "fit" else float(text)


def _with_error(value: float, error: float | None, width: int, digits: int, how: str = "f") -> str:
    """``640.5213 ± 0.0012``; a question mark where the data do not bound the error."""
    told = "?" if error is None or error >= UNDETERMINED else f"{error:.{digits}{how}}"
    return f"{value:{width}.{digits}{how}} ± {told:<{digits + 3}}"
