"""Element symbols, chemical systems and formulae as people type them."""

from __future__ import annotations

import re
import unicodedata

_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se
Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb
Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm
Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

SYMBOLS = tuple(_TABLE.split())
"""In order of atomic number, hydrogen first."""

_KNOWN = frozenset(SYMBOLS)
_PLAIN = str.maketrans("−–", "--", "\u200b")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?|[()\[\]]|\d+(?:\.\d+)?)+")
_FORMULA_SYMBOL = re.compile(r"[A-Z][a-z]?")
_MAX_FORMULA = 80
_MAX_READINGS = 64


def symbol(text: str) -> str:
    """The element symbol, in its usual capitals.

    Raises
    ------
    ValueError
        If there is no such element.
    """
    found = text.strip().capitalize()
    if found not in _KNOWN:
        raise ValueError(f"{text!r} is not an element symbol")
    return found


def plain(text: str) -> str:
    """Sub- and superscripts and wide letters as ordinary ones: TiO₂ finds TiO2, Ni²⁺ finds Ni2+."""
    return unicodedata.normalize("NFKC", text).translate(_PLAIN)


def chemical_system(text: str) -> str:
    """``O-Li-Co`` as ``Co-Li-O``, which is how it is stored.

    Raises
    ------
    ValueError
        If a part is not an element symbol.
    """
    return "-".join(sorted({symbol(part) for part in text.split("-")}))


def looks_like_formula(text: str) -> bool:
    """Whether every letter of the text belongs to an element symbol."""
    text = plain(text)
    return (
        0 < len(text) <= _MAX_FORMULA
        and _FORMULA.fullmatch(text) is not None
        and set(_FORMULA_SYMBOL.findall(text)) <= _KNOWN
    )


def elements_of(formula: str) -> set[str]:
    """Symbols of what looks like a formula."""
    return set(_FORMULA_SYMBOL.findall(plain(formula)))


def reduced_formula(text: str) -> str:
    """The formula as structures store it: reduced, in pymatgen's order (O2Ti → TiO2).

    Raises
    ------
    ValueError
        If the text is no formula.
    """
    text = plain(text).strip()
    if not looks_like_formula(text):
        raise ValueError(f"{text!r} is not a formula")
    from pymatgen.core.composition import Composition

    try:
        reduced: str = Composition(text).reduced_formula
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{text!r} is not a formula") from error
    return reduced


def formulae_in_small_letters(text: str) -> set[str]:
    """Every reduced formula that a text in small letters can mean: ``nio`` is NiO or NIO."""
    if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", text):
        return set()
    by_place: list[list[str]] = [[] for _ in range(len(text) + 1)]
    by_place[0] = [""]
    for at in range(len(text)):
        for read in by_place[at][:_MAX_READINGS]:
            if text[at].isdigit():
                if read:
                    by_place[at + 1].append(read + text[at])
                continue
            for size in (1, 2):
                symbol_ = text[at : at + size].capitalize()
                if len(symbol_) == size and symbol_ in _KNOWN:
                    by_place[at + size].append(read + symbol_)
    found = set()
    for read in by_place[-1][:_MAX_READINGS]:
        try:
            found.add(reduced_formula(read))
        except ValueError:
            continue
    return found
