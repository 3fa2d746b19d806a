"""Store crystal structures from files."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.isolation import unlimited
from spectradb.management.json_command import JsonCommand
from spectradb.services.imports.structures import import_structures


class Command(JsonCommand):
    help = (
        "Store crystal structures: CIF, POSCAR/CONTCAR (*.vasp), pymatgen JSON, or folders of "
        "them. A structure that is stored already is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument("--source", help="where they come from (file; mp for mp-123.cif)")
        parser.add_argument("--citation", help="to be quoted with them")
        parser.add_argument("--doi", help="of the citation")
        parser.add_argument(
            "--hypothetical", action="store_true", help="they have never been observed"
        )
        parser.add_argument(
            "--space-group",
            default="",
            metavar="SYMBOL",
            help="read every CIF in this space group: a symbol or number, with :1, :2, :H or :R "
            "for origin or axes; 'P 1' for the atoms as listed, 'listed' for the file's operations",
        )
        parser.add_argument(
            "--keep-doubted",
            action="store_true",
            help="store also what is likely not meant so; nothing is calculated of it before a "
            "curator agrees",
        )
        self.add_trusted(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        paths: list[Path],
        source: str | None,
        citation: str | None,
        doi: str | None,
        hypothetical: bool,
        space_group: str,
        keep_doubted: bool,
        output: str | None,
        trusted: bool = False,
        **options: Any,
    ) -> None:
        given = {"source": source, "citation": citation, "doi": doi}
        fields: dict[str, Any] = {key: value for key, value in given.items() if value}
        if hypothetical:
            fields["hypothetical"] = True
        found = import_structures(
            paths, space_group=space_group, keep_doubted=keep_doubted, **fields
        )
        report, counts = [], {"new": 0, "unchanged": 0, "failed": 0}
        with unlimited() if trusted else nullcontext():
            for one in self.progress(found, unit="structure"):
                counts[one.status] += 1
                for text in (*one.errors, *(f"{one.path.name}: {text}" for text in one.warnings)):
                    self.say(text)
                report.append(
                    {
                        "path": one.path.resolve(),
                        "status": one.status,
                        "id": one.structure_id,
                        "source_id": one.source_id,
                        "formula": one.formula,
                        "space_group": one.space_group,
                        "n_distinct_sites": one.n_sites,
                        "warnings": one.warnings,
                        "errors": one.errors,
                        **({"question": one.question} if one.question else {}),
                    }
                )
        if not report:
            raise CommandError(f"no structure file in {', '.join(map(str, paths))}")
        self.emit(report, output)
        self.say(", ".join(f"{n} {status}" for status, n in counts.items()))
        if counts["failed"]:
            raise CommandError(f"{counts['failed']} of {len(report)} could not be stored")
