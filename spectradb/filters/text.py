"""The free-text box: ``Ni L3``, ``TiO2``, ``Li-Co-O``, ``mp-1234``, ``SDB-42`` and plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from spectradb.filters.chemistry import (
    SYMBOLS,
    chemical_system,
    looks_like_formula,
    plain,
    reduced_formula,
)

_EDGE = re.compile(r"K|[LMNO](?:[1-7]|[1-7][,-]?[1-7])?", re.IGNORECASE)
_OWN_ID = re.compile(r"SDB-(\d{1,18})", re.IGNORECASE)
_SOURCE_ID = re.compile(r"[a-z]{2,}-[0-9]\w*", re.IGNORECASE)
_SYSTEM = re.compile(r"[A-Z][a-z]?(?:-[A-Z][a-z]?)+")
_KINDS = {"theory": "theory", "experiment": "experiment", "experimental": "experiment"}


@dataclass(slots=True)
class SearchText:
    """What a line of free text asks for; empty parts ask nothing."""

    spectrum_id: int | None = None
    source_id: str = ""
    absorber: str = ""
    edge: str = ""
    kind: str = ""
    elements: list[str] = field(default_factory=list)
    chemsys: str = ""
    formula: str = ""
    words: list[str] = field(default_factory=list)


def edge_name(text: str) -> str:
    """``L₂,₃``, ``l23`` or ``L2-3`` as ``L23``; a bare ``L`` stays ``L``."""
    return re.sub(r"[,-]", "", plain(text)).upper()


def covering_edges(edge: str) -> list[str]:
    """Edges whose spectra hold the one asked for: L3 lies in L3, L23 and L spectra.

    ``L23`` asks for both members, so a spectrum of L3 alone is not one.
    """
    edge = edge_name(edge)
    if edge[:1] in {"L", "M", "N", "O"} and len(edge) == 2:
        shell, n = edge[0], int(edge[1])
        # The pairs l±1/2 of one subshell: 23, 45, 67.
        pair = f"{n - n % 2}{n - n % 2 + 1}" if n > 1 else ""
        return [edge, *([shell + pair] if pair else []), shell]
    if len(edge) == 3:
        return [edge, edge[0]]
    return [edge]


def parse_text(text: str) -> SearchText:
    """Read a line of free text; anything not understood is kept as a word to look for."""
    found = SearchText()
    tokens = plain(text).split()
    for n, token in enumerate(tokens):
        following = tokens[n + 1] if n + 1 < len(tokens) else ""
        _read_token(found, token, following, after_element=n > 0 and _is_symbol(tokens[n - 1]))
    return found


def _is_symbol(token: str) -> bool:
    return token.capitalize() in SYMBOLS


def _read_token(found: SearchText, token: str, following: str, *, after_element: bool) -> None:
    is_edge = _EDGE.fullmatch(token) is not None
    if match := _OWN_ID.fullmatch(token):
        found.spectrum_id = int(match[1])
    elif _SOURCE_ID.fullmatch(token):
        found.source_id = token
    elif is_edge and not found.edge and (after_element or not _is_symbol(token)):
        found.edge = edge_name(token)
    elif _is_symbol(token) and not found.absorber and _EDGE.fullmatch(following):
        found.absorber = token.capitalize()
    elif token.lower() in _KINDS:
        found.kind = _KINDS[token.lower()]
    elif token in SYMBOLS:
        found.elements.append(token)
    elif _SYSTEM.fullmatch(token) and set(token.split("-")) <= set(SYMBOLS):
        found.chemsys = chemical_system(token)
    elif looks_like_formula(token) and not found.formula:
        try:
            found.formula = reduced_formula(token)
        except ValueError:
            found.words.append(token)
    else:
        found.words.append(token)
