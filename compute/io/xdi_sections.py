"""An XDI file taken apart: fields, comments, labels and numbers, with every fault by its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from compute.io.raw import LIMITS, Faults, FloatArray
from compute.io.text import number, table

VERSION = re.compile(r"#\s*XDI/(\d+)\.(\d+)(?:\.(\d+))?(?=\s|$)(.*)", re.ASCII | re.IGNORECASE)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)[ \t]*:(.*)", re.ASCII)
_FIELD_END = re.compile(r"/{3,}")
_HEADER_END = re.compile(r"-{3,}")


@dataclass
class XdiFile:
    """A file split into its sections; names of fields in lower case."""

    fields: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # as first written
    lines: dict[str, int] = field(default_factory=dict)
    version: str = ""
    applications: str = ""
    comments: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    outer: list[str] = field(default_factory=list)  # values after the header's
    outer_rows: list[int] = field(default_factory=list)  # the first row of each
    data: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    def text(self, name: str) -> str | None:
        return self.fields.get(name) or None


def split(lines: list[str], faults: Faults) -> XdiFile:
    content = XdiFile()
    match = VERSION.match(lines[0].strip()) if lines else None
    if match is None:
        first = lines[0].strip()[:60] if lines else ""
        raise faults.fail(
            f"line 1: {first!r} is no XDI version line: the file must begin with '# XDI/1.0'"
        )
    content.version = ".".join(part for part in match.group(1, 2, 3) if part)
    content.applications = match.group(4).strip()
    if match.group(1) != "1":
        faults.warn(f"line 1: XDI version {content.version} is read by the rules of version 1")

    n_header = 1
    while n_header < len(lines) and lines[n_header].lstrip().startswith("#"):
        n_header += 1
    if n_header > LIMITS.header_lines:
        raise faults.fail(
            f"{n_header} lines of header; the limit is {LIMITS.header_lines}: data that belong to "
            "the spectrum go below '#----'"
        )
    header = [
        (number, line.strip()[1:].rstrip())
        for number, line in enumerate(lines[1:n_header], start=2)
    ]
    ends = [i for i, (_, text) in enumerate(header) if _HEADER_END.match(text.strip())]
    marks = [i for i, (_, text) in enumerate(header) if _FIELD_END.match(text.strip())]
    mark = marks[0] if marks and (not ends or marks[0] < ends[-1]) else None
    # Comments may hold dashes of their own, so that with comments the last such line counts.
    end = None if not ends else (ends[-1] if mark is not None else ends[0])
    stop = mark if mark is not None else (end if end is not None else len(header))
    if mark is not None:
        content.comments = [
            text[1:] if text[:1] == " " else text for _, text in header[mark + 1 : end]
        ]
    after = header[end + 1 :] if end is not None else []
    tail = _fields(header[:stop], content, faults, has_mark=mark is not None)
    content.comments += tail
    if end is None:
        faults.warn(
            f"line {n_header}: the line '#----' that ends the header is missing; the header is "
            "taken to end where the data begin"
        )
        if content.comments:
            after = [(n_header, content.comments.pop())]
    if after:
        content.labels = after[-1][1].split()
        if len(after) > 1:
            faults.warn(
                f"line {after[0][0]}: one line of labels may stand between '#----' and the data; "
                "the last one is taken"
            )
    _rows(lines[n_header:], n_header + 1, content, faults)
    return content


def _fields(
    header: list[tuple[int, str]], content: XdiFile, faults: Faults, *, has_mark: bool
) -> list[str]:
    """Take the field lines; the comments that stand there without a separator are returned."""
    matches = [_FIELD.fullmatch(text.strip()) for _, text in header]
    last = max((i for i, match in enumerate(matches) if match), default=-1)
    rest = [text for _, text in header[last + 1 :] if text.strip()]
    unmarked = not has_mark and any(":" not in text for text in rest)
    if unmarked:
        faults.warn(
            f"line {header[last + 1][0]}: user comments must be separated from the fields by a "
            "line '# ///': the lines from here on are taken as comments"
        )
    for i, (line, text) in enumerate(header):
        match = matches[i]
        if match is not None:
            _take(content, match, line, faults)
        elif text.strip() and not (unmarked and i > last):
            faults.error(f"line {line}: {_what_is_wrong(text.strip())}")
    return [text.strip() for _, text in header[last + 1 :]] if unmarked else []


def _take(content: XdiFile, match: re.Match[str], line: int, faults: Faults) -> None:
    family, tag, value = match.groups()
    name = f"{family}.{tag}".lower()
    if name in content.fields and content.fields[name] != value.strip():
        faults.warn(
            f"line {line}: {family}.{tag} was already given in line {content.lines[name]}; "
            "the last one counts"
        )
    content.fields[name] = value.strip()
    content.names.setdefault(name, f"{family}.{tag}")
    content.lines[name] = line


def _what_is_wrong(text: str) -> str:
    name, colon, _ = text.partition(":")
    shown = f"{text[:60]!r} is no field 'Family.key: value'"
    if not colon:
        return f"{shown}: there is no ':' after the name"
    family, dot, key = name.strip().partition(".")
    if not dot:
        return f"{shown}: the name {name.strip()!r} before the ':' has no '.'"
    if "." in key:
        return f"{shown}: the name {name.strip()!r} has more than one '.'"
    if not family or not re.match(r"[A-Za-z]", family, re.ASCII):
        return f"{shown}: the family {family!r} must start with a letter"
    return f"{shown}: only letters, digits, '_' and '-' may stand in the name {name.strip()!r}"


def _rows(lines: list[str], first: int, content: XdiFile, faults: Faults) -> None:
    rows: list[list[float]] = []
    width = 0
    for line, text in enumerate(lines, start=first):
        tokens = text.split()
        if not tokens:
            continue
        if tokens[0].startswith("#"):
            match = _FIELD.fullmatch(text.strip()[1:].strip())
            if match and match.group(1).lower() == "outer":
                content.outer.append(match.group(3).strip())
                content.outer_rows.append(len(rows))
            else:
                faults.warn(f"line {line}: a comment among the data is left out")
            continue
        if len(rows) > LIMITS.points or len(tokens) > LIMITS.columns:
            raise faults.fail(
                f"line {line}: more than {LIMITS.points} lines or {LIMITS.columns} columns of data"
            )
        values = [number(token) for token in tokens]
        for column, (token, value) in enumerate(zip(tokens, values, strict=True), start=1):
            if value is None:
                faults.error(
                    f"line {line}, column {column}: {token[:40]!r} is no number; the data section "
                    "may hold numbers only"
                )
        width = width or len(tokens)
        if len(tokens) != width:
            faults.error(
                f"line {line}: {len(tokens)} columns, but the lines before have {width}; every "
                "line of data must have the same number"
            )
        elif None not in values:
            rows.append([value for value in values if value is not None])
    if rows:
        content.data = table(rows, faults)
