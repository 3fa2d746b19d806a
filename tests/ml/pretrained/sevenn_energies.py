"""What the package ``sevenn`` itself says of crystals: ``PYTHON sevenn_energies.py < crystals``.

For a Python that has ``sevenn`` with all that it needs. Reads a list of ``{"lattice", "numbers",
"frac"}`` and writes the energies of the atoms of each, eV.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    from ase import Atoms
    from sevenn.calculator import SevenNetCalculator

    found = []
    for told in json.load(sys.stdin):
        atoms = Atoms(
            told["numbers"], cell=told["lattice"], scaled_positions=told["frac"], pbc=True
        )
        atoms.calc = SevenNetCalculator("7net-0_11July2024", device="cpu")
        found.append([float(value) for value in atoms.get_potential_energies()])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
