"""Compute spectra from structures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from compute.l23.lineshape import DEFAULT, WIDTHS, Shape
from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.json_command import JsonCommand
from spectradb.models import Site, Structure
from spectradb.services.calculations.files import ComputedSite, check_request, compute_files
from spectradb.services.calculations.routes import FALLBACKS, FEFF, ROUTES, edges
from spectradb.services.calculations.stated import parse_stated, state_in_rows
from spectradb.services.calculations.structures import how_far, queue_sites, run_here

_MAY_LACK = ("question", "sigma", "model", "intensity_sigma")


class Command(JsonCommand):
    help = (
        "Compute the spectrum of every matching site from its structure alone. Files are computed "
        "here and stored nowhere; stored structures (--where) get one job a site, each run once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE.cif")
        parser.add_argument(
            "--absorber", required=True, metavar="Ni", help="Sc to Cu; by feff any element"
        )
        parser.add_argument("--edge", default="L23", help=f"L23; by feff {', '.join(edges(FEFF))}")
        parser.add_argument("--route", default="cheap", help=f"one of {', '.join(ROUTES)}")
        parser.add_argument(
            "--sync", action="store_true", help="run the jobs here instead of queueing them"
        )
        parser.add_argument(
            "--space-group",
            default="",
            metavar="SYMBOL",
            help="read every CIF in this space group (see import_structures)",
        )
        parser.add_argument(
            "--oxidation-state",
            action="append",
            default=[],
            metavar="EL=N|EL:INDEX=N",
            help="a valence that is known (Ni=2; Fe:4=3 for atom 4 and its equivalents); of stored "
            "structures it is kept as stated",
        )
        parser.add_argument(
            "--widths",
            default=DEFAULT,
            metavar="|".join(WIDTHS),
            help="lifetime widths: HWHM 0.2 (L3) and 0.4 eV (L2), or those of the element's levels "
            "(Campbell and Papp 2001), or these growing above each edge with the hopping of e_g",
        )
        parser.add_argument(
            "--continuum",
            type=float,
            default=0.0,
            metavar="HEIGHT",
            help="arctangent steps under L3 and L2 (2 : 1), their height over the L3 maximum; "
            "0 leaves them out",
        )
        parser.add_argument(
            "--fallback",
            default="",
            metavar="|".join(FALLBACKS),
            help="the route that answers for sites unlike all that route learned has seen; without "
            "it they fail",
        )
        parser.add_argument(
            "--draws",
            type=int,
            default=0,
            metavar="N",
            help="of route learned and files: solve N sets of parameters within their errors as "
            "well, for the error of the curve (intensity_sigma)",
        )
        self.add_where(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        files: list[Path],
        absorber: str,
        edge: str,
        route: str,
        sync: bool,
        space_group: str,
        oxidation_state: list[str],
        widths: str,
        continuum: float,
        fallback: str,
        draws: int,
        where: list[str],
        output: str | None,
        **options: Any,
    ) -> None:
        if bool(files) == bool(where):
            raise CommandError("name structure files, or select stored structures with --where")
        try:
            check_request(absorber, edge, route, fallback=fallback, draws=draws)
            stated = parse_stated(oxidation_state)
            shape = Shape(widths, continuum)
            if files:
                found = compute_files(
                    files, absorber, edge, route,
                    space_group=space_group, stated=stated, shape=shape,
                    fallback=fallback, draws=draws,
                )  # fmt: skip
            else:
                if draws:
                    raise CommandError("--draws is for files: curves of stored sites keep no error")
                query = self.where(where)
                given = query.setdefault("element", [absorber])
                if given != [absorber]:
                    raise CommandError(f"--where element={given[0]} is not --absorber {absorber}")
                sites = apply_where(Site, query, EVERYTHING)
                # By key: what is stated may change what --where finds.
                chosen = Site.objects.filter(pk__in=list(sites.values_list("pk", flat=True)))
                rows_of = Structure.objects.filter(sites__in=chosen).distinct().order_by("pk")
                for text in state_in_rows(stated, rows_of):
                    self.say(text)
                rows = queue_sites(
                    chosen, edge, route, send=not sync, shape=shape, fallback=fallback
                )
                found = run_here(rows) if sync else how_far(rows)
            answers = list(self.progress(found, unit="site"))
        except (InputError, SearchError) as error:
            raise CommandError(str(error)) from error
        self.emit([_as_json(answer) for answer in answers], output)
        self._report(answers)

    def _report(self, answers: list[ComputedSite]) -> None:
        counts: dict[str, int] = {}
        for answer in answers:
            counts[answer.status] = counts.get(answer.status, 0) + 1
        told = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        self.say(told or "no matching site")
        for text in dict.fromkeys(f"{_which(a)}: {t}" for a in answers for t in a.warnings):
            self.say(text)
        failed = [answer for answer in answers if answer.status == "failed"]
        if failed:
            lines = [f"{_which(a)}: {a.error}" for a in failed]
            raise CommandError("\n".join(lines))


def _as_json(answer: ComputedSite) -> dict[str, Any]:
    """A row of the report; some keys only where there is something to tell."""
    row = asdict(answer)
    return {
        name: value for name, value in row.items() if value is not None or name not in _MAY_LACK
    }


def _which(answer: ComputedSite) -> str:
    """The site of an answer in words; a file may have failed before it came to sites."""
    if answer.site_index is None:
        return answer.source_id
    return f"{answer.source_id} site {answer.site_index}"
