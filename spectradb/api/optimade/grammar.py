"""The OPTIMADE filter language: text in, a small syntax tree out.

A recursive-descent parser of the grammar in appendix 1 of the specification, version 1.1,
without the relationships and the zipped lists (``A:B HAS …``), which are told as not implemented.
The parser of optimade-python-tools is of the whole standard and comes with a server, pydantic
models and a grammar compiler; a tenth of it is needed here, with bounds on length and depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LENGTH = 4000
MAX_DEPTH = 40


class FilterError(ValueError):
    """A filter that breaks the grammar, or names what cannot be."""


class NotImplementedFilter(ValueError):
    """A filter of the standard that this server does not answer (status 501)."""


Value = str | int | float


@dataclass(frozen=True)
class Comparison:
    """``property operator values``: a relation, HAS …, LENGTH, CONTAINS …, KNOWN or UNKNOWN."""

    name: str
    operator: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Not:
    inner: Node


@dataclass(frozen=True)
class Junction:
    """``AND`` or ``OR`` of several."""

    kind: str
    parts: tuple[Node, ...]


Node = Comparison | Not | Junction

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["\\])*")
      | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<sign><=|>=|!=|[<>=(),:])
    )""",
    re.VERBOSE,
)
_RELATIONS = frozenset({"<", "<=", ">", ">=", "=", "!="})
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_WORDS = "AND OR NOT IS KNOWN UNKNOWN CONTAINS STARTS ENDS WITH LENGTH HAS ALL ONLY ANY"
_KEYWORDS = frozenset(_WORDS.split())


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def parse(text: str) -> Node:
    """The syntax tree of a filter.

    Raises
    ------
    FilterError
        With the place of the fault.
    NotImplementedFilter
        If it uses a part of the standard that is left out here.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"the filter is longer than {MAX_LENGTH} characters")
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise FilterError(
                f"cannot be read at character {place + 1}: {text[place : place + 20]!r}"
            )
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self._or()
        if self.at < len(self.tokens):
            raise self._unexpected("AND, OR or the end")
        return node

    def _or(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FilterError(f"brackets nested deeper than {MAX_DEPTH}")
        parts = [self._and()]
        while self._take("OR"):
            parts.append(self._and())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Junction("OR", tuple(parts))

    def _and(self) -> Node:
        parts = [self._phrase()]
        while self._take("AND"):
            parts.append(self._phrase())
        return parts[0] if len(parts) == 1 else Junction("AND", tuple(parts))

    def _phrase(self) -> Node:
        if self._take("NOT"):
            return Not(self._plain())
        return self._plain()

    def _plain(self) -> Node:
        if self._take("("):
            inner = self._or()
            if not self._take(")"):
                raise self._unexpected("a closing bracket")
            return inner
        token = self._peek()
        if token is not None and token.kind in {"string", "number"}:
            return self._constant_first()
        return self._property_first()

    def _constant_first(self) -> Comparison:
        value, relation = self._value(), self._relation()
        return Comparison(self._property(), _MIRRORED[relation], (value,))

    def _property_first(self) -> Comparison:
        name = self._property()
        if self._take("IS"):
            for state in ("KNOWN", "UNKNOWN"):
                if self._take(state):
                    return Comparison(name, state)
            raise self._unexpected("KNOWN or UNKNOWN")
        if self._take("CONTAINS"):
            return Comparison(name, "CONTAINS", (self._value(),))
        for word in ("STARTS", "ENDS"):
            if self._take(word):
                self._take("WITH")
                return Comparison(name, word, (self._value(),))
        if self._take("LENGTH"):
            relation = self._relation() if self._at_relation() else "="
            return Comparison(name, f"LENGTH {relation}", (self._value(),))
        if self._take("HAS"):
            return self._has(name)
        if (token := self._peek()) is not None and token.text == ":":
            raise NotImplementedFilter("zipped lists (a:b) are not implemented")
        return Comparison(name, self._relation(), (self._value(),))

    def _has(self, name: str) -> Comparison:
        for word in ("ALL", "ANY", "ONLY"):
            if self._take(word):
                values = [self._value()]
                while self._take(","):
                    values.append(self._value())
                return Comparison(name, f"HAS {word}", tuple(values))
        if self._at_relation():
            raise NotImplementedFilter("HAS with a relation is not implemented")
        return Comparison(name, "HAS ALL", (self._value(),))

    def _property(self) -> str:
        token = self._peek()
        if token is None or token.kind != "word" or token.text in _KEYWORDS:
            raise self._unexpected("the name of a property")
        if not re.fullmatch(r"[a-z_][a-z0-9_.]*", token.text):
            raise FilterError(f"{token.text!r} is no property: names are in lower case")
        self.at += 1
        return token.text

    def _relation(self) -> str:
        token = self._peek()
        if token is None or token.text not in _RELATIONS or token.kind != "sign":
            raise self._unexpected("a comparison")
        self.at += 1
        return token.text

    def _at_relation(self) -> bool:
        token = self._peek()
        return token is not None and token.kind == "sign" and token.text in _RELATIONS

    def _value(self) -> Value:
        token = self._peek()
        if token is None or token.kind not in {"string", "number"}:
            if token is not None and token.kind == "word" and token.text not in _KEYWORDS:
                raise NotImplementedFilter("comparing two properties is not implemented")
            raise self._unexpected("a value")
        self.at += 1
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if re.fullmatch(r"[+-]?\d{1,18}", token.text):
            return int(token.text)
        value = float(token.text)
        if value in (float("inf"), float("-inf")):
            raise FilterError(f"{token.text} is too large")
        return value

    def _peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text or token.kind not in {"word", "sign"}:
            return False
        self.at += 1
        return True

    def _unexpected(self, wanted: str) -> FilterError:
        token = self._peek()
        if token is None:
            return FilterError(f"ends where {wanted} should be")
        return FilterError(f"{token.text!r} at character {token.place + 1}: {wanted} expected")
