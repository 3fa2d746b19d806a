"""Phrases of a line of search that say more than one word does: ``K edge``, ``6-coordinate``.

They are taken out of the line before its words are read one by one. Each is known in English and in
Japanese.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from spectradb.filters.chemistry import SYMBOLS


@dataclass(slots=True)
class Phrases:
    """What the phrases of a line ask for; empty parts ask nothing.

    Attributes
    ----------
    site
        Columns of the absorbing site with their values.
    techniques
        Alternatives; a scan that is called XAFS holds the XANES and the EXAFS.
    modes
        Alternatives of how it was detected.
    energies_ev
        Each lies in the range of the spectrum.
    """

    edge: str = ""
    kind: str = ""
    techniques: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    licence: str = ""
    site: dict[str, Any] = field(default_factory=dict)
    crystal_system: str = ""
    space_group: int | None = None
    energies_ev: list[float] = field(default_factory=list)


_SHAPES = {
    "octahedron": r"octahedr(?:al|on|a)|八面体", "tetrahedron": r"tetrahedr(?:al|on|a)|四面体",
    "square plane": r"square[ -]plan(?:ar|e)|平面四(?:角形|配位)",
    "square pyramid": r"square[ -]pyramid(?:al|s)?|四角錐",
    "trigonal bipyramid": r"trigonal[ -]bipyramid(?:al|s)?|三方両錐",
    "trigonal prism": r"trigonal[ -]prism(?:atic|s)?|三角柱",
    "cuboctahedron": r"cuboctahedr(?:al|on|a)|立方八面体",
}  # fmt: skip
_SYSTEMS = {
    "cubic": "cubic|立方晶", "tetragonal": "tetragonal|正方晶",
    "orthorhombic": "orthorhombic|直方晶|斜方晶", "monoclinic": "monoclinic|単斜晶",
    "triclinic": "triclinic|三斜晶", "hexagonal": "hexagonal|六方晶", "trigonal": "trigonal|三方晶",
}  # fmt: skip
_KINDS = {
    "theory": r"(?:comput|calculat|simulat)(?:ed|ions?)|computations?|計算(?:値|(?![機式]))",
    "experiment": r"measured|measurements?|experiments|測定(?:値)?|実験(?:値|(?![室者]))",
}
_TECHNIQUES = {
    ("XANES", "XAFS"): "XANES|NEXAFS", ("EXAFS", "XAFS"): "EXAFS",
    ("XAFS", "XANES", "EXAFS"): "XAFS", ("EELS",): "EELS|ELNES",
}  # fmt: skip
_MODES = {
    ("TEY",): r"TEY|total[ -]electron[ -]yield|全電子収量法?",
    ("fluorescence",): r"[TP]FY|fluorescence(?:[ -]yield)?|蛍光(?:収量)?法?",
    ("transmission",): "transmission|透過法?",
}
_LICENCES = {"CC BY 4.0": "CC[ -]BY(?:[ -]4[.]0)?", "CC0 1.0": "CC0(?:[ -]1[.]0)?"}
_COUNTED = re.compile(
    r"(?:sample|specimen|scan|run|file|batch|spot|試料|サンプル)\W*$", re.IGNORECASE
)
_ORBITALS = {"1s": "K", "2s": "L1", "2p": "L23", "2p3/2": "L3", "2p1/2": "L2", "3p": "M23"}
_SPINS = {
    "high": "high[ -]spin|高スピン", "low": "low[ -]spin|低スピン",
    "intermediate": "intermediate[ -]spin|中間スピン",
}  # fmt: skip
_START, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_EDGE = r"K|[LM][1-7]?(?:[,-]?[1-7])?|[NO][1-7](?:[,-]?[1-7])?"
_ELEMENT = r"[A-Z][a-z]?"
_FILLER = (
    r"of|and|with|the|for|from|at|(?-i:in)|between|containing|contains?|holding|whose|edges?"
    r"|spectr(?:um|a)|absorption|XAS|site|sites|crystals?|structures?"
    r"|吸収端|吸収|スペクトル|型の|晶系"
)
_NUMBER = r"\d+(?:\.\d+)?"


def take_phrases(line: str) -> tuple[str, Phrases]:
    """The line without its phrases, and what these ask for."""
    found, whole = Phrases(), line
    line = re.sub("([1-6])[\u0304\u0305]", r"-\1", line)  # a bar over a figure
    line = re.sub(rf"{_START}SDB[ -]?(?=S?[1-9])", "SDB-", line, flags=re.IGNORECASE)
    line = re.sub(r"(?:[α-ω]|alpha|beta|gamma|delta)-(?=[A-Z])", "", line)  # of a polymorph
    line = re.sub(r"(?<=[\w)])(?:[·∙•]|・(?=\d*H2O))(\d*)([A-Z][A-Za-z0-9()]*)", _hydrate, line)
    of_element = rf"{_START}({_ELEMENT})[ -]((?i:{_EDGE}))[ -]?(?i:edges?|吸収端|端){_END}"
    line = re.sub(of_element, _without_edge, line)
    line = _taken(rf"({_EDGE})[ -]?(?:edges?|吸収端|端)", line, lambda m: _set_edge(found, m[1]))
    joined = rf"{_START}({_ELEMENT})-?(L[1-3](?:[,-]?[1-3])?|[12][sp](?:[13]/2)?){_END}"
    line = re.sub(joined, r"\1 \2", line)
    line = _taken(r"([123][sp](?:[13]/2)?)", line, lambda m: _set_edge(found, _ORBITALS.get(m[1])))
    line = _named(_SHAPES, line, lambda value: _describe(found, "geometry", value))
    line = _named(_SPINS, line, lambda value: _describe(found, "spin_state", value))
    line = _taken(
        r"(\d{1,2})[ -]?(?:coordinated?|fold)|(\d{1,2})配位", line,
        lambda m: _describe(found, "coordination_number", int(m[1] or m[2])),
    )  # fmt: skip
    line = _named(_SYSTEMS, line, lambda value: _put(found, "crystal_system", value))
    line = _named(_KINDS, line, lambda value: _put(found, "kind", value))
    line = _named(_TECHNIQUES, line, lambda value: _put(found, "techniques", value))
    line = _named(_MODES, line, lambda value: _put(found, "modes", value))
    line = _named(_LICENCES, line, lambda value: _put(found, "licence", value))
    line = _taken(
        # NO2 is a formula.
        r"(?:(?:space[ -]?group|空間群|sg)(?: ?(?:no\.?|number|番号))? ?|no\. ?|no )(\d{1,3})",
        line, lambda m: _set_group(found, m),
    )  # fmt: skip
    line = _taken(
        rf"({_NUMBER})(?: ?(?:-|to|and|〜|~|～) ?({_NUMBER}))? ?(k?)eV", line,
        lambda m: found.energies_ev.extend(_energies(m)),
    )  # fmt: skip
    rest = _taken(_FILLER, line, lambda m: None)
    if alone := re.fullmatch(r"\s*(\d{1,3})\s*", rest):
        rest = rest if _put(found, "space_group", _group(alone[1])) is _LEFT else ""
    return (rest if rest.strip() or found != Phrases() else whole), found


def _named(known: Mapping[Any, str], line: str, keep: Callable[[Any], object]) -> str:
    """The line without the words of a table, ``keep`` given the value of each."""
    for value, words in known.items():
        line = _taken(words, line, partial(_of_match, keep, value))
    return line


def _of_match(keep: Callable[[Any], object], value: Any, _match: re.Match[str]) -> object:
    return keep(value)


def _taken(pattern: str, line: str, keep: Callable[[re.Match[str]], object]) -> str:
    """The line without what matches as words of its own, each match given to ``keep``."""

    def away(match: re.Match[str]) -> str:
        return match[0] if keep(match) is _LEFT else " "

    whole = rf"{_START}(?:{pattern}){_END}"
    return re.sub(whole, away, line, flags=re.IGNORECASE)


_LEFT = object()
"""What ``keep`` returns of a phrase that stays in the line."""


def _put(found: Phrases, name: str, value: object) -> object:
    """Set a part that is still empty."""
    if getattr(found, name) or value is None:
        return _LEFT
    setattr(found, name, value)
    return None


def _describe(found: Phrases, column: str, value: object) -> object:
    """Say something of the site that nothing has said otherwise."""
    return None if found.site.setdefault(column, value) == value else _LEFT


def _set_edge(found: Phrases, edge: str | None) -> object:
    if not edge:
        return _LEFT
    name = re.sub("[,-]", "", edge).upper()
    return _put(found, "edge", "L3" if name == "L" else name)  # spectra of an L edge hold L3


def _group(number: str) -> int | None:
    """The space group of this number; None where there is none."""
    return int(number) if 1 <= int(number) <= 230 else None


def _set_group(found: Phrases, match: re.Match[str]) -> object:
    """``no. 225``, unless it counts samples or scans."""
    counts = match[0].lower().startswith("no") and _COUNTED.search(match.string[: match.start()])
    return _LEFT if counts else _put(found, "space_group", int(match[1]))


def _without_edge(match: re.Match[str]) -> str:
    """``Ni K`` of ``Ni K-edge``: two words that say whose edge it is."""
    is_element = match[1] in SYMBOLS and match[1] != "At"  # which is a word here
    return f"{match[1]} {match[2]}" if is_element else match[0]


def _energies(match: re.Match[str]) -> list[float]:
    return [float(one) * (1000 if match[3] else 1) for one in match.groups()[:2] if one]


def _hydrate(match: re.Match[str]) -> str:
    return f"({match[2]}){match[1]}"
