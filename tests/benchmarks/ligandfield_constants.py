"""Leave-one-out figures of the constants of route ``cheap`` that were set while spectra were seen.

    python -m tests.benchmarks.ligandfield_constants --cache DIR [--output TABLE.md]

Three global constants are not fitted to splittings: the scale of the Slater integrals, the share
of the formal charge that radial functions feel, and the weight that ligand holes left out may
have. Every combination is tried on every compound (the prefactors fitted anew to the published
splittings); each compound is then scored by the combination that is best for the *others*.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from compute.crystals.published import crystal
from compute.l23.cheap.holes import LEFT_OUT, configurations
from compute.l23.cheap.parameters import ligand_field, parameters
from compute.l23.cheap.prefactors import PREFACTORS, Prefactors
from compute.l23.fitting.cheap_prefactors import fit, values
from compute.l23.spectrum import solve_prepared
from compute.l23.splitting import hund_exchange
from compute.sites import analyze_sites
from tests.benchmarks.ligandfield import COMPOUNDS, Source, positions
from tests.benchmarks.output import write
from tests.shared_data import shared_data

SLATER_SCALES = (0.75, 0.8, 0.85)
CHARGE_SHARES = (0.25, 0.5, 0.75, 1.0)
LEFT_OUT_WEIGHTS = (0.05, 0.1, 0.2)
_IN_USE = (PREFACTORS.slater_scale, PREFACTORS.charge_share, LEFT_OUT)


@dataclass(frozen=True)
class Choice:
    """One combination of the three constants."""

    slater_scale: float
    charge_share: float
    left_out: float

    def __str__(self) -> str:
        return f"{self.slater_scale:g}, {self.charge_share:g}, {self.left_out:g}"


CHOICES = [Choice(*one) for one in product(SLATER_SCALES, CHARGE_SHARES, LEFT_OUT_WEIGHTS)]


def errors(cache: Path) -> Iterator[tuple[Choice, dict[str, list[float]]]]:
    """For each choice, the absolute errors of the positions of each compound, eV."""
    facts = json.loads(shared_data("l23_literature", "facts.json").read_text())["peaks"]
    known = values()
    fitted: dict[tuple[float, float], Prefactors] = {}
    for choice in CHOICES:
        key = (choice.slater_scale, choice.charge_share)
        if key not in fitted:
            constants = replace(PREFACTORS, slater_scale=key[0], charge_share=key[1])
            fitted[key] = fit(known, constants)
        folder = cache / str(choice).replace(", ", "_")
        for name in COMPOUNDS:
            _store(name, choice, fitted[key], cache, folder)
        found: dict[str, list[float]] = {name: [] for name in COMPOUNDS}
        for row in positions(facts, Source("cheap", folder)):
            if row[4] != "missing":
                found[row[0]].append(abs(float(row[4])))
        sys.stderr.write(f"{choice}\n")
        yield choice, found


def _store(name: str, choice: Choice, prefactors: Prefactors, cache: Path, folder: Path) -> None:
    """Put the compound's spectrum where the benchmark looks for it; solved once a parameter set."""
    crystal_id, element, _ = COMPOUNDS[name]
    structure = crystal(crystal_id).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    prepared = parameters(structure, sites, site, prefactors=prefactors)
    transfer = prepared.charge_transfer
    if transfer is None:
        raise SystemExit(f"{name}: no hopping, so that no configuration is to be chosen")
    field = ligand_field(structure, sites, site, prefactors)
    number = configurations(
        field.n_d,
        field.crystal_field,
        field.v,
        field.ligand,
        field.charge_transfer,
        field.slater_scale * hund_exchange(field.radial.initial),
        choice.left_out,
    )
    scales = f"{choice.slater_scale:g}_{choice.charge_share:g}"
    kept = cache / "solved" / f"{name}_{scales}_{number}.npz"
    if not kept.exists():
        transfer = replace(transfer, configurations=number)
        found = solve_prepared(replace(prepared, charge_transfer=transfer))
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, energy=found.energy_ev, intensity=found.intensity)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"cheap-{name}.npz").write_bytes(kept.read_bytes())


def report(table: dict[Choice, dict[str, list[float]]]) -> str:
    gated = [name for name in COMPOUNDS if name != "NiO"]

    def mean(choice: Choice, names: list[str]) -> float:
        return float(np.mean([e for name in names for e in table[choice][name]]))

    in_use = Choice(*_IN_USE)
    out = ["| compound | in use | left out | chosen without it (scale, share, left out) |",
           "|---|---|---|---|"]  # fmt: skip
    left_out = []
    for name in gated:
        others = [one for one in gated if one != name]
        best = min(table, key=lambda choice: mean(choice, others))
        left_out += table[best][name]
        out.append(f"| {name} | {mean(in_use, [name]):.2f} | {mean(best, [name]):.2f} | {best} |")
    best = min(table, key=lambda choice: mean(choice, gated))
    out.append(
        f"\nMean absolute error, eV: {mean(in_use, gated):.3f} with the constants in use, "
        f"{np.mean(left_out):.3f} left out, {mean(best, gated):.3f} with the best ({best}).\n"
    )
    out += ["| scale, share, left out | MAE (eV) |", "|---|---|"]
    out += [f"| {choice} | {mean(choice, gated):.3f} |" for choice in table]
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of computed spectra")
    parser.add_argument("--output", type=Path, help="Markdown file; stdout without it")
    arguments = parser.parse_args()
    text = report(dict(errors(arguments.cache)))
    write(text, arguments.output)


if __name__ == "__main__":
    main()
