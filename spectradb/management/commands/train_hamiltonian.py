"""Train the model of route ``learned``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from ml.errors import LearningError
from spectradb.filters import EVERYTHING, SearchError, apply_where
from spectradb.management.json_command import JsonCommand
from spectradb.models import Site
from spectradb.services.learning.hamiltonians import by_doubt, figures, rows, train_hamiltonian


class Command(JsonCommand):
    help = (
        "Learn from everything that the present version of route cluster has computed what it "
        "gives, and put the model into use by route learned; its errors are those of families "
        "(an ion with the same ligands) that were left out. With --order no training: which sites "
        "would teach most, by the model in use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", type=Path, metavar="FILE.npz", help="write the model there, not into use"
        )
        parser.add_argument(
            "--order", type=int, metavar="N", help="tell N sites of --where, most doubtful first"
        )
        self.add_where(parser)
        self.add_output(parser)

    def handle(
        self,
        *,
        to: Path | None,
        order: int | None,
        where: list[str],
        output: str | None,
        **options: Any,
    ) -> None:
        try:
            if order is not None:
                self.emit(self._order(order, where), output)
                return
            if where:
                raise CommandError("--where is for --order: all that cluster computed is learnt")
            found = list(self.progress(rows(), unit="site"))
            trained = train_hamiltonian(to, found)
        except (InputError, LearningError, SearchError) as error:
            raise CommandError(str(error)) from error
        told = figures(trained)
        told |= {"weights": trained.model.identity, "left_out": trained.left_out}
        self.emit(told | {"file": str(trained.path)}, output)
        self.say(
            f"{told['sites']} sites of {told['families']} families, {told['answered']:.0%} of them "
            f"answered when left out; error over that of cheap {told['ratio']:.2f}"
        )
        for text in trained.left_out:
            self.say(f"left out: {text}")

    def _order(self, n: int, where: list[str]) -> list[dict[str, Any]]:
        sites = apply_where(Site, self.where(where), EVERYTHING).select_related("structure")
        found = by_doubt(self.progress(list(sites), unit="site"))[:n]
        return [
            {
                "site": row.pk,
                "formula": row.structure.formula,
                "element": row.element,
                "oxidation_state": row.oxidation_state,
                "ligands": row.ligands,
                "leverage": leverage,
            }
            for row, leverage in found
        ]
