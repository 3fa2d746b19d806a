"""Structures out of CIF, POSCAR and pymatgen JSON files; nothing is stored here."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from compute.errors import ReadError
from compute.isolation import StoppedError, apart
from compute.structures.findings import Finding, obstacles, unpredictable
from compute.structures.read import is_structure_name, read_crystals

if TYPE_CHECKING:
    from pymatgen.core import Structure as PymatgenStructure

MAX_BYTES = 20 * 1024 * 1024
_MP_ID = re.compile(r"mp-\d+")


@dataclass(frozen=True, eq=False)
class ReadStructure:
    """One structure of a file, what the file says of its origin, and what is to be told of it."""

    structure: PymatgenStructure
    source: str
    source_id: str
    findings: tuple[Finding, ...] = field(default=())

    @property
    def refusal(self) -> str:
        """Why nothing may be calculated of it, in words; empty where nothing stands before."""
        return "; ".join(one.text for one in obstacles(self.findings))

    @property
    def unpredicted(self) -> str:
        """Why no model predicts it; empty where nothing stands before."""
        return "; ".join(one.text for one in unpredictable(self.findings))


def is_structure_file(path: Path) -> bool:
    return is_structure_name(path.name)


def structure_files(paths: list[Path]) -> Iterator[Path]:
    """The files named, and in folders those that look like structures, in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and is_structure_file(p))
        else:
            yield path


def read_each(path: Path, *, space_group: str = "") -> list[ReadStructure | ReadError]:
    """Every structure of a file, or the reason why it is none; never raises.

    Parameters
    ----------
    space_group : str
        The answer to a question of symmetry (:func:`compute.structures.read.read_crystals`).
    """
    try:
        data = _bytes(path)
    except ReadError as error:
        return [error]
    except OSError as error:
        return [ReadError([f"{path.name}: {error.strerror or error}"], permanent=False)]
    return parse_each(decoded(data), path.name, space_group=space_group)


def decoded(data: bytes) -> str:
    """The text of a structure file: UTF-8, else Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_each(text: str, name: str, *, space_group: str = "") -> list[ReadStructure | ReadError]:
    """As :func:`read_each`, of text already at hand; ``name`` tells the format."""
    try:
        found = apart(read_crystals, text, name, space_group=space_group)
    except StoppedError as error:
        return [StoppedError([f"{name}: {text}" for text in error.errors])]
    except ReadError as error:
        return [error]
    # Parsing meets what nobody thought of; whatever it is, it is this file's failure alone.
    except Exception as error:
        return [ReadError([f"{name}: {_in_words(error)}"])]
    stem = re.sub(r"\.(cif|mcif|vasp|poscar|json|json\.gz)$", "", name, flags=re.IGNORECASE)
    is_json = name.lower().endswith((".json", ".json.gz"))
    out: list[ReadStructure | ReadError] = []
    for one in found:
        if isinstance(one, ReadError):
            out.append(one)
            continue
        label = one.name or one.structure.reduced_formula
        if is_json and one.name:
            source_id = one.name
        else:
            source_id = stem if len(found) == 1 else f"{stem}:{label}"
        source = "mp" if _MP_ID.fullmatch(source_id) else "file"
        out.append(ReadStructure(one.structure, source, source_id[:80], tuple(one.findings)))
    return out


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


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"cannot be read, the file is incomplete or malformed ({text[:300]})"
