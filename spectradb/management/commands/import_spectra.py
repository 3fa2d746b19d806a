"""Store measured spectra from files."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from compute.isolation import unlimited
from spectradb.management.columns import add_columns, columns_named
from spectradb.management.json_command import JsonCommand
from spectradb.models import Structure
from spectradb.services.imports.spectra import import_spectra


class Command(JsonCommand):
    help = (
        "Store measured spectra as drafts: XDI, 9809 (Photon Factory, SPring-8), EMSA/MSA, Athena "
        "projects, plain columns, HDF5/NXdata, DM3/DM4 (with rosettasciio), or folders of them. "
        "Output of FEFF, FDMNES and other programs becomes theory. A file that leaves open which "
        "of its columns is the spectrum asks: nothing of it is stored before --energy, --signal, "
        "--i0 or --unit answers. A file that is stored already is left as it is. Files that hold "
        "no spectrum (side-cars, chi(k)) are skipped with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
        parser.add_argument(
            "--element", metavar="X", help="absorbing element, where a file does not say it"
        )
        parser.add_argument("--edge", metavar="Y", help="edge, where a file does not say it")
        parser.add_argument(
            "--structure", metavar="ID", help="the crystal that was measured: source id or number"
        )
        add_columns(parser)
        parser.add_argument("--dry-run", action="store_true", help="read and report; store nothing")
        parser.add_argument("--contributor", metavar="USER", help="whose drafts they become")
        self.add_trusted(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        paths: list[Path],
        element: str | None,
        edge: str | None,
        structure: str | None,
        dry_run: bool,
        contributor: str | None,
        output: str | None,
        energy: str | None = None,
        signal: list[str] | None = None,
        i0: str | None = None,
        unit: str | None = None,
        trusted: bool = False,
        **options: Any,
    ) -> None:
        columns = columns_named(energy=energy, signal=signal or [], i0=i0, unit=unit)
        user = None
        if contributor:
            user = get_user_model().objects.filter(username=contributor).first()
            if user is None:
                raise CommandError(f"--contributor {contributor}: there is no such user")
        report: list[dict[str, Any]] = []
        counts = dict.fromkeys(("imported", "unchanged", "skipped", "failed"), 0)
        files = import_spectra(
            paths,
            element=element,
            edge=edge,
            dry_run=dry_run,
            contributor=user,
            structure=_structure(structure),
            columns=columns,
        )
        try:
            with unlimited() if trusted else nullcontext():
                for one in self.progress(files, unit="file"):
                    counts[one.status] += 1
                    for text in one.errors:
                        self.say(f"{one.path}: {text}")
                    report.append(one.as_json())
        except InputError as error:
            raise CommandError(f"--{error.field} {error.value}: {error.reason}") from error
        self.emit(report, output)
        told = ", ".join(f"{n} {status}" for status, n in counts.items())
        self.say(f"{told} (dry run: nothing is stored)" if dry_run else told)
        if not report:
            raise CommandError(f"no file in {', '.join(map(str, paths))}")
        if counts["failed"]:
            raise CommandError(f"{counts['failed']} of {len(report)} files could not be imported")


def _structure(text: str | None) -> Structure | None:
    """By source id, else by number."""
    if text is None:
        return None
    found = list(Structure.objects.filter(source_id=text, is_primary=True)[:2])
    if not found and text.isdecimal():
        found = list(Structure.objects.filter(pk=int(text)))
    if len(found) != 1:
        names = " and ".join(f"SDB-S{one.pk} ({one.source})" for one in found)
        told = f"fits two structures, {names}" if found else "there is no such structure"
        raise CommandError(f"--structure {text}: {told}")
    return found[0]
