"""How structure files are read: right structures refused, and what mutations of files give.

``python -m tests.benchmarks.structure_files [--every N] [--computed-every N] [--settings N]``

First the gate (distances, packing, bond and oxidation states) over the published crystals and the
computed ones of the shared set; then both written as CIFs in settings chosen at random, and every
mutation of :mod:`tests.compute.structures.mutations` read again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import warnings
from collections.abc import Iterator

from pymatgen.core import Structure

from compute.crystals.published import crystals
from compute.sites import analyze_sites
from compute.structures.findings import obstacles
from compute.structures.read import check
from compute.structures.valence import valence_findings
from tests.benchmarks.output import say
from tests.compute.structures.mutations import DESTRUCTIVE, READABLE, settings
from tests.compute.structures.test_meaning import Tally, outcome
from tests.shared_data import shared_data

_MOST_ATOMS = 40  # of computed crystals that are mutated: larger ones take minutes


def published() -> Iterator[tuple[str, Structure]]:
    for crystal in crystals():
        yield crystal.id, crystal.structure()


def computed() -> Iterator[tuple[str, Structure]]:
    path = shared_data("feff_cu_k", "structures.jsonl.gz")
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["material_id"], Structure(row["lattice"], row["species"], row["frac"])


def refused(found: Iterator[tuple[str, Structure]]) -> tuple[int, list[str]]:
    """How many structures, and what the gate says of those that it stops."""
    n, out = 0, []
    for name, structure in found:
        n += 1
        findings = [*check(structure), *valence_findings(structure, analyze_sites(structure))]
        if against := obstacles(findings):
            out.append(f"{name} {structure.reduced_formula}: {against[0].text}")
    return n, out


def mutated(
    found: Iterator[tuple[str, Structure]], every: int, most_settings: int, most_atoms: int
) -> Tally:
    rng, tally = random.Random(0), Tally()
    for k, (name, structure) in enumerate(found):
        if k % every or len(structure) > most_atoms:
            continue
        written = list(settings(structure))
        for one in rng.sample(written, min(most_settings, len(written))):
            for mutation, mutate in (READABLE | DESTRUCTIVE).items():
                text = mutate(one, rng)
                if text is not None:
                    tally.add(mutation, outcome(text, one), f"{name}, Hall {one.hall}")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="of the published crystals")
    parser.add_argument("--computed-every", type=int, default=20, help="of the computed ones")
    parser.add_argument("--settings", type=int, default=1, help="of each crystal, at most")
    parser.add_argument("--no-gate", action="store_true", help="mutations only")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if not given.no_gate:
        for words, found in (("published", published()), ("computed", computed())):
            n, out = refused(found)
            say("\n  ".join([f"{words}: {len(out)} of {n} refused", *out]))
    for words, found, every, most in (
        ("published", published(), given.every, 1000),
        ("computed", computed(), given.computed_every, _MOST_ATOMS),
    ):
        started = time.perf_counter()
        tally = mutated(found, every, given.settings, most)
        _report(words, tally, time.perf_counter() - started)


def _report(words: str, tally: Tally, seconds: float) -> None:
    for kind, names in (("readable", READABLE), ("destructive", DESTRUCTIVE)):
        part = Tally({k: v for k, v in tally.counts.items() if k in names})
        n = sum(sum(one.values()) for one in part.counts.values())
        shares = ", ".join(f"{key} {part.share(key):.1%}" for key in ("right", "told", "wrong"))
        say(f"{words}, {kind}: {n} files, {shares}")
    for name, one in tally.counts.items():
        if one["right"] < sum(one.values()):
            say(f"  {name}: {dict(one)}")
    say("\n".join([*(f"  WRONG {one}" for one in tally.wrong), f"{seconds:.0f} s"]))


if __name__ == "__main__":
    main()
