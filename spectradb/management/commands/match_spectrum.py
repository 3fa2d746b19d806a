"""Find the published spectra that a measured one is most likely of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ComputeError, SkipFile
from spectradb.management.columns import add_columns, columns_named
from spectradb.management.json_command import JsonCommand
from spectradb.models import Kind, Spectrum
from spectradb.services.matching.options import MAX_SHIFT_EV, MatchOptions

if TYPE_CHECKING:
    import numpy as np
    from django.db.models import QuerySet
    from numpy.typing import NDArray

    from compute.io.choice import ColumnChoice
    from spectradb.services.matching.match import Answer

    FloatArray = NDArray[np.float64]


class Command(JsonCommand):
    help = (
        "Match a file or a stored spectrum against the published library: shift, broadening, "
        "scale and background are found, candidates weighed by a model of theory's errors. "
        "Without --absorber every edge in the spectrum's range is searched. 'told' says in a "
        "sentence what is decided: element, valence, compound. Below 10 known pairs 'calibrated' "
        "is false: go by the scores then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query", metavar="FILE|ID", help="a file, or a stored spectrum")
        parser.add_argument("--absorber", metavar="X", help="search this element only")
        parser.add_argument("--edge", metavar="Y", help="search this edge only, e.g. L23")
        parser.add_argument("--kind", choices=Kind.values, help="theory or experiment only")
        parser.add_argument(
            "--only-elements",
            nargs="+",
            default=[],
            metavar="X",
            help="all that the sample may hold, e.g. La Mn O: others are no candidates",
        )
        parser.add_argument(
            "--range", nargs=2, type=float, metavar=("LO", "HI"), help="use this part only, eV"
        )
        parser.add_argument("--top", type=int, default=10, metavar="N", help="how many to name")
        parser.add_argument(
            "--max-shift",
            type=float,
            default=MAX_SHIFT_EV,
            metavar="EV",
            help=f"largest shift tried, eV ({MAX_SHIFT_EV:g})",
        )
        parser.add_argument(
            "--mixture", type=int, nargs="?", const=3, default=0, metavar="N",
            help="also the best combination of up to N (3) spectra of one edge",
        )  # fmt: skip
        parser.add_argument(
            "--explain", action="store_true", help="also the peaks of query and best candidate"
        )
        add_columns(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        query: str,
        absorber: str | None,
        edge: str | None,
        kind: str | None,
        only_elements: list[str],
        range: list[float] | None,
        top: int,
        max_shift: float,
        mixture: int,
        explain: bool,
        output: str | None,
        energy: str | None = None,
        signal: list[str] | None = None,
        i0: str | None = None,
        unit: str | None = None,
        **options: Any,
    ) -> None:
        columns = columns_named(energy=energy, signal=signal or [], i0=i0, unit=unit)
        from spectradb.services.matching import index
        from spectradb.services.matching.match import match_curve, searched_groups

        asked = MatchOptions(
            absorber=absorber,
            edge=edge,
            kind=kind,
            energy_range=(range[0], range[1]) if range else None,
            top=top,
            max_shift_ev=max_shift,
        )
        try:
            energies, intensity, asked, itself, notes = self._query(query, asked.checked(), columns)
            for group in searched_groups(energies, asked):
                index.refresh(group)
            within = self._made_of(only_elements)
            answer = match_curve(energies, intensity, asked, within=within, without=itself)
            told = answer.as_json() | {"notes": notes}
            if mixture or explain:
                from spectradb.services.matching import details
            if mixture:
                mixed = details.mixture(
                    energies, intensity, asked, max_components=mixture, within=within,
                    without=itself,
                )  # fmt: skip
                told["mixture"] = mixed.as_json()
            if explain:
                laid = details.overlay(energies, intensity, asked, answer.matches[0])
                told["peaks"] = details.peak_list(laid)
        except (ComputeError, SkipFile, OSError) as error:
            raise CommandError(f"{query}: {error}") from error
        self.emit(told, output)
        self._say_answer(answer)
        for part in told.get("mixture", {}).get("components", []):
            self.say(
                f"{part['share']:6.1%} ± {part['share_err']:.1%}  SDB-{part['spectrum_id']} "
                f"{part['formula']} (mixture)"
            )
        for text in [*notes, *answer.warnings]:
            self.say(text)

    @staticmethod
    def _made_of(elements: list[str]) -> QuerySet[Spectrum] | None:
        if not elements:
            return None
        from spectradb.filters import EVERYTHING, SearchError, apply_where

        try:
            return apply_where(Spectrum, {"only_elements": elements}, EVERYTHING)
        except SearchError as error:
            raise CommandError(f"--only-elements: {error}") from error

    def _say_answer(self, answer: Answer) -> None:
        self.say(f"{'':6}  {'score':>9}  {'spectrum':11} {'formula':16} edge    valence  shift, eV")
        for one in answer.matches:
            state = "?" if one.oxidation_state is None else f"{one.oxidation_state:+g}"
            self.say(
                f"{one.probability:6.1%}  {one.score:9.1f}  SDB-{one.spectrum_id:<7} "
                f"{one.formula:<16} {one.absorber:2} {one.edge:<4} {state:>7}  {one.shift_ev:+9.2f}"
            )
        self.say(f"{answer.none_of_these:6.1%}  none of these")
        self.say(answer.told)
        for share in answer.valences[:4]:
            sign = "?" if share.oxidation_state is None else f"{share.oxidation_state}+"
            self.say(f"{share.probability:6.1%}  {share.absorber} {sign}")

    def _query(
        self, query: str, asked: MatchOptions, columns: ColumnChoice | None
    ) -> tuple[FloatArray, FloatArray, MatchOptions, int | None, list[str]]:
        """Curve, completed options, the query's own number if it is stored, the reader's notes."""
        from spectradb.services.matching.match import completed, curve_of_row, sample_of_file

        path = Path(query)
        if not path.exists() and query.removeprefix("SDB-").isdecimal():
            number = int(query.removeprefix("SDB-"))
            row = Spectrum.objects.filter(pk=number).first()
            if row is None:
                raise CommandError(f"there is no spectrum {number}")
            return *curve_of_row(row, asked), row.pk, []
        if not path.is_file():
            raise CommandError(f"{query}: there is no such file, and it is no number of a spectrum")
        raw = sample_of_file(path, columns)
        return raw.energy_ev, raw.intensity, completed(asked, raw), None, list(raw.warnings)
