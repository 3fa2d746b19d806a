"""Maps of a stored series."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ComputeError, InputError
from spectradb.management.json_command import JsonCommand

_TOLD_EVERY = 2.0  # seconds


class Command(JsonCommand):
    help = (
        "Maps of a series with errors: fractions of references and whether something else is "
        "there, factors without references (nmf, mcr), or single numbers (parameters). Stopped "
        "and asked again, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, metavar="ID", help="number of the series")
        parser.add_argument(
            "--method", default="references", choices=("references", "nmf", "mcr", "parameters")
        )
        parser.add_argument(
            "--references", nargs="+", default=[], metavar="ID", help="spectra by number, or files"
        )
        parser.add_argument("--components", type=int, metavar="N", help="of nmf and mcr")
        parser.add_argument(
            "--free", default="", metavar="shift,width", help="of each spectrum by itself"
        )
        parser.add_argument(
            "--noise", choices=("poisson", "gaussian"), help="estimated where not stated"
        )
        parser.add_argument(
            "--quantity", nargs="+", default=[], metavar="NAME", help="of the parameters"
        )
        parser.add_argument(
            "--window", nargs=2, type=float, action="append", default=[], metavar=("LO", "HI"),
            help="of the parameters, eV; as many as the quantity takes",
        )  # fmt: skip
        parser.add_argument(
            "--output", metavar="MAPS.h5", help="where the maps go; series-ID-METHOD.h5 without"
        )

    def handle(
        self,
        *,
        id: int,
        method: str,
        references: list[str],
        components: int | None,
        free: str,
        noise: str | None,
        quantity: list[str],
        window: list[list[float]],
        output: str | None,
        **options: Any,
    ) -> None:
        from spectradb.models import Series
        from spectradb.services.series.analyse import Asked, analyse

        row = Series.objects.filter(pk=id).first()
        if row is None:
            raise CommandError(f"{id}: there is no such series")
        if method == "references" and not references:
            raise CommandError("--references: name at least one")
        asked = Asked(
            method,
            tuple(references),
            components,
            tuple(one.strip() for one in free.split(",") if one.strip()),
            noise,
            tuple(quantity),
            tuple((low, high) for low, high in window),
        )
        target = Path(output or f"series-{id}-{method}.h5")
        if not target.absolute().parent.is_dir():
            raise CommandError(f"--output {target}: there is no such folder")
        start = told = time.monotonic()
        first: int | None = None
        warnings: list[str] = []
        try:
            for step in analyse(row, asked, target):
                now = time.monotonic()
                warnings = step.warnings
                if first is None:
                    first, start = step.done, now
                elif now - told > _TOLD_EVERY and step.done > first:
                    rate = (step.done - first) / (now - start)
                    left = (step.total - step.done) / rate
                    self.say(f"{step.done} of {step.total}, {rate:.0f}/s, {left:.0f} s left")
                    told = now
        except InputError as error:
            raise CommandError(f"--{error.field} {error.value}: {error.reason}") from error
        except ComputeError as error:
            raise CommandError(str(error)) from error
        for text in warnings:
            self.say(text)
        self.say(f"{row.n_spectra} spectra: {target}")
