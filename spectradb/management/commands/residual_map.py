"""Tell which stored spectra a model finds surprising."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ml.errors import LearningError
from spectradb.filters import SearchError
from spectradb.management.given import add_scale, scale_given
from spectradb.management.json_command import JsonCommand


class Command(JsonCommand):
    help = (
        "Compare stored spectra with what a model expects of their structures, the most "
        "surprising first. Spectra that it was trained on are compared with the prediction of "
        "members that had not seen them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name of a trained model")
        self.add_where(parser)
        parser.add_argument("--top", type=int, metavar="N", help="no more than these")
        add_scale(parser)
        self.add_output(parser)

    def handle(self, *, model: str, top: int | None, output: str | None, **options: Any) -> None:
        from spectradb.services.learning.residual_map import residual_map

        try:
            found = residual_map(
                model,
                self.where(options["where"]),
                target_scale=scale_given(options["target_scale"]),
                top=top,
            )
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        self.emit([asdict(one) for one in found], output)
        for one in found[:10]:
            self.say(
                f"{one.source_id} ({one.formula}), site {one.site_index}: off by {one.surprise:.1f}"
                f" σ, trust {one.trust:.2f}"
            )
