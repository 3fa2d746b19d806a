"""The table of numbers in a text file, found without knowing its format."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath

from compute.errors import SkipFile
from compute.io.raw import LIMITS, Faults, FloatArray
from compute.io.text import number, row_of, table

COMMENT = "#%!;*/"
_COMMA_NUMBER = r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?"
_DECIMAL_COMMA = re.compile(rf"{_COMMA_NUMBER}(?:[;\s]+{_COMMA_NUMBER})+;?", re.ASCII)
_NO_DATA = {
    *(".json", ".yaml", ".yml", ".xml", ".html", ".htm", ".md", ".rst", ".pdf", ".png", ".jpg"),
    *(".jpeg", ".gif", ".svg", ".tif", ".tiff", ".zip", ".py", ".ipynb", ".ini", ".cfg", ".log"),
    *(".inp", ".cif", ".bib", ".info", ".tex", ".toml"),
}
_NO_DATA_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog", "makefile")


@dataclass
class ColumnTable:
    """The numbers of a file with what stands above them."""

    values: FloatArray
    header: list[str]
    first_line: int
    labels: list[str] = field(default_factory=list)
    unit: str | None = None
    n_named: int = 0


def find_table(lines: list[str], name: str, faults: Faults) -> ColumnTable:
    split = _splitter(lines)
    runs: list[tuple[int, int, list[list[float]]]] = []  # first line, width, rows
    gap: list[int] = []
    skipped: list[int] = []
    n_rows = 0
    for index, line in enumerate(lines):
        text = line.strip()
        if not text or text[0] in COMMENT:
            continue
        words = split(text)
        row = row_of(words) if 2 <= len(words) <= LIMITS.columns else None
        if row is None:
            gap.append(index)
            continue
        n_rows += 1
        if n_rows > LIMITS.points:
            raise faults.fail(f"more than {LIMITS.points} lines of numbers; that is the limit")
        if runs and runs[-1][1] == len(row) and len(gap) <= 2 and (not gap or len(runs[-1][2]) > 2):
            skipped += gap
            runs[-1][2].append(row)
        else:
            runs.append((index, len(row), [row]))
        gap = []
    best = max(runs, key=lambda run: len(run[2]), default=None)
    if best is None or len(best[2]) < 3:
        _refuse_side_car(name)
        raise faults.fail(
            "no table of numbers is found: at least 3 lines of 2 or more numbers are needed "
            "(energy, intensity)"
        )
    last = best[0] + len(best[2]) + len(skipped)
    inside = [index + 1 for index in skipped if best[0] < index < last]
    if inside:
        faults.warn(
            f"line {inside[0]}: no line of numbers among the data; {len(inside)} such lines are "
            "left out"
        )
    for start, width, rows in runs:
        if (start, width) != best[:2] and start > best[0]:
            faults.warn(
                f"line {start + 1}: {len(rows)} lines with {width} columns, not "
                f"{best[1]} as before: not read"
            )
            break
    return ColumnTable(table(best[2], faults), lines[: best[0]], best[0] + 1)


def _splitter(lines: list[str]) -> Callable[[str], list[str]]:
    """How a line is split into words: by commas, semicolons or blanks; decimal commas too."""
    sample = [line.strip() for line in lines if re.match(r"\s*[+\-.\d]", line)][:200]
    commas = sum("," in line and bool(_DECIMAL_COMMA.fullmatch(line[:5000])) for line in sample)
    if commas > len(sample) / 2:
        return lambda text: re.split(r"[;\s]+", text.replace(",", ".").strip("; \t"))
    for mark in (",", ";", "\t"):
        cells = [line.rstrip(mark).split(mark) for line in sample if mark in line]
        good = [row for row in cells if all(_is_cell(cell) for cell in row)]
        empty = any(not cell.strip() for row in good for cell in row)
        if cells and len(good) > len(sample) / 2 and empty:
            return partial(_cells, mark)
    return lambda text: [word for word in re.split(r"[\s,;]+", text) if word]


def _is_cell(cell: str) -> bool:
    return not cell.strip() or number(cell.strip()) is not None


def _cells(mark: str, text: str) -> list[str]:
    """Cells between marks; an empty one is a missing value."""
    return [cell.strip() or "nan" for cell in text.rstrip(mark).split(mark)]


def _refuse_side_car(name: str) -> None:
    path = PurePath(name.lower())
    if path.suffix in _NO_DATA or path.name.startswith(_NO_DATA_NAMES):
        raise SkipFile(f"{path.name} holds no table of numbers: a side-car, not a spectrum")
