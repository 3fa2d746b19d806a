"""Compare the published cells of ``compute/crystals`` with cells that can be read.

    python -m tests.benchmarks.verify_crystals [--output compute/crystals/verified.json]

Each is set beside the entries of its composition in the installed package ``larixite`` (AMCSD)
and, of copper compounds, beside the Materials Project structures of the shared data (calculated
cells, which are wider). It is verified by the nearest of those that pymatgen's matcher maps onto it
with lengths within 1 % and angles within 1 degree (2 % for calculated ones), atoms within 0.05 of
the mean distance; the file says which entry that was, its hash, and how far it is.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import warnings
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure

from compute.crystals.published import crystals
from compute.errors import ReadError
from compute.structures.amcsd import Entry, installed_file, read_entries
from compute.structures.read import read_crystals
from tests.benchmarks.output import say

Candidate = tuple[str, str, str, Structure]  # read from, licence, SHA-256, structure


def composition(amounts: dict[str, float]) -> str:
    return Composition(amounts).reduced_formula


def published(wanted: set[str]) -> dict[str, list[Candidate]]:
    path = installed_file()
    found: dict[str, list[Candidate]] = defaultdict(list)
    if path is None:
        return found
    origin = f"larixite {version('larixite')}: AMCSD entry"
    for entry in read_entries(path):
        if not isinstance(entry, Entry) or not entry.ordered or not entry.ambient:
            continue
        formula = composition(entry.amounts)
        if formula not in wanted:
            continue
        try:
            (read,) = read_crystals(entry.cif, f"{entry.source_id}.cif")
        except ReadError:
            continue
        if not isinstance(read, ReadError) and read.structure.is_ordered:
            name = f"{origin} {entry.number}"
            found[formula].append((name, entry.licence, entry.sha256, read.structure))
    return found


def calculated(folder: Path, wanted: set[str]) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = defaultdict(list)
    path = folder / "data" / "feff_cu_k" / "structures.jsonl.gz"
    if not path.exists():
        return found
    with gzip.open(path, "rt") as lines:
        for line in lines:
            one = json.loads(line)
            structure = Structure(Lattice(one["lattice"]), one["species"], one["frac"])
            if structure.reduced_formula in wanted:
                digest = hashlib.sha256(line.strip().encode()).hexdigest()
                name = f"Materials Project {one['material_id']} (calculated cell)"
                found[structure.reduced_formula].append((name, "CC BY 4.0", digest, structure))
    return found


def nearest(mine: Structure, candidates: list[Candidate], ltol: float) -> dict[str, Any] | None:
    matcher = StructureMatcher(ltol=ltol, stol=0.05, angle_tol=1.0, scale=False)
    best: dict[str, Any] | None = None
    for name, licence, digest, structure in candidates:
        bare = Structure(
            structure.lattice, [one.specie.symbol for one in structure], structure.frac_coords
        )
        rms = matcher.get_rms_dist(mine, bare)
        if rms is None:
            continue
        change = (bare.volume / len(bare)) / (mine.volume / len(mine)) - 1.0
        found = {
            "read_from": name, "licence": licence, "sha256": digest,
            "volume_differs_by": round(change, 5), "rms": round(float(rms[0]), 5),
        }  # fmt: skip
        if best is None or abs(change) + rms[0] < abs(best["volume_differs_by"]) + best["rms"]:
            best = found
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    ours = {one.id: one.structure() for one in crystals()}
    for one in ours.values():
        one.remove_oxidation_states()
    wanted = {one.reduced_formula for one in ours.values()}
    measured, theory = published(wanted), calculated(given.shared, wanted)
    verified: dict[str, Any] = {}
    for name, mine in ours.items():
        formula = mine.reduced_formula
        found = nearest(mine, measured[formula], 0.01) or nearest(mine, theory[formula], 0.02)
        n = len(measured[formula]) + len(theory[formula])
        if found:
            verified[name] = found
            say(f"{name} | {found['read_from']} | {found['volume_differs_by']:+.2%} | {n}")
        else:
            say(f"{name} | unverified | | {n}")
    say(f"{len(verified)} of {len(ours)} verified")
    if given.output:
        text = json.dumps(verified, indent=1, ensure_ascii=False)
        given.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
