"""The atom list of a CIF block: elements, charges, places and occupancies.

Which element a label means is decided by the type symbol where there is one, else by the label's
letters, the formula sum choosing where two elements are possible (``CO1`` in an organic ligand,
``Ho1`` for the hydrogen on an oxygen). A label that means nothing is an error: an atom is never
dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from math import isfinite

from compute.errors import ReadError
from compute.structures.blocks import Block, Value
from compute.structures.findings import Finding
from compute.structures.limits import (
    FARTHEST,
    HIGHEST_CHARGE,
    LEAST_FILLED,
    MAX_LISTED,
    MAX_WORD,
    refuse_many,
)

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?(?:\(\d*\.?\d*\))?")
_LETTERS = re.compile(r"[A-Za-z]+")
# Bounded, for a search tries it at every digit of what may be thousands of them.
_CHARGE = re.compile(r"(\d{1,17}(?:\.\d{1,17})?)?([+-])(\d{1,17}(?:\.\d{1,17})?)?$")
# Groups that labels name as one atom: the atom that scatters, and the hydrogen that goes with it.
_GROUPS = {
    "wat": ("O", 2), "water": ("O", 2), "ow": ("O", 2), "hho": ("O", 2), "hoh": ("O", 2),
    "h2o": ("O", 2), "oh2": ("O", 2), "oh": ("O", 1), "o-h": ("O", 1), "nh4": ("N", 4),
    "nh3": ("N", 3), "nh2": ("N", 2), "nh": ("N", 1), "aq": ("O", 2),
}  # fmt: skip
_VACANCIES = ("vac", "va", "void", "□")


@dataclass(frozen=True)
class Atom:
    """One row of the atom list.

    Attributes
    ----------
    label, element : str
    place : tuple of float, or None
        Fractional; None where the file gives no number.
    occupancy : float
    charge : float or None
        As the file states it.
    hydrogens : int
        That the label implies and the list does not hold (2 for ``Wat``).
    """

    label: str
    element: str
    place: tuple[float, float, float] | None
    occupancy: float
    charge: float | None
    hydrogens: int = 0


def read_atoms(block: Block, known: Collection[str], name: str) -> tuple[list[Atom], list[Finding]]:
    """The atoms of a block, those without a place included, and what is to be told of them.

    Parameters
    ----------
    known : collection of str
        Elements of the formula sum; empty if there is none.

    Raises
    ------
    ReadError
        No fractional coordinates, a label or number that is not understood; every one is named.
    """
    labels = block.column("_atom_site_label")
    types = block.column("_atom_site_type_symbol")
    axes = [block.column(f"_atom_site_fract_{axis}") for axis in "xyz"]
    n = len(axes[0])
    if n == 0 or any(len(axis) != n for axis in axes):
        cartesian = block.column("_atom_site_cartn_x")
        why = "only Cartesian coordinates" if cartesian else "no fractional coordinates of atoms"
        raise ReadError([f"{name}: {why} (_atom_site_fract_x, _y, _z)"])
    if not labels and not types:
        raise ReadError([f"{name}: neither _atom_site_label nor _atom_site_type_symbol"])
    refuse_many(n, MAX_LISTED, "atoms listed", name)
    occupancies = block.column("_atom_site_occupancy")
    attached = block.column("_atom_site_attached_hydrogens")
    charges = _stated_charges(block)
    atoms: list[Atom] = []
    errors: list[str] = []
    findings: list[Finding] = []
    for k in range(n):
        label = _text(labels, k) or f"{_text(types, k)}{k + 1}"
        symbol = _text(types, k)
        where = f"{name}: line {axes[0][k].line}: atom {label}"
        if (symbol or label).lower().rstrip("0123456789") in _VACANCIES:
            findings.append(Finding("vacancy", f"{label} is a vacancy and left out"))
            continue
        place, fault = _place([axis[k] for axis in axes])
        occupancy = _number(occupancies[k]) if len(occupancies) == n else None
        stated = occupancies[k].text if len(occupancies) == n else None
        if fault:
            errors.append(f"{where}: {fault}")
            continue
        if stated and stated not in ("?", ".") and occupancy is None:
            errors.append(f"{where}: occupancy {stated!r} is no number")
            continue
        if occupancy is not None and not -0.001 <= occupancy <= 1.5:
            errors.append(f"{where}: occupancy {stated} is not between 0 and 1")
            continue
        found = _element(symbol, label, known, findings)
        if found is None:
            errors.append(f"{where}: {symbol or label!r} is not understood, it names no element")
            continue
        element, hydrogens = found
        if occupancy is not None and occupancy < LEAST_FILLED:
            told = f"{label} has occupancy {max(occupancy, 0.0):g} and is left out"
            findings.append(Finding("occupancy", told))
            continue
        charge = charges.get((symbol or "").lower(), charges.get(element.lower()))
        if charge is None and symbol:
            charge = _charge_in(symbol)
        if len(attached) == n:
            hydrogens = max(hydrogens, round(_number(attached[k]) or 0))
        atoms.append(
            Atom(label, element, place, 1.0 if occupancy is None else occupancy, charge, hydrogens)
        )
    if errors:
        raise ReadError(errors)
    unknown = [
        occupancies[k].text is None or occupancies[k].text in ("?", ".")
        for k in range(n if len(occupancies) == n else 0)
    ]
    if any(unknown):
        findings.append(
            Finding("occupancy", f"occupancy unknown for {sum(unknown)} atoms, taken as 1")
        )
    lost = [atom.label for atom in atoms if atom.place is None]
    if lost:
        findings.append(
            Finding("no place", f"left out, as the file gives no place: {', '.join(lost)}")
        )
    return atoms, findings


def number(value: Value | None) -> float | None:
    """A CIF number, its standard uncertainty dropped; None if it is none or not finite."""
    return None if value is None else _number(value)


def element_of(text: str, known: Collection[str] = ()) -> tuple[str, int, bool] | None:
    """Element that a label or symbol names, hydrogens it implies, whether that is beyond doubt."""
    letters = _LETTERS.match(text)
    if letters is None:
        return None
    word = letters.group()
    # H2O and NH4 hold digits of their own; OH, Wat and OW may be followed by a number.
    for group, (element, hydrogens) in _GROUPS.items():
        lower = text.lower()
        if lower.startswith(group) and not lower[len(group) :][:1].isalpha():
            if group == "oh" and "oh2" in lower[:3] and known and "H" not in known:
                continue
            return element, hydrogens, False
    two, one = word[:2].capitalize(), word[0].upper()
    two_ok, one_ok = len(word) > 1 and _is_element(two), _is_element(one)
    if two_ok and one_ok and known:
        if two in known or one not in known:
            return two, 0, two in known
        return one, 0, False
    if two_ok:
        clear = word[1].islower() or not one_ok
        return two, 0, clear and len(word) == 2
    return (one, 0, len(word) == 1) if one_ok else None


def _element(
    symbol: str | None, label: str, known: Collection[str], findings: list[Finding]
) -> tuple[str, int] | None:
    text = symbol or label
    found = element_of(text, known)
    if found is None and symbol:
        text, found = label, element_of(label, known)
    if found is None:
        return None
    element, hydrogens, clear = found
    if element in ("D", "T"):
        findings.append(Finding("isotope", f"{label}: {element} is read as H"))
        element = "H"
    elif hydrogens or (not clear and not _plain_symbol(text, element)):
        with_h = {0: "", 1: " with one hydrogen that is not in the list"}.get(
            hydrogens, f" with {hydrogens} hydrogens that are not in the list"
        )
        findings.append(Finding("label", f"{text} is read as {element}{with_h}"))
    return element, hydrogens


def _plain_symbol(text: str, element: str) -> bool:
    """Fe, Fe3+, Fe+3, Fe1, FE2: the element with a charge or number, nothing else."""
    return re.fullmatch(rf"{element}(?:[\d+\-.()'*_]+[A-Za-z]?'?)?", text) is not None


@cache
def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))


def _stated_charges(block: Block) -> dict[str, float]:
    """Oxidation numbers by atom type, lower case. All zero says nothing: programs fill it in."""
    symbols = block.column("_atom_type_symbol")
    numbers = block.column("_atom_type_oxidation_number")
    if len(symbols) != len(numbers):
        return {}
    stated = {
        symbol.text.lower(): value
        for symbol, value in zip(symbols, map(_number, numbers), strict=True)
        if symbol.text and value is not None and abs(value) <= HIGHEST_CHARGE
    }
    return stated if any(stated.values()) else {}


def _charge_in(symbol: str) -> float | None:
    """3 of Fe3+ and Fe+3; None without a sign, or for Fe0+, which programs write for any atom."""
    match = _CHARGE.search(symbol)
    if match is None:
        return None
    size = match[1] or match[3]
    value = float(size) if size else 1.0
    return (value if match[2] == "+" else -value) if 0 < value <= HIGHEST_CHARGE else None


def _place(values: list[Value]) -> tuple[tuple[float, float, float] | None, str]:
    """The place, or what is wrong with it; an unknown one is no fault."""
    if any(value.text is None or value.text in ("?", ".") for value in values):
        return None, ""
    found = []
    for value in values:
        one = _number(value)
        if one is None:
            return None, f"coordinate {(value.text or '')[:40]!r} is no number"
        if abs(one) > FARTHEST:
            return None, f"coordinate {one:.4g} is no place"
        found.append(one)
    return (found[0], found[1], found[2]), ""


def _number(value: Value) -> float | None:
    text = (value.text or "").strip()
    if len(text) > MAX_WORD:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _fraction(text)
    out = float(text.split("(")[0].lower().replace("d", "e"))
    return out if isfinite(out) else None


def _fraction(text: str) -> float | None:
    match = re.fullmatch(r"([+-]?\d{1,9})/([1-9]\d{0,8})", text)
    return int(match[1]) / int(match[2]) if match else None


def _text(column: list[Value], k: int) -> str | None:
    return column[k].text if k < len(column) else None
