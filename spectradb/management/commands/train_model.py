"""Train a model."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from ml import distributed
from ml.errors import LearningError
from ml.kinds import KINDS, default_kind
from ml.kinds.base import FitOptions, Step
from spectradb.filters import SearchError
from spectradb.management.given import SCALE_HELP, SPLIT_HELP, estimate_in_words, read_json
from spectradb.management.json_command import JsonCommand
from spectradb.models import TrainedModel
from spectradb.services.learning.selection import REASONS
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
        parser.add_argument("--split", metavar="FILE.json", help=SPLIT_HELP)
        parser.add_argument(
            "--grid", nargs=3, type=float, metavar=("START", "STOP", "STEP"), help="energies, eV"
        )
        parser.add_argument("--target-scale", metavar="FILE.json", help=SCALE_HELP)
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
        try:
            with distributed.group():
                row = self._train(request)
        except (LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        if row is None:  # another process keeps the results
            return
        self.emit(
            {"name": row.name, "kind": row.kind, "seconds": row.seconds, "metrics": row.metrics},
            output,
        )
        for part in ("val", "test"):
            if part in row.metrics:
                self.say(f"{part}: mse {estimate_in_words(row.metrics[part]['mse'])}")
        for one in row.metrics["left_out_because"]:
            self.say(f"left out: {one['n']} {REASONS[one['reason']]}")

    def _train(self, request: TrainingRequest) -> TrainedModel | None:
        main = distributed.rank() == 0
        with tqdm(total=100, unit="%", disable=None if main else True) as bar:

            def tell(step: Step) -> None:
                bar.set_description(step.part)
                bar.set_postfix_str(step.text)
                bar.n = round(100 * step.done)
                bar.refresh()

            return train_model(request, tell)
