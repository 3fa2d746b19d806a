"""The free-text box: ``Ni L3``, ``TiO2``, ``Li-Co-O``, ``mp-1234``, ``SDB-42`` and plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache

from django.utils import translation

from spectradb.elements import ELEMENTS
from spectradb.filters.chemistry import (
    SYMBOLS,
    chemical_system,
    formulae_in_small_letters,
    looks_like_formula,
    plain,
    reduced_formula,
)
from spectradb.filters.phrases import Phrases, take_phrases
from spectradb.filters.prototypes import SPACED, TYPES, type_named

# N and O alone are elements.
_EDGE = re.compile(r"K|[LM]|[LMNO](?:[1-7]|[1-7][,-]?[1-7])", re.IGNORECASE)
_OWN_ID = re.compile(r"SDB-(\d{1,18})", re.IGNORECASE)
_SOURCE_ID = re.compile(r"[a-z]{2,}-[0-9]\w*", re.IGNORECASE)
_SYSTEM = re.compile(r"[A-Z][a-z]?(?:-[A-Z][a-z]?)+")
_ION = re.compile(r"([A-Z][a-z]?)(?:(\d)\+|\+(\d)?)", re.IGNORECASE)
_ROMAN_ION = re.compile(r"(\S+?)\((VIII|VII|VI|IV|V|III|II|I)\)", re.IGNORECASE)
_NAMED_ION = re.compile(r"(\S+?)(?:(\d)\+|\+(\d))")
_ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")
_SMALL_WORDS = {"am", "as", "at", "be", "he", "i", "in", "no"}  # symbols too, but words in a line
_DOI = re.compile(r"(?<!\S)(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ANIONS = {
    "oxide": "O", "oxides": "O", "sulfide": "S", "sulphide": "S", "selenide": "Se",
    "telluride": "Te", "fluoride": "F", "chloride": "Cl", "bromide": "Br", "iodide": "I",
    "nitride": "N", "phosphide": "P", "carbide": "C", "boride": "B", "silicide": "Si",
    "hydride": "H",
}  # fmt: skip
_JAPANESE = {
    "水酸化": ["O", "H"], "酸化": ["O"], "硫化": ["S"], "フッ化": ["F"], "塩化": ["Cl"],
    "臭化": ["Br"], "ヨウ化": ["I"], "窒化": ["N"], "セレン化": ["Se"], "リン化": ["P"],
    "炭化": ["C"],
}  # fmt: skip
_OWN_STRUCTURE = re.compile(r"SDB-S(\d{1,18})", re.IGNORECASE)
_OLD_NAMES = {
    "ferrous": ("Fe", 2.0), "ferric": ("Fe", 3.0), "cuprous": ("Cu", 1.0), "cupric": ("Cu", 2.0),
    "manganous": ("Mn", 2.0), "cobaltous": ("Co", 2.0), "cobaltic": ("Co", 3.0),
    "chromic": ("Cr", 3.0), "titanic": ("Ti", 4.0), "vanadyl": ("V", 4.0),
}  # fmt: skip
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
    formulae: list[str] = field(default_factory=list)  # alternatives: a record is of one
    valence: float | None = None  # of the absorber
    doi: str = ""
    prototype: str = ""
    structure_id: int | None = None
    about: Phrases = field(default_factory=Phrases)
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
    # A comma parts a list, but not the 2,3 of an edge.
    line = plain(text)
    if match := _DOI.search(line):  # whole: it may hold what looks like a phrase
        found.doi = match[1].rstrip(",;、，")
        line = f"{line[: match.start()]} {line[match.end() :]}"
    for spaced, joined in SPACED.items():
        line = re.sub(spaced, joined, line, flags=re.IGNORECASE)
    line, found.about = take_phrases(line)
    found.edge, found.kind = found.about.edge, found.about.kind
    tokens = [one for one in re.split(r"[\s;、，\"“”„&]+|,(?!\d)|(?<!\d),", line) if one]
    tokens = [one for one in tokens if one not in {"+", "-", "/"}]
    for n, token in enumerate(tokens):
        following = tokens[n + 1] if n + 1 < len(tokens) else ""
        _read_token(
            found,
            token,
            following,
            after_element=n > 0 and _is_symbol(tokens[n - 1]),
            alone=len(tokens) == 1,
        )
    return found


def elements_named(token: str) -> list[str]:
    """Symbols of what a word names: nickel, oxide, 酸化ニッケル; empty for other words."""
    word = token.lower()
    if word in _ANIONS:
        return [_ANIONS[word]]
    names = _names()
    if word in names:
        return [names[word]]
    for prefix, anions in _JAPANESE.items():
        if token.startswith(prefix) and token.removeprefix(prefix) in names:
            return [names[token.removeprefix(prefix)], *anions]
    return []


@cache
def _names() -> dict[str, str]:
    """Names of the elements in small letters and in Japanese, with their symbols."""
    found = {element.name.lower(): element.symbol for element in ELEMENTS}
    found |= {"aluminum": "Al", "cesium": "Cs", "sulphur": "S"}
    with translation.override("ja"):
        found |= {translation.gettext(element.name): element.symbol for element in ELEMENTS}
    return found


def alike(word: str) -> list[str]:
    """Names of elements and structure types that a misspelt word may mean, the nearest first."""
    known = [name for name in (*_names(), *_ANIONS, *TYPES) if name.isascii()]
    return get_close_matches(word.lower(), known, n=2, cutoff=0.8)


def _is_symbol(token: str) -> bool:
    return token.capitalize() in SYMBOLS


def _ion_named(token: str) -> tuple[str, float] | None:
    """Element and charge of ``Fe(IV)``, ``iron(III)``, ``鉄4+``; of ``Fe4+`` :data:`_ION` tells."""
    match = _ROMAN_ION.fullmatch(token)
    charge = _ROMAN.index(match[2].upper()) if match else 0
    if old := _OLD_NAMES.get(token.lower()):
        return old
    if match is None and (match := _NAMED_ION.fullmatch(token)) is not None:
        charge = int(match[2] or match[3])
    if match is None:
        return None
    symbol = match[1].capitalize() if _is_symbol(match[1]) else _names().get(match[1].lower(), "")
    return (symbol, float(charge)) if symbol else None


def _compound_ion(token: str) -> tuple[str, float, list[str]] | None:
    """Element, charge and all elements of ``酸化鉄(III)``."""
    match = _ROMAN_ION.fullmatch(token)
    named = elements_named(match[1]) if match else []
    if match is None or len(named) < 2:
        return None
    return named[0], float(_ROMAN.index(match[2].upper())), named


def _may_mean_more(token: str, formula: str) -> bool:
    """Whether a formula in capitals can be another one, as NIO can be NiO."""
    return token.isupper() and bool(formulae_in_small_letters(token.lower()) - {formula})


def _read_token(
    found: SearchText, token: str, following: str, *, after_element: bool, alone: bool
) -> None:
    is_edge = _EDGE.fullmatch(token) is not None
    if match := _OWN_ID.fullmatch(token):
        found.spectrum_id = int(match[1])
    elif match := _OWN_STRUCTURE.fullmatch(token):
        found.structure_id = int(match[1])
    elif (match := _ION.fullmatch(token)) and _is_symbol(match[1]) and not found.absorber:
        found.absorber = match[1].capitalize()
        found.valence = float(match[2] or match[3] or 1)
    elif not found.absorber and (ion := _ion_named(token)) is not None:
        found.absorber, found.valence = ion
    elif not found.absorber and (compound := _compound_ion(token)):
        found.absorber, found.valence, found.elements = compound
    elif named := elements_named(token):
        found.elements += named
    elif (prototype := type_named(token)) and not found.prototype:
        found.prototype = prototype
    elif _SOURCE_ID.fullmatch(token):
        found.source_id = token
    elif is_edge and not found.edge and (after_element or not _is_symbol(token)):
        found.edge = "L3" if edge_name(token) == "L" else edge_name(token)  # L3 lies in all of them
    elif _is_symbol(token) and not found.absorber and _EDGE.fullmatch(following):
        found.absorber = token.capitalize()
    elif token.lower() in _KINDS:
        found.kind = _KINDS[token.lower()]
    elif token in SYMBOLS:
        found.elements.append(token)
    elif token.islower() and _is_symbol(token) and (alone or token not in _SMALL_WORDS):
        found.elements.append(token.capitalize())
    elif _SYSTEM.fullmatch(token) and set(token.split("-")) <= set(SYMBOLS):
        found.chemsys = chemical_system(token)
    elif looks_like_formula(token):
        try:
            formula = reduced_formula(token)
        except ValueError:
            found.words.append(token)
        else:
            if _may_mean_more(token, formula):
                found.words.append(token.lower())
            else:
                found.formulae.append(formula)
    else:
        found.words.append(token)
