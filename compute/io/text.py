"""Text files: decoding, lines, numbers, all in linear time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np

from compute.io.raw import LIMITS, Faults, FloatArray

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
_NOT_FINITE = {"nan", "inf", "+inf", "-inf", "infinity", "+nan", "-nan", "#n/a", "n/a"}
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:([T ]\s*)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


def decode(data: bytes, faults: Faults) -> str:
    """UTF-8 (with or without mark), UTF-16 with mark, else Latin-1 (told). Ctrl-Z ends the text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            faults.warn(f"line {line}: not UTF-8 text; read as Latin-1, check names and units")
            text = data.decode("latin-1")
    return text.split("\x1a", 1)[0]


def lines_of(text: str) -> list[str]:
    """Lines ended by CR, LF or both."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def number(token: str) -> float | None:
    """A number in C or Fortran writing, NaN and infinity as such; None if it is no number."""
    if NUMBER.fullmatch(token):
        return float(token.replace("d", "e").replace("D", "e"))
    return float("nan") if token.lower() in _NOT_FINITE else None


def row_of(tokens: list[str]) -> list[float] | None:
    """The numbers of a line; None if any of its words is no number, or there are none."""
    values: list[float] = []
    for token in tokens:
        value = number(token)
        if value is None:
            return None
        values.append(value)
    return values or None


def table(rows: list[list[float]], faults: Faults) -> FloatArray:
    """Rows of equal length as an array (n, columns), within the limits."""
    if len(rows) > LIMITS.points:
        raise faults.fail(f"{len(rows)} lines of data; the limit is {LIMITS.points}")
    if rows and len(rows[0]) > LIMITS.columns:
        raise faults.fail(f"{len(rows[0])} columns of data; the limit is {LIMITS.columns}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def first_float(text: str) -> tuple[float, str] | None:
    """The leading number of ``"3.1356 Å"`` and the rest of the text; None without one."""
    match = NUMBER.match(text.strip())
    if match is None:
        return None
    value = float(match.group().replace("d", "e").replace("D", "e"))
    return (value, text.strip()[match.end() :].strip()) if np.isfinite(value) else None


def temperature_k(text: str) -> float | None:
    """``"10 K"``, ``"-5 C"``, ``"20 degrees C"`` in kelvin; None for ``"room temperature"``."""
    found = first_float(text)
    if found is None:
        return None
    value, unit = found
    letter = re.sub(r"(?i)degrees?|deg\.?|°|\s", "", unit).upper()
    if letter in ("K", "KELVIN"):
        return value if value >= 0 else None
    if letter in ("C", "CELSIUS"):
        return value + 273.15 if value >= -273.15 else None
    return None


def time_of(text: str) -> tuple[datetime | None, bool]:
    """A date and time, UTC where no zone is given, and whether it was written as ISO 8601."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        return None, False
    year, month, day, joint, hour, minute, second, zone = match.groups()
    try:
        when = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None, False
    if zone and zone != "Z":
        try:
            when = datetime.fromisoformat(f"{when.isoformat()}{zone}")
        except ValueError:
            return None, False
    else:
        when = when.replace(tzinfo=UTC)
    strict = joint == "T" and len(month) == len(day) == len(hour or "") == 2
    return when, strict
