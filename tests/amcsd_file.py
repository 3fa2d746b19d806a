"""A database as the package ``larixite`` carries one, with a few cells, for tests without it."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_SCHEMA = """
CREATE TABLE spacegroups (id INTEGER PRIMARY KEY, hm_notation, symmetry_xyz);
CREATE TABLE minerals (id INTEGER PRIMARY KEY, name);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name);
CREATE TABLE publications (id INTEGER PRIMARY KEY, journalname, volume, year, page_first);
CREATE TABLE publication_authors (publication_id, author_id);
CREATE TABLE cif (
    id INTEGER PRIMARY KEY, mineral_id, spacegroup_id, publication_id, formula, compound, pub_title,
    a, b, c, alpha, beta, gamma, cell_volume, crystal_density, atoms_sites, atoms_x, atoms_y,
    atoms_z, atoms_occupancy, atoms_u_iso, atoms_aniso_u11
);
"""
IDENTITY = ["x,y,z"]
ROCKSALT = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]


@dataclass(frozen=True)
class Cell:
    """One entry; atoms are label, place, occupancy, all of them listed."""

    number: int
    formula: str
    a: float
    atoms: list[tuple[str, tuple[float, float, float], float]]
    mineral: str = "<missing>"
    title: str = "A structure"
    year: int = 1990
    refined: int = 0
    group: str = "P 1"
    operations: list[str] = field(default_factory=lambda: list(IDENTITY))


def rocksalt(metal: str, anion: str, occupancy: float = 1.0):
    """Eight atoms."""
    cations = [(metal, place, occupancy) for place in ROCKSALT]
    return cations + [(anion, (x, y, (z + 0.5) % 1.0), 1.0) for x, y, z in ROCKSALT]


def write(path: Path, cells: list[Cell]) -> Path:
    def packed(values: list[float]) -> str:
        whole = np.round(np.array(values) * 4e6).astype("<i4")
        return base64.b64encode(whole.tobytes()).decode()

    with closing(sqlite3.connect(path)) as base:
        base.executescript(_SCHEMA)
        base.execute("INSERT INTO authors VALUES (1, 'Doe J')")
        for n, cell in enumerate(cells, 1):
            base.execute("INSERT INTO minerals VALUES (?, ?)", (n, cell.mineral))
            operations = json.dumps(cell.operations)
            base.execute("INSERT INTO spacegroups VALUES (?, ?, ?)", (n, cell.group, operations))
            place = (n, "American Mineralogist", "75", cell.year, "12")
            base.execute("INSERT INTO publications VALUES (?, ?, ?, ?, ?)", place)
            base.execute("INSERT INTO publication_authors VALUES (?, 1)", (n,))
            xyz = [packed([place[k] for _, place, _ in cell.atoms]) for k in range(3)]
            whole = all(one == 1.0 for *_, one in cell.atoms)
            row = (
                cell.number, n, n, n, cell.formula, "<missing>", cell.title,
                *[f"{cell.a}"] * 3, *["90"] * 3, f"{cell.a**3:.3f}", "-1",
                json.dumps([label for label, *_ in cell.atoms]), *xyz,
                "0" if whole else packed([one for *_, one in cell.atoms]),
                packed([0.01]) if cell.refined else "0",
                packed([0.01]) if cell.refined > 1 else "0",
            )  # fmt: skip
            base.execute(f"INSERT INTO cif VALUES ({', '.join('?' * len(row))})", row)
        base.commit()
    return path
