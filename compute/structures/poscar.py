"""Structures out of POSCAR and CONTCAR files of VASP, old (no symbols) and new.

Own reader because the symbols may stand in four places and an old file names none: pymatgen then
calls the first kind of atom H, the second He.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import ReadError
from compute.structures.cell import bring_near
from compute.structures.composition import parse_formula
from compute.structures.findings import Finding
from compute.structures.limits import MAX_ATOMS, refuse_cell, refuse_dense, refuse_far, refuse_many

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_SYMBOL = re.compile(r"([A-Z][a-z]?)(?:_\w+)?(?:/\S*)?(?:\d*\.\d+)?(?:\d*[+-])?\d*")
_RATIO = 1e-6
_WORDS = ("I", "In", "As", "At", "He", "No", "Be", "Am")  # symbols that titles hold as words


@dataclass
class _Lines:
    """The lines of a file, read one after the other."""

    name: str
    lines: list[str]
    at: int = 0

    def next(self, what: str) -> list[str]:
        if self.at >= len(self.lines):
            raise ReadError([f"{self.name}: the file ends before {what}"])
        self.at += 1
        return re.split(r"[!#]", self.lines[self.at - 1])[0].split()

    def error(self, what: str) -> ReadError:
        return ReadError([f"{self.name}: line {self.at}: {what}"])


def read_poscar(text: str, name: str) -> tuple[Structure, list[Finding]]:
    """The structure, and where its symbols come from if not from the line for them.

    Raises
    ------
    ReadError
        Naming the line: a number that is none, too few atoms, symbols that nothing names.
    """
    from pymatgen.core import Lattice, Structure

    lines = _Lines(name, text.lstrip("\ufeff").splitlines())
    if not lines.lines:
        raise ReadError([f"{name}: the file is empty"])
    title = lines.lines[0]
    lines.at = 1
    scale = _numbers(lines, lines.next("the scale"), "scale")
    vectors = np.array(
        [_numbers(lines, lines.next("the lattice")[:3], "lattice", 3) for _ in range(3)]
    )
    lattice, factors = _scaled(lines, vectors, scale)
    refuse_cell(lattice, name)
    words = lines.next("the number of atoms")
    symbols: list[str] = []
    if words and not _whole(words):
        symbols = [_symbol(lines, word) for word in words]
        words = lines.next("the number of atoms")
    if not words or not _whole(words):
        raise lines.error(f"numbers of atoms expected, not {' '.join(words)!r}")
    counts = [int(word[-9:]) if not word[:-9].strip("0") else 10**9 for word in words]
    refuse_many(sum(counts), MAX_ATOMS, "atoms in the cell", name)
    refuse_dense(sum(counts), abs(float(np.linalg.det(lattice))), name)
    if symbols and len(symbols) != len(counts):
        raise lines.error(f"{len(symbols)} symbols and {len(counts)} numbers of atoms")
    mode = " ".join(lines.next("Direct or Cartesian")).lower()
    if mode.startswith("s"):
        mode = " ".join(lines.next("Direct or Cartesian")).lower()
    if not mode or mode[0] not in "dfck":
        raise lines.error(f"Direct or Cartesian expected, not {mode!r}")
    places, beside = _atoms(lines, sum(counts))
    if mode[0] in "ck":
        places = np.asarray(np.linalg.solve(lattice.T, (places * factors).T).T, dtype=float)
    refuse_far(places, name)
    species, findings = _species(lines, title, symbols, counts, beside)
    return bring_near(Structure(Lattice(lattice), species, places)), findings


def _scaled(
    lines: _Lines, vectors: FloatArray, scale: Sequence[float]
) -> tuple[FloatArray, FloatArray]:
    """Lattice rows in Å and the factors of Cartesian coordinates; a negative scale is a volume."""
    with np.errstate(over="ignore", invalid="ignore"):
        volume = abs(float(np.linalg.det(vectors)))
    if not 1e-12 < volume < np.inf:
        raise lines.error("the lattice vectors span no volume")
    if len(scale) == 3 and min(scale) > 0:
        factors = np.array(scale)
    elif len(scale) == 1 and scale[0]:
        factor = scale[0] if scale[0] > 0 else (-scale[0] / volume) ** (1 / 3)
        factors = np.full(3, factor)
    else:
        raise lines.error(f"one or three scales expected, not {list(scale)}")
    return vectors * factors, factors


def _atoms(lines: _Lines, n: int) -> tuple[FloatArray, list[str]]:
    """Places (n, 3) as written, and the symbol beside each, empty where there is none."""
    places, beside = np.zeros((n, 3)), []
    for k in range(n):
        words = lines.next(f"atom {k + 1} of {n}")
        places[k] = _numbers(lines, words[:3], f"atom {k + 1}", 3)
        # A comment sign before the symbol is common and was cut away: look at the whole line.
        rest = lines.lines[lines.at - 1].replace("!", " ").replace("#", " ").split()[3:]
        rest = [word for word in rest if word.upper() not in ("T", "F", ".TRUE.", ".FALSE.")]
        match = _SYMBOL.fullmatch(rest[0]) if rest else None
        beside.append(match[1] if match and _is_element(match[1]) else "")
    return places, beside


def _species(
    lines: _Lines, title: str, symbols: list[str], counts: list[int], beside: list[str]
) -> tuple[list[str], list[Finding]]:
    written = all(beside) and bool(beside)
    if symbols:
        species = [s for s, n in zip(symbols, counts, strict=True) for _ in range(n)]
        if written and species != beside:
            k = next(i for i, s in enumerate(species) if s != beside[i])
            raise ReadError(
                [
                    f"{lines.name}: atom {k + 1} is {species[k]} by the line of symbols and "
                    f"{beside[k]} by its own line"
                ]
            )
        return species, _other_title(title, symbols, counts)
    if written:
        return beside, [Finding("symbols", "the symbols stand beside the atoms, not in line 6")]
    readings = list(dict.fromkeys(_in_title(title, counts)))
    if len(readings) == 1:
        named = readings[0]
        species = [s for s, n in zip(named, counts, strict=True) for _ in range(n)]
        return species, [Finding("symbols", f"no line of symbols; {' '.join(named)} by the title")]
    raise ReadError(
        [
            f"{lines.name}: line 6 gives numbers of atoms ({' '.join(map(str, counts))}) but no "
            f"line before it names their elements, and the title {title.strip()[:60]!r} does not "
            "settle them: write the symbols, e.g. 'Ni O', on a line before the numbers"
        ]
    )


def _other_title(title: str, symbols: list[str], counts: list[int]) -> list[Finding]:
    """Titles are copied from file to file: one that names other elements is told."""
    named = [one for one in _in_title(title, counts) if set(one) != set(symbols)]
    if not named or len(set(symbols)) != len(counts):
        return []
    told = f"the title names {' '.join(named[0])}, the line of symbols {' '.join(symbols)}"
    return [Finding("symbols", told)]


def _in_title(title: str, counts: list[int]) -> Iterator[tuple[str, ...]]:
    """Elements that the title names in the order of the counts.

    A formula counts where its amounts are in the ratio of the counts, in this order or (all
    amounts being different) in the one order that fits; a run of bare symbols as it stands.
    """
    words = re.findall(r"[A-Za-z0-9.]+", title)
    n = len(counts)
    for k in range(len(words) - n + 1):
        run = [re.fullmatch(r"([A-Z][a-z]?)(\d*)", word) for word in words[k : k + n]]
        parts = [(m[1], m[2]) for m in run if m and _is_element(m[1])]
        if n == 1 or len({symbol for symbol, _ in parts}) != n:
            continue
        amounts_given = [int(amount) for _, amount in parts if amount]
        if not amounts_given or (
            len(amounts_given) == n and min(amounts_given) and _proportional(amounts_given, counts)
        ):
            yield tuple(symbol for symbol, _ in parts)
    for word in words:
        amounts = parse_formula(word)
        if amounts is None or len(amounts) != n or (word in _WORDS and len(words) > 1):
            continue
        if _proportional(list(amounts.values()), counts):
            yield tuple(amounts)
        else:
            orders = [
                order
                for order in _orders(list(amounts))
                if _proportional([amounts[el] for el in order], counts)
            ]
            if len(orders) == 1:
                yield tuple(orders[0])


def _orders(elements: list[str]) -> Iterator[tuple[str, ...]]:
    from itertools import permutations

    return permutations(elements) if len(elements) <= 6 else iter(())


def _proportional(amounts: Sequence[float], counts: Sequence[int]) -> bool:
    ratio = np.array(counts) / np.array(amounts)
    return bool(np.ptp(ratio) < _RATIO * ratio.max())


def _symbol(lines: _Lines, word: str) -> str:
    match = _SYMBOL.fullmatch(word)
    if match is None or not _is_element(match[1]):
        raise lines.error(f"{word!r} is not understood, it names no element")
    return "H" if match[1] in ("D", "T") else match[1]


def _numbers(lines: _Lines, words: list[str], what: str, n: int | None = None) -> list[float]:
    try:
        found = [float(word.lower().replace("d", "e")) for word in words]
    except ValueError as error:
        raise lines.error(f"{what}: {' '.join(words)[:60]!r} are no numbers") from error
    if (n is not None and len(found) != n) or not found or not np.isfinite(found).all():
        raise lines.error(f"{what}: {n or 'finite'} numbers expected, not {' '.join(words)[:60]!r}")
    return found


def _whole(words: list[str]) -> bool:
    return all(word.isascii() and word.isdigit() for word in words)


def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))
