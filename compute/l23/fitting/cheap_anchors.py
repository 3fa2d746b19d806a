"""Make ``compute/l23/cheap/anchors.json``: where reference compounds put the energy scale.

    python -m compute.l23.fitting.cheap_anchors [--check]

Each reference is computed by route ``cheap``; its offset is the measured L3 maximum less the
computed one. ``--check`` leaves the file as it is. Either way the predictions for references left
out are printed, singly (the ion's own) and by element, with what they miss by in standard errors.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

import numpy as np

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.l23.cheap.anchor import ANCHORS, Kind, kind_of, predicted
from compute.l23.fitting.references import REFERENCES, Reference
from compute.l23.spectrum import l3_maximum, l23_spectrum
from compute.sites import analyze_sites

_SCALES_DIFFER_EV = 0.5  # absolute scales of different instruments (EELS and XAS) disagree by this
_UNVERIFIED_EV = 0.5  # more for what was not read at its source


def write_anchors() -> None:
    """Compute every reference and write the table."""
    table = {
        "note": "python -m compute.l23.fitting.cheap_anchors; "
        "seen: read at its source, otherwise unverified",
        "references": [_row(reference) for reference in REFERENCES],
    }
    ANCHORS.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(reference: Reference) -> dict[str, Any]:
    structure = crystal(reference.crystal).structure()
    sites = analyze_sites(structure)
    site = next(
        s
        for s in sites
        if s.element == reference.element and s.oxidation_state == reference.valence
    )
    found = l23_spectrum(structure, sites, site)
    zeta = atomic_parameters(reference.element, reference.valence)["final"]["zeta_2p"]
    relative = l3_maximum(found.energy_ev, found.intensity, zeta) - found.energy_offset_ev
    unverified = 0.0 if reference.seen else _UNVERIFIED_EV
    error = float(np.linalg.norm([reference.error_ev, _SCALES_DIFFER_EV, unverified]))
    kind = kind_of(site)
    sys.stderr.write(f"{reference.crystal} {reference.l3_ev - relative:.2f} eV\n")
    return asdict(reference) | {
        "softness": round(kind.softness, 3),
        "ligands": kind.ligands,
        "offset_ev": round(reference.l3_ev - relative, 3),
        "error_ev": round(error, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="leave anchors.json as it is")
    if not parser.parse_args().check:
        write_anchors()
    sys.stdout.write(table())


def table() -> str:
    """References left out, in Markdown."""
    rows = json.loads(ANCHORS.read_text(encoding="utf-8"))["references"]
    kinds = [Kind(r["element"], float(r["valence"]), r["softness"], r["ligands"]) for r in rows]
    offsets = np.array([r["offset_ev"] for r in rows])
    errors = np.array([r["error_ev"] for r in rows])
    lines = ["| reference | seen | L3 | left out: misses by | in σ | element left out | in σ |\n"]
    lines.append("|---|---|---|---|---|---|---|\n")
    found: dict[str, list[tuple[float, float]]] = {"Ion": [], "Element": []}
    for i, row in enumerate(rows):
        cells = []
        for way in found:
            keep = [
                k
                for k, one in enumerate(kinds)
                if k != i and (way == "Ion" or one.element != kinds[i].element)
            ]
            mean, error = predicted(kinds[i], [kinds[k] for k in keep], offsets[keep], errors[keep])
            miss, sigma = mean - offsets[i], float(np.hypot(error, errors[i]))
            found[way].append((miss, miss / sigma))
            cells.append(f"{miss:+.2f} | {miss / sigma:+.1f}")
        seen = "yes" if row["seen"] else "no"
        name = f"{row['crystal']} {row['element']}"
        lines.append(f"| {name} | {seen} | {row['l3_ev']} | {' | '.join(cells)} |\n")
    for way, values in found.items():
        miss, z = np.array(values).T
        lines.append(
            f"\n{way} left out: RMS {np.sqrt(np.mean(miss**2)):.2f} eV, "
            f"reduced χ² {np.mean(z**2):.2f} ({len(z)} references).\n"
        )
    return "".join(lines)


if __name__ == "__main__":
    main()
