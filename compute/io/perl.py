"""Literals of Perl's Data::Dumper, as Athena projects hold them. Parsed, never evaluated."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from compute.errors import ComputeError

_SPACE = re.compile(r"\s*")
_STRING = re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'|\"([^\"\\]*(?:\\.[^\"\\]*)*)\"", re.DOTALL)
_WORD = re.compile(r"[^\s,()\[\]{}'\"=;]+")
_OPEN = {"(": ")", "[": "]", "{": "}"}
_DEPTH = 20
# What Data::Dumper writes of an array: strings alone, without an escape. Read in one step.
_FLAT = re.compile(r"\(\s*+('[^'\\]*+'(?:\s*+,\s*+'[^'\\]*+')*+)\s*+\)")
_FLAT_ITEM = re.compile(r"'([^'\\]*+)'")


class PerlSyntaxError(ComputeError, ValueError):
    """Text that is no literal list; ``position`` is where it stops being one."""

    cause = "File not readable"

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at character {position + 1}")
        self.position = position


def parse_list(text: str, start: int = 0) -> list[Any]:
    """The values of ``('a', 1, ['b'], {'k' => 'v'})``; words and numbers as text, undef as None.

    Hashes come as dicts, nested lists as lists. Linear in the length of the text.
    """
    return parse_list_at(text, start)[0]


def parse_list_at(text: str, start: int, most: int = sys.maxsize) -> tuple[list[Any], int]:
    """As :func:`parse_list`, with the place where the list ends; it may hold line breaks.

    ``most`` bounds how many values it holds, those of its own lists counted too.
    """
    start = _skip(text, start)
    if flat := _FLAT.match(text, start):
        found = _FLAT_ITEM.findall(flat[1])
        if len(found) > most:
            raise PerlSyntaxError(f"it holds more than {most} values", flat.end())
        return found, flat.end()
    value, stop = _value(text, start, 0, _Room(most))
    if not isinstance(value, list):
        raise PerlSyntaxError("a list '(…)' is expected", start)
    return value, stop


def pairs(values: list[Any]) -> dict[str, Any]:
    """A flat list ``k1, v1, k2, v2 …`` as a dict; an odd last key has the value None."""
    keys = [str(key) for key in values[::2]]
    return dict(zip(keys, [*values[1::2], None], strict=False))


def _skip(text: str, i: int) -> int:
    match = _SPACE.match(text, i)
    return match.end() if match else i


@dataclass
class _Room:
    """How many more values there may be."""

    left: int


def _value(text: str, i: int, depth: int, room: _Room) -> tuple[Any, int]:
    room.left -= 1
    if room.left < -1:  # the list itself is one
        raise PerlSyntaxError("it holds more values than the limit", i)
    if i >= len(text):
        raise PerlSyntaxError("the text ends inside a list", i)
    if depth > _DEPTH:
        raise PerlSyntaxError(f"lists are nested deeper than {_DEPTH}", i)
    if text[i] in _OPEN:
        return _collection(text, i, depth, room)
    match = _STRING.match(text, i)
    if match:
        body = match.group(1) if match.group(1) is not None else match.group(2)
        return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL), match.end()
    match = _WORD.match(text, i)
    if not match:
        raise PerlSyntaxError(f"{text[i]!r} is unexpected", i)
    word = match.group()
    return (None if word == "undef" else word), match.end()


def _collection(text: str, i: int, depth: int, room: _Room) -> tuple[Any, int]:
    opening, closing = text[i], _OPEN[text[i]]
    items: list[Any] = []
    i = _skip(text, i + 1)
    while i < len(text) and text[i] != closing:
        item, i = _value(text, i, depth + 1, room)
        items.append(item)
        i = _skip(text, i)
        if text.startswith("=>", i):
            i = _skip(text, i + 2)
        elif i < len(text) and text[i] == ",":
            i = _skip(text, i + 1)
        elif i < len(text) and text[i] != closing:
            raise PerlSyntaxError("a ',' is missing", i)
    if i >= len(text):
        raise PerlSyntaxError(f"the closing {closing!r} is missing", i)
    return (pairs(items) if opening == "{" else items), i + 1
