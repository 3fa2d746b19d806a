"""How many published cells of AMCSD pass the gate of structures, and what refuses the others.

    python -m tests.benchmarks.amcsd_gate [--only N] [--compare N] [--output FILE]

Every entry of the installed package ``larixite`` is read as any CIF is, and its sites are analysed.
``--compare`` sets random entries that pass beside what pymatgen's own CIF reader makes of the same
text: the same composition, and an atom of the same element within 0.02 Å of each of ours.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.cif import CifParser

from compute.errors import InputError, ReadError
from compute.sites import analyze_sites
from compute.structures.amcsd import Entry, installed_file, read_entries
from compute.structures.cif import PARTIAL
from compute.structures.disorder import disorder_findings
from compute.structures.findings import doubts
from compute.structures.read import read_crystals
from compute.structures.valence import valence_findings
from tests.benchmarks.output import write

SEED = 2026
SYMPREC = 0.01  # Å, as structures are stored with


def outcome(entry: Entry) -> tuple[str, Structure | None]:
    """``passed``, ``passed, partly occupied``, or the cause of the refusal; and the structure."""
    try:
        (read,) = read_crystals(entry.cif, f"{entry.source_id}.cif")
        if isinstance(read, ReadError):
            return "refused: not readable", None
        told, partly = list(read.findings), any(one.code == PARTIAL for one in read.findings)
        sites = analyze_sites(read.structure, symprec=SYMPREC)
        told += [*valence_findings(read.structure, sites), *disorder_findings(sites)]
    except (InputError, ReadError) as error:
        return f"refused: {error.cause.lower()}", None
    except Exception as error:
        return f"crashed: {type(error).__name__}", None
    if against := doubts(told):
        return f"refused: {against[0].code}", read.structure
    return "passed, partly occupied" if partly else "passed", read.structure


def compared(entry: Entry, mine: Structure) -> str:
    try:
        parser = CifParser.from_str(entry.cif, site_tolerance=5e-3)
        (other,) = parser.parse_structures(primitive=False)
    except ValueError as error:
        return f"pymatgen cannot read it: {str(error)[:60]}"
    if mine.composition.element_composition != other.composition.element_composition:
        return f"{mine.composition.formula} here, {other.composition.formula} there"
    for site in mine:
        near = other.get_sites_in_sphere(site.coords, 0.02)
        if site.specie.symbol not in {one.specie.symbol for one in near}:
            return f"{site} is elsewhere there"
    return "same"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, help="so many random entries")
    parser.add_argument("--compare", type=int, default=30)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    path = installed_file()
    if path is None:
        parser.error("the package larixite is not installed")
    entries = [one for one in read_entries(path) if isinstance(one, Entry)]
    random = np.random.default_rng(SEED)
    order = random.permutation(len(entries))[: given.only]
    counts: Counter[str] = Counter()
    same: Counter[bool] = Counter()
    lines, begun = [], time.process_time()
    asked = 0
    seconds = 0.0
    for k in order:
        before = time.process_time()
        what, structure = outcome(entries[k])
        seconds += time.process_time() - before
        counts[what] += 1
        if what.startswith("crashed"):
            lines.append(f"{entries[k].source_id}: {what}")
        if what == "passed" and structure is not None and asked < given.compare:
            asked += 1
            told = compared(entries[k], structure)
            same[told == "same"] += 1
            if told != "same":
                lines.append(f"{entries[k].source_id}, {entries[k].formula}: {told}")
    table = [f"{name} | {n}" for name, n in counts.most_common()]
    passed = sum(n for name, n in counts.items() if name.startswith("passed"))
    head = (
        f"{len(order)} of {len(entries)} entries in {seconds:.0f} CPU s "
        f"({1e3 * seconds / len(order):.0f} ms each, {time.process_time() - begun:.0f} s in all): "
        f"{passed} passed, {len(order) - passed} refused"
    )
    found = f"{asked} compared with pymatgen's reader: {same[True]} the same"
    write("\n".join([head, *table, found, *lines]) + "\n", given.output)


if __name__ == "__main__":
    main()
