"""Compute L2,3 spectra from explicit parameters, without the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Compute L2,3 spectra from explicit parameters. A CASE.json holds one case or a list; "
        "only element and charge are required. Several cases give a list in their order, in "
        'which a case that fails is {"error": …}.'
    )
    requires_system_checks: list[str] = []  # no database, no settings: only arithmetic

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("cases", nargs="+", type=Path, metavar="CASE.json")
        parser.add_argument(
            "--processes", type=int, default=1, metavar="N", help="worker processes (default 1)"
        )
        self.add_output(parser)

    def handle(
        self, *, cases: list[Path], processes: int, output: str | None, **options: Any
    ) -> None:
        from compute.multiplet.batch import solve_many

        if processes < 1:
            raise CommandError(f"--processes {processes}: must be at least 1")
        wanted: list[Any] = []
        several = len(cases) > 1
        for path in cases:
            content = _read(path)
            several = several or isinstance(content, list)
            wanted += content if isinstance(content, list) else [content]
        results = []
        solved = solve_many(wanted, processes=processes)
        for number, result in enumerate(self.progress(solved, total=len(wanted), unit="case")):
            self.say(f"case {number + 1}: {_summary(result)}")
            for text in result.get("warnings", ()):
                self.say(f"case {number + 1}: warning: {text}")
            results.append(result)
        failed = [number for number, result in enumerate(results) if "error" in result]
        if failed and not several:
            raise CommandError(results[0]["error"])
        self.emit(results if several else results[0], output)
        if failed:
            raise CommandError(f"{len(failed)} of {len(results)} cases failed")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path}: not JSON ({error})") from error


def _summary(result: dict[str, Any]) -> str:
    if "error" in result:
        return f"failed: {result['error']}"
    used = result["parameters"]
    size = result["dimension"]
    return (
        f"{used['element']}{used['charge']}+ 3d{used['n_d']}, {size['initial']} and "
        f"{size['final']} determinants, {result['method']}, {result['seconds']:.3f} s, "
        f"total intensity {result['total_intensity']:.6f}"
    )
