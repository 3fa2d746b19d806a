"""10Dq of route ``cluster`` against published values, and the fit of its one hopping scale.

    python -m tests.benchmarks.cluster_splittings --cache DIR [--output TABLE.md]

Half a minute of CPU for each crystal whose fields are not in the folder yet. The scale minimises
the mean absolute error over optical values; "held out" is the prediction with the scale fitted
without that crystal. The 10Dq of one-configuration fits to d0 spectra are listed, not fitted: they
are another quantity.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.cluster.model import HOPPING_SCALE, ChargeTransferModel
from compute.cluster.parameters import model_of, solve_fields
from compute.errors import ConvergenceError
from compute.library.crystals import crystal
from compute.ligandfield.calibrate import published
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]

_STEP = 0.025  # finer than the published values can tell
_SCALES = np.round(np.arange(1.0, 1.4 + _STEP / 2, _STEP), 3)


@dataclass(frozen=True, eq=False)
class Row:
    """A published splitting and the model of its site."""

    name: str
    element: str
    published: float
    model: ChargeTransferModel

    @property
    def optical(self) -> bool:
        return self.model.n_d > 0

    @cached_property
    def computed(self) -> FloatArray:
        """10Dq at each of the scales, eV."""
        return np.array([self.model.ten_dq(scale) for scale in _SCALES])


def model_for(entry: dict[str, Any], cache: Path) -> ChargeTransferModel:
    """The model of an entry of ``published.json``, kept in a folder (our own pickles)."""
    path = cache / f"{entry['crystal']}-{entry['element']}-{entry.get('lattice_ang', '')}.pickle"
    if path.exists():
        kept: ChargeTransferModel = pickle.loads(path.read_bytes())
        return kept
    known = crystal(entry["crystal"])
    if "lattice_ang" in entry:
        known = replace(known, lattice=(entry["lattice_ang"],) * 3 + (90.0, 90.0, 90.0))
    structure = known.structure()
    sites = analyze_sites(structure)
    geometry = entry.get("geometry")
    site = next(
        s for s in sites if s.element == entry["element"] and geometry in (None, s.geometry)
    )
    found = model_of(solve_fields(structure, sites, site), site)
    path.write_bytes(pickle.dumps(found))
    return found


def rows(cache: Path) -> list[Row]:
    """Every total splitting whose site converges; a failure is told on stderr."""
    out = []
    for entry in published()["splitting"]:
        if "total_10dq" not in entry:
            continue
        try:
            model = model_for(entry, cache)
        except ConvergenceError as error:
            sys.stderr.write(f"{entry['crystal']} {entry['element']}: {error}\n")
            continue
        out.append(Row(entry["crystal"], entry["element"], entry["total_10dq"], model))
    return out


def mean_errors(chosen: Sequence[Row]) -> FloatArray:
    """Mean absolute error at each of the scales, eV."""
    errors = [np.abs(row.computed - row.published) for row in chosen]
    result: FloatArray = np.mean(errors, axis=0)
    return result


def best_scale(chosen: Sequence[Row]) -> float:
    """The hopping scale with the least mean absolute error."""
    return float(_SCALES[int(np.argmin(mean_errors(chosen)))])


def report(found: Sequence[Row]) -> str:
    optical = [row for row in found if row.optical]
    scale = best_scale(optical)
    out = [
        "| crystal | ion | Δ | Δ_f | published | PBE hopping | in use | held out |",
        "|---|---|---|---|---|---|---|---|",
    ]
    errors: dict[str, list[float]] = {"PBE hopping": [], "in use": [], "held out": []}
    for row in found:
        transfer = row.model.transfer()
        final = transfer.delta + transfer.u_dd - transfer.u_pd
        values = [row.model.ten_dq(1.0), row.model.ten_dq(HOPPING_SCALE)]
        if row.optical:
            others = [other for other in optical if other.name != row.name]
            values.append(row.model.ten_dq(best_scale(others)))
            for kind, value in zip(errors, values, strict=True):
                errors[kind].append(value - row.published)
        cells = [f"{value:.2f}" for value in (transfer.delta, final, row.published, *values)]
        cells += ["not fitted"] * (not row.optical)
        out.append(f"| {row.name} | {row.element} | " + " | ".join(cells) + " |")
    out.append("\n| scale | " + " | ".join(map(str, _SCALES)) + " |")
    out.append("|---" * (len(_SCALES) + 1) + "|")
    cells = [f"{error:.3f}" for error in mean_errors(optical)]
    out.append("| mean error | " + " | ".join(cells) + " |")
    out.append(
        f"\nBest scale {scale:.3f}, in use {HOPPING_SCALE}; {len(optical)} optical values:\n"
    )
    for kind, values in errors.items():
        mean = float(np.mean(np.abs(values)))
        out.append(f"- {kind}: mean absolute error {mean:.3f} eV, mean {np.mean(values):+.3f} eV")
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of computed models")
    parser.add_argument("--output", type=Path, help="Markdown file; stdout without it")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    text = report(rows(arguments.cache))
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
