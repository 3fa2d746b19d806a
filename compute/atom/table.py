"""Make the shipped table of the 3d ions again: ``python -m compute.atom.table``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from compute.atom.ions import integrals
from compute.atom.parameters import TABLE
from compute.ions import ELEMENTS_3D, SERIES, atomic_number

_DECIMALS = 6


def element_rows(element: str) -> dict[str, object]:
    """Rows of one element: every [Ar]3d^n from n = 0 to the neutral atom or n = 10."""
    beyond_core = atomic_number(element) - SERIES["3d"].noble_gas_z
    rows = {}
    for n in range(min(10, beyond_core - 1) + 1):
        states = {
            "initial": integrals(element, n),
            "final": integrals(element, min(n + 1, 10), core_hole=True),
        }
        rows[str(n)] = {
            state: {key: round(value, _DECIMALS) for key, value in values.items()}
            for state, values in states.items()
        }
        sys.stderr.write(f"{element}{beyond_core - n}+ 3d{n}\n")
    return {"argon_core_charge": beyond_core, "n_d": rows}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=TABLE, help="file to write")
    path = parser.parse_args(arguments).to
    table = {
        "units": "F, G, zeta: eV, unscaled; r2, r4: bohr^2, bohr^4",
        "method": "Hartree-Fock of the configuration average, Cowan-Griffin mass-velocity and "
        "Darwin, Blume-Watson zeta; python -m compute.atom.table",
        "ions": {element: element_rows(element) for element in ELEMENTS_3D},
    }
    path.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
