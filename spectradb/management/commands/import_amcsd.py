"""Store published mineral structures from the installed package larixite."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.edges import SYMBOLS
from compute.errors import ReadError
from compute.ions import ELEMENTS_3D
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Store cells of the American Mineralogist Crystal Structure Database, as the package "
        "larixite carries them: one for each compound, ambient and best refined, ordered ones "
        "first, each with its citation. Stopped at any point, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--elements",
            nargs="+",
            default=[one for one in ELEMENTS_3D if one != "Zn"],
            metavar="Fe",
            help="compounds that hold one of these (Sc … Cu); all: every compound",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="at most so many compounds")
        self.add_output(parser)

    def handle(
        self, *, elements: list[str], limit: int | None, output: str | None, **options: Any
    ) -> None:
        from spectradb.services.imports.amcsd import INTERNAL, compounds, database, import_amcsd

        if elements == ["all"]:
            elements = list(SYMBOLS)
        if unknown := [one for one in elements if one not in SYMBOLS]:
            raise CommandError(f"--elements {' '.join(unknown)}: no such element")
        if limit is not None and limit < 1:
            raise CommandError(f"--limit {limit}: at least 1")
        try:
            groups = compounds(database(), elements)[:limit]
        except ReadError as error:
            raise CommandError(str(error)) from error
        report = [
            one
            for tried in self.progress(import_amcsd(groups), total=len(groups), unit="compound")
            for one in tried
        ]
        counts = Counter(one.status for one in report)
        causes = Counter(one.cause for one in report if one.status == "refused")
        self.emit(
            {
                "compounds": len(groups),
                "entries": sum(map(len, groups)),
                **{name: counts[name] for name in ("new", "unchanged", "refused")},
                "causes": dict(causes.most_common()),
                "report": [asdict(one) for one in report],
            },
            output,
        )
        for cause, n in causes.most_common():
            self.say(f"refused, {cause}: {n}")
        self.say(
            f"{len(groups)} compounds of {sum(map(len, groups))} entries: {counts['new']} new, "
            f"{counts['unchanged']} unchanged, {counts['refused']} entries refused"
        )
        if broken := [one for one in report if one.cause == INTERNAL]:
            raise CommandError("\n".join(f"{one.source_id}: {one.reason}" for one in broken))
        if groups and not counts["new"] and not counts["unchanged"]:
            raise CommandError("no entry passed")
