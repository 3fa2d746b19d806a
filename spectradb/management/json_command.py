"""What every command of ours shares: ``--output``, ``--where``, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from tqdm import tqdm

T = TypeVar("T")


class JsonCommand(BaseCommand):
    """A command whose result is JSON.

    ``--output FILE.json`` writes the result there; ``--output -`` writes it to stdout, and then
    stdout holds nothing else. Everything for people goes to stderr.

    What a command works with is imported in its ``handle``, so that ``--help`` answers at once.
    """

    # The checks of addresses and pages load all that any page needs; ``check`` runs them.
    requires_system_checks = ["spectradb"]

    def add_output(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--output",
            metavar="FILE.json",
            help="write the result as JSON to this file; - is stdout, which then holds JSON alone",
        )

    def add_trusted(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--trusted",
            action="store_true",
            help="read the files in this process, whatever memory and time they take; without it "
            "each is read in a child that is stopped where it takes too much",
        )

    def add_where(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--where",
            nargs="+",
            metavar="key=value",
            default=[],
            help="the search of the site and the API, e.g. --where absorber=Ni edge=L23",
        )

    def where(self, pairs: Iterable[str]) -> dict[str, list[str]]:
        """``key=value …`` as a query dictionary; a repeated key collects its values."""
        query: dict[str, list[str]] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise CommandError(f"--where {pair!r}: write it as key=value")
            query.setdefault(key, []).append(value)
        return query

    def progress(
        self, items: Iterable[T], total: int | None = None, unit: str = "it"
    ) -> Iterator[T]:
        """The items, with a bar on stderr where that is a terminal."""
        yield from tqdm(items, total=total, unit=unit, disable=None, file=sys.stderr)

    def say(self, text: str) -> None:
        self.stderr.write(text)

    def emit(self, result: Any, output: str | None) -> None:
        """Write the result where ``--output`` says; nothing without it."""
        if output is None:
            return
        text = json.dumps(result, default=_plain, allow_nan=False, ensure_ascii=False)
        if output == "-":
            self.stdout.write(text)
            return
        try:
            Path(output).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"--output {output}: {error.strerror}") from error

    def emit_each(self, results: Iterable[Any], output: str | None) -> None:
        """As :meth:`emit` of a list, one item in memory at a time; all are made in any case."""
        if output is None:
            for _ in results:
                pass
            return
        with ExitStack() as opened:
            try:
                stream = (
                    self.stdout
                    if output == "-"
                    else opened.enter_context(Path(output).open("w", encoding="utf-8"))
                )
            except OSError as error:
                raise CommandError(f"--output {output}: {error.strerror}") from error
            before = "["
            for one in results:
                text = json.dumps(one, default=_plain, allow_nan=False, ensure_ascii=False)
                _write(stream, before + text)
                before = ",\n"
            _write(stream, "[]\n" if before == "[" else "]\n")


def _write(stream: Any, text: str) -> None:
    """Without the line's end that Django's streams add."""
    if isinstance(stream, OutputWrapper):
        stream.write(text, ending="")
    else:
        stream.write(text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
