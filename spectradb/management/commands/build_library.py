"""The library's campaign: what a plan, a release or the usual mixture asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from subprocess import Popen
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Sum

from compute.crystals.prototypes import VALENCES
from compute.errors import ReadError
from spectradb.management.before import refuse_other_key
from spectradb.management.json_command import JsonCommand
from spectradb.models import Calculation
from spectradb.services.library import plan as plans
from spectradb.services.library import rebuild
from spectradb.services.library.build import (
    LibraryProgress,
    progress,
    progress_of,
    queue_library,
    store_crystals,
    store_variants,
)
from spectradb.services.library.release import Release, read_release
from spectradb.services.matching.index import refresh_all
from spectradb.services.matching.reliability import measure_next
from spectradb.services.queue import jobs
from spectradb.services.queue.beside import workers

_POLL_SECONDS = 5.0
_TAKE_UP_SECONDS = 60.0
_STALLED_SECONDS = 120.0  # jobs are open and none of any kind is running
_RESTARTS = 100
Progress = Callable[[], LibraryProgress]


class Command(JsonCommand):
    help = (
        "Compute the library: what a plan tells, or a release anew, or (without either) real "
        "crystals, then hypothetical prototypes until each element has so many spectra. Stopped "
        "at any point, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--plan", type=Path, metavar="FILE.json", help="what a plan tells (docs/library.md)"
        )
        what.add_argument(
            "--of",
            type=Path,
            metavar="FOLDER",
            help="every spectrum of this release, from its recipes and cells, and whether each "
            "comes out the same; in a database without them, or nothing is left to compute",
        )
        parser.add_argument("--elements", nargs="+", metavar="Ni", help="Sc … Cu")
        parser.add_argument("--per-element", type=int, metavar="N", help="1000 unless told")
        parser.add_argument(
            "--queue-only", action="store_true", help="leave the work to qcluster hosts"
        )
        self.add_output(parser)

    def handle(
        self,
        *,
        plan: Path | None,
        of: Path | None,
        elements: list[str] | None,
        per_element: int | None,
        queue_only: bool,
        output: str | None,
        **options: Any,
    ) -> None:
        if (plan or of) and (elements or per_element):
            raise CommandError("--elements and --per-element are no part of a plan or a release")
        release = None
        try:
            if plan:
                rows: list[Calculation] | None = self._queue_plan(plan)
            elif of:
                release = read_release(of)
                rows = self._queue_release(release)
            else:
                rows = None
        except ReadError as error:
            raise CommandError(str(error)) from error
        if rows is None:
            chosen = elements or list(VALENCES)
            self._queue_usual(chosen, 1000 if per_element is None else per_element)

            def seen() -> LibraryProgress:
                return progress(chosen)
        else:
            held = [row.pk for row in rows]

            def seen() -> LibraryProgress:
                return progress_of(Calculation.objects.filter(pk__in=held))

        found = seen() if queue_only else self._run(seen)
        told: dict[str, Any] = asdict(found)
        if not queue_only:
            if release is None:
                self.say(f"{refresh_all()} indexes for matching are up to date.")
                measure_next()
            if rows is not None:
                told["cpu_hours"] = self._hours([row.pk for row in rows])
        compared = rebuild.compare(release) if release and not queue_only else None
        if compared:
            told["compared"] = asdict(compared)
        self.emit(told, output)
        self.say(f"{found.done} done, {found.failed} failed, {found.open} open")
        if compared:
            self._report(compared)

    def _queue_usual(self, elements: list[str], per_element: int) -> None:
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

    def _queue_plan(self, file: Path) -> list[Calculation]:
        rows = []
        for number, step in enumerate(plans.read_plan(file).steps, 1):
            queued = plans.queue_step(step)
            self.say(f"step {number}: {len(queued)} sites {step.of}, {step.edge} by {step.route}")
            rows += queued
        return rows

    def _queue_release(self, release: Release) -> list[Calculation]:
        for route, spent in rebuild.hours(release).items():
            self.say(f"route {route}: {spent:.1f} hours of one core when the release was made")
        return rebuild.queue_release(release)

    def _hours(self, rows: list[int]) -> float:
        spent = Calculation.objects.filter(pk__in=rows).aggregate(n=Sum("seconds"))["n"] or 0.0
        self.say(f"{spent / 3600:.2f} hours of one core")
        return float(spent) / 3600.0

    def _report(self, compared: rebuild.Comparison) -> None:
        for line in compared.differing:
            self.say(line)
        told = (
            f"{compared.same} of {compared.n} spectra of the release are the same, largest "
            f"difference {compared.largest_steps:.2f} steps"
        )
        if not compared.whole:
            raise CommandError(f"{told}; {compared.n - compared.computed} were not computed")
        self.say(told)

    def _run(self, seen: Progress) -> LibraryProgress:
        """Work until nothing is open; a cluster that dies or stalls is started again."""
        for _ in range(_RESTARTS):
            found = seen()
            if not found.open:
                return found
            refuse_other_key()
            with workers() as cluster:
                found = self._watch(seen, cluster)
            if not found.open:
                return found
            self.say("The workers died or stalled; starting them again.")
        raise CommandError(f"the workers died {_RESTARTS} times")

    def _watch(self, seen: Progress, cluster: Popen[bytes]) -> LibraryProgress:
        """Tell how far it is until nothing is open or the cluster is of no more use.

        Killed workers are replaced by the cluster itself; should nothing run for two minutes
        although jobs are open, the cluster is taken for stalled all the same.
        """
        found = seen()
        busy, taken_up = time.monotonic(), -math.inf
        while found.open and cluster.poll() is None:
            now = time.monotonic()
            if now - taken_up > _TAKE_UP_SECONDS:
                jobs.take_up_again()
                taken_up = now
            latest = seen()
            if latest.done // 20 != found.done // 20:
                self.say(f"{latest.done} of {latest.total}, {latest.failed} failed")
            if latest != found or jobs.any_running():
                busy = now
            found = latest
            if now - busy > _STALLED_SECONDS:
                break
            time.sleep(_POLL_SECONDS)
        return seen()
