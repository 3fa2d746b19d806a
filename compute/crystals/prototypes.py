"""Hypothetical crystals for the L2,3 campaign: prototypes × ions × ligands, sized by ionic radii.

Spectator cations only balance the charge; the cell is scaled so that the metal–ligand bond is the
sum of Shannon's radii, and then strained, which spans the library's space of valence, ligand,
coordination and symmetry evenly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

VALENCES = {
    "Sc": (3,), "Ti": (4, 3, 2), "V": (5, 4, 3, 2), "Cr": (3, 2, 4, 5, 6), "Mn": (2, 3, 4, 5, 6, 7),
    "Fe": (2, 3, 4), "Co": (2, 3, 4), "Ni": (2, 3, 4), "Cu": (2, 3),
}  # fmt: skip
ANION_CHARGE = {"O": 2, "F": 1, "S": 2, "Cl": 1, "N": 3, "Br": 1, "Se": 2, "I": 1}
_SPECTATOR = {1: "K", 2: "Sr", 3: "La", 4: "Zr", 5: "Ta"}
_SMALL_SPECTATOR = {1: "Li", 2: "Mg", 3: "Al", 4: "Si", 5: "P"}
_ANION_RADIUS = {
    "O": 1.40, "F": 1.33, "S": 1.84, "Cl": 1.81, "N": 1.46, "Br": 1.96, "Se": 1.98, "I": 2.20,
}  # fmt: skip
_STRAINS = (0.0, 0.05, -0.05, 0.1, -0.1, 0.02, -0.02, 0.15)  # c/a − 1 at constant volume
_SCALES = (1.0, 0.97, 1.03, 0.985, 1.015, 0.94, 1.06, 0.955, 1.045)  # of all bonds
_CN_ROMAN = {4: "IV", 6: "VI"}


@dataclass(frozen=True)
class Variant:
    """One hypothetical crystal: ``id`` says all that it was made from."""

    id: str
    element: str
    valence: int
    ligand: str
    prototype: str
    strain: float
    scale: float

    def structure(self) -> Structure:
        """The cell, every charge stated."""
        from pymatgen.core import Lattice, Structure

        prototype = PROTOTYPES[self.prototype]
        charge = ANION_CHARGE[self.ligand]
        spectator = prototype.spectator(self.valence, charge)
        bond = self.scale * bond_length_ang(
            self.element, self.valence, self.ligand, prototype.coordination
        )
        names = {"M": self.element, "X": self.ligand, "A": spectator}
        states = {self.element: self.valence, self.ligand: -charge}
        if spectator:
            states[spectator] = prototype.spectator_charge(self.valence, charge)
        stretch = np.diag([(1 + self.strain) ** (-1 / 3)] * 2 + [(1 + self.strain) ** (2 / 3)])
        lattice = Lattice(np.array(prototype.cell) * bond @ stretch)
        atoms = [(names[kind], xyz) for kind, *xyz in prototype.atoms]
        structure = Structure(lattice, [a for a, _ in atoms], [xyz for _, xyz in atoms])
        structure.add_oxidation_state_by_element(states)
        return structure


@dataclass(frozen=True)
class Prototype:
    """A structure type in units of the bond length; kinds M, X and (spectator) A.

    ``cell`` rows are lattice vectors; atoms are kind and fractional coordinates.
    """

    coordination: int
    cell: tuple[tuple[float, float, float], ...]
    atoms: tuple[tuple[str, float, float, float], ...]

    def spectator_charge(self, valence: int, anion_charge: int) -> int:
        """Charge that each spectator must have; 0 without one; −1 if none does."""
        count = {kind: sum(a[0] == kind for a in self.atoms) for kind in "MXA"}
        missing = count["X"] * anion_charge - count["M"] * valence
        if count["A"] == 0:
            return 0 if missing == 0 else -1
        return missing // count["A"] if missing > 0 and missing % count["A"] == 0 else -1

    def spectator(self, valence: int, anion_charge: int) -> str:
        charge = self.spectator_charge(valence, anion_charge)
        table = _SMALL_SPECTATOR if self.coordination == 4 else _SPECTATOR
        return table.get(charge, "")


def _cubic(a: float) -> tuple[tuple[float, float, float], ...]:
    return ((a, 0, 0), (0, a, 0), (0, 0, a))


def _tetragonal(a: float, c: float) -> tuple[tuple[float, float, float], ...]:
    return ((a, 0, 0), (0, a, 0), (0, 0, c))


def _face_centred(a: float) -> tuple[tuple[float, float, float], ...]:
    return ((0, a / 2, a / 2), (a / 2, 0, a / 2), (a / 2, a / 2, 0))


_T = 4 / sqrt(3)  # cell edge of zincblende in units of its bond
PROTOTYPES: dict[str, Prototype] = {
    "perovskite": Prototype(
        6,
        _cubic(2),
        (
            ("M", 0, 0, 0), ("A", 0.5, 0.5, 0.5),
            ("X", 0.5, 0, 0), ("X", 0, 0.5, 0), ("X", 0, 0, 0.5),
        ),
    ),
    "rocksalt": Prototype(6, _face_centred(2), (("M", 0, 0, 0), ("X", 0.5, 0.5, 0.5))),
    "ReO3": Prototype(
        6, _cubic(2), (("M", 0, 0, 0), ("X", 0.5, 0, 0), ("X", 0, 0.5, 0), ("X", 0, 0, 0.5))
    ),
    "zincblende": Prototype(4, _face_centred(_T), (("M", 0, 0, 0), ("X", 0.25, 0.25, 0.25))),
    "chalcopyrite-like": Prototype(  # cubic Cu3VS4 (sulvanite): M in a tetrahedron, spectators too
        4,
        _cubic(_T),
        (
            ("M", 0, 0, 0), ("A", 0.5, 0, 0), ("A", 0, 0.5, 0), ("A", 0, 0, 0.5),
            ("X", 0.25, 0.25, 0.25), ("X", 0.75, 0.75, 0.25), ("X", 0.75, 0.25, 0.75),
            ("X", 0.25, 0.75, 0.75),
        ),
    ),
    "lazarevicite-like": Prototype(  # one spectator a tetrahedron, body-centred
        4,
        _cubic(2.9),
        (
            ("M", 0, 0, 0), ("A", 0.5, 0.5, 0.5),
            ("X", 0.1991, 0.1991, 0.1991), ("X", 0.8009, 0.8009, 0.1991),
            ("X", 0.8009, 0.1991, 0.8009), ("X", 0.1991, 0.8009, 0.8009),
        ),
    ),
    "infinite layer": Prototype(
        4,
        _tetragonal(2, 1.7),
        (("M", 0, 0, 0), ("A", 0.5, 0.5, 0.5), ("X", 0.5, 0, 0), ("X", 0, 0.5, 0)),
    ),
    "K2NiF4": Prototype(
        6,
        ((-1, 1, 3.25), (1, -1, 3.25), (1, 1, -3.25)),
        (
            ("M", 0, 0, 0), ("A", 0.355, 0.355, 0), ("A", 0.645, 0.645, 0),
            ("X", 0.5, 0, 0.5), ("X", 0, 0.5, 0.5), ("X", 0.158, 0.158, 0), ("X", 0.842, 0.842, 0),
        ),
    ),
    "K2PtCl6": Prototype(
        6,
        _face_centred(4.2),
        (
            ("M", 0, 0, 0), ("A", 0.25, 0.25, 0.25), ("A", 0.75, 0.75, 0.75),
            ("X", 0.2381, 0.2381, 0.7619), ("X", 0.7619, 0.7619, 0.2381),
            ("X", 0.2381, 0.7619, 0.2381), ("X", 0.7619, 0.2381, 0.7619),
            ("X", 0.7619, 0.2381, 0.2381), ("X", 0.2381, 0.7619, 0.7619),
        ),
    ),
    "square pyramid": Prototype(  # layers of corner-sharing pyramids, the apex along z
        6,
        _tetragonal(1.95, 2.6),
        (
            ("M", 0, 0, 0.08), ("A", 0.5, 0.5, 0.6),
            ("X", 0.5, 0, 0), ("X", 0, 0.5, 0), ("X", 0, 0, 0.44),
        ),
    ),
}  # fmt: skip


def variants(element: str) -> Iterator[Variant]:
    """All variants of an element; ideal cells of every environment first, then strained ones."""
    environments = [
        (valence, ligand, name)
        for valence, ligand, (name, prototype) in product(
            VALENCES[element], ANION_CHARGE, PROTOTYPES.items()
        )
        if _balances(prototype, valence, ANION_CHARGE[ligand])
    ]
    for scale, strain in product(_SCALES, _STRAINS):
        for valence, ligand, name in environments:
            tag = f"{element}{valence}-{ligand}-{name.replace(' ', '_')}{strain:+.2f}x{scale:.3f}"
            yield Variant(tag, element, valence, ligand, name, strain, scale)


def _balances(prototype: Prototype, valence: int, anion_charge: int) -> bool:
    charge = prototype.spectator_charge(valence, anion_charge)
    if charge == 0:
        return all(kind != "A" for kind, *_ in prototype.atoms)
    return charge > 0 and bool(prototype.spectator(valence, anion_charge))


@cache
def bond_length_ang(element: str, valence: int, ligand: str, coordination: int) -> float:
    """Sum of Shannon's radii; the nearest listed coordination or charge where one is missing."""
    from pymatgen.core import Element

    radii = Element(element).data["Shannon radii"]
    charges = sorted((int(q) for q in radii if int(q) > 0), key=lambda q: (abs(q - valence), q))
    by_number = radii[str(charges[0])]
    wanted = _CN_ROMAN[coordination]
    entry = by_number.get(wanted) or by_number.get("VI") or next(iter(by_number.values()))
    spin = entry.get("High Spin") or entry.get("") or next(iter(entry.values()))
    return float(spin["ionic_radius"]) + _ANION_RADIUS[ligand]
