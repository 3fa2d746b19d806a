"""Entries of the American Mineralogist Crystal Structure Database, out of the package ``larixite``.

The database: R. T. Downs, M. Hall-Wallace, Am. Mineral. 88 (2003) 247. The package (PyPI, MIT)
carries a trimmed copy of 9,275 published cells with authors and journal as one SQLite file. It is
read as it lies there: the package itself, and what it needs, are never imported. Entries become CIF
text, so that they pass the same gate as any CIF.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from compute.errors import ReadError

CITATION = "AMCSD: R. T. Downs, M. Hall-Wallace, Am. Mineral. 88 (2003) 247"
LICENCE = "Published cell, free to use with its citation and that of AMCSD"
COD_LICENCE = "CC0 (Crystallography Open Database)"
FILE = "amcsd_cif1.db"
_MISSING = ("", "<missing>", "None", "0")
_SCALE = 4e6  # fractional coordinates are kept as whole numbers of 1/_SCALE
_UNKNOWN = 2.0  # stands for ? and anything beyond for a full stop
_TEMPERATURE = re.compile(r"\bT\s*=\s*(-?\d+(?:\.\d+)?|\.\d+)\s*(?:deg\s*)?(K|C)\b", re.IGNORECASE)
_PRESSURE = re.compile(
    r"\bP\s*=\s*(\d+(?:\.\d+)?|\.\d+)\s*(GPa|kbar|kb|MPa|bar|atm)\b", re.IGNORECASE
)
_GPA = {"gpa": 1.0, "kbar": 0.1, "kb": 0.1, "mpa": 1e-3, "bar": 1e-4, "atm": 1.01325e-4}
_AMBIENT_K, _AMBIENT_GPA = (273.0, 313.0), 0.01
_SELECT = """
SELECT c.id, m.name, g.hm_notation, g.symmetry_xyz, c.formula, c.compound, c.pub_title,
       c.a, c.b, c.c, c.alpha, c.beta, c.gamma, c.cell_volume, c.crystal_density,
       c.atoms_sites, c.atoms_x, c.atoms_y, c.atoms_z, c.atoms_occupancy, c.atoms_u_iso,
       c.atoms_aniso_u11, p.id, p.journalname, p.volume, p.year, p.page_first
FROM cif c JOIN minerals m ON m.id = c.mineral_id JOIN spacegroups g ON g.id = c.spacegroup_id
     JOIN publications p ON p.id = c.publication_id
ORDER BY c.id
"""


@dataclass(frozen=True)
class Entry:
    """One published cell.

    Attributes
    ----------
    number : int
        Of the entry in the package's file.
    mineral : str
        Empty where it has no name.
    formula : str
        As the entry states it, e.g. ``(Mn.96 Ca.04) C O3``.
    amounts : dict of str to float
        Of that formula.
    space_group : str
        Hermann–Mauguin symbol.
    order : int
        Of the group, centring counted: the same in every setting.
    citation : str
        Authors, journal, year, page.
    from_cod : bool
        Whether AMCSD has it from the Crystallography Open Database.
    temperature_k, pressure_gpa : float or None
        Where the title or the sample tells; None usually means ambient.
    ordered : bool
        Whether no place is partly occupied.
    displacements : int
        0 none, 1 isotropic, 2 anisotropic: how far it was refined.
    year : int
    cif : str
    """

    number: int
    mineral: str
    formula: str
    amounts: dict[str, float]
    space_group: str
    order: int
    citation: str
    from_cod: bool
    temperature_k: float | None
    pressure_gpa: float | None
    ordered: bool
    displacements: int
    year: int
    cif: str

    @property
    def source_id(self) -> str:
        return f"amcsd-{self.number}"

    @property
    def compound(self) -> tuple[object, ...]:
        """The same for entries of one phase in whatever setting: composition and group's order."""
        total = sum(self.amounts.values()) or 1.0
        shares = sorted((el, round(n / total, 3)) for el, n in self.amounts.items())
        return (tuple(shares), self.order)

    @property
    def ambient(self) -> bool:
        """Whether nothing says that it was measured hot, cold or under pressure."""
        low, high = _AMBIENT_K
        cool = self.temperature_k is None or low <= self.temperature_k <= high
        return cool and (self.pressure_gpa is None or self.pressure_gpa <= _AMBIENT_GPA)

    @property
    def sha256(self) -> str:
        """Of the CIF text."""
        return sha256(self.cif.encode()).hexdigest()

    @property
    def licence(self) -> str:
        return COD_LICENCE if self.from_cod else LICENCE


def installed_file() -> Path | None:
    """The database of the installed package; None without it. Nothing of it is imported."""
    found = find_spec("larixite")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / FILE
    return path if path.is_file() else None


def read_entries(path: Path) -> Iterator[Entry | ReadError]:
    """Every entry in order of number; one that cannot be decoded is its error.

    Raises
    ------
    ReadError
        If the file is no such database.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as base:
            authors = _authors(base)
            rows = base.execute(_SELECT).fetchall()
    except sqlite3.Error as error:
        raise ReadError([f"{path.name}: not a database of AMCSD cells ({error})"]) from error
    for row in rows:
        try:
            yield _entry(row, authors)
        except (ValueError, TypeError, IndexError) as error:
            yield ReadError([f"amcsd-{row[0]}: cannot be decoded ({error})"])


def _authors(base: sqlite3.Connection) -> dict[int, list[str]]:
    names: dict[int, list[str]] = defaultdict(list)
    for publication, name in base.execute(
        "SELECT l.publication_id, a.name FROM publication_authors l "
        "JOIN authors a ON a.id = l.author_id ORDER BY l.rowid"
    ):
        names[publication].append(str(name))
    return names


def _entry(row: tuple[object, ...], authors: dict[int, list[str]]) -> Entry:
    (number, mineral, group, operations, formula, compound, title, a, b, c, alpha, beta, gamma,
     volume, density, labels, x, y, z, occupancy, u_iso, u_11, publication, journal, issue, year,
     page) = row  # fmt: skip
    told = f"{title} {_text(compound)}"
    symbol = str(group).split(" %var")[0]
    occupied = _numbers(occupancy)
    cell = dict(zip(("length_a", "length_b", "length_c"), (a, b, c), strict=True))
    cell |= dict(
        zip(("angle_alpha", "angle_beta", "angle_gamma"), (alpha, beta, gamma), strict=True)
    )
    lines = [f"data_amcsd_{number}", f"_chemical_formula_sum {_quoted(formula)}"]
    lines += [f"_cell_{name} {value}" for name, value in cell.items()]
    lines += [f"_cell_volume {volume}"] if _text(volume) and float(str(volume)) > 0 else []
    lines += [f"_symmetry_space_group_name_H-M {_quoted(symbol)}"]
    lines += ["loop_", "_space_group_symop_operation_xyz"]
    lines += [f"'{one}'" for one in json.loads(str(operations))]
    lines += ["loop_", "_atom_site_label"] + [f"_atom_site_fract_{axis}" for axis in "xyz"]
    columns = [json.loads(str(labels)), *(_numbers(axis) for axis in (x, y, z))]
    if occupied:
        lines.append("_atom_site_occupancy")
        columns.append(occupied)
    lines += [" ".join(map(str, atom)) for atom in zip(*columns, strict=True)]
    temperature, pressure = _TEMPERATURE.search(told), _PRESSURE.search(told)
    kelvin = None
    if temperature:
        kelvin = float(temperature[1]) + (273.15 if temperature[2].upper() == "C" else 0.0)
    place = f"{journal} {_text(issue)} ({year}) {_text(page)}"
    people = authors.get(int(str(publication)), [])
    named = ", ".join(people[:3]) + (" et al." if len(people) > 3 else "")
    return Entry(
        number=int(str(number)),
        mineral=_text(mineral),
        formula=str(formula),
        amounts=_amounts(str(formula)),
        order=len(json.loads(str(operations))),
        space_group=symbol,
        citation=" ".join(f"{named}, {place}".split()),
        from_cod="_cod_database_code" in told,
        temperature_k=kelvin,
        pressure_gpa=float(pressure[1]) * _GPA[pressure[2].lower()] if pressure else None,
        ordered=all(one in (".", "?") or float(one) >= 0.98 for one in occupied),
        displacements=2 if _text(u_11) else int(bool(_text(u_iso))),
        year=int(str(year)),
        cif="\n".join(lines) + "\n",
    )


def _text(value: object) -> str:
    words = str(value).strip()
    return "" if words in _MISSING else words


def _quoted(value: object) -> str:
    words = str(value)
    return f'"{words}"' if "'" in words else f"'{words}'"


def _numbers(packed: object) -> list[str]:
    """A column of coordinates or occupancies as text; empty where there is none."""
    words = _text(packed)
    if not words:
        return []
    values = np.frombuffer(base64.b64decode(words), "<i4") / _SCALE
    known = np.abs(values) < _UNKNOWN - 1e-5
    return [f"{one:.6g}" if ok else "?" for one, ok in zip(values, known, strict=True)]


def _amounts(formula: str) -> dict[str, float]:
    """``(Mn.96 Ca.04) C O3`` by element; brackets there only group."""
    found: dict[str, float] = defaultdict(float)
    for element, amount in re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", formula):
        found[element] += float(amount) if amount not in ("", ".") else 1.0
    return dict(found)
