"""The L2,3 campaign over valence × ligand × coordination × symmetry."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from subprocess import Popen
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.crystals.prototypes import VALENCES
from spectradb.management.json_command import JsonCommand
from spectradb.services.library.build import (
    LibraryProgress,
    progress,
    queue_library,
    store_crystals,
    store_variants,
)
from spectradb.services.matching.index import refresh_all
from spectradb.services.matching.reliability import measure_next
from spectradb.services.queue import jobs
from spectradb.services.queue.beside import workers

_POLL_SECONDS = 5.0
_TAKE_UP_SECONDS = 60.0
_STALLED_SECONDS = 120.0  # jobs are open and none of any kind is running
_RESTARTS = 100


class Command(JsonCommand):
    help = (
        "Compute the library: real crystals, then hypothetical prototypes until each element has "
        "so many spectra. Stopped at any point, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--elements", nargs="+", default=list(VALENCES), metavar="Ni", help="Sc … Cu"
        )
        parser.add_argument("--per-element", type=int, default=1000, metavar="N")
        parser.add_argument(
            "--queue-only", action="store_true", help="leave the work to qcluster hosts"
        )
        self.add_output(parser)

    def handle(
        self,
        *,
        elements: list[str],
        per_element: int,
        queue_only: bool,
        output: str | None,
        **options: Any,
    ) -> None:
        unknown = [element for element in elements if element not in VALENCES]
        if unknown:
            raise CommandError(f"--elements {' '.join(unknown)}: known are {' '.join(VALENCES)}")
        if per_element < 1:
            raise CommandError(f"--per-element {per_element}: at least 1")
        list(self.progress(store_crystals(), unit="crystal"))
        for element in elements:
            stored = self.progress(store_variants(element, per_element), unit="crystal")
            self.say(f"{element}: {sum(is_new for _, is_new in stored)} new structures")
        queue_library(elements)
        found = progress(elements) if queue_only else self._run(elements)
        if not queue_only:
            self.say(f"{refresh_all()} indexes for matching are up to date.")
            measure_next()
        self.emit(asdict(found), output)
        self.say(f"{found.done} done, {found.failed} failed, {found.open} open")

    def _run(self, elements: list[str]) -> LibraryProgress:
        """Work until nothing is open; a cluster that dies or stalls is started again."""
        for _ in range(_RESTARTS):
            with workers() as cluster:
                found = self._watch(elements, cluster)
            if not found.open:
                return found
            self.say("The workers died or stalled; starting them again.")
        raise CommandError(f"the workers died {_RESTARTS} times")

    def _watch(self, elements: list[str], cluster: Popen[bytes]) -> LibraryProgress:
        """Tell how far it is until nothing is open or the cluster is of no more use.

        Killed workers are replaced by the cluster itself; should nothing run for two minutes
        although jobs are open, the cluster is taken for stalled all the same.
        """
        found = progress(elements)
        busy, taken_up = time.monotonic(), -math.inf
        while found.open and cluster.poll() is None:
            now = time.monotonic()
            if now - taken_up > _TAKE_UP_SECONDS:
                jobs.take_up_again()
                taken_up = now
            latest = progress(elements)
            if latest.done // 20 != found.done // 20:
                self.say(f"{latest.done} of {latest.total}, {latest.failed} failed")
            if latest != found or jobs.any_running():
                busy = now
            found = latest
            if now - busy > _STALLED_SECONDS:
                break
            time.sleep(_POLL_SECONDS)
        return progress(elements)
