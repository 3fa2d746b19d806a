"""Structures out of CIF, POSCAR and pymatgen JSON files; nothing is stored here."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compute.errors import ReadError

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure

MAX_BYTES = 20 * 1024 * 1024
MAX_ATOMS = 1000
SUFFIXES = (".cif", ".vasp", ".poscar", ".json", ".json.gz")
_POSCAR = re.compile(r"(POSCAR|CONTCAR)(?:[._-].*)?", re.IGNORECASE)
_MP_ID = re.compile(r"mp-\d+")


@dataclass(frozen=True, eq=False)
class ReadStructure:
    """One structure of a file, and what the file says of its origin."""

    structure: PymatgenStructure
    source: str
    source_id: str


def is_structure_file(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) or _POSCAR.fullmatch(path.name) is not None


def structure_files(paths: list[Path]) -> Iterator[Path]:
    """The files named, and in folders those that look like structures, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and is_structure_file(p))
        else:
            yield path


def read_structures(path: Path) -> list[ReadStructure]:
    """Every structure of a file.

    Raises
    ------
    ReadError
        If the file is missing, too large, of no known format, or holds no usable structure.
    """
    try:
        data = _bytes(path)
    except OSError as error:
        raise ReadError([f"{path.name}: {error.strerror or error}"], permanent=False) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return parse_structures(text, path.name)


def parse_structures(text: str, name: str) -> list[ReadStructure]:
    """As :func:`read_structures`, of text already at hand; ``name`` tells the format.

    Raises
    ------
    ReadError
        As there.
    """
    lower = name.lower()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if lower.endswith(".cif"):
                found = [(one, "") for one in _from_cif(text, name)]
            elif lower.endswith((".json", ".json.gz")):
                found = _from_json(text, name)
            elif lower.endswith((".vasp", ".poscar")) or _POSCAR.fullmatch(name):
                found = [(_from_poscar(text), "")]
            else:
                raise ReadError([f"{name}: not a CIF, POSCAR or pymatgen JSON file by its name"])
    except ReadError:
        raise
    # The parsers of pymatgen raise whatever their parsing meets; all of it means a bad file.
    except Exception as error:
        raise ReadError([f"{name}: {_in_words(error)}"]) from error
    if not found:
        raise ReadError([f"{name}: holds no structure"])
    for structure, _ in found:
        _check(structure, name)
    return [_with_origin(structure, given, name, len(found)) for structure, given in found]


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise ReadError([f"{path.name}: larger than {MAX_BYTES // 2**20} MiB"])
    if not path.name.lower().endswith(".gz"):
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile) as error:
        raise ReadError([f"{path.name}: broken gzip file ({error})"]) from error
    if len(data) > MAX_BYTES:
        raise ReadError([f"{path.name}: unpacks to more than {MAX_BYTES // 2**20} MiB"])
    return data


def _from_cif(text: str, name: str) -> list[PymatgenStructure]:
    from pymatgen.io.cif import CifParser

    if "data_" not in text.lower():
        raise ReadError([f"{name}: not a CIF file, no data_ block"])
    parser = CifParser.from_str(text, occupancy_tolerance=1.02)
    # primitive=False keeps the cell and the atom order of the file.
    return list(parser.parse_structures(primitive=False, on_error="raise"))


def _from_poscar(text: str) -> PymatgenStructure:
    from pymatgen.io.vasp import Poscar

    return Poscar.from_str(text).structure


def _from_json(text: str, name: str) -> list[tuple[PymatgenStructure, str]]:
    """Plain dictionaries only: no class named inside the file is ever imported."""
    from pymatgen.core import Structure as PymatgenStructure

    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReadError([f"{name}: line {error.lineno}: {error.msg}"]) from error
    found = []
    for n, one in enumerate(data if isinstance(data, list) else [data]):
        place = f"{name}[{n}]" if isinstance(data, list) else name
        if not isinstance(one, dict):
            raise ReadError([f"{place}: not a structure but {type(one).__name__}"])
        given = str(one.get("material_id") or one.get("source_id") or "")
        body: Any = one["structure"] if isinstance(one.get("structure"), dict) else one
        if "lattice" not in body or "sites" not in body:
            raise ReadError([f"{place}: no lattice and sites, so not a pymatgen structure"])
        found.append((PymatgenStructure.from_dict(body), given))
    return found


def _check(structure: PymatgenStructure, name: str) -> None:
    if len(structure) > MAX_ATOMS:
        raise ReadError([f"{name}: {len(structure)} atoms in the cell; at most {MAX_ATOMS}"])
    for n, site in enumerate(structure):
        if not site.is_ordered:
            raise ReadError(
                [
                    f"{name}: atom {n} ({site.species_string}) is partially occupied; "
                    "order the structure first"
                ]
            )


def _with_origin(
    structure: PymatgenStructure, given: str, name: str, n_in_file: int
) -> ReadStructure:
    stem = re.sub(r"\.(cif|vasp|poscar|json|json\.gz)$", "", name, flags=re.IGNORECASE)
    source_id = given or (stem if n_in_file == 1 else f"{stem}:{structure.reduced_formula}")
    is_mp = _MP_ID.fullmatch(source_id) is not None
    return ReadStructure(structure, "mp" if is_mp else "file", source_id[:80])


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"cannot be read, the file is incomplete or malformed ({text[:300]})"
