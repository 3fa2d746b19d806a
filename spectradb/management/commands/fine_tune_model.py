"""Adapt a trained model to measured spectra."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from ml.errors import LearningError
from spectradb.filters import SearchError
from spectradb.management.json_command import JsonCommand
from spectradb.services.learning.fine_tune import fine_tune


class Command(JsonCommand):
    help = (
        "Adapt a model of computed spectra to measured ones of known compounds (those with a "
        "structure: import_spectra --structure). The model itself stays frozen; learnt are shift, "
        "broadening, scale and a common correction. Tells the error of each compound left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base", required=True, metavar="MODEL", help="a trained model")
        parser.add_argument("--name", required=True, help="of the adapted model")
        self.add_where(parser)
        self.add_output(parser)

    def handle(
        self, *, base: str, name: str, where: list[str], output: str | None, **options: Any
    ) -> None:
        try:
            row = fine_tune(base, name, self.where(where))
        except (LearningError, SearchError, InputError) as error:
            raise CommandError(str(error)) from error
        self.emit(
            {"name": row.name, "hyperparameters": row.hyperparameters, "metrics": row.metrics},
            output,
        )
        held_out = row.metrics["leave_one_out"]
        for one in [*held_out["compounds"], {"compound": "mean", **held_out["mse"]}]:
            told = "  ".join(
                f"{key} {one[key]:.5f}" for key in ("adapted", "unadapted", "shifted", "mean")
            )
            self.say(f"{one['compound']:>16}: mse {told}")
