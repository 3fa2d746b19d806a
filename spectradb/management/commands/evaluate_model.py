"""Measure a model."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from ml.errors import LearningError
from spectradb.filters import SearchError
from spectradb.management.given import (
    add_scale,
    add_split,
    estimate_in_words,
    scale_given,
    split_given,
)
from spectradb.management.json_command import JsonCommand
from spectradb.services.learning.measure import evaluate_model


class Command(JsonCommand):
    help = (
        "Measure a trained model on one part of a search; intervals are bootstrapped (95 %). "
        "Materials that it was trained on are counted in no part but train."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name of the model")
        self.add_where(parser)
        add_split(parser)
        parser.add_argument("--on", default="val", choices=["train", "val", "test"])
        add_scale(parser)
        self.add_output(parser)

    def handle(self, *, model: str, output: str | None, **options: Any) -> None:
        try:
            found = evaluate_model(
                model,
                self.where(options["where"]),
                split=split_given(options["split"]),
                part=options["on"],
                target_scale=scale_given(options["target_scale"]),
            )
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        self.emit(found, output)
        for name, value in found.items():
            if isinstance(value, dict) and "value" in value:
                self.say(f"{name}: {estimate_in_words(value)}")
            elif isinstance(value, int | float | str):
                self.say(f"{name}: {value}")
        if found["left_out_trained_on"]:
            self.say(
                f"{found['left_out_trained_on']} spectra of materials that {model} was trained on "
                "are not counted"
            )
