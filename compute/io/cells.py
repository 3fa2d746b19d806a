"""How a text table writes its cells: separators, quotes, decimal marks, thousands, time stamps."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from compute.errors import ReadError
from compute.io.text import number

_SAMPLE = 200  # lines
_SAMPLE_CHARACTERS = 200_000  # of them, where lines are long
_FEWEST = 5
_MOST_EV = 150e3  # no element has an edge beyond
_LONGEST = 100_000
_STAMP = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})[ T]+"
    r"(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?)",
    re.ASCII,
)
_WORDS = re.compile(r"\"[^\"]*\"|'[^']*'|\S+")
_MIXED = re.compile(r"[\s,;]+")
_GROUPS = {  # thousands; the other mark is the decimal one
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(?:[,'’ \u00a0\u202f]\d{3})+(?:\.\d*)?(?:[eE][+-]?\d+)?"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(?:[.'’ \u00a0\u202f]\d{3})+(?:,\d*)?(?:[eE][+-]?\d+)?"),
}
_COMMA = re.compile(r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class CellStyle:
    """One way of writing a line.

    Attributes
    ----------
    separator : str
        ``tab``, ``;``, ``,``, ``|``, ``blank`` or ``mixed``.
    decimal : str
        ``.`` or ``,``.
    closed : bool
        Whether the separator also ends every line, and opens no further cell there.
    """

    separator: str
    decimal: str
    closed: bool = False

    def split(self, line: str) -> list[str]:
        """The cells of a line, without quotes; empty ones kept where a mark separates."""
        text = _STAMP.sub(r"\1T\2", line[:_LONGEST]).strip("\r\n ")
        if self.separator == "blank":
            return [_bare(word) for word in _WORDS.findall(text)]
        if self.separator == "mixed":
            return [_bare(word) for word in _MIXED.split(text.strip()) if word]
        mark = "\t" if self.separator == "tab" else self.separator
        if '"' in text:
            try:
                cells = next(csv.reader([text], delimiter=mark, skipinitialspace=True), [])
            except csv.Error:
                cells = text.split(mark)
        else:
            cells = text.split(mark)
        if self.closed and len(cells) > 1 and not cells[-1].strip():
            cells.pop()
        return [_bare(cell) for cell in cells]

    def value(self, cell: str) -> float | None:
        """The cell's number; NaN where it is empty, None where it is text."""
        if not cell:
            return float("nan")
        if self.decimal == ".":
            found = number(cell)
            if found is not None:
                return found
        elif _COMMA.fullmatch(cell):
            return float(cell.replace(",", "."))
        if len(cell) <= 40 and _GROUPS[self.decimal].fullmatch(cell):
            bare = re.sub(r"['’ \u00a0\u202f]", "", cell)
            other = "," if self.decimal == "." else "."
            return float(bare.replace(other, "").replace(self.decimal, "."))
        return None

    def row(self, line: str) -> list[float | None]:
        return [self.value(cell) for cell in self.split(line)]


def style_of(lines: Sequence[str]) -> CellStyle:
    """The way most lines that hold numbers are written.

    Raises
    ------
    ReadError
        If a comma may be a decimal mark or part thousands, and nothing in the file tells which.
    """
    start = re.compile(r"\s*[\"']?[+\-.\d,;|]")
    sample = [line for line in lines if start.match(line[:200]) and re.search(r"\d", line[:500])]
    # The data stand at the end of a long header: look where most of the numbers are.
    sample = sample[-_SAMPLE:]
    longest = max(map(len, sample), default=1)
    sample = sample[-max(_FEWEST, _SAMPLE_CHARACTERS // longest) :]
    counts: list[tuple[float, CellStyle]] = []
    for separator in ("tab", ";", "|", ",", "blank", "mixed"):
        for decimal in ".,":
            if decimal == "," and separator in (",", "mixed"):
                continue
            style = CellStyle(separator, decimal)
            counts.append((_good_lines(style, sample), style))
    most = max((n for n, _ in counts), default=0)
    if most == 0:
        return CellStyle("mixed", ".")
    best = [style for n, style in counts if n >= most - len(sample) // 50][0]
    _refuse_ambiguous(best, {style: n for n, style in counts}, most, sample)
    mark = "\t" if best.separator == "tab" else best.separator
    closed = len(mark) == 1 and all(line.rstrip("\r\n ").endswith(mark) for line in sample)
    return replace(best, closed=closed)


def _good_lines(style: CellStyle, sample: Sequence[str]) -> float:
    """How many lines are numbers of one width; cells of text are believed less."""
    widths: dict[int, float] = {}
    for line in sample:
        cells = style.split(line)
        values = [style.value(cell) for cell in cells]
        if sum(value is not None for value in values) >= 2 and (
            all(value is not None for value in values) or style.separator not in ("blank", "mixed")
        ):
            text = sum(value is None for value in values)
            if text * 2 < len(values):
                widths[len(cells)] = widths.get(len(cells), 0.0) + (0.5 if text else 1.0)
    return max(widths.values(), default=0.0)


def _refuse_ambiguous(
    best: CellStyle, counts: dict[CellStyle, float], most: float, sample: Sequence[str]
) -> None:
    other = CellStyle(best.separator, "," if best.decimal == "." else ".")
    if counts.get(other, 0.0) < most or other.separator in (",", "mixed"):
        return
    if best.decimal == "." and _beyond_every_edge(other, sample):
        return  # 640.250 eV of the manganese L edge, beside counts
    for line in sample:
        for cell in best.split(line):
            mine, theirs = best.value(cell), other.value(cell)
            if mine is not None and theirs is not None and mine == mine and mine != theirs:
                raise ReadError(
                    [
                        f"{cell!r} may be {min(mine, theirs):.6g} (decimal comma) or "
                        f"{max(mine, theirs):.6g} (thousands), and no number of the file tells "
                        "which: write it with a decimal point"
                    ]
                )


def _beyond_every_edge(style: CellStyle, sample: Sequence[str]) -> bool:
    """Whether a style would have the first column rise like energies to where no element has any.

    Only the first one: 640.250 counts may well be 640,250.
    """
    first = [row[0] for line in sample if (row := style.row(line)) and row[0] is not None]
    rising = all(a < b for a, b in pairwise(first))
    return len(first) >= _FEWEST and rising and first[0] > _MOST_EV


def split_labels(width: int) -> tuple[Callable[[str], list[str]], ...]:
    """Ways of splitting a line of labels, the strictest first."""
    return (
        lambda text: [_bare(word) for word in re.findall(r"\"[^\"]*\"", text)],
        lambda text: [_bare(word) for word in text.strip("\r\n ").split("\t")],
        lambda text: [_bare(word) for word in re.split(r"\t+", text.strip())],
        lambda text: [_bare(word) for word in _csv(text, ",")],
        lambda text: [_bare(word) for word in _csv(text, ";")],
        lambda text: [_bare(word) for word in text.strip().split("|")],
        lambda text: [word for word in re.split(r"\s{2,}", text.strip()) if word],
        lambda text: _fixed(text, width),
        lambda text: [_bare(word) for word in _WORDS.findall(_tight(text))],
        lambda text: [_bare(word) for word in re.split(r"[\s,;]+", _tight(text).strip(" ,;"))],
    )


def _csv(text: str, mark: str) -> list[str]:
    if mark not in text:
        return [text]
    try:
        return next(csv.reader([text.strip("\r\n ")], delimiter=mark, skipinitialspace=True), [])
    except csv.Error:
        return text.split(mark)


def _tight(text: str) -> str:
    """Units in brackets pulled up to their label: ``Energy (eV)`` as ``Energy(eV)``."""
    text = re.sub(r"[ \t]+(?=[(\[])", "", text)
    text = re.sub(r"\([^()]{1,30}\)|\[[^\[\]]{1,30}\]", lambda m: m[0].replace(" ", "_"), text)
    return re.sub(r"[ \t]*/[ \t]*(?=k?eV\b)", "/", text)


def _fixed(text: str, width: int) -> list[str]:
    """Labels in fields of one width, filled up with blanks."""
    if "  " not in text:
        return []
    for size in range(8, 41):
        if not (width - 1) * size < len(text) <= width * size:
            continue
        fields = [text[i * size : (i + 1) * size] for i in range(width)]
        inner = all(text[i * size - 1 : i * size] in (" ", "*") for i in range(1, width))
        if inner and all(field.strip() for field in fields):
            return [field.strip(" *") for field in fields]
    return []


def _bare(cell: str) -> str:
    cell = cell.strip().strip("\u00a0")
    if len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'":
        cell = cell[1:-1].strip()
    return cell
