"""Measured K spectra of the box among what route ``feff`` computes: which compound of many?

    python -m tests.benchmarks.measured_feff ABSORBER [--most 135] [--cache FOLDER]

Needs a loaded database (``demo``). Candidates are its real, ordered crystals of the absorber that
nothing was found against, one for each formula and space group, each the mean over its distinct
sites; with more than ``--most`` atoms within 7.5 Å (FEFF's sphere of multiple scattering, whose
cube its time goes with) a crystal is left out, whatever it is. Crystals of one formula are one
candidate, which counts by its best. Every measured spectrum whose formula is among them is asked
for; spectra of one formula are one question, by the mean of their ranks. Compared as in
``measured_k``: −10 to +40 eV about the edge, Pearson's r after the best shift. Spectra that were
computed stay in the cache.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from compute.edges import edge_energy
from compute.errors import ComputeError
from compute.normalise import normalise_xas
from tests.benchmarks.feff_reference import KEPT, Cache
from tests.benchmarks.measured_k import HIGH_EV, LOW_EV, STEP_EV, correlations
from tests.benchmarks.output import say

SPHERE_A = 7.5
FloatArray = NDArray[np.float64]


def crystals(absorber: str, most: float) -> list[tuple[str, Structure]]:
    """Formula and crystal, those with fewest atoms within the sphere first."""
    from spectradb.models import Structure as Row

    found: dict[tuple[str, int | None], tuple[float, Structure]] = {}
    for row in Row.objects.filter(hypothetical=False, findings=[]).order_by("source_id", "pk"):
        if absorber not in row.chemical_system.split("-"):
            continue
        one = row.to_pymatgen()
        within = len(one) / one.volume * 4.0 / 3.0 * np.pi * SPHERE_A**3
        key = (Composition(row.formula).reduced_formula, row.space_group_number)
        if one.is_ordered and within <= most:
            found.setdefault(key, (within, one))
    inside = sorted(((within, key[0], one) for key, (within, one) in found.items()), key=_first)
    return [(formula, one) for _, formula, one in inside]


def _first(one: tuple[float, str, Structure]) -> tuple[float, str]:
    return one[:2]


def computed(cache: Cache, crystal: Structure, absorber: str, grid: FloatArray) -> FloatArray:
    """Mean over the absorber's distinct sites on a grid of FEFF's energies."""
    same = SpacegroupAnalyzer(crystal).get_symmetrized_structure().equivalent_indices
    curves, weights = [], []
    for sites in same:
        if crystal[sites[0]].specie.symbol == absorber:
            one = cache.spectrum(crystal, sites[0], "K")
            curves.append(np.interp(grid, one.energy_ev, one.mu, left=0.0))
            weights.append(len(sites))
    return np.average(curves, axis=0, weights=weights)


def measured(absorber: str) -> dict[str, list[tuple[FloatArray, FloatArray]]]:
    """Normalised measured spectra by formula, on a grid about their edge."""
    from spectradb.models import Spectrum

    found = defaultdict(list)
    rows: Any = Spectrum.objects.filter(
        kind="experiment", edge="K", absorber=absorber, status="published"
    )
    for row in rows.order_by("pk"):
        energy, mu = np.asarray(row.energy, float), np.asarray(row.intensity, float)
        done = normalise_xas(energy, mu, element=absorber, edge="K")
        grid = done.e0_ev + np.arange(LOW_EV, HIGH_EV + STEP_EV / 2, STEP_EV)
        formula = Composition(row.formula).reduced_formula
        found[formula].append((grid, np.interp(grid, energy, done.normalised)))
    return found


def main() -> None:
    import django

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("absorber")
    parser.add_argument("--most", type=float, default=135.0)
    parser.add_argument("--cache", type=Path, default=KEPT)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    tabulated = edge_energy(given.absorber, "K")
    assert tabulated is not None
    cache, formulas, curves = Cache(given.cache), [], []
    # FEFF's edge may lie a thousandth of the energy off, and its spectra end 52 eV above it.
    grid = np.arange(tabulated - 60.0, tabulated + 90.0, STEP_EV)
    for formula, one in crystals(given.absorber, given.most):
        try:
            curves.append(computed(cache, one, given.absorber, grid))
        except ComputeError as error:
            say(f"{formula}: left out: {error}")
            continue
        formulas.append(formula)
        say(f"{formula}: {len(one)} atoms")
    names, table = np.array(formulas), np.array(curves)
    ranks = []
    say("compound | spectra | rank | of | r of the right one | r of the best")
    for formula, spectra in measured(given.absorber).items():
        if formula not in names:
            continue
        kinds = sorted(set(formulas))
        of_each = []
        for energy, mu in spectra:
            r = correlations(energy, mu, table, grid)
            best = {kind: float(r[names == kind].max()) for kind in kinds}
            place = 1 + sum(one > best[formula] for one in best.values())
            of_each.append((place, best[formula], max(best.values())))
        rank, right, top = np.mean(of_each, axis=0)
        ranks.append(rank)
        say(f"{formula} | {len(spectra)} | {rank:.1f} | {len(kinds)} | {right:.3f} | {top:.3f}")
    n, first = len(set(formulas)), np.array(ranks)
    say(
        f"{len(first)} compounds among {n}: first {(first < 1.5).sum()} (by chance "
        f"{len(first) / n:.2f}), in the first three {(first < 3.5).sum()} "
        f"({3 * len(first) / n:.2f}), mean rank {first.mean():.1f} ({(n + 1) / 2:.1f})"
    )


if __name__ == "__main__":
    main()
