"""Make ``compute/l23/cheap/anchors.json``: where reference compounds put the energy scale.

    python -m compute.l23.fitting.cheap_anchors

Each reference is computed by route ``cheap``; its offset is the measured L3 maximum less the
computed one. Ions without a reference follow a plane fitted to the others; its leave-one-out
error is the error they are given.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import numpy as np

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.l23.cheap.anchor import ANCHORS, zero_of
from compute.l23.fitting.references import REFERENCES, Reference
from compute.l23.spectrum import l3_maximum, l23_spectrum
from compute.sites import analyze_sites

_SCALES_DIFFER_EV = 0.5  # absolute scales of different instruments (EELS and XAS) disagree by this


def write_anchors() -> None:
    """Compute every reference and write the table."""
    rows = []
    for reference in REFERENCES:
        offset = _offset(reference)
        error = float(np.hypot(reference.error_ev, _SCALES_DIFFER_EV))
        rows.append(
            asdict(reference) | {"offset_ev": round(offset, 3), "error_ev": round(error, 2)}
        )
        sys.stderr.write(f"{reference.element}{reference.valence}+ {offset:.2f} eV\n")
    a, b, error = _plane(rows)
    table = {
        "note": "python -m compute.l23.fitting.cheap_anchors; "
        "seen: read at its source, otherwise unverified",
        "rule": {"a": round(a, 3), "b": round(b, 3), "error_ev": round(error, 2)},
        "references": rows,
    }
    ANCHORS.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _offset(reference: Reference) -> float:
    structure = crystal(reference.crystal).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == reference.element)
    found = l23_spectrum(structure, sites, site)
    zeta = atomic_parameters(reference.element, reference.valence)["final"]["zeta_2p"]
    relative = l3_maximum(found.energy_ev, found.intensity, zeta) - found.energy_offset_ev
    return reference.l3_ev - relative


def _plane(rows: list[dict[str, object]]) -> tuple[float, float, float]:
    """a, b of ``offset − E_b − ζ/2 = a + b·valence``, and the leave-one-out RMS, eV."""
    valence = np.array([float(str(row["valence"])) for row in rows])
    excess = np.array([float(str(row["offset_ev"])) - zero_of(str(row["element"])) for row in rows])
    design = np.stack([np.ones_like(valence), valence], axis=1)
    (a, b), *_ = np.linalg.lstsq(design, excess, rcond=None)
    errors = []
    for i in range(len(rows)):
        keep = np.arange(len(rows)) != i
        part, *_ = np.linalg.lstsq(design[keep], excess[keep], rcond=None)
        errors.append(design[i] @ part - excess[i])
    return float(a), float(b), float(np.sqrt(np.mean(np.square(errors))))


if __name__ == "__main__":
    write_anchors()
