"""Disordered minerals through reader, analysis of sites and the parameters of route ``cheap``.

``python -m tests.benchmarks.disordered_minerals [--files N] [--seed S]``

Entries of the American Mineralogist Crystal Structure Database (R. T. Downs, M. Hall-Wallace, Am.
Mineral. 88 (2003) 247) with partial occupancy and a 3d metal, as the package ``larixite`` holds
them, chosen at random and written as CIFs. Counted is what becomes of them; nothing is known
of their valences, so that nothing is scored.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import random
import re
import sqlite3
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import ComputeError, ReadError
from compute.ions import ELEMENTS_3D
from compute.l23 import routes
from compute.sites import analyze_sites, charge_warnings
from compute.structures.findings import obstacles
from compute.structures.read import read_crystals
from compute.structures.valence import valence_findings
from tests.benchmarks.output import say

_SCALE = 4e6  # of the database's numbers
_QUERY = """
select cif.id, formula, atoms_sites, atoms_x, atoms_y, atoms_z, atoms_occupancy,
       a, b, c, alpha, beta, gamma, symmetry_xyz
from cif join spacegroups on spacegroups.id = spacegroup_id
where length(atoms_occupancy) > 4 order by cif.id
"""
_METALS = re.compile(rf"(?:{'|'.join(ELEMENTS_3D)})(?![a-z])")


def database() -> Path:
    found = importlib.util.find_spec("larixite")
    if found is None or found.origin is None:
        raise SystemExit("needs the package larixite (pip install --no-deps larixite)")
    return Path(found.origin).with_name("amcsd_cif1.db")


def written(row: tuple[Any, ...]) -> str:
    """An entry as the text of a CIF."""
    number, _, sites, *columns = row[:7]
    lengths, operations = row[7:13], json.loads(row[13])
    x, y, z, share = (
        np.frombuffer(base64.b64decode(one), dtype="int32") / _SCALE for one in columns
    )
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"data_{number}"]
    lines += [f"_cell_{name} {value}" for name, value in zip(names, lengths, strict=True)]
    lines += ["loop_", "_symmetry_equiv_pos_as_xyz", *(f" '{one}'" for one in operations)]
    lines += ["loop_", "_atom_site_label"]
    lines += [f"_atom_site_{name}" for name in ("fract_x", "fract_y", "fract_z", "occupancy")]
    lines += [
        f"{label} {a:.5f} {b:.5f} {c:.5f} {o:.4f}"
        for label, a, b, c, o in zip(json.loads(sites), x, y, z, share, strict=True)
    ]
    return "\n".join(lines) + "\n"


def outcome(text: str, name: str, counts: Counter[str], reasons: Counter[str]) -> None:
    """Count what becomes of one file."""
    counts["files"] += 1
    (one,) = read_crystals(text, f"{name}.cif")
    if isinstance(one, ReadError):
        counts["not read"] += 1
        reasons[f"read: {str(one).split(': ', 1)[-1][:60]}"] += 1
        return
    if one.structure.is_ordered:
        counts["ordered within rounding"] += 1
        return
    if against := obstacles(one.findings):
        counts["doubted"] += 1
        reasons[f"doubt: {against[0].code}"] += 1
        return
    sites = analyze_sites(one.structure)
    counts["analysed"] += 1
    counts["neutral"] += not charge_warnings(sites)
    counts["doubted by valence"] += bool(obstacles(valence_findings(one.structure, sites)))
    for site in sites:
        if site.element not in ELEMENTS_3D:
            continue
        counts["3d sites"] += 1
        counts["with arrangements"] += bool(site.alternatives)
        counts["more than 10 % left out"] += site.left_out > 0.1
        try:
            for _, arranged in site.alternatives or ((1.0, site),):
                whole = replace(arranged, oxidation_state=float(round(arranged.oxidation_state)))
                case = routes.prepare(one.structure, sites, whole)
                if not (np.isfinite(case.crystal_field).all() and np.isfinite(case.ten_dq)):
                    raise AssertionError(f"{name}: {site.element} has no finite field")
            counts["prepared"] += 1
        except ComputeError as error:
            counts["refused by the route"] += 1
            reasons[f"route: {error.cause}: {str(error).split(': ', 1)[-1][:60]}"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = [row for row in sqlite3.connect(database()).execute(_QUERY) if _METALS.search(row[1])]
    say(f"{len(rows)} entries with partial occupancy and a 3d metal")
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    started = time.perf_counter()
    for row in random.Random(given.seed).sample(rows, min(given.files, len(rows))):
        try:
            outcome(written(row), str(row[0]), counts, reasons)
        except ComputeError as error:
            counts["refused by the analysis"] += 1
            reasons[f"analysis: {row[0]}: {error}"[:100]] += 1
    for name, n in counts.items():
        say(f"{n:5d} {name}")
    for name, n in reasons.most_common(20):
        say(f"      {n} × {name}")
    say(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
