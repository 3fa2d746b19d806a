"""The free ions' numbers belong to their version."""

from __future__ import annotations

import json
from pathlib import Path

from compute.atom.ions import integrals
from compute.atom.parameters import TABLE
from compute.atom.version import VERSION
from tests.versions import check_version

REFERENCE = Path(__file__).with_name("version_reference.json")


def numbers() -> dict[str, list[float]]:
    """Sums over every ion of the table, an element a key; one ion solved."""
    out = {}
    for element, rows in json.loads(TABLE.read_text(encoding="utf-8"))["ions"].items():
        states = [row[state] for row in rows["n_d"].values() for state in ("initial", "final")]
        keys = sorted(states[0] | states[-1])
        out[element] = [sum(state.get(key, 0.0) for state in states) for key in keys]
    out["Ni 2p5 3d9 solved"] = [v for _, v in sorted(integrals("Ni", 9, core_hole=True).items())]
    return out


def test_the_free_ions_numbers_change_only_with_their_version():
    check_version(REFERENCE, VERSION, "compute/atom/version.py", numbers(), rel=1e-6)
