"""Store Materials Project spectra."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from spectradb.management.json_command import JsonCommand
from spectradb.services.imports.materials_project import import_mp_xas
from spectradb.services.imports.mp_client import SourceError, XasQuery, XasSource


class Command(JsonCommand):
    help = (
        "Store Materials Project X-ray absorption spectra with the structures they were computed "
        "for. Interrupted, it goes on where it stopped; run again, it stores only what changed. "
        "The key comes from MP_API_KEY."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--absorber", required=True, help="element, e.g. O")
        parser.add_argument("--edge", required=True, choices=["K", "L1", "L2", "L3", "L23", "L2,3"])
        parser.add_argument("--type", default="XANES", choices=["XANES", "EXAFS", "XAFS"])
        parser.add_argument("--chemsys", help="only this chemical system, e.g. Cu-O")
        parser.add_argument("--limit", type=int, help="stop after this many documents")
        self.add_output(parser)

    def handle(
        self,
        *,
        absorber: str,
        edge: str,
        type: str,
        chemsys: str | None,
        limit: int | None,
        output: str | None,
        **options: Any,
    ) -> None:
        if not settings.MP_API_KEY:
            raise CommandError(
                "MP_API_KEY is not set; get a key at materialsproject.org, Dashboard"
            )
        if limit is not None and limit < 1:
            raise CommandError(f"--limit {limit}: use a number above 0")
        query = XasQuery(absorber, edge, type, chemsys)
        try:
            source = XasSource(settings.MP_API_KEY, settings.MP_API_ENDPOINT)
            with tqdm(unit="spectrum", disable=None) as bar:
                for state in import_mp_xas(source, query, limit=limit):
                    run, counts = state
                    bar.total = counts.total
                    bar.update(counts.seen - bar.n)
        except SourceError as error:
            hint = "Run the command again to go on." if not error.permanent else ""
            raise CommandError(f"{error}\n{hint}".strip()) from error
        report = {
            "total": counts.total,
            "new": counts.new,
            "changed": counts.changed,
            "unchanged": counts.unchanged,
            "structures_new": counts.structures_new,
            "broken": run.broken,
        }
        self.emit(report, output)
        self.say(
            f"{counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged spectra; "
            f"{counts.structures_new} new structures; {len(run.broken)} documents left out"
        )
        for entry in run.broken[:20]:
            self.say(f"  {entry['task_id']}: {entry['reason']}")
        if run.broken:
            raise CommandError(f"{len(run.broken)} documents were broken; a later run tries again")
