"""Random spectra of a release computed anew at the present version, beside what it holds.

    python -m tests.benchmarks.release_recomputed [FOLDER] [--spectra 50] [--route cheap] [--seed 0]
                                                  [--output FILE]

Structures are analysed anew with the valences of the release. A curve is the same where it lies
within one step of its quantisation, and its energies are the same to a thousandth of an eV. Every
record is asked for its licence, its citation and, of real crystals, the file it was read from.
"""

from __future__ import annotations

import argparse
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import django
import numpy as np
from pymatgen.core import Structure

from compute import routes
from compute.packing import LEVELS, unpack_curve
from compute.sites import analyze_sites
from tests.benchmarks.output import write

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
django.setup()

from spectradb.services.library.publish import SITE, variant_of, whole  # noqa: E402
from spectradb.services.library.release import Release, read_release  # noqa: E402

STARTER = Path(__file__).parents[2] / "spectradb" / "starter"
SYMPREC = 0.01  # Å, as structures are stored with
_SAME_EV = 1e-3


def computed(release: Release, row: dict[str, Any]) -> Any:
    """The spectrum of a row, from its structure."""
    held = release.structures[row["structure"]]
    variant = variant_of(held["recipe"]) if held["recipe"] else None
    structure = variant.structure() if variant else Structure.from_dict(whole(held["cell"]))
    told = [dict(zip(SITE, site, strict=True)) for site in held["sites"]]
    stated = {_key(one): one["oxidation_state"] for one in told}
    sites = analyze_sites(structure, symprec=SYMPREC, stated=stated)
    wanted = told[row["site"]]
    site = next(
        one
        for one in sites
        if one.element == wanted["element"] and wanted["index"] in one.equivalent_indices
    )
    return routes.site_spectrum(structure, sites, site, row["edge"], row["route"])


def _key(site: dict[str, Any]) -> int | str:
    first = min(site["equivalent_indices"] or [site["index"]])
    return first if site["occupancy"] >= 1.0 else f"{site['element']}:{first}"


def difference(release: Release, row: dict[str, Any]) -> tuple[float, float]:
    """How far a curve is from what it is now, in steps of its quantisation; its energies, eV."""
    found = computed(release, row)
    kept = unpack_curve(row["largest"], row["curve"])
    step = row["largest"] / LEVELS
    energy = np.asarray(found.energy_ev)
    if energy.size != row["n"]:
        return np.inf, np.inf
    off = max(abs(energy[0] - row["first_ev"]), abs(energy[-1] - row["last_ev"]))
    return float(np.abs(np.asarray(found.intensity) - kept).max() / step), float(off)


def lacking(release: Release) -> Counter[str]:
    """What records do not tell, and how many do not; records that are there twice."""
    out: Counter[str] = Counter()
    for one in release.structures:
        about = one["about"]
        out["citation of a structure"] += not about["citation"]
        real = not about["hypothetical"] and about["source"] != "library"
        out["licence of a real crystal"] += real and not about["licence"]
        out["file of a real crystal"] += real and not about["read_from"]
    out["licence of the release"] += not release.manifest.get("licence")
    out["citation of the release"] += not release.manifest.get("citation")
    out["structure that is there twice"] += len(release.structures) - len(
        {one["digest"] for one in release.structures}
    )
    out["record that is there twice"] += len(release.spectra) - len(
        {(one["structure"], one["site"], one["edge"], one["route"]) for one in release.spectra}
    )
    return +out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=STARTER)
    parser.add_argument("--spectra", type=int, default=50)
    parser.add_argument("--route", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    release = read_release(given.folder)
    rows = [one for one in release.spectra if given.route in ("", one["route"])]
    chosen = random.Random(given.seed).sample(rows, min(given.spectra, len(rows)))
    lines, steps = [], []
    for row in chosen:
        off, shifted = difference(release, row)
        steps.append(off)
        if off > 1.0 or shifted > _SAME_EV:
            held = release.structures[row["structure"]]["about"]["source_id"]
            lines.append(f"{held}, {row['absorber']}: {off:.2f} steps, {shifted:.4f} eV")
    same = len(chosen) - len(lines)
    head = (
        f"{len(rows)} spectra; {same} of {len(chosen)} recomputed are the same, largest difference "
        f"{max(steps, default=0.0):.2f} steps of 1/{LEVELS} of the maximum"
    )
    table = [f"lacking: {name} | {n}" for name, n in lacking(release).items()]
    write("\n".join([head, *lines, *(table or ["no record lacks anything"])]) + "\n", given.output)


if __name__ == "__main__":
    main()
