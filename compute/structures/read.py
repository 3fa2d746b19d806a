"""One door for all structure formats: text and a file's name in, structures and findings out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from compute.errors import ReadError, told
from compute.structures.cell import FULL, bring_near
from compute.structures.cif import PARTIAL, CrystalRead, read_cif
from compute.structures.findings import Finding, Weight
from compute.structures.limits import (
    HIGHEST_CHARGE,
    MAX_ATOMS,
    MAX_SPECIES,
    MAX_STRUCTURES,
    refuse_impossible,
    refuse_many,
)
from compute.structures.plausibility import geometry
from compute.structures.poscar import read_poscar

if TYPE_CHECKING:
    from pymatgen.core import Structure

SUFFIXES = (".cif", ".mcif", ".vasp", ".poscar", ".json", ".json.gz")
_POSCAR = re.compile(r"(POSCAR|CONTCAR)(?:[._-].*)?", re.IGNORECASE)


def is_structure_name(name: str) -> bool:
    """Whether a file's name is one of a structure."""
    return name.lower().endswith(SUFFIXES) or _POSCAR.fullmatch(name) is not None


def read_crystals(text: str, name: str, *, space_group: str = "") -> list[CrystalRead | ReadError]:
    """Every structure of a file; one that fails is its error and stops no other.

    Parameters
    ----------
    name : str
        Tells the format, and the file in messages.
    space_group : str
        The answer to a question of symmetry: a symbol, a number, ``symbol:choice`` or ``listed``.

    Raises
    ------
    ReadError
        If the file is of no known format or holds no structure at all.
    """
    lower = name.lower()
    if lower.endswith((".cif", ".mcif")):
        found = read_cif(text, name, space_group=space_group)
    elif lower.endswith((".json", ".json.gz")):
        found = _from_json(text, name)
    elif is_structure_name(name):
        structure, findings = read_poscar(text, name)
        found = [CrystalRead(structure, "", [*findings, *check(structure)])]
    else:
        raise ReadError([f"{name}: not a CIF, POSCAR or pymatgen JSON file by its name"])
    return found


def _from_json(text: str, name: str) -> list[CrystalRead | ReadError]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReadError([f"{name}: line {error.lineno}: {error.msg}"]) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, deep nesting
        raise ReadError([f"{name}: no JSON of a structure ({str(error)[:100]})"]) from error
    if data == []:
        raise ReadError([f"{name}: holds no structure"])
    if not isinstance(data, list):
        return [read_dict(data, name)]
    refuse_many(len(data), MAX_STRUCTURES, "structures", name)
    out: list[CrystalRead | ReadError] = []
    for n, one in enumerate(data):
        try:
            out.append(read_dict(one, f"{name}[{n}]"))
        except ReadError as error:
            out.append(error)
    return out


def read_dict(one: Any, place: str) -> CrystalRead:
    """A structure of pymatgen's JSON; no class that is named inside is ever imported.

    Raises
    ------
    ReadError
        Naming the place (file and line or number).
    """
    from pymatgen.core import Structure

    if not isinstance(one, dict):
        raise ReadError([f"{place}: not a structure but {type(one).__name__}"])
    given = str(one.get("material_id") or one.get("source_id") or "")
    body: Any = one["structure"] if isinstance(one.get("structure"), dict) else one
    if "lattice" not in body or "sites" not in body:
        raise ReadError([f"{place}: no lattice and sites, so not a pymatgen structure"])
    _refuse_large(body["sites"], place)
    charge = body.get("charge") or 0.0
    if not isinstance(charge, int | float) or not abs(charge) <= HIGHEST_CHARGE * MAX_ATOMS:
        raise ReadError([f"{place}: charge {told(charge, 40)} is none of a cell"])
    try:
        structure = Structure.from_dict(body)
    # Its parsing raises whatever it meets; all of it means a bad file.
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise ReadError([f"{place}: cannot be read as a structure ({text[:300]})"]) from error
    refuse_impossible(structure, place)
    bring_near(structure)
    return CrystalRead(structure, given, check(structure))


def _refuse_large(sites: Any, place: str) -> None:
    if not isinstance(sites, list):
        raise ReadError([f"{place}: its sites are no list"])
    refuse_many(len(sites), MAX_ATOMS, "atoms in the cell", place)
    for n, site in enumerate(sites):
        species = site.get("species") if isinstance(site, dict) else None
        if isinstance(species, list):
            refuse_many(len(species), MAX_SPECIES, f"elements at site {n}", place)


def check(structure: Structure) -> list[Finding]:
    """What a structure tells without its file: partial occupancy, places that cannot be."""
    return [*_partial(structure), *geometry(structure)] if len(structure) else []


def _partial(structure: Any) -> list[Finding]:
    """The mark of a structure with partly occupied places."""
    mixed = [
        site.species_string
        for site in structure
        if len(site.species) > 1 or sum(site.species.values()) < FULL
    ]
    if not mixed:
        return []
    shown = "; ".join(list(dict.fromkeys(mixed))[:6])
    return [Finding(PARTIAL, f"partly occupied: {shown}", Weight.MARK)]
