"""Structures out of a CIF: each block with its name, what it told on the way, or its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compute.errors import InputError, ReadError
from compute.structures.atoms import Atom, number, read_atoms
from compute.structures.blocks import Block, read_blocks
from compute.structures.cell import FULL, Cell
from compute.structures.choose import choose
from compute.structures.composition import Stated, read_stated
from compute.structures.findings import Finding, Weight
from compute.structures.limits import MAX_STRUCTURES, refuse_cell, refuse_many
from compute.structures.operations import FloatArray
from compute.structures.symmetry import Readings, read_symmetry, readings_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

PARTIAL = "partial occupancy"  # the code of the mark
LISTED = "listed"  # what --space-group takes for the file's own operations
_AXES, _ANGLES = ("a", "b", "c"), ("alpha", "beta", "gamma")


@dataclass(frozen=True, eq=False)
class CrystalRead:
    """One structure of a file.

    Attributes
    ----------
    structure : pymatgen Structure
        In the cell of the file. Its ``charge`` is minus the number of hydrogens that the
        formula sum names and the list lacks.
    name : str
        Of its block, or empty.
    findings : list of Finding
    """

    structure: Structure
    name: str
    findings: list[Finding]


def read_cif(text: str, name: str, *, space_group: str = "") -> list[CrystalRead | ReadError]:
    """Every block that holds atoms; one that fails stops no other.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    space_group : str
        What a person answered: overrides the symmetry of every block.

    Raises
    ------
    ReadError
        If the text is no CIF, or none of its blocks holds atoms.
    """
    blocks = read_blocks(text, name)
    holding = [block for block in blocks if _holds_atoms(block)]
    if not holding:
        named = ", ".join(block.name or "(no name)" for block in blocks[:5])
        raise ReadError([f"{name}: no block holds a cell and atoms ({named})"])
    refuse_many(len(holding), MAX_STRUCTURES, "blocks with atoms", name)
    out: list[CrystalRead | ReadError] = []
    for block in holding:
        where = f"{name}: {block.name}" if len(holding) > 1 else name
        try:
            out.append(_read_block(block, where, space_group))
        except ReadError as error:
            out.append(error)
    return out


def _holds_atoms(block: Block) -> bool:
    return any(
        one.startswith(("_cell_length", "_atom_site_fract", "_atom_site_cartn"))
        for one in (*block.values, *(name for loop in block.loops for name in loop.names))
    ) and bool(block.column("_atom_site_label", "_atom_site_type_symbol", "_atom_site_fract_x"))


def _read_block(block: Block, name: str, space_group: str) -> CrystalRead:
    lattice, findings = _lattice(block, name)
    stated, more = read_stated(block)
    findings += more
    atoms, more = read_atoms(block, stated.formula or (), name)
    findings += more
    placed = [atom for atom in atoms if atom.place is not None]
    if not placed:
        raise ReadError([f"{name}: no atom has a place"])
    readings = _readings(block, name, space_group)
    cell, more = choose(lattice, placed, readings, stated, name)
    findings += more
    findings += _occupancies(cell, placed)
    structure = cell.structure()
    missing = _missing_hydrogen(cell, placed, stated, findings)
    if missing:
        structure.set_charge(-missing)
    return CrystalRead(structure, block.name, findings)


def _readings(block: Block, name: str, space_group: str) -> Readings:
    if not space_group:
        return read_symmetry(block, name)
    if space_group == LISTED:
        own = read_symmetry(block, name)
        return Readings(own.readings[:1], own.words, explicit=True)
    try:
        return readings_of(space_group)
    except InputError as error:
        raise ReadError([f"{name}: {error}"]) from error


def _lattice(block: Block, name: str) -> tuple[FloatArray, list[Finding]]:
    """Rows of the cell, Å.

    Raises
    ------
    ReadError
        A length that is missing or no number, a cell without volume.
    """
    from pymatgen.core import Lattice

    errors: list[str] = []
    findings: list[Finding] = []
    found: list[float] = []
    for kind, axes in (("length", _AXES), ("angle", _ANGLES)):
        for axis in axes:
            tag = f"_cell_{kind}_{axis}"
            value = block.values.get(tag)
            one = number(value)
            if one is None and kind == "angle" and (value is None or value.text is None):
                findings.append(Finding("cell", f"{tag} is not given and taken as 90°"))
                one = 90.0
            if one is None or not 0 < one < (180 if kind == "angle" else np.inf):
                errors.append(
                    f"{name}: {tag} is missing"
                    if value is None or value.text is None
                    else f"{name}: line {value.line}: {tag} {value.text!r} is no {kind}"
                )
            found.append(one or 0.0)
    if errors:
        raise ReadError(errors)
    matrix = np.asarray(Lattice.from_parameters(*found).matrix, dtype=float)
    refuse_cell(matrix, name)
    return matrix, findings


def _occupancies(cell: Cell, atoms: list[Atom]) -> list[Finding]:
    """Make occupancies within a refinement's error of one whole; mark what is partly occupied."""
    findings: list[Finding] = []
    if cell.repeated:
        told = ", ".join(atoms[row].label for row in cell.repeated[:12])
        findings.append(Finding("repeated", f"named more than once, counted once: {told}"))
    filled: dict[str, float] = {}
    mixed: dict[str, str] = {}
    for place, content in enumerate(cell.contents):
        total = sum(content.values())
        label = atoms[int(cell.sources[place])].label
        if total > 1 or (len(content) == 1 and FULL <= total < 1):
            if abs(total - 1) > 1e-3:
                filled[label] = total
            for element in content:
                content[element] /= total
        elif len(content) > 1 or total < FULL:
            mixed[label] = " + ".join(f"{amount:.3g} {el}" for el, amount in content.items())
    if filled:
        told = ", ".join(f"{label} {total:.3g}" for label, total in filled.items())
        findings.append(
            Finding("occupancy", f"occupancy within 0.02 of one, read as fully occupied: {told}")
        )
    if mixed:
        told = "; ".join(f"{label}: {text}" for label, text in list(mixed.items())[:6])
        findings.append(Finding(PARTIAL, f"partly occupied: {told}", Weight.MARK))
    return findings


def _missing_hydrogen(
    cell: Cell, atoms: list[Atom], stated: Stated, findings: list[Finding]
) -> float:
    """Hydrogens a cell that formula or labels name and the list lacks."""
    missing = 0.0
    if stated.formula and any(one.code == "hydrogen" for one in findings):
        held = cell.composition()
        heavy = [el for el in stated.formula if el != "H" and held.get(el)]
        if heavy:
            ratio = sum(held[el] for el in heavy) / sum(stated.formula[el] for el in heavy)
            missing = stated.formula.get("H", 0.0) * ratio - held.get("H", 0.0)
    elif not stated.formula and "H" not in cell.composition():
        missing = float(sum(atoms[int(row)].hydrogens for row in cell.sources))
    return float(round(missing)) if abs(missing - round(missing)) < 0.05 else missing
