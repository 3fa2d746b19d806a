"""Queued calculations on a cluster, or on workers of this machine."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from spectradb.filters import SearchError
from spectradb.management.before import refuse_other_tables
from spectradb.management.json_command import JsonCommand

if TYPE_CHECKING:
    from spectradb.services.clusters.machines import Machines
    from spectradb.services.clusters.run import Report, Run

_TELL_SECONDS = 10.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Command(JsonCommand):
    help = (
        "Have queued calculations computed by workers that need the package compute alone: on "
        "nodes of a batch system, or here. Stopped, it gives back what is not done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_where(parser)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--local", type=int, metavar="N", help="N workers on this machine")
        where.add_argument(
            "--parsl", type=Path, metavar="CONFIG.py", help="a file with a config of Parsl's"
        )
        where.add_argument("--slurm", action="store_true", help="nodes that Slurm gives")
        parser.add_argument("--blocks", type=int, metavar="N", help="nodes at once, with --slurm")
        parser.add_argument("--walltime", metavar="H:MM:SS", help="of each block, with --slurm")
        parser.add_argument("--partition", metavar="NAME", help="of Slurm; its own when not given")
        parser.add_argument(
            "--cores",
            type=int,
            metavar="N",
            help="of each block, a worker each; whole nodes when not given",
        )
        self.add_output(parser)

    def handle(self, *, where: list[str], output: str | None, **options: Any) -> None:
        from spectradb.filters import EVERYTHING, apply_where
        from spectradb.models import Calculation, JobStatus
        from spectradb.services.calculations.queued import carried
        from spectradb.services.clusters.carrier import ParslCarrier
        from spectradb.services.clusters.machines import (
            ClusterError,
            check_connection,
            scrubbed,
        )
        from spectradb.services.clusters.run import Run

        machines = _machines(options)
        refuse_other_tables()
        try:
            rows = apply_where(Calculation, self.where(where), EVERYTHING)
        except SearchError as error:
            raise CommandError(str(error)) from error
        total = carried(rows).filter(job_status=JobStatus.QUEUED).count()
        home = Path(settings.VAR_DIR) / "cluster"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=home, prefix=time.strftime("%Y%m%dT%H%M%S-")))
        try:
            check_connection(connection)
            with scrubbed():
                carrier = ParslCarrier(machines, folder)
                run = Run(rows, carrier)
                run.report.total = total
                try:
                    with _stopping(run) as stopped_by:
                        self._watch(run)
                finally:
                    carrier.close()
        except ClusterError as error:
            raise CommandError(f"{error} (logs: {folder})") from error
        report = run.report
        self.emit(asdict(report) | {"ended": report.ended, "per_second": report.per_second}, output)
        self.say(_in_words(report))
        if stopped_by:
            name = signal.Signals(stopped_by[0]).name
            raise CommandError(
                f"stopped by {name}; {report.given_back} given back", returncode=128 + stopped_by[0]
            )
        shutil.rmtree(folder, ignore_errors=True)
        if report.failed:
            raise CommandError(
                "; ".join(f"{n} failed: {cause}" for cause, n in sorted(report.causes.items()))
            )

    def _watch(self, run: Run) -> None:
        told = time.monotonic()
        for report in run.go():
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self.say(_in_words(report))


def _machines(options: dict[str, Any]) -> Machines:
    from spectradb.services.clusters.machines import Given, Local, Slurm

    of_slurm = {name: options[name] for name in ("blocks", "walltime", "partition", "cores")}
    if not options["slurm"] and any(of_slurm.values()):
        raise CommandError("--blocks, --walltime, --partition and --cores go with --slurm")
    for name in ("local", "blocks", "cores"):
        if (value := options[name]) is not None and value < 1:
            raise CommandError(f"--{name} {value}: at least 1")
    if options["slurm"]:
        if of_slurm["blocks"] is None or of_slurm["walltime"] is None:
            raise CommandError("--slurm needs --blocks N and --walltime H:MM:SS")
        return Slurm(**of_slurm)
    return Given(options["parsl"]) if options["parsl"] else Local(options["local"] or 1)


@contextmanager
def _stopping(run: Run) -> Iterator[list[int]]:
    """Signals that ask for an end give the run's rows back first; those that came."""
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        run.stop()

    before = {one: signal.signal(one, stop) for one in _SIGNALS}
    try:
        yield came
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _in_words(report: Report) -> str:
    left = report.total - report.ended
    words = (
        f"{report.ended} of {report.total} ended, {report.failed} failed, {report.out} out to "
        f"{report.workers} workers, {report.sent_again} sent again, "
        f"{report.per_second:.1f} a second"
    )
    if left > 0 and report.per_second > 0:
        words += f", {left / report.per_second / 60:.0f} min left"
    return words
