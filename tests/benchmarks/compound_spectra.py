"""Computed L2,3 spectra of the starter library's crystals, kept on disk by route and version.

    python -m tests.benchmarks.compound_spectra --route cluster --cache DIR [--widths bands]
                                                  CRYSTAL:ELEMENT ...

computes what is not there yet. A compound's spectrum is the sum over its sites on the absolute
scale, each as often as it occurs; what a route refuses is left out, and told.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.crystals.published import Crystal, crystal, crystals
from compute.errors import ComputeError
from compute.l23 import routes
from compute.l23.lineshape import DEFAULT, WIDTHS, Shape
from compute.l23.spectrum import STEP_EV, l23_spectrum
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Computed:
    """A compound's spectrum: energy (n,) eV, intensity (n,) per atom and eV, 2p splitting, eV."""

    compound: str  # reduced formula
    crystal: str
    energy: FloatArray
    intensity: FloatArray
    splitting: float


def with_element(element: str) -> list[Crystal]:
    """The crystals that hold an element."""
    return [one for one in crystals() if any(atom[0] == element for atom in one.atoms)]


def computed(
    crystal_id: str,
    element: str,
    route: str,
    cache: Path | None,
    *,
    widths: str = DEFAULT,
    only_kept: bool = False,
) -> Computed | None:
    """The spectrum of a crystal's element; None where the route refuses one of its sites.

    Parameters
    ----------
    cache : folder that keeps results by route, version, widths and crystal; None keeps nothing
    only_kept : compute nothing, None for what is not kept
    """
    key = [*routes.version(route).values(), *([widths] if widths != DEFAULT else [])]
    path = cache / f"{'-'.join(key)}-{crystal_id}-{element}.npz" if cache else None
    if path is None or not path.exists():
        if only_kept:
            return None
        parts = _spectrum(crystal_id, element, route, Shape(widths))
        if path is None:
            return _of(crystal_id, *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.npz")
        np.savez(partial, energy=parts[0], intensity=parts[1], splitting=parts[2])
        partial.rename(path)
    with np.load(path) as kept:
        return _of(crystal_id, kept["energy"], kept["intensity"], float(kept["splitting"]))


def _of(
    crystal_id: str, energy: FloatArray, intensity: FloatArray, splitting: float
) -> Computed | None:
    from pymatgen.core import Composition

    formula = Composition(crystal(crystal_id).formula).reduced_formula
    return Computed(formula, crystal_id, energy, intensity, splitting) if energy.size else None


def _spectrum(
    crystal_id: str, element: str, route: str, shape: Shape
) -> tuple[FloatArray, FloatArray, float]:
    """Energy, intensity, splitting; empty where refused."""
    structure = crystal(crystal_id).structure()
    sites = analyze_sites(structure)
    parts, counts = [], []
    started = time.process_time()
    for site in sites:
        if site.element == element:
            try:
                parts.append(l23_spectrum(structure, sites, site, route, shape=shape))
            except ComputeError as error:
                sys.stderr.write(f"{crystal_id} {element}: {error}\n")
                return np.zeros(0), np.zeros(0), 0.0
            counts.append(len(site.equivalent_indices))
    start = min(part.energy_ev[0] for part in parts)
    stop = max(part.energy_ev[-1] for part in parts)
    energy = start + STEP_EV * np.arange(round((stop - start) / STEP_EV) + 1)
    total = sum(
        count * np.interp(energy, part.energy_ev, part.intensity, left=0.0, right=0.0)
        for count, part in zip(counts, parts, strict=True)
    )
    zeta = float(parts[0].result["parameters"]["final"]["zeta_2p"])
    sys.stderr.write(f"{crystal_id} {element}: {time.process_time() - started:.1f} CPU s\n")
    return energy, np.asarray(total) / sum(counts), 1.5 * zeta


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--route", choices=routes.ROUTES, default="cheap")
    parser.add_argument("--widths", choices=WIDTHS, default=DEFAULT)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("compounds", nargs="+", metavar="CRYSTAL:ELEMENT")
    arguments = parser.parse_args()
    for name in arguments.compounds:
        crystal_id, element = name.split(":")
        computed(crystal_id, element, arguments.route, arguments.cache, widths=arguments.widths)


if __name__ == "__main__":
    main()
