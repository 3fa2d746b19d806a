"""Tabulated absorption edges K to N7 and the names people give to elements and edges.

Energies: Elam, Ravel & Sieber, Radiat. Phys. Chem. 63 (2002) 121 (public domain), kept in
``compute/data/edge_energies.csv``. They are free-atom or metal values: a compound's edge may sit
several eV away, so the table tells edges apart and does not calibrate them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from compute.errors import InputError

SYMBOLS = tuple(
    (  # noqa: SIM905 - a literal tuple would be 118 lines
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
        "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu "
        "Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np "
        "Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
    ).split()
)
_BY_LOWER = {symbol.lower(): symbol for symbol in SYMBOLS}
_SUBSHELLS = {"K": 0, "L": 3, "M": 5, "N": 7, "O": 7}
# A generic or joined edge starts at its member of lowest energy, the last subshell named.
_GROUPS = {
    "L": ("L3", "L2", "L1"),
    "L23": ("L3", "L2"),
    "M": ("M5", "M4", "M3", "M2", "M1"),
    "M23": ("M3", "M2"),
    "M45": ("M5", "M4"),
    "N": ("N7", "N6", "N5", "N4", "N3", "N2", "N1"),
    "N23": ("N3", "N2"),
    "N45": ("N5", "N4"),
    "N67": ("N7", "N6"),
    "O": (),
    "O23": (),
    "O45": (),
}
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7"}


@dataclass(frozen=True, order=True)
class Edge:
    """One tabulated edge."""

    energy_ev: float
    element: str
    edge: str

    def __str__(self) -> str:
        return f"{self.element} {self.edge} ({self.energy_ev:.1f} eV)"


def normalise_element(text: str) -> str | None:
    """``" fe "`` as ``"Fe"``; None if it is no element's symbol."""
    return _BY_LOWER.get(text.strip().lower())


def normalise_edge(text: str) -> str | None:
    """``"l2,3"``, ``"L_{3,2}"``, ``"LIII"`` as ``"L23"``, ``"L23"``, ``"L3"``; None if no edge."""
    bare = re.sub(r"[\s_,;/{}()+-]|edges?", "", text.strip().lower())
    if not 1 <= len(bare) <= 4 or bare[0].upper() not in _SUBSHELLS:
        return None
    shell, numbers = bare[0].upper(), bare[1:]
    digits = _ROMAN.get(numbers, numbers)
    if shell == "K":
        return "K" if digits in ("", "1") else None
    if not digits:
        return shell
    name = shell + "".join(sorted(digits))
    if len(digits) == 1:
        return name if digits.isdecimal() and 1 <= int(digits) <= _SUBSHELLS[shell] else None
    return name if name in _GROUPS else None


def edge_energy(element: str, edge: str) -> float | None:
    """Energy of an edge, eV; a joined edge (L23, M45, L) starts at its lowest member.

    Returns None where the table has no value.

    Raises
    ------
    InputError
        If the element or the edge does not exist.
    """
    symbol, name = normalise_element(element), normalise_edge(edge)
    if symbol is None:
        raise InputError("element", element, "no such element")
    if name is None:
        raise InputError("edge", edge, "no such edge")
    levels = _table().get(symbol, {})
    for member in members(name):
        if member in levels:
            return levels[member]
    return None


def members(edge: str) -> tuple[str, ...]:
    """The single edges that a name stands for, of lowest energy first."""
    return _GROUPS.get(edge, (edge,))


def edges_within(low_ev: float, high_ev: float, *, element: str | None = None) -> list[Edge]:
    """Every tabulated edge in ``[low_ev, high_ev]``, ascending; of one element if given."""
    return sorted(
        Edge(energy, symbol, edge)
        for symbol, levels in _table().items()
        if element is None or symbol == element
        for edge, energy in levels.items()
        if low_ev <= energy <= high_ev
    )


def likely_edges(energy_ev: float, tolerance_ev: float) -> list[Edge]:
    """Edges that people measure near an energy: K, L3 and M5 before others, then nearest first."""
    usual = {"K", "L3", "L2", "L1", "M5", "M4", "M3"}
    near = edges_within(energy_ev - tolerance_ev, energy_ev + tolerance_ev)
    return sorted(
        (edge for edge in near if edge.edge in usual),
        key=lambda edge: (
            edge.edge not in ("K", "L3", "M5"),
            abs(edge.energy_ev - energy_ev),
        ),
    )


@cache
def _table() -> dict[str, dict[str, float]]:
    text = files("compute").joinpath("data", "edge_energies.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        row["element"]: {
            name: float(value)
            for name, value in row.items()
            if name not in ("z", "element") and value
        }
        for row in rows
    }
