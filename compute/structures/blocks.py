"""The data blocks of a CIF as they are written: names, values, loops, line numbers.

CIF 1.1 syntax (Hall, Allen and Brown, Acta Cryst. A47 (1991) 655; the CIF 1.1 specification of
the IUCr). Own tokens because the reader has to say *where* a file goes wrong and must tell an
unquoted ``?`` from a quoted one, which pymatgen's block reader does not keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from compute.errors import ReadError
from compute.structures.limits import MAX_BLOCKS, MAX_TOKENS, refuse_many

_WORD = re.compile(r"\S+")
_CLOSE = {quote: re.compile(rf"{quote}(?=\s|$)") for quote in "'\""}


class Value(NamedTuple):
    """One value; ``text`` is None for ``?`` (unknown) and ``.`` (not applicable)."""

    text: str | None
    line: int


@dataclass(frozen=True)
class Loop:
    """A table: lower-case names, and rows of as many values."""

    names: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    line: int


@dataclass(frozen=True)
class Block:
    """One ``data_`` block.

    Attributes
    ----------
    name : str
        What follows ``data_``.
    values : dict
        Single values by lower-case name; a dot in a name counts as an underscore.
    loops : list of Loop
    """

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)

    def text(self, *names: str) -> str | None:
        """The first of these that has a value; a loop of one row counts."""
        for name in names:
            value = self.values.get(name)
            if value is None:
                loop = self.loop(name)
                if loop is None or len(loop.rows) != 1:
                    continue
                value = loop.rows[0][loop.names.index(name)]
            if value.text is not None and value.text.strip():
                return value.text.strip()
        return None

    def loop(self, *names: str) -> Loop | None:
        """The loop that holds one of these columns."""
        return next((one for one in self.loops if set(names) & set(one.names)), None)

    def column(self, *names: str) -> list[Value]:
        """The column of the first name that is there; a single value is a column of one."""
        for name in names:
            loop = self.loop(name)
            if loop is not None:
                at = loop.names.index(name)
                return [row[at] for row in loop.rows]
            if name in self.values:
                return [self.values[name]]
        return []


class _Token(NamedTuple):
    text: str
    line: int
    quoted: bool


def read_blocks(text: str, name: str) -> list[Block]:
    """The blocks of a CIF, in order.

    Raises
    ------
    ReadError
        Naming the line: no ``data_`` block, a loop whose values do not fill its columns, a name
        without a value, an open text field.
    """
    blocks: list[Block] = []
    tokens = list(islice(_tokens(text, name), MAX_TOKENS + 1))
    if len(tokens) > MAX_TOKENS:
        raise ReadError([f"{name}: more than {MAX_TOKENS:,} words and numbers; that is the limit"])
    at = 0
    while at < len(tokens):
        token = tokens[at]
        word = token.text.lower()
        at += 1
        if token.quoted:
            _stray(token, name)
        elif word.startswith("data_"):
            blocks.append(Block(token.text[5:], token.line))
            refuse_many(len(blocks), MAX_BLOCKS, "blocks", name)
        elif not blocks or word == "global_":
            raise ReadError([f"{name}: line {token.line}: not a CIF file, no data_ block"])
        elif word == "loop_":
            at = _loop(tokens, at, blocks[-1], name)
        elif word.startswith("_"):
            if at == len(tokens) or _is_word(tokens[at]):
                raise ReadError([f"{name}: line {token.line}: {token.text} has no value"])
            value, at = _single(tokens, at)
            blocks[-1].values.setdefault(_plain(word), value)
        elif not word.startswith("save_"):
            _stray(token, name)
    if not blocks:
        raise ReadError([f"{name}: not a CIF file, no data_ block"])
    return blocks


def _single(tokens: list[_Token], at: int) -> tuple[Value, int]:
    """The value that starts here, and the place after it.

    Unquoted words on one line are one value: ``P 42/m n m`` is often written without quotes.
    """
    first = tokens[at]
    end = at + 1
    if not first.quoted:
        while (
            end < len(tokens)
            and tokens[end].line == first.line
            and not tokens[end].quoted
            and not _is_word(tokens[end])
        ):
            end += 1
    if end == at + 1:
        return _value(first), end
    return Value(" ".join(one.text for one in tokens[at:end]), first.line), end


def _loop(tokens: list[_Token], at: int, block: Block, name: str) -> int:
    """Add the loop that starts here; the place after it."""
    start = tokens[at - 1].line
    names: list[str] = []
    while at < len(tokens) and not tokens[at].quoted and tokens[at].text.startswith("_"):
        names.append(_plain(tokens[at].text.lower()))
        at += 1
    values: list[Value] = []
    while at < len(tokens) and not _is_word(tokens[at]):
        values.append(_value(tokens[at]))
        at += 1
    if not names:
        raise ReadError([f"{name}: line {start}: a loop_ without names"])
    n = len(names)
    if len(values) % n:
        raise ReadError(
            [
                f"{name}: line {start}: the loop of {names[0]} has {n} columns and "
                f"{len(values)} values, which fill no whole number of rows"
            ]
        )
    rows = tuple(tuple(values[k : k + n]) for k in range(0, len(values), n))
    block.loops.append(Loop(tuple(names), rows, start))
    return at


def _tokens(text: str, name: str) -> Iterator[_Token]:
    field_text: list[str] | None = None
    opened = 0
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        if field_text is not None:
            if line.startswith(";"):
                yield _Token("\n".join(field_text), opened, True)
                field_text, line = None, line[1:]
            else:
                field_text.append(line)
                continue
        elif line.startswith(";"):
            field_text, opened = [line[1:]], number
            continue
        for word, quoted in _words(line):
            yield _Token(word, number, quoted)
    if field_text is not None:
        raise ReadError([f"{name}: line {opened}: a text field that begins with ; is never closed"])


def _words(line: str) -> Iterator[tuple[str, bool]]:
    """The words of a line and whether each is quoted; a quote ends before a space.

    A quote that never ends is looked for once: the time is linear in the length of the line.
    """
    at, open_for_ever = 0, set()
    while match := _WORD.search(line, at):
        first = line[match.start()]
        if first == "#":
            return
        if first in _CLOSE and first not in open_for_ever:
            end = _CLOSE[first].search(line, match.start() + 1)
            if end is not None:
                yield line[match.start() + 1 : end.start()], True
                at = end.end()
                continue
            open_for_ever.add(first)
        yield match.group(), False
        at = match.end()


def _is_word(token: _Token) -> bool:
    """Whether a token is a name or a reserved word, and so no value."""
    lower = token.text.lower()
    return not token.quoted and (
        lower.startswith(("_", "data_", "save_")) or lower in ("loop_", "global_", "stop_")
    )


def _value(token: _Token) -> Value:
    unknown = not token.quoted and token.text in ("?", ".")
    return Value(None if unknown else token.text, token.line)


def _plain(name: str) -> str:
    return name.replace(".", "_")


def _stray(token: _Token, name: str) -> None:
    raise ReadError(
        [f"{name}: line {token.line}: {token.text[:40]!r} belongs to no name; a quote missing?"]
    )
