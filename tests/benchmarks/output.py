"""Where a benchmark's report goes."""

from __future__ import annotations

import sys
from pathlib import Path


def write(text: str, output: Path | None) -> None:
    """To a file, or to stdout without one."""
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def say(line: str) -> None:
    """A line to stdout, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def rewrite(document: Path, name: str, text: str) -> None:
    """Put a table or list into a document, between its ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    old = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if old.count(begin) != 1 or old.count(end) != 1:
        raise ValueError(f"{document} has no place for {name}: {begin.strip()} … {end}")
    head, rest = old.split(begin)
    document.write_text(head + begin + text + end + rest.split(end)[1], encoding="utf-8")
