"""The two constants of route ``cluster`` that measured spectra fix, with leave-one-out figures.

    python -m tests.benchmarks.cluster_constants --cache DIR

* The scale of the Slater integrals: mean error of relative positions for several, and of each
  compound at the scale that the others prefer.
* The constant of the energy scale: measured less computed L3 maxima, as a mean and as a straight
  line in the atomic number, and how they predict elements left out.

Cases are kept in the folder; each costs about 20 s of CPU. Needs the literature data beside the
repository.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.cluster.energyscale import CORRECTION_EV
from compute.cluster.parameters import SLATER_SCALE, parameters
from compute.library.crystals import crystal
from compute.ligandfield.charge_transfer import ATOMIC_NUMBER
from compute.ligandfield.cheap import CheapCase
from compute.ligandfield.spectra import solve_cheap
from compute.sites import analyze_sites
from tests.benchmarks import ligandfield
from tests.benchmarks.ligandfield import COMPOUNDS, Source
from tests.shared_data import shared_data

FloatArray = NDArray[np.float64]

_SCALES = (0.8, 0.825, 0.85, 0.875, 0.9, 0.925, 0.95, 0.975, 1.0)
_NOT_GATED = "NiO"


def kept_case(name: str, cache: Path) -> CheapCase:
    """The route's case of a compound."""
    path = cache / f"case-{name}.json"
    if path.exists():
        return CheapCase(**json.loads(path.read_text()))
    crystal_id, element, _ = COMPOUNDS[name]
    structure = crystal(crystal_id).structure()
    sites = analyze_sites(structure)
    found = parameters(structure, sites, next(s for s in sites if s.element == element))
    path.write_text(json.dumps(found.__dict__))
    return found


def with_slater_scale(prepared: CheapCase, scale: float) -> CheapCase:
    """The same case with other Slater integrals."""
    case: dict[str, Any] = dict(prepared.case)
    for state in ("initial", "final"):
        case[state] = {
            key: value * (scale / SLATER_SCALE if key[0] in "FG" else 1.0)
            for key, value in case[state].items()
        }
    return CheapCase(case, prepared.energy_offset_ev, prepared.energy_offset_err, prepared.ten_dq)


def position_errors(scale: float, cache: Path) -> dict[str, list[float]]:
    """Errors of the relative positions of every compound, eV."""
    folder = cache / f"slater-{scale:.3f}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMPOUNDS:
        path = folder / f"cluster-{name}.npz"
        if not path.exists():
            found = solve_cheap(with_slater_scale(kept_case(name, cache), scale))
            np.savez(path, energy=found.energy_ev, intensity=found.intensity)
    facts = json.loads(shared_data("l23_literature", "facts.json").read_text())["peaks"]
    out: dict[str, list[float]] = {}
    for row in ligandfield.positions(facts, Source("cluster", folder)):
        if row[4] != "missing" and row[0] != _NOT_GATED:
            out.setdefault(row[0], []).append(abs(float(row[4])))
    return out


def slater_report(cache: Path) -> str:
    errors = {scale: position_errors(scale, cache) for scale in _SCALES}
    names = [name for name in COMPOUNDS if name != _NOT_GATED]

    def mean(scale: float, chosen: list[str]) -> float:
        return float(np.mean([e for name in chosen for e in errors[scale][name]]))

    out = ["| compound | " + " | ".join(map(str, _SCALES)) + " | scale of the others | left out |"]
    out.append("|---" * (len(_SCALES) + 3) + "|")
    left_out: list[float] = []
    for name in names:
        others = [other for other in names if other != name]
        best = min(_SCALES, key=lambda scale: mean(scale, others))
        left_out += errors[best][name]
        cells = [f"{mean(scale, [name]):.2f}" for scale in _SCALES]
        cells += [f"{best}", f"{np.mean(errors[best][name]):.2f}"]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    cells = [f"{mean(scale, names):.3f}" for scale in _SCALES]
    out.append("| all | " + " | ".join(cells) + f" | | {np.mean(left_out):.3f} |")
    return "\n".join(out) + "\n"


def energy_report(cache: Path) -> str:
    source = Source("cluster", cache / f"slater-{SLATER_SCALE:.3f}")
    found = [
        (COMPOUNDS[name][1], float(measured) - float(computed) + CORRECTION_EV)
        for name, measured, computed, _ in ligandfield.absolute(source)
    ]
    numbers = np.array([ATOMIC_NUMBER[element] - 25.0 for element, _ in found])
    missing = np.array([value for _, value in found])
    out = [f"Measured less computed L3 without the correction: {np.round(missing, 2).tolist()}"]
    designs = {
        "mean": np.ones((missing.size, 1)),
        "line": np.stack([np.ones_like(numbers), numbers], 1),
    }
    for kind, design in designs.items():
        weights = np.linalg.lstsq(design, missing, rcond=None)[0]
        left_out: list[float] = []
        for number in np.unique(numbers):
            keep = numbers != number
            part = np.linalg.lstsq(design[keep], missing[keep], rcond=None)[0]
            left_out += list(design[~keep] @ part - missing[~keep])
        rms = [
            float(np.sqrt(np.mean(np.square(e)))) for e in (design @ weights - missing, left_out)
        ]
        out.append(
            f"{kind} {np.round(weights, 2).tolist()}: RMS {rms[0]:.2f} eV, "
            f"elements left out {rms[1]:.2f} eV, at most {np.abs(left_out).max():.2f} eV"
        )
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of cases and spectra")
    cache = parser.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(slater_report(cache) + "\n" + energy_report(cache))


if __name__ == "__main__":
    main()
