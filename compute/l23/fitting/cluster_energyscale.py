"""Fit the constant of route ``cluster``'s absolute energies to measured L3 maxima.

    python -m compute.l23.fitting.cluster_energyscale --cache DIR

Measured less computed maxima as a mean, which is in use, and as a straight line in the atomic
number, and how either predicts elements left out. Half a minute of CPU for each crystal whose
spectrum is not in the folder yet.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.ions import atomic_number
from compute.l23.cluster.energyscale import CORRECTION_EV
from compute.l23.fitting.references import REFERENCES, Reference, seen_maximum
from compute.l23.spectrum import l23_spectrum
from compute.sites import analyze_sites

FITTED = (
    "perovskite-SrTiO3", "rocksalt-MnO", "perovskite-LaMnO3", "rutile-MnO2", "corundum-Fe2O3",
    "rocksalt-NiO", "CuO",
)  # fmt: skip


def missing_ev(reference: Reference, cache: Path) -> float:
    """Measured less computed L3 maximum without the constant, eV."""
    path = cache / f"cluster-{reference.crystal}.npz"
    if not path.exists():
        structure = crystal(reference.crystal).structure()
        sites = analyze_sites(structure)
        site = next(s for s in sites if s.element == reference.element)
        found = l23_spectrum(structure, sites, site, "cluster")
        np.savez(path, energy=found.energy_ev - CORRECTION_EV, intensity=found.intensity)
    with np.load(path) as kept:
        energy, intensity = kept["energy"], kept["intensity"]
    zeta = atomic_parameters(reference.element, reference.valence)["final"]["zeta_2p"]
    return reference.l3_ev - seen_maximum(energy, intensity, zeta)


def report(cache: Path) -> str:
    """The fits, and the errors of elements left out."""
    chosen = [one for one in REFERENCES if one.crystal in FITTED]
    numbers = np.array([atomic_number(one.element) - 25.0 for one in chosen])
    missing = np.array([missing_ev(one, cache) for one in chosen])
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
    for one in REFERENCES:
        miss = CORRECTION_EV - missing_ev(one, cache)
        out.append(f"{one.crystal} {one.element}: computed less measured {miss:+.2f} eV")
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of spectra")
    cache = parser.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(report(cache) + f"in use: {CORRECTION_EV}\n")


if __name__ == "__main__":
    main()
