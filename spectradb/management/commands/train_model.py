"""Train a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from ml import distributed
from ml.errors import LearningError
from ml.kinds import KINDS, default_kind
from ml.kinds.base import FitOptions, Step
from spectradb.filters import SearchError
from spectradb.management.json_command import JsonCommand
from spectradb.models import TrainedModel
from spectradb.services.learning.train import TrainingRequest, train_model


class Command(JsonCommand):
    help = (
        "Train a model from structures to spectra on everything a search selects. Materials are "
        "split by their name's hash unless --split says otherwise; the model sees the training "
        "part alone and is measured on the others. Processes started by torchrun train together."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=KINDS, help=f"{default_kind()} is the most exact")
        parser.add_argument("--name", required=True, help="of the model")
        self.add_where(parser)
        parser.add_argument("--split", metavar="FILE.json", help="{source_id: train|val|test}")
        parser.add_argument(
            "--grid", nargs=3, type=float, metavar=("START", "STOP", "STEP"), help="energies, eV"
        )
        parser.add_argument(
            "--target-scale", metavar="FILE.json", help='{"source_id:site_index": factor}'
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--epochs", type=int, help="of networks; the kind's own when not given")
        parser.add_argument("--members", type=int, default=5, help="networks of an ensemble")
        parser.add_argument(
            "--tune", type=int, default=0, metavar="N", help="search hyperparameters with N trials"
        )
        parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
        self.add_output(parser)

    def handle(self, *, kind: str, name: str, output: str | None, **options: Any) -> None:
        request = TrainingRequest(
            kind=kind,
            name=name,
            query=self.where(options["where"]),
            split=read_json(options["split"], "--split"),
            grid=tuple(options["grid"]) if options["grid"] else None,
            target_scale=read_json(options["target_scale"], "--target-scale"),
            options=FitOptions(
                options["seed"], options["device"], options["epochs"], options["members"]
            ),
            n_trials=options["tune"],
        )
        with distributed.group():
            row = self._train(request)
        if row is None:  # another process keeps the results
            return
        self.emit(
            {"name": row.name, "kind": row.kind, "seconds": row.seconds, "metrics": row.metrics},
            output,
        )
        for part in ("val", "test"):
            if part in row.metrics:
                mse = row.metrics[part]["mse"]
                self.say(
                    f"{part}: mse {mse['value']:.5f} (95 %: {mse['low']:.5f} … {mse['high']:.5f})"
                )

    def _train(self, request: TrainingRequest) -> TrainedModel | None:
        main = distributed.rank() == 0
        with tqdm(total=100, unit="%", disable=None if main else True) as bar:

            def tell(step: Step) -> None:
                bar.set_description(step.part)
                bar.set_postfix_str(step.text)
                bar.n = round(100 * step.done)
                bar.refresh()

            try:
                return train_model(request, tell)
            except (LearningError, SearchError) as error:
                raise CommandError(str(error)) from error


def read_json(path: str | None, option: str) -> Any:
    """What a JSON file holds; None without a file."""
    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{option} {path}: {error}") from error
