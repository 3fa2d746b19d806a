"""Sites whose valence is known from a cited source: the set that the rule is judged by.

``valences.json`` holds an entry a line. Crystals give the number of a Hall symbol, the cell in Å
and degrees and one atom of each orbit in fractions of the cell, or name a crystal of the starter
library; molecules give the charge of all atoms, the edge of a cubic box in Å and Cartesian
positions in Å. ``valence`` is by element, or one of each listed atom, null where none is accepted.

Mineral cells are those of the American Mineralogist Crystal Structure Database (R. T. Downs,
M. Hall-Wallace, Am. Mineral. 88 (2003) 247) as the package larixite (MIT) carries them; some were
refined without their hydrogens, and are kept so. The state is that of the accepted formula.

Whole families belong to one half: constants of the rule are chosen on ``development``, ``held
out`` is only scored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal

_DATA = Path(__file__).with_name("valences.json")
_SAME_ATOM_ANG = 0.15
MOLECULAR = frozenset(
    (
        "amide",
        "ammine",
        "ammine molecule",
        "aqua ion",
        "azolate framework",
        "carbonyl",
        "carboxylate framework",
        "chelate",
        "coordination polymer",
        "cyanide",
        "cyanide molecule",
        "diketonate and bipyridine",
        "metallocene",
        "nitrite complex",
        "oxalate",
        "phthalocyanine",
        "porphyrin",
    )
)
UNUSUAL = frozenset(
    (
        "chalcogenide with bonded anions",
        "copper(I)",
        "delafossite",
        "hydride",
        "infinite layer",
        "nickeline",
        "nitride",
        "oxo complex",
        "pyrite",
        "thiophosphate",
    )
)


@dataclass(frozen=True)
class Entry:
    """One structure; ``truth`` gives the valence by index of an atom of :meth:`structure`."""

    id: str
    family: str
    citation: str
    half: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """``molecular``, ``unusual`` or ``other``."""
        known = {**dict.fromkeys(UNUSUAL, "unusual"), **dict.fromkeys(MOLECULAR, "molecular")}
        return known.get(self.family, "other")

    def structure(self) -> Structure:
        return self._expanded()[0]

    def truth(self) -> dict[int, float]:
        return self._expanded()[1]

    def _expanded(self) -> tuple[Structure, dict[int, float]]:
        data = self.data
        if "crystal" in data:
            found = crystal(data["crystal"])
            structure = found.structure()
            structure.remove_oxidation_states()
            return structure, _by_orbit(structure, data)
        if "box" in data:
            positions = np.array([atom[1:] for atom in data["atoms"]]) + data["box"] / 2
            structure = Structure(
                Lattice.cubic(data["box"]),
                [atom[0] for atom in data["atoms"]],
                positions,
                coords_are_cartesian=True,
                charge=data["charge"] or None,
            )
            return structure, _by_orbit(structure, data)
        lattice = Lattice.from_parameters(*data["lattice"])
        operations = spglib.get_symmetry_from_database(data["hall"])
        species, positions, origin = [], [], []
        for n, (element, *xyz) in enumerate(data["atoms"]):
            orbit: list[np.ndarray] = []
            for image in (operations["rotations"] @ np.array(xyz) + operations["translations"]) % 1:
                if not orbit or _nearest(image, orbit, lattice.matrix) > _SAME_ATOM_ANG:
                    orbit.append(image)
            species += [element] * len(orbit)
            positions += orbit
            origin += [n] * len(orbit)
        structure = Structure(lattice, species, np.array(positions))
        valence = data["valence"]
        if isinstance(valence, Mapping):
            return structure, _by_orbit(structure, data)
        return structure, {
            i: float(valence[n]) for i, n in enumerate(origin) if valence[n] is not None
        }


def _nearest(image: np.ndarray, orbit: Sequence[np.ndarray], matrix: np.ndarray) -> float:
    apart = image - np.array(orbit)
    return float(np.linalg.norm((apart - np.round(apart)) @ matrix, axis=1).min())


def _by_orbit(structure: Structure, data: Mapping[str, Any]) -> dict[int, float]:
    """Truth by element; or, of a crystal of the library, by its listed atoms."""
    valence = data["valence"]
    if isinstance(valence, Mapping):
        return {
            i: float(valence[site.specie.symbol])
            for i, site in enumerate(structure)
            if site.specie.symbol in valence
        }
    from compute.crystals.published import _operations

    found = crystal(data["crystal"])
    operations = _operations(found.number, found.choice)
    out = {}
    for n, (_, *xyz) in enumerate(found.atoms):
        if valence[n] is None:
            continue
        orbit = (operations[0] @ np.array(xyz) + operations[1]) % 1
        for i, site in enumerate(structure):
            if _nearest(site.frac_coords, list(orbit), structure.lattice.matrix) < _SAME_ATOM_ANG:
                out[i] = float(valence[n])
    return out


@cache
def entries() -> tuple[Entry, ...]:
    """All entries; every second family, in alphabetical order, is held out."""
    rows = json.loads(_DATA.read_text(encoding="utf-8"))
    families = sorted({row["family"] for row in rows})
    half = {name: ("development", "held out")[n % 2] for n, name in enumerate(families)}
    return tuple(
        Entry(
            row.get("id", row.get("crystal", "")),
            row["family"],
            row["citation"] if "citation" in row else crystal(row["crystal"]).citation,
            half[row["family"]],
            row,
        )
        for row in rows
    )


def mostly_slow(ids: Iterable[str]) -> list[Any]:
    """Parameters of a test over many entries: every fifth by default, the others as slow."""
    return [
        id if n % 5 == 0 else pytest.param(id, marks=pytest.mark.slow) for n, id in enumerate(ids)
    ]
