"""The tables of numbers in a text file, each with what stands above it.

A file may hold several: scans one after the other, regions, pages of one scan. Lines of equal
width are one table until a header, or an energy that starts again, begins the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np

from compute.errors import SkipFile
from compute.io.cells import style_of
from compute.io.raw import LIMITS, Faults, FloatArray
from compute.io.text import table

COMMENT = "#%!;*/"
_NO_DATA = {
    *(".json", ".yaml", ".yml", ".xml", ".html", ".htm", ".md", ".rst", ".pdf", ".png", ".jpg"),
    *(".jpeg", ".gif", ".svg", ".tif", ".tiff", ".zip", ".py", ".ipynb", ".ini", ".cfg", ".log"),
    *(".inp", ".cif", ".bib", ".info", ".tex", ".toml"),
}
_NO_DATA_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog", "makefile")
_FEWEST = 3


@dataclass
class ColumnTable:
    """The numbers of one table with what stands above them.

    ``preamble`` is the header of the whole file, empty for its first table; ``text_columns`` are
    the places of cells that hold words or time stamps and are no columns of ``values``.
    """

    values: FloatArray
    header: list[str]
    first_line: int
    preamble: list[str] = field(default_factory=list)
    text_columns: tuple[int, ...] = ()
    title: str = ""


@dataclass(eq=False)
class _Run:
    """Rows of one shape without anything between them."""

    start: int
    shape: tuple[int, tuple[int, ...]]
    rows: list[list[float]]
    gap: list[int]  # the lines before it that are no rows


def find_tables(lines: list[str], name: str, faults: Faults) -> list[ColumnTable]:
    """Every table of the file, in its order.

    Raises
    ------
    ReadError
        If there is none, or more lines than the limit.
    SkipFile
        If there is none and the name is that of a side-car.
    """
    runs = _runs(lines, faults)
    if not any(len(run.rows) >= _FEWEST for run in runs):
        _refuse_side_car(name)
        raise faults.fail(
            "no table of numbers is found: at least 3 lines of 2 or more numbers are needed "
            "(energy, intensity)"
        )
    merged = _merge(runs, lines, faults)
    largest = max(len(run.rows) for run in merged)
    kept = [run for run in merged if _is_table(run, largest)]
    _tell_left_out(merged, kept, faults)
    first = kept[0]
    preamble = lines[: first.start]
    tables: list[ColumnTable] = []
    for run in kept:
        above = lines[: run.start] if run is first else [lines[i] for i in run.gap]
        tables.append(
            ColumnTable(
                values=table(run.rows, faults),
                header=above,
                first_line=run.start + 1,
                preamble=[] if run is first else preamble,
                text_columns=run.shape[1],
            )
        )
    return tables


def _runs(lines: list[str], faults: Faults) -> list[_Run]:
    style = style_of(lines)
    runs: list[_Run] = []
    gap: list[int] = []
    n_rows = 0
    for index, line in enumerate(lines):
        text = line.strip()
        if not text or (text[0] in COMMENT and not text.startswith("**")):
            gap.append(index)
            continue
        row = style.row(line)
        words = tuple(i for i, value in enumerate(row) if value is None)
        numbers = [value for value in row if value is not None]
        finite = sum(value == value for value in numbers)
        usable = len(numbers) >= 2 and len(row) <= LIMITS.columns and finite >= 1
        if not usable or len(words) * 2 > len(numbers):
            gap.append(index)
            continue
        n_rows += 1
        if n_rows > LIMITS.points:
            raise faults.fail(f"more than {LIMITS.points} lines of numbers; that is the limit")
        shape = (len(row), words)
        if runs and runs[-1].shape == shape and not gap:
            runs[-1].rows.append(numbers)
        else:
            runs.append(_Run(index, shape, [numbers], gap))
        gap = []
    return runs


def _merge(runs: list[_Run], lines: list[str], faults: Faults) -> list[_Run]:
    """Runs joined where the lines between them only interrupt one scan."""
    merged: list[_Run] = []
    interruptions: list[int] = []
    if sum(len(run.rows) > 1 for run in runs) > 2 * LIMITS.spectra:
        raise faults.fail(f"more than {2 * LIMITS.spectra} tables; that is the limit")
    for run in runs:
        last = merged[-1] if merged else None
        if last is not None and last.shape == run.shape and not _begins_anew(last, run, lines):
            interruptions += [i for i in run.gap if lines[i].strip()]
            last.rows += run.rows
        else:
            merged.append(_Run(run.start, run.shape, list(run.rows), run.gap))
    if interruptions:
        n = len(interruptions)
        faults.warn(
            f"line {interruptions[0] + 1}: no line of numbers among the data; {n} such lines are "
            "left out"
        )
    return merged


def _begins_anew(last: _Run, run: _Run, lines: list[str]) -> bool:
    """Whether a run is another scan than the one before, of the same shape."""
    texts = [lines[i].strip() for i in run.gap if lines[i].strip()]
    if any(re.match(r"#S\s+\d", text) for text in texts):
        return True
    if len(last.rows) < _FEWEST or len(run.rows) < 2:
        return len(last.rows) < _FEWEST and len(run.rows) >= _FEWEST
    above = {lines[i].strip() for i in last.gap if lines[i].strip()}
    repeated = any(text in above and re.search(r"[A-Za-z]{2}", text) for text in texts)
    if _restarts(last, run):
        return True
    if not repeated:
        return False
    # The same header again: a page of one scan only if nothing else is said and the energies go on.
    return not (all(text in above for text in texts) and _goes_on(last, run))


def _restarts(last: _Run, run: _Run) -> bool:
    """Whether a column that counts up (or down) in both begins again in the second."""
    a, b = _ends(last), _ends(run)
    for i in range(a.shape[1]):
        one, two = np.sign(np.diff(a[:, i])), np.sign(np.diff(b[:, i]))
        if one.size < 2 or two.size < 1:
            continue
        direction = 1.0 if np.mean(one > 0) > 0.95 else (-1.0 if np.mean(one < 0) > 0.95 else 0.0)
        same = direction and np.mean(two == direction) > 0.95
        turned = direction and np.mean(two == -direction) > 0.95 and two.size > 8
        if (same and direction * (b[0, i] - a[-1, i]) < -0.5 * abs(a[-1, i] - a[0, i])) or turned:
            return True
    return False


def _ends(run: _Run) -> FloatArray:
    """The first rows and the last ones: enough to tell the direction, at a bounded cost."""
    rows = run.rows if len(run.rows) <= 60 else run.rows[:30] + run.rows[-30:]
    return np.array(rows, dtype=np.float64)


def _goes_on(last: _Run, run: _Run) -> bool:
    a, b = _ends(last), _ends(run)
    for i in range(a.shape[1]):
        step = np.diff(a[:, i])
        if step.size < 2 or not (np.all(step > 0) or np.all(step < 0)):
            continue
        jump = b[0, i] - a[-1, i]
        if np.sign(jump) == np.sign(step[0]) and abs(jump) <= 3 * np.abs(step).max():
            return True
    return False


def _is_table(run: _Run, largest: int) -> bool:
    """Tables of regions, weights and motors in a header are much shorter than the data."""
    n = len(run.rows)
    return n == largest or (n >= _FEWEST and n >= min(8, largest) and n * 10 >= largest)


def _tell_left_out(runs: list[_Run], kept: list[_Run], faults: Faults) -> None:
    first, last = kept[0], kept[-1]
    for run in runs:
        if run in kept or run.start < first.start:
            continue
        width = last.shape[0]
        n = len(run.rows)
        faults.warn(
            f"line {run.start + 1}: {n} line{'s' if n > 1 else ''} of {run.shape[0]} numbers"
            + (f", not {width} as the data" if run.shape[0] != width else "")
            + ": not read"
        )


def _refuse_side_car(name: str) -> None:
    path = PurePath(name.lower())
    if path.suffix in _NO_DATA or path.name.startswith(_NO_DATA_NAMES):
        raise SkipFile(f"{path.name} holds no table of numbers: a side-car, not a spectrum")
