"""Crystals written as CIFs in any setting, and what people and programs do to such files.

A mutation changes how a file says something, or takes something away. Truth is the crystal that
was written, never what a reader makes of it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Element, Structure

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Written:
    """A crystal in one setting, and all that its file says.

    Attributes
    ----------
    lattice : rows, Å
    atoms : list of (label, element, place, occupancy as text)
        The asymmetric unit.
    hall : int
        spglib's number of the setting.
    """

    crystal: Structure
    lattice: FloatArray
    atoms: list[tuple[str, str, FloatArray, str]]
    hall: int
    name: str = "crystal"
    says: tuple[str, ...] = ("name", "number", "operations", "formula", "units")
    operations: tuple[str, ...] | None = None
    columns: tuple[str, ...] = (
        "label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy",
    )  # fmt: skip
    digits: int = 5
    wrong_choice: str = ""

    def text(self) -> str:
        kind = spglib.get_spacegroup_type(self.hall)
        lengths = np.linalg.norm(self.lattice, axis=1)
        unit = self.lattice / lengths[:, None]
        angles = [np.degrees(np.arccos(np.clip(unit[i] @ unit[j], -1, 1))) for i, j in
                  ((1, 2), (0, 2), (0, 1))]  # fmt: skip
        lines = [f"data_{self.name}"]
        lines += [
            f"_cell_length_{k} {v:.{self.digits}f}" for k, v in zip("abc", lengths, strict=True)
        ]
        lines += [
            f"_cell_angle_{k} {v:.{self.digits}f}"
            for k, v in zip(("alpha", "beta", "gamma"), angles, strict=True)
        ]
        symbol = kind.international.split("=")[-1].strip().replace("_", "")
        choice = self.wrong_choice or (kind.choice if "choice" in self.says else "")
        symbol += f":{choice}" if choice else ""
        volume = abs(np.linalg.det(self.lattice))
        units = self.units()
        composition = self.crystal.composition.element_composition.reduced_composition
        facts = {
            "name": f"_symmetry_space_group_name_H-M '{symbol}'",
            "hall": f"_space_group_name_Hall '{kind.hall_symbol}'",
            "number": f"_symmetry_Int_Tables_number {kind.number}",
            "formula": "_chemical_formula_sum '"
            + " ".join(f"{el}{n:g}" for el, n in composition.items()) + "'",
            "units": f"_cell_formula_units_Z {units:g}",
            "density": f"_exptl_crystal_density_diffrn {self.crystal.density:.3f}",
            "volume": f"_cell_volume {volume:.2f}",
        }  # fmt: skip
        lines += [facts[key] for key in self.says if key in facts]
        if self.operations is not None or "operations" in self.says:
            operations = self.operations or tuple(operations_of(self.hall))
            lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{one}'" for one in operations)]
        lines += ["loop_", *(f"_atom_site_{column}" for column in self.columns)]
        for label, element, place, occupancy in self.atoms:
            row = {
                "label": label, "type_symbol": element, "occupancy": occupancy,
                **{f"fract_{k}": f"{v:.{self.digits}f}" for k, v in zip("xyz", place, strict=True)},
            }  # fmt: skip
            lines.append(" ".join(row[column] for column in self.columns))
        return "\n".join(lines) + "\n"

    def units(self) -> float:
        """Reduced formula units in the cell."""
        reduced = self.crystal.composition.element_composition.reduced_composition
        per_volume = len(self.crystal) / self.crystal.volume
        return round(per_volume * abs(np.linalg.det(self.lattice)) / reduced.num_atoms)


def settings(crystal: Structure) -> Iterator[Written]:
    """The crystal in every setting of its space group that spglib can bring it to."""
    species = [site.specie.symbol for site in crystal]
    numbers = [Element(symbol).Z for symbol in species]
    cell = (crystal.lattice.matrix, crystal.frac_coords, numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=0.01)
    for hall in range(1, 531):
        if spglib.get_spacegroup_type(hall).number != found.number:
            continue
        one = spglib.get_symmetry_dataset(cell, symprec=0.01, hall_number=hall)
        if one is not None:
            yield _asymmetric(crystal, one.std_lattice, one.std_positions, one.std_types, hall)


def _asymmetric(
    crystal: Structure, lattice: FloatArray, places: FloatArray, types: NDArray[np.int64], hall: int
) -> Written:
    operations = spglib.get_symmetry_from_database(hall)
    left = np.ones(len(places), dtype=bool)
    atoms: list[tuple[str, str, FloatArray, str]] = []
    counts: dict[str, int] = {}
    for k in range(len(places)):
        if not left[k]:
            continue
        images = operations["rotations"] @ places[k] + operations["translations"]
        step = images[:, None] - places[None]
        near = np.linalg.norm((step - np.round(step)) @ lattice, axis=2).min(axis=0) < 0.05
        left &= ~near
        symbol = Element.from_Z(int(types[k])).symbol
        counts[symbol] = counts.get(symbol, 0) + 1
        atoms.append((f"{symbol}{counts[symbol]}", symbol, places[k] % 1.0, "1"))
    return Written(crystal, np.asarray(lattice), atoms, hall)


def operations_of(hall: int) -> list[str]:
    database = spglib.get_symmetry_from_database(hall)
    return [
        ",".join(_axis(row, shift) for row, shift in zip(rotation, translation, strict=True))
        for rotation, translation in zip(
            database["rotations"], database["translations"], strict=True
        )
    ]


def _axis(row: NDArray[np.int64], shift: float) -> str:
    text = "".join(
        f"{'+' if n > 0 else '-'}{axis}" for n, axis in zip(row, "xyz", strict=True) if n
    )
    twelfths = round(float(shift) * 12) % 12
    if twelfths:
        divisor = np.gcd(twelfths, 12)
        text += f"+{twelfths // divisor}/{12 // divisor}"
    return text.removeprefix("+")


def same_crystal(one: Structure, other: Structure, tolerance: float = 0.03) -> bool:
    """Whether two cells hold one crystal: formula, density and the neighbours of each element."""
    first, second = (s.composition.element_composition for s in (one, other))
    if first.reduced_formula != second.reduced_formula:
        return False
    if abs(one.density / other.density - 1) > 5e-3:
        return False
    a, b = _neighbours(one), _neighbours(other)
    return set(a) == set(b) and all(np.abs(a[el] - b[el]).max() < tolerance for el in a)


def _neighbours(structure: Structure, n: int = 10) -> dict[str, FloatArray]:
    """Mean of the n shortest distances around the atoms of each element."""
    radius = 4.0
    centre, _, _, distance = structure.get_neighbor_list(radius)
    out: dict[str, list[FloatArray]] = {}
    for k, site in enumerate(structure):
        near = np.sort(distance[(centre == k) & (distance > 1e-3)])[:n]
        padded = np.full(n, radius)
        padded[: len(near)] = near
        out.setdefault(site.species.element_composition.reduced_formula, []).append(padded)
    return {el: np.sort(np.array(rows), axis=0).mean(axis=0) for el, rows in out.items()}


Mutation = Callable[[Written, random.Random], str | None]


def _says(*facts: str) -> Mutation:
    return lambda one, _: replace(one, says=facts).text()


def _identity_only(one: Written, _: random.Random) -> str:
    return replace(one, says=("name", "number", "formula"), operations=("x,y,z",)).text()


def _identity_alone(one: Written, _: random.Random) -> str:
    return replace(one, says=(), operations=("x,y,z",)).text()


def _half_the_operations(one: Written, rng: random.Random) -> str | None:
    every = operations_of(one.hall)
    if len(every) < 4:
        return None
    kept = [every[0], *rng.sample(every[1:], len(every) // 2 - 1)]
    return replace(one, operations=tuple(kept)).text()


def _without_centrings(one: Written, _: random.Random) -> str | None:
    every = operations_of(one.hall)
    seen: dict[str, str] = {}
    for text in every:
        seen.setdefault(re.sub(r"\+\d/\d", "", text), text)
    return None if len(seen) == len(every) else replace(one, operations=tuple(seen.values())).text()


def _columns(one: Written, rng: random.Random) -> str:
    return replace(one, columns=tuple(rng.sample(one.columns, len(one.columns)))).text()


def _rows(one: Written, rng: random.Random) -> str:
    return replace(one, atoms=rng.sample(one.atoms, len(one.atoms))).text()


def _labels(one: Written, _: random.Random) -> str:
    atoms = [(f"M{k}", el, place, occ) for k, (_, el, place, occ) in enumerate(one.atoms)]
    return replace(one, atoms=atoms).text()


def _labels_alone(one: Written, rng: random.Random) -> str:
    forms = ["{0}{1}", "{0}({1})", "{0}{1}A", "{0}_{1}", "{0}"]
    atoms = [
        (rng.choice(forms).format(el, k), el, place, occ)
        for k, (_, el, place, occ) in enumerate(one.atoms)
    ]
    columns = tuple(c for c in one.columns if c != "type_symbol")
    return replace(one, atoms=atoms, columns=columns).text()


def _upper_labels_alone(one: Written, _: random.Random) -> str:
    atoms = [(label.upper(), el, place, occ) for label, el, place, occ in one.atoms]
    columns = tuple(c for c in one.columns if c != "type_symbol")
    return replace(one, atoms=atoms, columns=columns).text()


def _occupancy(text: str) -> Mutation:
    def change(one: Written, _: random.Random) -> str:
        atoms = [(label, el, place, text) for label, el, place, _ in one.atoms]
        return replace(one, atoms=atoms).text()

    return change


def _no_occupancy(one: Written, _: random.Random) -> str:
    return replace(one, columns=one.columns[:-1]).text()


def _uncertainties(one: Written, _: random.Random) -> str:
    return re.sub(r"(\d\.\d{5})\b", r"\1(3)", one.text())


def _capitals(one: Written, _: random.Random) -> str:
    return re.sub(r"^_[^ \n]+", lambda m: m[0].upper(), one.text(), flags=re.MULTILINE).replace(
        "loop_", "LOOP_"
    )


def _dotted(one: Written, _: random.Random) -> str:
    return one.text().replace("_atom_site_", "_atom_site.").replace("_cell_", "_cell.")


def _header_block(one: Written, _: random.Random) -> str:
    return "data_global\n_journal_year 1999\n" + one.text()


def _comments(one: Written, _: random.Random) -> str:
    return "# made by hand\n\n" + one.text().replace("\n", "  # note\n").replace(
        "loop_  # note", "loop_"
    )


def _unquoted_symbol(one: Written, _: random.Random) -> str:
    return re.sub(r"(name_H-M) '([^']*)'", r"\1 \2", one.text())


def _no_place(one: Written, _: random.Random) -> str:
    return one.text() + " ".join({"label": "H99", "type_symbol": "H", "occupancy": "1"}.get(c, "?")
                                 for c in one.columns) + "\n"  # fmt: skip


def _three_digits(one: Written, _: random.Random) -> str:
    return replace(one, digits=4).text()


def _wrong_choice(one: Written, _: random.Random) -> str | None:
    choice = spglib.get_spacegroup_type(one.hall).choice
    other = {"1": "2", "2": "1"}.get(choice)
    if other is None:
        return None
    return replace(one, says=("name", "formula", "units"), wrong_choice=other).text()


def _lost_atom(one: Written, rng: random.Random) -> str | None:
    if len(one.atoms) < 2:
        return None
    atoms = list(one.atoms)
    atoms.pop(rng.randrange(len(atoms)))
    return replace(one, atoms=atoms).text()


def _doubled_formula(one: Written, _: random.Random) -> str:
    """A formula sum with one oxygen, or other last element, too many."""
    return re.sub(
        r"(_chemical_formula_sum '[^']*?)([A-Z][a-z]?)(\d+)'",
        lambda m: f"{m[1]}{m[2]}{int(m[3]) + 1}'",
        one.text(),
    )


# Those that a person could still read: the right answer is wanted.
READABLE: dict[str, Mutation] = {
    "as written": lambda one, _: one.text(),
    "name and setting": _says("name", "choice", "number", "formula", "units"),
    "name alone": _says("name"),
    "name, formula": _says("name", "formula"),
    "name, density": _says("name", "formula", "density"),
    "number alone": _says("number"),
    "number, formula, Z": _says("number", "formula", "units"),
    "Hall symbol alone": _says("hall"),
    "operations alone": _says("operations"),
    "nothing but formula, Z": _says("formula", "units"),
    "nothing but formula, density": _says("formula", "density"),
    "x, y, z under a name": _identity_only,
    "columns permuted": _columns,
    "rows permuted": _rows,
    "other labels": _labels,
    "labels alone": _labels_alone,
    "capital labels alone": _upper_labels_alone,
    "occupancy ?": _occupancy("?"),
    "occupancy .": _occupancy("."),
    "occupancy 1.000(4)": _occupancy("1.000(4)"),
    "no occupancy": _no_occupancy,
    "uncertainties": _uncertainties,
    "capital tags": _capitals,
    "dotted tags": _dotted,
    "a header block": _header_block,
    "comments": _comments,
    "symbol without quotes": _unquoted_symbol,
    "an atom without a place": _no_place,
    "four digits": _three_digits,
    "no centring translations": _without_centrings,
    "the other origin named": _wrong_choice,
}
# Those that destroy: right, a question, an error or a doubt is wanted.
DESTRUCTIVE: dict[str, Mutation] = {
    "no symmetry": _says(),
    "x, y, z alone": _identity_alone,
    "half the operations": _half_the_operations,
    "a lost atom": _lost_atom,
    "a wrong formula": _doubled_formula,
}
