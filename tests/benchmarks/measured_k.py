"""Measured Cu K spectra of the box among the computed ones of the shared data: which compound?

    python -m tests.benchmarks.measured_k

Candidates are the crystals of the Cu K set of the Materials Project (FEFF 9.9.1, 1,626 of them),
each the mean over its computed sites; those of one composition are one candidate, which counts by
its best crystal. A measured spectrum is normalised, and compared from −10 to +40 eV about the edge
by Pearson's r after the best shift of −20 to +5 eV. Only compounds that are in the set are asked
for; temperatures and repeats are one question, by the mean of their ranks.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from compute.normalise import normalise_xas
from tests.benchmarks.output import say
from tests.benchmarks.train_shipped import STARTER
from tests.shared_data import shared_data

LOW_EV, HIGH_EV, STEP_EV = -10.0, 40.0, 0.5
LEAST_SHIFT_EV, MOST_SHIFT_EV = -20.0, 5.0  # of measured energies less FEFF's
COMPUTED_EV = np.arange(8940.0, 9060.0, STEP_EV)
FloatArray = NDArray[np.float64]


def candidates() -> tuple[list[str], FloatArray]:
    """Composition of each crystal, and the means of their sites on the grid of energies."""
    folder = shared_data("feff_cu_k")
    kept = np.load(folder / "spectra.npz", allow_pickle=False)
    with gzip.open(folder / "structures.jsonl.gz", "rt") as lines:
        crystals = {one["material_id"]: one for one in map(json.loads, lines)}
    sites = defaultdict(list)
    for k, name in enumerate(kept["material_id"].tolist()):
        part = slice(kept["offset"][k], kept["offset"][k + 1])
        energy, mu = kept["energy"][part].astype(float), kept["mu"][part].astype(float)
        sites[name].append(np.interp(COMPUTED_EV, energy, mu, left=0.0))
    formulas = [Composition("".join(crystals[name]["species"])).reduced_formula for name in sites]
    return formulas, np.array([np.mean(curves, axis=0) for curves in sites.values()])


def correlations(
    energy: FloatArray, measured: FloatArray, computed: FloatArray, grid: FloatArray = COMPUTED_EV
) -> FloatArray:
    """(m,) largest Pearson's r of a measured curve with each computed one (m, n) on ``grid``."""
    shifts = energy[0] - grid
    query = (measured - measured.mean()) / np.linalg.norm(measured - measured.mean())
    found = np.full(len(computed), -1.0)
    for at in np.flatnonzero((shifts >= LEAST_SHIFT_EV) & (shifts <= MOST_SHIFT_EV)):
        window = computed[:, at : at + len(energy)]
        window = window - window.mean(axis=1, keepdims=True)
        found = np.maximum(found, window @ query / np.linalg.norm(window, axis=1))
    return found


def measured() -> dict[str, list[tuple[FloatArray, FloatArray]]]:
    """Normalised Cu K spectra of the box by formula, on a grid about the edge."""
    from spectradb.services.library.measured import TABLE, raw_of
    from spectradb.services.library.release import MEASURED, read_tables

    _, tables = read_tables(STARTER.parent / "measured" / "xaslib", MEASURED, (TABLE,))
    found = defaultdict(list)
    for row in tables[TABLE]:
        if (row["element"], row["edge"]) != ("Cu", "K"):
            continue
        raw = raw_of(row, {})
        done = normalise_xas(raw.energy_ev, raw.intensity, element="Cu", edge="K")
        grid = done.e0_ev + np.arange(LOW_EV, HIGH_EV + STEP_EV / 2, STEP_EV)
        formula = Composition(row["sample_formula"]).reduced_formula
        found[formula].append((grid, np.interp(grid, raw.energy_ev, done.normalised)))
    return found


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    formulas, computed = candidates()
    known = sorted(set(formulas))
    members = [np.array([one == name for one in formulas]) for name in known]
    say("compound | r with itself | rank | chance of the first three")
    for formula, queries in measured().items():
        if formula not in known:
            say(f"{formula} | not in the set")
            continue
        ranks, own = [], []
        for query in queries:
            found = correlations(*query, computed)
            scores = np.array([found[of].max() for of in members])
            own.append(scores[known.index(formula)])
            ranks.append(1 + int((scores > own[-1]).sum()))
        say(
            f"{formula} | {np.mean(own):.3f} | {np.mean(ranks):.0f} of {len(known)} | "
            f"{3 / len(known):.4f}"
        )


if __name__ == "__main__":
    main()
