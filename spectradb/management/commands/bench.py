"""Run the benchmarks of ``tests/benchmarks``."""

from __future__ import annotations

import importlib
import os
import platform
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from spectradb.management.json_command import JsonCommand

_FOLDER = Path("tests") / "benchmarks"


def benchmarks() -> dict[str, str]:
    """Name of each benchmark and of its module."""
    found = sorted((Path(settings.BASE_DIR) / _FOLDER).glob("bench_*.py"))
    return {path.stem.removeprefix("bench_"): f"tests.benchmarks.{path.stem}" for path in found}


class Command(JsonCommand):
    help = (
        "Run benchmarks, all of them when none is named. Speeds are ratios with a reference "
        "measured in the same run (above 1 is faster than the reference); rows without a "
        "reference have a limit. Fails when a limit is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="NAME", help=f"of {', '.join(benchmarks()) or 'none yet'}"
        )
        self.add_output(parser)

    def handle(self, *, names: list[str], output: str | None, **options: Any) -> None:
        known = benchmarks()
        if unknown := [name for name in names if name not in known]:
            raise CommandError(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
        report: dict[str, Any] = {
            "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
            "benchmarks": {},
        }
        broken = []
        for name in names or known:
            module = importlib.import_module(known[name])
            self.say(f"\n{name}: {_first_line(module)}")
            rows = report["benchmarks"][name] = []
            for row in module.run():
                rows.append(row.as_dict())
                self.say(_line(rows[-1]))
                if row.passed is False:
                    broken.append(f"{name}: {row.name}")
        self.emit(report, output)
        if broken:
            raise CommandError("beyond the limit: " + "; ".join(broken))


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _line(row: dict[str, Any]) -> str:
    text = f"  {row['name']:<48} {row['value']:>10.4g} {row['unit']:<8}"
    if row["ratio"] is not None:
        text += f" {row['ratio']:.3g}x against {row['reference']} ({row['reference_value']:.4g})"
    if row["limit"] is not None:
        sign = ">=" if row["at_least"] else "<="
        text += f" limit {sign} {row['limit']:g}: {'kept' if row['passed'] else 'BROKEN'}"
    return text
