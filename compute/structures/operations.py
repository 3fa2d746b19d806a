"""Symmetry operations: as a CIF writes them, and those of every setting that spglib knows.

A setting is one choice of origin, axes and cell of a space group; spglib's table has the 530 of
S. R. Hall, Acta Cryst. A37 (1981) 517.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from compute.errors import ReadError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_N_HALL = 530
# A number of more digits than a double has is none.
_TERM = re.compile(r"([+-]?)(?:(\d{0,17}\.?\d{1,17})(?:/([1-9]\d{0,5}))?\*?)?([xyz]?)", re.ASCII)
_LARGEST = 9  # factor of a coordinate; those of a reduced cell are −1, 0 and 1
_CENTRINGS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "A": ((0, 0.5, 0.5),),
    "B": ((0.5, 0, 0.5),),
    "C": ((0.5, 0.5, 0),),
    "I": ((0.5, 0.5, 0.5),),
    "F": ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)),
}


@dataclass(frozen=True, eq=False)
class Setting:
    """Operations and what they are called.

    Attributes
    ----------
    number : int
        Of the space group; 0 where the file's own list is not named.
    name : str
        Hermann–Mauguin symbol, e.g. ``I 4_1/a m d``.
    choice : str
        spglib's word: ``1``, ``2`` (origin), ``H``, ``R`` (axes), ``b1``, ``cab`` … or empty.
    hall : str
        Hall symbol, or empty.
    rotations : int64 (n, 3, 3)
    translations : float64 (n, 3)
    """

    number: int
    name: str
    choice: str
    hall: str
    rotations: IntArray
    translations: FloatArray

    @property
    def option(self) -> str:
        """What ``--space-group`` takes for it."""
        return f"{self.name}:{self.choice}" if self.choice else self.name

    def __str__(self) -> str:
        if not self.choice:
            return self.name
        words = {
            "1": "origin choice 1",
            "2": "origin choice 2",
            "H": "hexagonal axes",
            "R": "rhombohedral axes",
        }
        return f"{self.name}, {words.get(self.choice, f'setting {self.choice}')}"

    def fits(self, lattice: FloatArray, within: float = 0.01) -> bool:
        """Whether a lattice (rows, Å) has the metric that every rotation keeps, relative."""
        metric = lattice @ lattice.T
        scale = np.sqrt(np.outer(np.diag(metric), np.diag(metric)))
        turned = np.einsum("nji,jk,nkl->nil", self.rotations, metric, self.rotations)
        return bool(np.abs((turned - metric) / scale).max() < 2 * within)


@cache
def identity() -> Setting:
    return Setting(1, "P 1", "", "P 1", np.eye(3, dtype=np.int64)[None], np.zeros((1, 3)))


def parse_operation(text: str) -> tuple[IntArray, FloatArray]:
    """Rotation and translation of ``-x+1/2, y, .5+z``.

    Raises
    ------
    ReadError
        If it is none.
    """
    parts = text.strip().strip("'\"").lower().replace(" ", "").split(",")
    if len(parts) == 4 and parts[3] in ("1", "+1", "-1"):  # time reversal of a magnetic CIF
        parts = parts[:3]
    rotation, translation = np.zeros((3, 3), dtype=np.int64), np.zeros(3)
    if len(parts) != 3:
        raise ReadError([f"symmetry operation {text!r} has {len(parts)} parts instead of 3"])
    for row, part in enumerate(parts):
        at = 0
        while at < len(part):
            match = _TERM.match(part, at)
            if match is None or match.end() == at or (at and not match[1]):
                raise ReadError([f"symmetry operation {text!r} is not understood"])
            value = Fraction(match[2] or 1) / int(match[3] or 1)
            value = -value if match[1] == "-" else value
            if match[4] and value.denominator == 1 and abs(value) <= _LARGEST:
                rotation[row, "xyz".index(match[4])] += int(value)
            elif match[2] and not match[4]:
                translation[row] += _snapped(float(value))
            else:
                raise ReadError([f"symmetry operation {text!r} is not understood"])
            at = match.end()
    if abs(round(float(np.linalg.det(rotation)))) != 1:
        raise ReadError([f"symmetry operation {text!r} is no rotation or reflection"])
    return rotation, translation % 1.0


def listed(operations: list[str], name: str = "as listed") -> Setting:
    """The file's own list as a setting, the same operation twice counted once.

    Raises
    ------
    ReadError
        Naming the operation that is not understood.
    """
    parsed = [parse_operation(text) for text in operations]
    seen: dict[tuple[int, ...], tuple[IntArray, FloatArray]] = {}
    for rotation, translation in parsed:
        key = (*rotation.ravel().tolist(), *(np.rint(translation * 48).astype(int) % 48).tolist())
        seen.setdefault(key, (rotation, translation))
    return Setting(
        0,
        name,
        "",
        "",
        np.array([r for r, _ in seen.values()]),
        np.array([t for _, t in seen.values()]),
    )


def is_closed(setting: Setting) -> bool:
    """Whether the operations are a group: any two of them give a third of them."""
    keys = _keys(setting.rotations, setting.translations)
    known = set(keys)
    for rotation, translation in zip(setting.rotations, setting.translations, strict=True):
        product = rotation @ setting.rotations
        shift = setting.translations @ rotation.T + translation
        if not known.issuperset(_keys(product, shift)):
            return False
    return True


def _keys(rotations: IntArray, translations: FloatArray) -> list[tuple[int, ...]]:
    steps = np.rint(translations * 24).astype(int) % 24
    return [tuple(r.ravel().tolist() + t.tolist()) for r, t in zip(rotations, steps, strict=True)]


@cache
def hall_setting(hall_number: int) -> Setting:
    import spglib

    kind = spglib.get_spacegroup_type(hall_number)
    operations = spglib.get_symmetry_from_database(hall_number)
    return Setting(
        int(kind.number),
        kind.international.split("=")[-1].strip()
        if kind.number not in range(3, 16)
        else kind.international_full.strip(),
        kind.choice,
        kind.hall_symbol,
        operations["rotations"].astype(np.int64),
        operations["translations"],
    )


def settings_of(number: int) -> list[Setting]:
    """All settings of a space group, the standard one first."""
    return [hall_setting(h) for h in _hall_numbers().get(number, ())]


def settings_named(symbol: str) -> tuple[list[Setting], str]:
    """Settings with this Hermann–Mauguin symbol, and the choice that the symbol itself states.

    Old and short forms count (``Pm3m``, ``Cmca``, ``P 21/c``, ``Fd-3m:2``, ``R -3 m H``).
    """
    base, choice = split_choice(symbol)
    found = [hall_setting(h) for h in _by_name().get(base, ())]
    if not found and base[:1].upper() in _CENTRINGS:
        found = _centred(base)
    if choice:
        narrowed = [one for one in found if one.choice.lower() == choice.lower()]
        if not narrowed and len(choice) == 1:  # '1' of '1cab'
            narrowed = [one for one in found if one.choice[:1] == choice]
        return narrowed or found, choice
    return found, ""


def setting_of_hall(symbol: str) -> Setting | None:
    """The setting of a Hall symbol, if it is one of the 530."""
    return next(
        (hall_setting(h) for h in range(1, _N_HALL + 1) if _hall_names()[h] == _hall(symbol)), None
    )


def split_choice(symbol: str) -> tuple[str, str]:
    """``I 41/a m d :2`` to the bare symbol and ``2``; ICSD's S and Z are origins 1 and 2."""
    text = symbol.strip().strip("'\"*").strip()
    choice = ""
    match = re.search(r"[:;]\s*([A-Za-z0-9-]+)\s*$", text) or re.search(
        r"\(?\s*origin(?:\s+choice|\s+at)?\s*([12])\s*\)?\s*$", text, re.IGNORECASE
    )
    if match is None:
        match = re.search(r"\s+([SZHRszhr])$", text) or re.search(r"(?<=[a-z0-9])([HRSZ])$", text)
    if match is not None:
        choice = {"s": "1", "z": "2"}.get(match[1].lower(), match[1])
        text = text[: match.start()]
        if choice.lower() in ("h", "r"):
            choice = choice.upper()
    return _plain(text), choice


def _plain(symbol: str) -> str:
    return re.sub(r"[\s_()~]", "", symbol).lower()


def _hall(symbol: str) -> str:
    return re.sub(r"[\s_]+", " ", symbol.strip()).lower()  # a double quote is part of it


@cache
def _hall_names() -> dict[int, str]:
    return {h: _hall(hall_setting(h).hall) for h in range(1, _N_HALL + 1)}


@cache
def _hall_numbers() -> dict[int, tuple[int, ...]]:
    out: dict[int, list[int]] = {}
    for h in range(1, _N_HALL + 1):
        out.setdefault(hall_setting(h).number, []).append(h)
    return {number: tuple(halls) for number, halls in out.items()}


@cache
def _by_name() -> dict[str, tuple[int, ...]]:
    import spglib

    out: dict[str, list[int]] = {}
    for h in range(1, _N_HALL + 1):
        kind = spglib.get_spacegroup_type(h)
        names = {kind.international_full, kind.international_short}
        parts = [part.strip() for part in kind.international.split("=")]
        # Of "P 2_1/c = P 1 2_1/n 1" the first names the group, the last this setting.
        names.update(parts if len(parts) == 1 else parts[1:])
        if 3 <= kind.number <= 15:
            names.discard(kind.international_short)
            names |= {_without_ones(part) for part in parts[1:]}
        for name in {_plain(one) for one in names}:
            for form in _older_forms(name, int(kind.number)):
                out.setdefault(form, []).append(h)
    return {name: tuple(dict.fromkeys(halls)) for name, halls in out.items()}


def _without_ones(symbol: str) -> str:
    """``P 1 21/n 1`` as ``P 21/n``."""
    letters = symbol.split()
    kept = [part for part in letters[1:] if part != "1"]
    return letters[0] + "".join(kept)


def _older_forms(name: str, number: int) -> set[str]:
    """The symbol and its forms before 1992 (e glides) and 1935 (m3m for m-3m)."""
    forms = {name}
    if number in (39, 41, 64, 67, 68) and "e" in name:
        letters = {"a": "bc", "b": "ac", "c": "ab"}[name[0]]
        forms |= {name.replace("e", letter) for letter in letters}
    if number >= 200:
        forms |= {form.replace("-3", "3") for form in set(forms)}
    return forms


def _centred(base: str) -> list[Setting]:
    """A primitive triclinic group in a centred cell (C -1 of the feldspars)."""
    if base[1:] not in ("1", "-1"):
        return []
    plain = settings_of(1 if base[1:] == "1" else 2)[0]
    shifts = np.array([(0.0, 0.0, 0.0), *_CENTRINGS[base[0].upper()]])
    return [
        Setting(
            plain.number,
            f"{base[0].upper()} {base[1:]}",
            "",
            "",
            np.concatenate([plain.rotations] * len(shifts)),
            np.concatenate([plain.translations + shift for shift in shifts]) % 1.0,
        )
    ]


def _snapped(value: float) -> float:
    """0.3333 written for 1/3."""
    steps = round(value * 24) / 24
    return steps if abs(value - steps) < 2e-3 else value
