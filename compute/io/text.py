"""Text files: decoding, lines, numbers, all in linear time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np

from compute.io.raw import LIMITS, Faults, FloatArray

NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?", re.ASCII)
_LONGEST = 100  # characters of a number
# Fortran leaves the E out of an exponent of three digits: 1.234-101.
_NO_E = re.compile(r"([+-]?\d*\.\d+)([+-]\d{3})", re.ASCII)
_NOT_FINITE = {
    *("nan", "inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "+nan", "-nan"),
    *("#n/a", "n/a", "na", "null", "none", "--", "nan(ind)", "-nan(ind)", "1.#ind", "-1.#ind"),
    *("1.#qnan", "-1.#qnan", "1.#inf", "-1.#inf", "#div/0!", "#value!", "#num!", "missing"),
}
_JAPANESE = re.compile(r"[\u3041-\u30fe\u4e00-\u9fff]+")
_HALF_WIDTH = re.compile(r"[\uff61-\uff9f]+")
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:([T ]\s*)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


def decode(data: bytes, faults: Faults) -> str:
    """UTF-8 or UTF-16 by their marks, Japanese encodings by their pattern, else Latin-1 (told).

    Ctrl-Z ends the text.

    Raises
    ------
    ReadError
        If it has more lines than the limit.
    """
    n = max(data.count(b"\n"), data.count(b"\r"))
    if n > LIMITS.lines:
        raise faults.fail(f"{n} lines; the limit is {LIMITS.lines}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            text, name = _decode_legacy(data)
            faults.warn(f"line {line}: not UTF-8 text; read as {name}, check names and units")
    return text.split("\x1a", 1)[0]


def _decode_legacy(data: bytes) -> tuple[str, str]:
    """The text and the name of its encoding: EUC-JP, Shift-JIS (CP932) or Latin-1.

    Western letters with accents stand alone among ASCII; Japanese comes in runs. A run that is
    valid as both Japanese encodings is Shift-JIS unless that would be half-width katakana only.
    """
    for encoding, name in (("cp932", "Shift-JIS"), ("euc_jp", "EUC-JP")):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        runs = _JAPANESE.findall(text)
        half = sum(len(run) for run in _HALF_WIDTH.findall(text))
        if encoding == "cp932" and half > sum(map(len, runs)):
            continue
        if any(len(run) > 1 for run in runs) or (encoding == "cp932" and _alone(data)):
            return text, name
    return data.decode("latin-1"), "Latin-1"


def _alone(data: bytes) -> bool:
    """Whether some Japanese character is written in two bytes beyond ASCII."""
    return re.search(rb"[\x81-\x9f][\x80-\xfc]", data) is not None


def short_lines(text: str, faults: Faults) -> list[str]:
    """The lines of a file of which none is long: all formats but Athena's.

    Raises
    ------
    ReadError
        Naming the line that is longer than the limit.
    """
    lines = lines_of(text)
    for number_, line in enumerate(lines, start=1):
        if len(line) > LIMITS.line:
            raise faults.fail(f"line {number_}: {len(line)} characters; the limit is {LIMITS.line}")
    return lines


def lines_of(text: str) -> list[str]:
    """Lines ended by CR, LF or both."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def number(token: str) -> float | None:
    """A number in C or Fortran writing, NaN and infinity as such; None if it is no number."""
    if len(token) > _LONGEST:
        return None
    if NUMBER.fullmatch(token):
        return float(token.replace("d", "e").replace("D", "e"))
    short = _NO_E.fullmatch(token)
    if short:
        return float(f"{short.group(1)}e{short.group(2)}")
    if token.lower() in _NOT_FINITE or (len(token) > 2 and not token.strip("*")):
        return float("nan")
    return None


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
