"""Fit the Slater factor of route ``cluster`` to optical spectra; its 10Dq beside the published.

    python -m compute.l23.fitting.cluster_slater --cache DIR

Half a minute of CPU for each crystal whose fields are not in the folder yet.

* 10Dq with the hopping of the fields as it is, and what a scale on hopping would do.
* Spin-pairing energies do not depend on 10Dq, only on repulsion: the factor of the Slater
  integrals that gives the published one is found for each crystal, and the power of
  ``compute.l23.cluster.slater.SLATER_SCALE`` is fitted to these. "Held out" is the energy by the
  power through the other ions; beside it stands a straight line in the ion's charge.

No L2,3 spectrum is looked at here.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.errors import ConvergenceError
from compute.l23.cluster.model import ChargeTransferModel
from compute.l23.cluster.parameters import model_of
from compute.l23.fitting.published import published
from compute.multiplet.case import parse_case
from compute.multiplet.determinants import space
from compute.multiplet.ligand_field import build_problem
from compute.multiplet.thermal import populate
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]
Level = tuple[float, int]  # energy above the lowest, degeneracy

_HOPPING_SCALES = (0.9, 0.95, 1.0, 1.05, 1.1)
_FACTORS = (0.75, 0.85, 0.95)  # of the Slater integrals; between them by interpolation
_ALL_LEVELS_K = 3e5
_SAME_EV = 1e-3
_PAIR_EV = 0.1  # how far 4A1 and 4E lie apart at most


@dataclass(frozen=True, eq=False)
class Kept:
    """What a site's fields say."""

    element: str
    charge: int
    model: ChargeTransferModel

    @property
    def share(self) -> float:
        """F² of the orbitals over that of the Hartree-Fock ion."""
        atom = atomic_parameters(self.element, self.charge, self.model.n_d, empty_shells=True)
        return self.model.initial.slater["F2dd"] / atom["initial"]["F2dd"]

    def ten_dq(self, hopping: float = 1.0) -> float:
        """With hopping scaled."""
        before, after = (
            replace(state, hopping=hopping * state.hopping)
            for state in (self.model.initial, self.model.final)
        )
        return replace(self.model, initial=before, final=after).ten_dq()

    @cache  # noqa: B019 - one table of a few sites
    def levels(self, factor: float) -> list[Level]:
        """Of the initial state in the cubic mean of its field, without spin-orbit coupling."""
        model = replace(self.model, slater_scale=factor)
        field, transfer = model.initial, model.transfer()
        case = {
            "element": self.element,
            "charge": self.charge,
            "initial": model.slater(field, "F2dd", "F4dd") | {"zeta_3d": 0.0},
            "crystal_field": {"matrix": _cubic(field.crystal_field)},
            "charge_transfer": {
                "delta": transfer.delta,
                "u_dd": transfer.u_dd,
                "u_pd": transfer.u_pd,
                "v": _cubic(field.hopping),
                "ligand": _cubic(field.ligand),
                "configurations": transfer.configurations,
            },
        }
        problem = build_problem(parse_case(case))
        charges, modulus = problem.charges, problem.modulus
        before = space(problem.shells, problem.initial_configurations, charges, modulus)
        energies = np.sort(populate(problem, before, _ALL_LEVELS_K, dense=True).energies)
        energies -= energies[0]
        starts = [0, *(i + 1 for i, gap in enumerate(np.diff(energies)) if gap > _SAME_EV)]
        return [(float(energies[a]), b - a) for a, b in pairwise([*starts, energies.size])]


def _cubic(matrix: FloatArray) -> FloatArray:
    d = np.diag(matrix)
    return np.diag([d[:2].mean()] * 2 + [d[2:].mean()] * 3)


def pairing(levels: Sequence[Level], transition: str) -> float:
    """Energy of a transition, eV, by the degeneracies of the cubic terms.

    Raises
    ------
    ValueError
        The term is not there.
    """
    above = levels[1:]
    if transition == "4A1,4E":
        single, double = ([e for e, found in above if found == g] for g in (4, 8))
        for first, second in product(single, double):
            if abs(second - first) < _PAIR_EV:
                return (first + second) / 2.0
        raise ValueError(transition)
    degeneracy = {"2E": 4, "1E": 2}[transition]
    return next(energy for energy, found in above if found == degeneracy)


def energy(kept: Kept, transition: str, factor: float) -> float:
    """By interpolation over factors."""
    values = [pairing(kept.levels(f), transition) for f in _FACTORS]
    return float(np.polyval(np.polyfit(_FACTORS, values, 2), factor))


def best_factor(kept: Kept, transition: str, measured: float) -> float:
    factors = np.linspace(0.5, 1.2, 701)
    errors = [abs(energy(kept, transition, f) - measured) for f in factors]
    return float(factors[int(np.argmin(errors))])


def fields_of(entry: dict[str, Any], folder: Path) -> Kept:
    """A site's fields, kept in a folder (our own pickles)."""
    geometry, lattice = entry.get("geometry"), entry.get("lattice_ang", "")
    name = "-".join(str(x) for x in (entry["crystal"], entry["element"], geometry or "", lattice))
    path = folder / f"{name}.pickle"
    if path.exists():
        kept: Kept = pickle.loads(path.read_bytes())
        return kept
    known = crystal(entry["crystal"])
    if lattice:
        known = replace(known, lattice=(lattice,) * 3 + (90.0, 90.0, 90.0))
    structure = known.structure()
    sites = analyze_sites(structure)
    site = next(
        s for s in sites if s.element == entry["element"] and geometry in (None, s.geometry)
    )
    model = model_of(structure, sites, site)
    found = Kept(site.element, round(site.oxidation_state), model)
    path.write_bytes(pickle.dumps(found))
    return found


def rows(entries: Sequence[dict[str, Any]], folder: Path) -> Iterator[tuple[dict[str, Any], Kept]]:
    """Every entry whose site converges; failures go to stderr."""
    for entry in entries:
        try:
            yield entry, fields_of(entry, folder)
        except ConvergenceError as error:
            sys.stderr.write(f"{entry['crystal']} {entry['element']}: {error}\n")


def splitting_report(folder: Path) -> str:
    entries = [e for e in published()["splitting"] if "total_10dq" in e]
    out = ["| crystal | ion | Δ | Δ_f | published 10Dq | computed | difference |"]
    out.append("|---" * 7 + "|")
    errors = []
    for entry, kept in rows(entries, folder):
        transfer = kept.model.transfer()
        values = [kept.ten_dq(scale) for scale in _HOPPING_SCALES]
        found = kept.ten_dq()
        cells = [f"{transfer.delta:.1f}", f"{transfer.delta + transfer.u_dd - transfer.u_pd:.1f}"]
        cells += [f"{entry['total_10dq']:.2f}", f"{found:.2f}"]
        difference = found - entry["total_10dq"]
        if kept.model.n_d:
            errors.append([value - entry["total_10dq"] for value in values])
            cells.append(f"{difference:+.2f}")
        else:
            cells.append(f"({difference:+.2f})")
        name = f"{entry['crystal']} | {kept.element}{kept.charge}+"
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    error = np.array(errors)
    out += [f"\n{len(error)} optical values (those of d0 are fits of spectra, another quantity):\n"]
    out += ["| hopping times | mean absolute error | mean | RMS |", "|---|---|---|---|"]
    for k, scale in enumerate(_HOPPING_SCALES):
        e = error[:, k]
        cells = [f"{np.mean(np.abs(e)):.3f}", f"{e.mean():+.3f}", f"{np.sqrt(np.mean(e**2)):.3f}"]
        out.append(f"| {scale} | " + " | ".join(cells) + " |")
    return "\n".join(out) + "\n"


def line(x: FloatArray, y: FloatArray) -> FloatArray:
    """Intercept and slope by least squares."""
    return np.asarray(np.polynomial.polynomial.polyfit(x, y, 1))


def pairing_report(folder: Path) -> str:
    found = [
        (e, kept, best_factor(kept, e["transition"], e["energy_ev"]))
        for e, kept in rows(published()["spin_pairing"], folder)
    ]
    charges = np.array([kept.charge for _, kept, _ in found], dtype=float)
    shares = np.log([kept.share for _, kept, _ in found])
    factors = np.log([factor for _, _, factor in found])
    out = ["| crystal | ion | term | published | share of F² | best factor | in use | computed "]
    out[0] += "| held out | held out, by charge |"
    out.append("|---" * 10 + "|")
    errors = []
    for (entry, kept, factor), share, charge in zip(found, shares, charges, strict=True):
        ion = (kept.element, kept.charge)
        others = np.array([(other.element, other.charge) != ion for _, other, _ in found])
        held, by_charge = (
            line(shares[others], factors[others]),
            line(charges[others], factors[others]),
        )
        tried = (
            kept.model.slater_scale,
            float(np.exp(held @ (1.0, share))),
            float(np.exp(by_charge @ (1.0, charge))),
        )
        values = [energy(kept, entry["transition"], f) for f in tried]
        errors.append([value - entry["energy_ev"] for value in values])
        cells = [entry["crystal"], f"{kept.element}{kept.charge}+", entry["transition"]]
        cells += [f"{entry['energy_ev']:.2f}", f"{kept.share:.3f}", f"{factor:.3f}"]
        cells += [f"{tried[0]:.3f}", *(f"{v:.2f}" for v in values)]
        out.append("| " + " | ".join(cells) + " |")
    intercept, power = line(shares, factors)
    spread = factors - (intercept + power * shares)
    mean = np.mean(np.abs(errors), axis=0)
    out.append(
        f"\nLeast squares: {np.exp(intercept):.3f} share^{power:.2f} (scatter "
        f"{spread.std(ddof=2):.3f}). Mean absolute error of the energies {mean[0]:.3f} eV, ions "
        f"held out {mean[1]:.3f} eV, by a line in the charge {mean[2]:.3f} eV."
    )
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of computed fields")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(splitting_report(arguments.cache) + "\n" + pairing_report(arguments.cache))


if __name__ == "__main__":
    main()
