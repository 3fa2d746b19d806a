"""What happens to files: bits flip, lines move, numbers become absurd, two files run together."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_NUMBER = re.compile(rb"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?")
_PIECES = (
    b"nan", b"inf", b"1e999", b"-1e308", b"1e-320", b"0", b"-1", b"999999999", b"1" * 400, b"#",
    b":", b"\r", b"\n", b"\x00", b"'", b'"', b"(", b")", b"[", b"{", b";", b",", b"\t", b"\xff",
    b"\xe3\x81\x82", b"\x1a", b"?", b"loop_", b"data_", b"_", b"!", b"/", b"=", b"x,y,z", b"\\",
    b"   ", b"D+01", b"--", b"1/3", b"%", b"undef", b"=>", b"\xef\xbb\xbf", b"\xff\xfe",
)  # fmt: skip
_WORDS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_Edit = Callable[[bytearray, random.Random], None]
MOST_BYTES = 200_000


def mutated(seeds: Sequence[bytes], number: int) -> bytes:
    """The mutation of this number: the same for the same seeds on every machine."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    if rng.random() < 0.05:
        other = rng.choice(seeds)
        data = data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 10))):
        rng.choice(_EDITS)(data, rng)
    return bytes(data[:MOST_BYTES])


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 2, 8, 64, 1000))]


def _end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(_PIECES) * rng.choice((1, 1, 1, 2, 50))


def _word(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 8))
    at = rng.randrange(len(data) + 1)
    data[at : at + size] = (rng.choice(_WORDS) % 2 ** (8 * size)).to_bytes(size, "little")


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.choice((4, 40, 400))]
    data[at:at] = part * rng.choice((1, 2, 30))


def _number(data: bytearray, rng: random.Random) -> None:
    found = list(_NUMBER.finditer(data))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice(_PIECES[:9])


def _lines(data: bytearray, rng: random.Random) -> None:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    if rng.random() < 0.5:
        lines.insert(rng.randrange(len(lines)), lines[i])
    if rng.random() < 0.3:
        del lines[j]
    data[:] = b"\n".join(lines)


_EDITS: tuple[_Edit, ...] = (
    _flip, _byte, _cut, _end, _insert, _word, _repeat, _number, _number, _lines,
)  # fmt: skip
