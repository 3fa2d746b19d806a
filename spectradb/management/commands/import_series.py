"""Store a series or map from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError, ReadError
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Store many spectra that belong together as one draft: an HDF5 file with NXdata of any "
        "rank or of HyperSpy, an array NAME.npy with its axes in NAME.json, a file of many scans, "
        "a folder or several files. A series that is stored already is left as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument(
            "--axis",
            action="append",
            default=[],
            metavar="NAME=START:STEP[:UNIT]",
            help="an axis before the energy, the outermost first; replaces those of the file. "
            "NAME:UNIT keeps the values that were read",
        )
        parser.add_argument("--element", metavar="X", help="absorbing element, stated")
        parser.add_argument("--edge", metavar="Y", help="edge, stated")
        parser.add_argument("--contributor", metavar="USER", help="whose draft it becomes")
        self.add_output(parser)

    def handle(
        self,
        *,
        paths: list[Path],
        axis: list[str],
        element: str | None,
        edge: str | None,
        contributor: str | None,
        output: str | None,
        **options: Any,
    ) -> None:
        from spectradb.services.series.store import import_series

        user = None
        if contributor:
            user = get_user_model().objects.filter(username=contributor).first()
            if user is None:
                raise CommandError(f"--contributor {contributor}: there is no such user")
        try:
            done = import_series(paths, axes=axis, element=element, edge=edge, contributor=user)
        except InputError as error:
            raise CommandError(f"--{error.field} {error.value}: {error.reason}") from error
        except ReadError as error:
            empty = {
                "id": None, "status": "failed", "axes": [], "absorber": None, "edge": None,
                "n_spectra": 0, "n_channels": 0, "warnings": [], "errors": error.errors,
            }  # fmt: skip
            self.emit(empty, output)
            raise CommandError("; ".join(error.errors)) from error
        self.emit(done.as_json(), output)
        sizes = " × ".join(f"{one['name']} {one['size']}" for one in done.axes)
        self.say(
            f"series {done.id} {'stored' if done.is_new else 'unchanged'}: {sizes}, "
            f"{done.n_channels} energies"
        )
        for text in [*done.warnings, *done.errors]:
            self.say(text)
        if done.errors:
            raise CommandError(f"{len(done.errors)} faults in files that were left out")
