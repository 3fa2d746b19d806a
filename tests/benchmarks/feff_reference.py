"""Route ``feff`` against published spectra, tabulated edges, and the separation of L3 and L2.

    python -m tests.benchmarks.feff_reference cu_k [--cache FOLDER] [--only N]
    python -m tests.benchmarks.feff_reference l23 [--cache FOLDER]
    python -m tests.benchmarks.feff_reference edges [--cache FOLDER]

``cu_k`` recomputes twelve Cu K spectra of the Materials Project (FEFF 9.9.1; drawn by a seed from
materials of the shared data), a minute or two of one core each, and compares them: flattened, −10
to +50 eV about E0, after one shift. ``l23`` has both edges of Cu, Ni and Cu2O. ``edges`` compares
FEFF's edges of elements with the tabulated ones, which gives the error of the energy scale. Results
stay in the cache, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import time
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure

from compute.edges import edge_energy
from compute.errors import ComputeError
from compute.feff.edges import separation
from compute.feff.inputs import feff_input
from compute.feff.output import Xmu
from compute.feff.spectrum import add_edges, run_edge
from tests.benchmarks.output import say
from tests.shared_data import shared_data

SEED, COUNT = 15, 12
KEPT = Path(__file__).parents[2] / "docs" / "measurements" / "feff-cache"
LOW_EV, HIGH_EV, STEP_EV = -10.0, 50.0, 0.25
SHIFTS_EV = np.arange(-8.0, 8.01, 0.05)

# Cells of the American Mineralogist Crystal Structure Database: its number, group, a and c in Å.
METALS = {
    "Al": (11136, "Fm-3m", 4.04958, 0.0), "Ti": (11195, "P6_3/mmc", 2.950, 4.686),
    "Cr": (11209, "Im-3m", 2.8839, 0.0), "Fe": (670, "Im-3m", 2.866, 0.0),
    "Ni": (11153, "Fm-3m", 3.52387, 0.0), "Cu": (11145, "Fm-3m", 3.61496, 0.0),
    "Zn": (11200, "P6_3/mmc", 2.6648, 4.9467), "Mo": (11221, "Im-3m", 3.1473, 0.0),
    "Pd": (11155, "Fm-3m", 3.8898, 0.0), "Ag": (11135, "Fm-3m", 4.0862, 0.0),
    "Pt": (11157, "Fm-3m", 3.9231, 0.0), "Au": (11140, "Fm-3m", 4.07825, 0.0),
}  # fmt: skip
CUPRITE = (9326, "Pn-3m", 4.2685)
EDGES_OF_METALS = (
    ("Al", "K"), ("Ti", "K"), ("Cr", "K"), ("Fe", "K"), ("Ni", "K"), ("Cu", "K"), ("Zn", "K"),
    ("Mo", "K"), ("Ag", "K"), ("Ni", "L3"), ("Cu", "L3"), ("Zn", "L3"), ("Pd", "L3"),
    ("Pt", "L3"), ("Au", "L3"),
)  # fmt: skip


def metal(symbol: str) -> Structure:
    _, group, a, c = METALS[symbol]
    if c:
        lattice, place = Lattice.hexagonal(a, c), [1 / 3, 2 / 3, 1 / 4]
    else:
        lattice, place = Lattice.cubic(a), [0, 0, 0]
    return Structure.from_spacegroup(group, lattice, [symbol], [place])


def cuprite() -> Structure:
    return Structure.from_spacegroup(
        CUPRITE[1], Lattice.cubic(CUPRITE[2]), ["Cu", "O"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    )


class Cache:
    """Spectra by the hash of FEFF's input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def spectrum(self, structure: Structure, index: int, edge: str, above_ev: float = 0.0) -> Xmu:
        given = feff_input(structure, index, edge, above_ev=above_ev)
        path = self.folder / f"{hashlib.sha256(given.text.encode()).hexdigest()[:20]}.npz"
        if not path.exists():
            found, _ = run_edge(given)
            np.savez(path, energy=found.energy_ev, mu=found.mu, e=[found.step_ang2, found.e0_ev])
        kept = np.load(path)
        return Xmu(kept["energy"], kept["mu"], *map(float, kept["e"]))


def flattened(energy: np.ndarray, mu: np.ndarray, e0: float) -> np.ndarray:
    """On the grid about E0, less the line through its ends' slowly varying part and of unit step.

    The line is fitted 15 to 50 eV above E0, where both spectra oscillate about it, and its slope is
    taken out above the edge.
    """
    grid = np.arange(LOW_EV, HIGH_EV + STEP_EV / 2, STEP_EV)
    values = np.interp(grid + e0, energy, mu)
    after = grid >= 15.0
    slope, height = np.polyfit(grid[after], values[after], 1)
    values = values / height
    return np.where(grid > 0.0, values - slope / height * grid, values)


def best_correlation(mine: Xmu, energy: np.ndarray, mu: np.ndarray) -> tuple[float, float]:
    """Pearson's r after the shift that makes it largest, and that shift."""
    e0 = mine.e0_ev
    wanted = flattened(mine.energy_ev, mine.mu, e0)
    found = [
        float(np.corrcoef(wanted, flattened(energy, mu, e0 + shift))[0, 1]) for shift in SHIFTS_EV
    ]
    best = int(np.argmax(found))
    return found[best], float(SHIFTS_EV[best])


def cu_k(cache: Cache, only: int | None) -> None:
    folder = shared_data("feff_cu_k")
    kept = np.load(folder / "spectra.npz")
    with gzip.open(folder / "structures.jsonl.gz", "rt") as lines:
        crystals = {one["material_id"]: one for one in map(json.loads, lines)}
    random = np.random.default_rng(SEED)
    ids = kept["material_id"]
    chosen = []
    for name in random.choice(np.unique(ids), COUNT, replace=False):
        chosen.append(int(random.choice(np.flatnonzero(ids == name))))
    chosen.sort(key=lambda k: len(crystals[str(ids[k])]["species"]))
    results = []
    say("material | compound | atoms | r | shift, eV | s")
    for k in chosen[:only]:
        one = crystals[str(ids[k])]
        structure = Structure(Lattice(one["lattice"]), one["species"], one["frac"])
        part = slice(kept["offset"][k], kept["offset"][k + 1])
        begun = time.perf_counter()
        try:
            mine = cache.spectrum(structure, int(kept["site"][k]), "K")
        except ComputeError as error:
            say(f"{ids[k]} | {structure.reduced_formula} | {len(structure)} | {error}")
            results.append(-1.0)
            continue
        r, shift = best_correlation(
            mine, kept["energy"][part].astype(float), kept["mu"][part].astype(float)
        )
        results.append(r)
        seconds = time.perf_counter() - begun
        say(
            f"{ids[k]} | {structure.reduced_formula} | {len(structure)} | {r:.4f} | {shift:+.2f} | "
            f"{seconds:.0f}"
        )
    found = np.array(results)
    say(f"{len(found)} spectra: median r {np.median(found):.4f}, {(found >= 0.95).sum()} ≥ 0.95")


def l23(cache: Cache, only: int | None) -> None:
    cases = [("Cu", metal("Cu"), "Cu"), ("Ni", metal("Ni"), "Ni"), ("Cu2O", cuprite(), "Cu")]
    say("compound | L3, eV | L2, eV | apart | tabulated | step ratio L3/L2 | behind / between")
    for name, structure, element in cases[:only]:
        index = next(i for i, site in enumerate(structure) if site.specie.symbol == element)
        apart = separation(element, "L23")
        parts = [cache.spectrum(structure, index, "L3", apart)]
        parts.append(cache.spectrum(structure, index, "L2"))
        # The rise of each edge by itself: in the sum, fine structure of L3 lies under that of L2.
        steepest = [np.argmax(np.gradient(one.mu, one.energy_ev)) for one in parts]
        seen = [float(one.energy_ev[at]) for one, at in zip(parts, steepest, strict=True)]
        energy, mu = add_edges(parts)
        between = (energy > seen[0] + 8.0) & (energy < seen[1] - 3.0)
        behind = (energy > seen[1] + 8.0) & (energy < seen[1] + 50.0)
        say(
            f"{name} | {seen[0]:.2f} | {seen[1]:.2f} | {seen[1] - seen[0]:.2f} | {apart:.2f} | "
            f"{parts[0].step_ang2 / parts[1].step_ang2:.2f} | "
            f"{mu[behind].mean() / mu[between].mean():.2f}"
        )


def edges(cache: Cache, only: int | None) -> None:
    say("element | edge | FEFF, eV | tabulated, eV | difference")
    differences, energies = [], []
    for element, edge in EDGES_OF_METALS[:only]:
        try:
            mine = cache.spectrum(metal(element), 0, edge)
        except ComputeError as error:
            say(f"{element} | {edge} | {error}")
            continue
        tabulated = edge_energy(element, edge)
        assert tabulated is not None
        differences.append(mine.e0_ev - tabulated)
        energies.append(tabulated)
        say(f"{element} | {edge} | {mine.e0_ev:.1f} | {tabulated:.1f} | {differences[-1]:+.1f}")
    found, relative = np.array(differences), np.array(differences) / np.array(energies)
    say(
        f"{len(found)} edges: mean {found.mean():+.2f}, rms {np.sqrt((found**2).mean()):.2f} eV; "
        f"relative rms {np.sqrt((relative**2).mean()):.2e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cu_k", "l23", "edges"])
    parser.add_argument("--cache", type=Path, default=KEPT)
    parser.add_argument("--only", type=int, help="the first so many")
    given = parser.parse_args()
    {"cu_k": cu_k, "l23": l23, "edges": edges}[given.what](Cache(given.cache), given.only)


if __name__ == "__main__":
    main()
