"""What the results of route ``cluster`` owe to its constants.

    python -m tests.benchmarks.cluster_constants --cache DIR

* Mean error of relative positions where the factor of the Slater integrals, which optical spectra
  fix (``compute.l23.fitting.cluster_slater``), is a little smaller or larger, and hopping, which
  nothing scales, too.

Cases are kept in the folder; each costs about 20 s of CPU. Needs the literature data beside the
repository.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.crystals.published import crystal
from compute.l23.cluster.parameters import parameters
from compute.l23.prepared import PreparedCase
from compute.l23.spectrum import solve_prepared
from compute.sites import analyze_sites
from tests.benchmarks import ligandfield
from tests.benchmarks.ligandfield import COMPOUNDS, Source
from tests.shared_data import shared_data

FloatArray = NDArray[np.float64]

# Multiplied to the Slater factor and to hopping.
_VARIATIONS = (
    (0.9, 1.0),
    (0.95, 1.0),
    (1.0, 1.0),
    (1.05, 1.0),
    (1.1, 1.0),
    (1.0, 0.95),
    (1.0, 1.05),
)
_NOT_GATED = "NiO"


def kept_case(name: str, cache: Path) -> PreparedCase:
    """The route's case of a compound."""
    path = cache / f"case-{name}.pickle"
    if path.exists():
        kept: PreparedCase = pickle.loads(path.read_bytes())
        return kept
    crystal_id, element, _ = COMPOUNDS[name]
    structure = crystal(crystal_id).structure()
    sites = analyze_sites(structure)
    found = parameters(structure, sites, next(s for s in sites if s.element == element))
    path.write_bytes(pickle.dumps(found))
    return found


def varied(prepared: PreparedCase, slater: float, hopping: float) -> PreparedCase:
    """The same case with other Slater integrals and hopping; Δ and U_pd as they were."""
    transfer, final_field = prepared.charge_transfer, prepared.final_field
    if transfer is None or final_field is None or final_field.v is None:
        raise ValueError(f"{prepared.element}: route cluster gives hopping to both states")

    def scaled(integrals: Mapping[str, float]) -> dict[str, float]:
        return {key: value * (slater if key[0] in "FG" else 1) for key, value in integrals.items()}

    return replace(
        prepared,
        initial=scaled(prepared.initial),
        final=scaled(prepared.final),
        charge_transfer=replace(transfer, v=hopping * transfer.v),
        final_field=replace(final_field, v=hopping * final_field.v),
    )


def folder_of(slater: float, hopping: float, cache: Path) -> Path:
    """Where the spectra of a variation are kept; they are computed if they are not there."""
    folder = cache / f"slater{slater:.3f}-hopping{hopping:.3f}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMPOUNDS:
        path = folder / f"cluster-{name}.npz"
        if not path.exists():
            found = solve_prepared(varied(kept_case(name, cache), slater, hopping))
            np.savez(path, energy=found.energy_ev, intensity=found.intensity)
    return folder


def position_errors(folder: Path) -> dict[str, list[float]]:
    """Errors of the relative positions of every compound, eV."""
    facts = json.loads(shared_data("l23_literature", "facts.json").read_text())["peaks"]
    out: dict[str, list[float]] = {}
    for row in ligandfield.positions(facts, Source("cluster", folder)):
        if row[4] != "missing" and row[0] != _NOT_GATED:
            out.setdefault(row[0], []).append(abs(float(row[4])))
    return out


def variation_report(cache: Path) -> str:
    names = [name for name in COMPOUNDS if name != _NOT_GATED]
    out = ["| Slater factor | hopping | " + " | ".join(names) + " | all |"]
    out.append("|---" * (len(names) + 3) + "|")
    for slater, hopping in _VARIATIONS:
        errors = position_errors(folder_of(slater, hopping, cache))
        cells = [f"{np.mean(errors[name]):.2f}" for name in names]
        cells.append(f"{np.mean([e for found in errors.values() for e in found]):.3f}")
        out.append(f"| × {slater:g} | × {hopping:g} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of cases and spectra")
    cache = parser.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(variation_report(cache))


if __name__ == "__main__":
    main()
