"""Element symbols, chemical systems and formulae as people type them."""

from __future__ import annotations

import re

_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se
Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb
Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm
Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""

SYMBOLS = tuple(_TABLE.split())
"""In order of atomic number, hydrogen first."""

_KNOWN = frozenset(SYMBOLS)
_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789", "\u200b")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?|[()\[\]]|\d+(?:\.\d+)?)+")
_FORMULA_SYMBOL = re.compile(r"[A-Z][a-z]?")
_MAX_FORMULA = 80


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
    """Subscript digits as ordinary ones, so that TiO₂ finds TiO2."""
    return text.translate(_PLAIN)


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
