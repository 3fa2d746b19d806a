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
