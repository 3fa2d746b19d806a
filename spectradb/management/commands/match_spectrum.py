"""Find the published spectra that a measured one is most likely of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ComputeError, SkipFile
from spectradb.management.json_command import JsonCommand
from spectradb.models import Kind, Spectrum
from spectradb.services.match_spectrum import Answer, MatchOptions, match_file, match_row


class Command(JsonCommand):
    help = (
        "Match a file or a stored spectrum against the published library: shift, broadening, "
        "scale and background are found, candidates weighed by a model of theory's errors. "
        "Without --absorber every edge in the spectrum's range is searched. Below 10 known pairs "
        "of an edge 'calibrated' is false: go by the scores then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query", metavar="FILE|ID", help="a file, or a stored spectrum")
        parser.add_argument("--absorber", metavar="X", help="search this element only")
        parser.add_argument("--edge", metavar="Y", help="search this edge only, e.g. L23")
        parser.add_argument("--kind", choices=Kind.values, help="theory or experiment only")
        parser.add_argument(
            "--range", nargs=2, type=float, metavar=("LO", "HI"), help="use this part only, eV"
        )
        parser.add_argument("--top", type=int, default=10, metavar="N", help="how many to name")
        parser.add_argument(
            "--max-shift", type=float, default=5.0, metavar="EV", help="largest shift tried, eV"
        )
        self.add_output(parser)

    def handle(
        self,
        *,
        query: str,
        absorber: str | None,
        edge: str | None,
        kind: str | None,
        range: list[float] | None,
        top: int,
        max_shift: float,
        output: str | None,
        **options: Any,
    ) -> None:
        asked = MatchOptions(
            absorber=absorber,
            edge=edge,
            kind=kind,
            energy_range=(range[0], range[1]) if range else None,
            top=top,
            max_shift_ev=max_shift,
        )
        try:
            answer = self._answer(query, asked)
        except (ComputeError, SkipFile, OSError) as error:
            raise CommandError(str(error)) from error
        self.emit(answer.as_json(), output)
        for one in answer.matches:
            self.say(
                f"{one.probability:6.1%}  {one.score:9.1f}  SDB-{one.spectrum_id:<7} "
                f"{one.formula:<16} {one.absorber} {one.edge}  shift {one.shift_ev:+.2f} eV"
            )
        self.say(f"{answer.none_of_these:6.1%}  none of these")
        for text in answer.warnings:
            self.say(text)

    def _answer(self, query: str, asked: MatchOptions) -> Answer:
        path = Path(query)
        if not path.exists() and query.removeprefix("SDB-").isdecimal():
            number = int(query.removeprefix("SDB-"))
            row = Spectrum.objects.filter(pk=number).first()
            if row is None:
                raise CommandError(f"there is no spectrum {number}")
            return match_row(row, asked)
        if not path.is_file():
            raise CommandError(f"{query}: there is no such file, and it is no number of a spectrum")
        return match_file(path, asked)
