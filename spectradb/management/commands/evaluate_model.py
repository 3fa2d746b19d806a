"""Measure a model."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ml.errors import LearningError
from spectradb.filters import SearchError
from spectradb.management.commands.train_model import read_json
from spectradb.management.json_command import JsonCommand
from spectradb.services.learning.measure import evaluate_model


class Command(JsonCommand):
    help = "Measure a trained model on one part of a search; intervals are bootstrapped (95 %)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name of the model")
        self.add_where(parser)
        parser.add_argument("--split", metavar="FILE.json", help="{source_id: train|val|test}")
        parser.add_argument("--on", default="val", choices=["train", "val", "test"])
        parser.add_argument(
            "--target-scale", metavar="FILE.json", help='{"source_id:site_index": factor}'
        )
        self.add_output(parser)

    def handle(self, *, model: str, output: str | None, **options: Any) -> None:
        try:
            found = evaluate_model(
                model,
                self.where(options["where"]),
                split=read_json(options["split"], "--split"),
                part=options["on"],
                target_scale=read_json(options["target_scale"], "--target-scale"),
            )
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        self.emit(found, output)
        for name, value in found.items():
            if isinstance(value, dict):
                self.say(f"{name}: {value['value']:.5g} ({value['low']:.5g} … {value['high']:.5g})")
            else:
                self.say(f"{name}: {value}")
