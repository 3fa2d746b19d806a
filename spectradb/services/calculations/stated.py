"""Valences that whoever asks for a calculation states: ``Ni=2``, or ``Fe:4=3`` for one site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compute.errors import InputError
from spectradb.models import Site, Structure
from spectradb.services.calculations.inputs import orbit_key
from spectradb.services.structures.sites import check_state, state_valences

if TYPE_CHECKING:
    from pymatgen.core import Structure as Crystal

NAME = "oxidation-state"
_FORM = re.compile(r"([A-Z][a-z]?)(?::(\d+))?=([+-]?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class StatedValence:
    """One statement: of an element, or of one atom of it and all that are equivalent."""

    element: str
    index: int | None
    valence: float

    @property
    def name(self) -> str:
        where = "" if self.index is None else f":{self.index}"
        return f"{NAME} {self.element}{where}"


def parse_stated(given: Iterable[str]) -> list[StatedValence]:
    """``EL=N`` and ``EL:INDEX=N``.

    Raises
    ------
    InputError
        Another form, no element, no possible state, two states of one thing.
    """
    from pymatgen.core import Element

    out: dict[tuple[str, int | None], StatedValence] = {}
    for text in given:
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise InputError(NAME, text, "write EL=N, or EL:INDEX=N for one site: Ni=2, Fe:4=3")
        element, index, valence = match[1], match[2], float(match[3])
        if not Element.is_valid_symbol(element):
            raise InputError(NAME, text, f"{element} is no chemical element")
        check_state(f"{NAME} {element}", valence)
        one = StatedValence(element, None if index is None else int(index), valence)
        before = out.setdefault((element, one.index), one)
        if before.valence != valence:
            raise InputError(one.name, valence, f"is stated as {before.valence:+g} too")
    return list(out.values())


def of_crystal(stated: Iterable[StatedValence], crystal: Crystal) -> dict[int | str, float]:
    """The statements as :func:`compute.sites.analyze_sites` takes them.

    Raises
    ------
    InputError
        An atom or element that is not there, an atom of another element.
    """
    out: dict[int | str, float] = {}
    for one in stated:
        if one.index is None:
            if one.element not in crystal.composition.element_composition:
                held = crystal.composition.element_composition.reduced_formula
                raise InputError(one.name, one.valence, f"{held} holds no {one.element}")
            out[one.element] = one.valence
            continue
        if one.index >= len(crystal) or one.element not in _elements(crystal, one.index):
            held = crystal[one.index].species_string if one.index < len(crystal) else "no atom"
            raise InputError(one.name, one.valence, f"place {one.index} holds {held}")
        out[f"{one.element}:{one.index}"] = one.valence
    return out


def state_in_rows(stated: Iterable[StatedValence], structures: Iterable[Structure]) -> list[str]:
    """State valences of stored structures, whose Site rows own them; what follows, in words.

    Raises
    ------
    InputError
        Where a structure has no such site.
    """
    stated = list(stated)
    told: list[str] = []
    for structure in structures if stated else ():
        rows = list(structure.sites.all())
        given: dict[int | str, float | None] = {}
        for one in sorted(stated, key=lambda one: one.index is not None):
            meant = [
                row
                for row in rows
                if row.element == one.element
                and one.index in (None, row.index, *row.equivalent_indices)
            ]
            if not meant:
                raise InputError(one.name, one.valence, f"{structure} has no such site")
            given |= {orbit_key(row): one.valence for row in meant}
        given = {key: value for key, value in given.items() if _differs(rows, key, value)}
        if given:
            done = state_valences(structure, given, user=None, reason="Stated with the command.")
            told += [f"{structure}: {text}" for text in done.warnings]
            told += [
                f"{structure}: {site.element}{site.index} is {site.oxidation_state:+g} beside it"
                for site in done.changed
            ]
    return told


def _differs(rows: Iterable[Site], key: int | str, value: float | None) -> bool:
    """Whether a site is not stated as this already."""
    from compute.sites.oxidation import STATED

    return any(
        orbit_key(row) == key and (row.oxidation_state != value or row.oxidation_method != STATED)
        for row in rows
    )


def _elements(crystal: Crystal, index: int) -> Mapping[str, float]:
    found: dict[str, float] = crystal[index].species.element_composition.get_el_amt_dict()
    return found
