"""Computed references of route ``cheap``'s energy scale, from the release in the box.

    python -m tests.benchmarks.cheap_computed

Of every site that the release has by both ``cluster`` and ``cheap``, the offset that puts
``cheap``'s L3 maximum where ``cluster`` has it; the means of families (ion, ligands, coordination)
go into ``compute/l23/cheap/anchors.json``. What it gives does not depend on the offsets that the
release was computed with. Sites of mixed ions are left out.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from compute.l23.cheap.anchor import ANCHORS, kind_of
from compute.l23.fitting.cheap_anchors import write_table
from compute.l23.fitting.references import seen_maximum
from compute.packing import unpack_curve
from tests.benchmarks.output import say
from tests.benchmarks.release_recomputed import STARTER, site_of  # sets Django up

from spectradb.services.library.load import energies_of  # isort: skip
from spectradb.services.library.publish import SITE  # isort: skip
from spectradb.services.library.release import Release, read_release  # isort: skip


def families() -> list[dict[str, Any]]:
    """The table's rows."""
    releases = [
        read_release(one) for one in (STARTER, *sorted((STARTER / "supplements").iterdir()))
    ]
    relative = {
        _key(release, row): _maximum(row) - row["offset_ev"]
        for release in releases
        for row in release.spectra
        if row["route"] == "cheap"
    }
    offsets: dict[tuple[Any, ...], list[float]] = {}
    for release in releases:
        for row in release.spectra:
            at = relative.get(_key(release, row))
            if row["route"] == "cluster" and at is not None and "mixture" not in row["results"]:
                kind = kind_of(site_of(release, row)[2])
                of_family = (kind.element, kind.valence, round(kind.softness, 3), kind.ligands)
                offsets.setdefault(of_family, []).append(_maximum(row) - at)
    names = ("element", "valence", "softness", "ligands")
    return [
        dict(zip(names, kind, strict=True))
        | {
            "sites": len(values),
            "offset_ev": round(float(np.mean(values)), 3),
            "spread_ev": round(float(np.std(values, ddof=min(len(values) - 1, 1))), 3),
        }
        for kind, values in sorted(offsets.items())
    ]


def _key(release: Release, row: dict[str, Any]) -> tuple[Any, ...]:
    """What site a row is of, in any release."""
    held = release.structures[row["structure"]]
    return held["digest"], held["sites"][row["site"]][SITE.index("index")], row["absorber"]


def _maximum(row: dict[str, Any]) -> float:
    curve = unpack_curve(row["largest"], row["curve"])
    return seen_maximum(energies_of(row), curve, row["parameters"]["final"]["zeta_2p"])


def main() -> None:
    rows = families()
    table = json.loads(ANCHORS.read_text(encoding="utf-8"))
    write_table(table | {"computed": rows})
    say(f"{len(rows)} families of {sum(row['sites'] for row in rows)} sites")


if __name__ == "__main__":
    main()
