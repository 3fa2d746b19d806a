"""From nothing to a site worth browsing."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from compute.errors import ReadError
from spectradb.management.before import refuse_other_key
from spectradb.models import Series, Structure
from spectradb.services.accounts.roles import CURATOR, give_role
from spectradb.services.library.build import (
    SOURCE,
    LibraryProgress,
    progress,
    queue_library,
    store_crystals,
)
from spectradb.services.library.examples import queue_example_fits
from spectradb.services.library.load import Loaded, load_release, n_parts
from spectradb.services.library.release import MANIFEST, is_release
from spectradb.services.library.snapshot import import_library
from spectradb.services.library.starter import load_beside, supplements
from spectradb.services.matching.groups import groups
from spectradb.services.matching.index import (
    IndexState,
    ask_for_refresh,
    read_stamp,
    refresh_all,
    state_of,
)
from spectradb.services.matching.reliability import ask_for_all, measure_next
from spectradb.services.queue.beside import workers
from spectradb.services.series.example import store_example

ENOUGH_SPECTRA = 60
STARTER = settings.BASE_DIR / "spectradb" / "starter"
"""The release in the box."""
_BUDGET_SECONDS = 480.0  # after that, what is left stays queued
_READY_SECONDS = 110.0  # of a release: whatever is not indexed by then is made while serving
_POLL_SECONDS = 2.0
_QUIET_SECONDS = 600.0  # no job finished for so long: something is wrong


class Command(BaseCommand):
    help = (
        "Migrate, load the release in the box (or, with --build or while there is none, store the "
        "starter library of real crystals and compute their L2,3 spectra through the job queue), "
        "make a curator's account, and serve. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="end once the library is there")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--all", action="store_true", help="wait for every spectrum, however long it takes"
        )
        parser.add_argument(
            "--library", type=Path, metavar="FILE", help="load this release or snapshot first"
        )
        parser.add_argument(
            "--build", action="store_true", help="compute the starter, whatever is in the box"
        )

    def handle(
        self,
        *,
        no_serve: bool,
        port: int,
        all: bool,
        library: Path | None,
        build: bool,
        **options: Any,
    ) -> None:
        started = time.monotonic()
        call_command("migrate", verbosity=0)
        self._say("Database ready.")
        if library is None and not build and (STARTER / MANIFEST).exists():
            library = STARTER
        if library is not None:
            try:
                for folder in [library, *supplements(library)]:
                    self._say(f"{self._load(folder)} spectra loaded from {folder}.")
            except ReadError as error:
                raise CommandError(str(error)) from error
        try:
            for line in load_beside(STARTER):
                self._say(line)
        except ReadError as error:
            raise CommandError(str(error)) from error
        self._make_curator()
        if not Series.objects.exists() and (example := store_example()) is not None:
            self._say(f"{example.title}.")
        if library is None:
            new = sum(is_new for _, is_new in store_crystals())
            stored = Structure.objects.filter(source=SOURCE).count()
            self._say(f"{stored} crystals, {new} of them new.")
            queue_library()
        refuse_other_key()
        with workers():
            if library is None:
                spent = time.monotonic() - started
                self._compute(float("inf") if all else _BUDGET_SECONDS - spent)
            if library is None:
                self._say(f"{refresh_all()} indexes for matching are up to date.")
                measure_next()
            else:
                self._index(_READY_SECONDS - (time.monotonic() - started))
            self._say(f"Ready after {time.monotonic() - started:.0f} s.")
            if not no_serve:
                ask_for_all()
                queue_example_fits()
                call_command("compile_kernels")
                settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # or WhiteNoise complains
                self._say(f"Serving on http://127.0.0.1:{port}/ (Ctrl-C ends it).")
                call_command("runserver", f"127.0.0.1:{port}", use_reloader=False)

    def _load(self, library: Path) -> int:
        if not is_release(library):
            return sum(import_library(library))
        done, folder = Loaded(), library if library.is_dir() else library.parent
        parts = tqdm(load_release(folder), total=n_parts(folder), unit="part", file=sys.stderr)
        for done in parts:
            parts.set_postfix_str(f"{done.new + done.unchanged} spectra")
        for route, (told, now) in done.older.items():
            self._say(f"Route {route}: the release is of {told}, the engine here is {now}.")
        return done.new

    def _index(self, budget: float) -> None:
        """Let the workers bring the indexes for matching up to date; what takes longer goes on."""
        begun = time.monotonic()
        wanted = [one for one, _, _ in groups() if state_of(one) is not IndexState.CURRENT]
        wanted.sort(key=lambda one: -one.rows().count())
        ask_for_refresh(wanted)
        with tqdm(total=len(wanted), unit="index", file=sys.stderr) as bar:
            while wanted and time.monotonic() - begun < budget:
                time.sleep(_POLL_SECONDS)
                left = [one for one in wanted if not read_stamp(one)]
                bar.update(len(wanted) - len(left))
                wanted = left
        if wanted:
            self._say(f"{len(wanted)} indexes for matching are still made; a worker goes on.")

    def _compute(self, budget: float) -> None:
        """Let the workers compute what is queued, for so many seconds."""
        found = self._wait(budget)
        if found.open:
            self._say(f"{found.open} spectra are still queued; a worker goes on with them.")
        if found.done < ENOUGH_SPECTRA:
            raise CommandError(f"only {found.done} spectra: {found.failed} jobs failed")

    def _wait(self, budget: float) -> LibraryProgress:
        """Until all is done, or the time is up and there is enough."""
        begun = last_change = time.monotonic()
        found = progress()
        while found.open and (
            time.monotonic() - begun < budget or found.done < min(ENOUGH_SPECTRA, found.total)
        ):
            time.sleep(_POLL_SECONDS)
            latest = progress()
            now = time.monotonic()
            if latest.open != found.open:
                last_change = now
                self._say(f"{latest.done} of {latest.total} spectra, {latest.failed} failed")
            elif now - last_change > _QUIET_SECONDS:
                raise CommandError(f"no job has ended for {_QUIET_SECONDS:.0f} s; see the job page")
            found = latest
        return found

    def _make_curator(self) -> None:
        users = get_user_model()
        if users.objects.filter(username="curator").exists():
            return
        password = os.environ.get("DEMO_PASSWORD") or secrets.token_urlsafe(9)
        give_role(users.objects.create_user("curator", password=password), CURATOR)
        self._say(f"Curator's account: curator, password {password}")

    def _say(self, text: str) -> None:
        self.stderr.write(text)
