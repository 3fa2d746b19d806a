"""Predict spectra."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ml.errors import LearningError
from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.json_command import JsonCommand
from spectradb.models import Structure
from spectradb.services.learning.predict import PredictedSite, Predictor, trust_in_words


class Command(JsonCommand):
    help = (
        "Predict the spectrum of every absorbing site with its standard deviation and a trust "
        "score. Files are only answered; stored structures (--where) keep their predictions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE.cif")
        parser.add_argument("--model", required=True, help="name of a trained model")
        parser.add_argument(
            "--space-group",
            default="",
            metavar="SYMBOL",
            help="read every CIF in this space group (see import_structures)",
        )
        self.add_where(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        files: list[Path],
        model: str,
        space_group: str,
        where: list[str],
        output: str | None,
        **options: Any,
    ) -> None:
        if bool(files) == bool(where):
            raise CommandError("name structure files, or select stored structures with --where")
        try:
            predictor = Predictor(model)
            found = (
                predictor.of_files(files, space_group=space_group)
                if files
                else predictor.of_rows(apply_where(Structure, self.where(where), EVERYTHING))
            )
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        failed: list[str] = []
        n = 0

        def told() -> Iterator[dict[str, Any]]:
            """One site at a time: a hundred thousand of them do not fit into memory."""
            nonlocal n
            for one in self.progress(found, unit="site"):
                n += 1
                if one.error:
                    failed.append(f"{one.file or one.source_id}: {one.error}")
                yield _as_json(one)

        self.emit_each(told(), output)
        self.say(f"{n - len(failed)} sites predicted, {len(failed)} failed")
        if failed:
            raise CommandError("\n".join(failed))


def _as_json(one: PredictedSite) -> dict[str, Any]:
    return {
        "file": one.file,
        "source_id": one.source_id,
        "formula": one.formula,
        "site_index": one.site_index,
        "element": one.element,
        "model": one.model,
        "energy_ev": one.energy_ev,
        "intensity": one.intensity,
        "sigma": one.sigma,
        "trust": one.trust,
        "trust_reason": trust_in_words(one) if one.trust is not None else None,
        "neighbours": one.neighbours,
        "warnings": one.warnings,
        "error": one.error or None,
    }
