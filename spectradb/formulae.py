"""Formulae in the order in which chemists write them: NiTiO3, CuCrO2, ZnCr2S4, Ni(OH)2.

Structures are stored with the elements in order of electronegativity (TiNiO3, Cr2ZnS4, Ni(HO)2),
which searches rely on; this is for reading alone. Edges are written here too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import gcd

# Cations as they stand in names of minerals and oxides: large and low-valent ones first.
_CATIONS = re.findall(
    r"\w+",
    "Cs Rb K Na Li Tl Ag Ba Sr Ca Pb Bi La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Y Sc Cu Hg Cd "
    "Zn Mg Be Ni Co Mn Fe Pd Pt Au Al Ga In Cr Rh Ir Ru Os V Ti Sn Zr Hf Nb Ta Mo W Re Tc Th U Sb "
    "Ge As Te Si B P C I",
)
_ANIONS = re.findall(r"\w+", "N Se S O H Br Cl F")
_RANK = {element: rank for rank, element in enumerate([*_CATIONS, *_ANIONS])}
_ALWAYS_FIRST = _RANK["Sc"]  # of these and what is before, no count changes the place
_PART = re.compile(r"([A-Z][a-z]?)(\d*)")
_EDGE = re.compile(r"([K-O])(\d)(\d)")
_PLAIN = re.compile(r"(?:[A-Z][a-z]?\d*){2,}")
_BRACKET = re.compile(r"^((?:[A-Z][a-z]?\d*)*)\(((?:[A-Z][a-z]?\d*)+)\)(\d+)((?:[A-Z][a-z]?\d*)*)$")


@lru_cache(maxsize=4096)
def as_written(text: str) -> str:
    """The formula for reading; what is no plain one of whole numbers is returned as it is."""
    amounts = _amounts(text)
    if amounts is None or len(amounts) < 2 or not amounts.keys() <= _RANK.keys():
        return text
    hydrogen, oxygen = amounts.get("H", 0), amounts.get("O", 0)
    metals = [e for e in amounts if _RANK[e] < _RANK["Sb"]]
    anions = [e for e in amounts if e in _ANIONS]
    if "C" in amounts and hydrogen:
        return text  # organic: its own rules
    tail = ""
    if hydrogen and metals and set(amounts) == {*metals, "O", "H"} and oxygen >= hydrogen:
        tail = "(OH)" + (str(hydrogen) if hydrogen > 1 else "")
        amounts = {**amounts, "O": oxygen - hydrogen}
        del amounts["H"]
    elif not (metals and anions):
        return text
    least = min((amounts[e] for e in metals), default=1)

    def place(element: str) -> tuple[int, int]:
        rank = _RANK[element]
        if element in metals and rank > _ALWAYS_FIRST:
            # In a spinel or the like the single atom stands first: FeCo2O4, CoFe2O4.
            return (1, 0 if amounts[element] == least else 1)
        return (0 if element in metals else 2, 0)

    ordered = sorted((e for e in amounts if amounts[e]), key=lambda e: (*place(e), _RANK[e]))
    head = "".join(f"{e}{amounts[e] if amounts[e] > 1 else ''}" for e in ordered)
    return head + tail


def edge_text(edge: str | None) -> str:
    """``L23`` as ``L2,3``, in plain text."""
    found = _EDGE.fullmatch(edge or "")
    return f"{found[1]}{found[2]},{found[3]}" if found else (edge or "")


def _amounts(text: str) -> dict[str, int] | None:
    """Atoms of each element, with one bracket at most; None for anything else."""
    if bracket := _BRACKET.match(text):
        before, inside, times, behind = bracket.groups()
        parts = [*_PART.findall(before), *_PART.findall(behind)]
        inner = [(e, str(int(n or 1) * int(times))) for e, n in _PART.findall(inside)]
    elif _PLAIN.fullmatch(text):
        parts, inner = _PART.findall(text), []
    else:
        return None
    amounts: dict[str, int] = {}
    for element, n in [*parts, *inner]:
        amounts[element] = amounts.get(element, 0) + int(n or 1)
    common = gcd(*amounts.values())
    # Peroxides and the like are written as the molecule that they are.
    return amounts if common == 1 or len(amounts) > 2 else None
