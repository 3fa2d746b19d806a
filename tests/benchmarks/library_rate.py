"""How long the library campaign takes, from a random sample of its sites.

    python -m tests.benchmarks.library_rate [--elements Ti … Cu] [--per-element 1000] [--sample 8]
                                            [--seed 0] [--output FILE.json]

Draws sites from those that ``build_library`` would compute (real crystals and prototypes, with
their proportions of valence, ligand, coordination and symmetry) and computes them in this
process, database aside. CPU seconds: run it with one thread (OMP_NUM_THREADS=1 …).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compute.crystals.prototypes import variants
from compute.crystals.published import crystals
from compute.errors import OutOfRangeError
from compute.ions import d_electrons
from compute.l23.spectrum import l23_spectrum
from compute.sites import Site, analyze_sites
from tests.benchmarks.output import write

if TYPE_CHECKING:
    from pymatgen.core import Structure

ELEMENTS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")
_CORES = 2
_SECONDS_A_STRUCTURE = 0.05  # to store it, measured


def real_sites(element: str) -> list[tuple[str, Structure, list[Site], Site]]:
    """The element's sites in real crystals."""
    out = []
    for crystal in crystals():
        if any(atom[0] == element for atom in crystal.atoms):
            structure = crystal.structure()
            out += list(_sites(crystal.id, structure, element))
    return out


def _sites(
    name: str, structure: Structure, element: str
) -> Iterator[tuple[str, Structure, list[Site], Site]]:
    sites = analyze_sites(structure)
    for site in sites:
        n_d = d_electrons(site.element, site.oxidation_state)
        if site.element == element and site.coordination_number and n_d is not None and n_d < 10:
            yield name, structure, sites, site


def sample(
    element: str, per_element: int, size: int, seed: int
) -> Iterator[tuple[str, Structure, list[Site], Site]]:
    """Random members of the campaign of one element."""
    real = real_sites(element)
    made = [variant for variant, _ in zip(variants(element), range(per_element), strict=False)]
    chosen = random.Random(seed).sample(range(min(per_element, len(real) + len(made))), size)
    for number in chosen:
        if number < len(real):
            yield real[number]
        else:
            variant = made[number - len(real)]
            yield next(_sites(variant.id, variant.structure(), element))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--elements", nargs="+", default=list(ELEMENTS))
    parser.add_argument("--per-element", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file; stdout without it")
    arguments = parser.parse_args()
    l23_spectrum(*real_sites("Ni")[0][1:])  # compiled code is loaded
    rows, table = [], {}
    for element in arguments.elements:
        times = []
        for name, structure, sites, site in sample(
            element, arguments.per_element, arguments.sample, arguments.seed
        ):
            started = time.process_time()
            try:
                l23_spectrum(structure, sites, site)
            except OutOfRangeError as error:  # a made crystal; costs next to nothing
                sys.stderr.write(f"{name:45} refused: {error}\n")
                continue
            times.append(time.process_time() - started)
            rows.append({"site": name, "valence": site.oxidation_state, "cpu_s": times[-1]})
            sys.stderr.write(f"{name:45} {site.point_group:6} {times[-1]:7.2f} s\n")
        table[element] = round(float(np.mean(times)), 3)
        sys.stderr.write(f"{element}: {table[element]:.2f} CPU s a spectrum\n")
    seconds = np.array([row["cpu_s"] for row in rows], dtype=float) + _SECONDS_A_STRUCTURE
    mean, error = seconds.mean(), seconds.std(ddof=1) / np.sqrt(seconds.size)
    found = {
        "cpu_s_by_element": table,
        "mean_cpu_s": round(float(mean), 3),
        "standard_error": round(float(error), 3),
        "median_cpu_s": round(float(np.median(seconds)), 3),
        "spectra_per_hour_on_2_cores": round(3600 * _CORES / float(mean)),
        "hours_for_10000_on_2_cores": round(1e4 * float(mean) / _CORES / 3600, 2),
        "rows": rows,
    }
    text = json.dumps(found, indent=1) + "\n"
    write(text, arguments.output)


if __name__ == "__main__":
    main()
