"""Random spectra of a release computed anew at the present version, beside what it holds.

    python -m tests.benchmarks.release_recomputed [FOLDER] [--spectra 50] [--route cheap] [--seed 0]
                                                  [--output FILE]

Structures are analysed anew with the valences of the release. What the route refuses by now, as
outside its range, is listed and not compared. A curve is the same where it lies
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
from pymatgen.core import Structure

from compute import routes
from compute.errors import OutOfRangeError
from compute.packing import LEVELS
from compute.sites import Site, analyze_sites
from tests.benchmarks.output import write

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
django.setup()

from spectradb.services.library.publish import SITE  # noqa: E402
from spectradb.services.library.rebuild import Comparison, apart, crystal_of  # noqa: E402
from spectradb.services.library.release import Release, read_release  # noqa: E402

STARTER = Path(__file__).parents[2] / "spectradb" / "starter"
SYMPREC = 0.01  # Å, as structures are stored with


def site_of(release: Release, row: dict[str, Any]) -> tuple[Structure, list[Site], Site]:
    """The structure of a row, all its sites analysed anew, and the site that the row is of."""
    held = release.structures[row["structure"]]
    structure = crystal_of(held)
    told = [dict(zip(SITE, site, strict=True)) for site in held["sites"]]
    stated = {_key(one): one["oxidation_state"] for one in told}
    sites = analyze_sites(structure, symprec=SYMPREC, stated=stated)
    wanted = told[row["site"]]
    site = next(
        one
        for one in sites
        if one.element == wanted["element"] and wanted["index"] in one.equivalent_indices
    )
    return structure, sites, site


def computed(release: Release, row: dict[str, Any]) -> Any:
    """The spectrum of a row, from its structure."""
    return routes.site_spectrum(*site_of(release, row), row["edge"], row["route"])


def _key(site: dict[str, Any]) -> int | str:
    first = min(site["equivalent_indices"] or [site["index"]])
    return first if site["occupancy"] >= 1.0 else f"{site['element']}:{first}"


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
    found, refused = Comparison(len(chosen)), []
    for row in chosen:
        held = release.structures[row["structure"]]["about"]["source_id"]
        name = f"{held}, {row['absorber']} {row['route']}"
        try:
            now = computed(release, row)
        except OutOfRangeError as error:
            refused.append(f"{name}: refused: {error}")
            continue
        found.add(name, *apart(row, now.energy_ev, now.intensity))
    head = (
        f"{len(rows)} spectra; {found.same} of {found.computed} recomputed are the same, largest "
        f"difference {found.largest_steps:.2f} steps of 1/{LEVELS} of the maximum; "
        f"{len(refused)} refused"
    )
    table = [f"lacking: {name} | {n}" for name, n in lacking(release).items()]
    write(
        "\n".join([head, *found.differing, *refused, *(table or ["no record lacks anything"])])
        + "\n",
        given.output,
    )


if __name__ == "__main__":
    main()
