"""What makes the first peak of Mn4+'s L3 as high as it is: one parameter varied at a time.

    python -m tests.benchmarks.t2g_peak [--growth] [--write]

Parameters of route `cheap` for MnO2 against the digitised spectrum, both with a Gaussian of 0.3 eV
(sigma). ``--growth`` tells instead how other compounds fare with widths that grow above each edge.
``--write`` puts the table into docs/measurements/multiplet.md. Two CPU minutes at most.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.l23.cheap.anchor import METAL_2P32_EV
from compute.l23.likeness import Shape, likeness, shape
from compute.l23.routes import prepare
from compute.multiplet import solve
from compute.sites import analyze_sites
from tests.benchmarks.l23_score import SPECTRA
from tests.benchmarks.ligandfield import read_spectrum
from tests.benchmarks.output import rewrite, say

Case = dict[str, Any]

DOCUMENT = Path("docs/measurements/multiplet.md")
SIGMA_EV = 0.3
GRID = {"start": -25.0, "stop": 45.0, "step": 0.05}
_TEN_DQ = np.diag([0.6, 0.6, -0.4, -0.4, -0.4])  # times 10Dq
_GROWTHS = ((0.0, 0.0), (0.05, 0.3), (0.1, 0.5), (0.15, 0.8))
_CRYSTAL, _MEASURED = "rutile-MnO2", "MnEdgeNet/Data3_MnO2.csv"


def base(crystal_id: str = _CRYSTAL, element: str = "Mn") -> Case:
    structure = crystal(crystal_id).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    return prepare(structure, sites, site, "cheap").case()


def variations(case: Case) -> Iterator[tuple[str, Case]]:
    """Each with its name."""
    transfer, field = case["charge_transfer"], np.asarray(case["crystal_field"]["matrix"])

    def changed(**keys: Any) -> Case:
        return copy.deepcopy(case) | keys

    def with_transfer(**keys: Any) -> Case:
        return changed(charge_transfer=transfer | keys)

    def with_slater(which: tuple[str, ...], factor: float) -> Case:
        return changed(**{
            state: {k: v * factor if k in which else v for k, v in case[state].items()}
            for state in ("initial", "final")
        })  # fmt: skip

    def at_the_hole(ten_dq: float, hopping: float) -> Case:
        v = hopping * np.asarray(transfer["v"])
        ligand = transfer["ligand"]
        return changed(
            final_field={"crystal_field": field + ten_dq * _TEN_DQ, "v": v, "ligand": ligand}
        )

    def with_field(ten_dq: float, **keys: Any) -> Case:
        return changed(crystal_field={"matrix": field + ten_dq * _TEN_DQ}, **keys)

    yield "as route `cheap` gives it (3 configurations)", case
    yield (
        "no charge transfer, 10Dq 2.4",
        changed(charge_transfer=None, crystal_field={"ten_dq": 2.4}),
    )
    for number in (2, 4):
        yield f"{number} configurations", with_transfer(configurations=number)
    yield "U_pd + 1.5", with_transfer(u_pd=transfer["u_pd"] + 1.5)
    yield "Δ + 1.5", with_transfer(delta=transfer["delta"] + 1.5)
    yield "hopping at the core hole × 0.8", at_the_hole(0.0, 0.8)
    yield "F(dd) × 0.75", with_slater(("F2dd", "F4dd"), 0.75)
    yield "G(pd) × 0.75", with_slater(("G1pd", "G3pd"), 0.75)
    yield "F2(pd) × 0.75", with_slater(("F2pd",), 0.75)
    yield "10Dq at the core hole + 0.5", at_the_hole(0.5, 1.0)
    for more in (0.5, 0.7, 1.0):
        yield f"10Dq + {more}", with_field(more)
    rise = {"per_ev": 0.15, "most_ev": 0.8}
    yield "`hwhm_rise` 0.15, 0.8", changed(hwhm_rise=rise)
    for more in (0.5, 0.7):
        yield f"10Dq + {more}, `hwhm_rise` 0.15, 0.8", with_field(more, hwhm_rise=rise)
    four = transfer | {"configurations": 4}
    yield "4 configurations, `hwhm_rise` 0.15, 0.8", changed(charge_transfer=four, hwhm_rise=rise)
    yield (
        "4 configurations, 10Dq + 0.5, `hwhm_rise` 0.15, 0.8",
        with_field(0.5, charge_transfer=four, hwhm_rise=rise),
    )


def row(name: str, one: Shape, measured: Shape) -> str:
    """Peaks below the main one, L2, and how alike the whole is."""
    listed = zip(one.positions, one.heights, strict=True)
    below = ", ".join(f"{e:+.2f}: {h:.2f}" for e, h in listed if e < -0.8) or "none"
    height = float(np.interp(one.l2, one.energy, one.intensity))
    found = likeness(measured, one)
    return (
        f"| {name} | {below} | {one.l2:+.2f}: {height:.2f} | {found.mismatch:.2f} "
        f"| {found.cosine:.3f} |\n"
    )


def computed(case: Case) -> Shape:
    found = solve(case | {"grid": GRID})
    splitting = 1.5 * found["parameters"]["final"]["zeta_2p"]
    energy, intensity = found["energy_ev"], found["intensity"]
    return shape(energy, intensity, splitting, sigma_ev=SIGMA_EV, measured=False)


def growths() -> Iterator[str]:
    """Rows of 1 - cosine with the measured spectrum, by growth."""
    yield "| | " + " | ".join(f"{a:g}, {b:g}" if a else "none" for a, b in _GROWTHS) + " |\n"
    yield "|---" * (1 + len(_GROWTHS)) + "|\n"
    for name, crystal_id, element in SPECTRA:
        case = base(crystal_id, element)
        ion = case["element"], case["charge"], case["n_d"]
        splitting = 1.5 * float(atomic_parameters(*ion)["final"]["zeta_2p"])
        energy, signal = read_spectrum(name)
        near = np.abs(energy - METAL_2P32_EV[element] - 8.0) < 30.0
        measured = shape(energy[near], signal[near], splitting, sigma_ev=SIGMA_EV, measured=True)
        told = []
        for per_ev, most_ev in _GROWTHS:
            rise = {"per_ev": per_ev, "most_ev": most_ev}
            found = likeness(measured, computed(case | {"hwhm_rise": rise}))
            told.append(f"{1 - found.cosine:.3f}")
        yield f"| {name} | {' | '.join(told)} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT}")
    parser.add_argument("--growth", action="store_true", help="other compounds")
    arguments = parser.parse_args()
    if arguments.growth:
        table = "".join(growths())
        say(table)
        if arguments.write:
            rewrite(DOCUMENT, "growth", table)
        return
    case = base()
    splitting = 1.5 * float(atomic_parameters("Mn", 4)["final"]["zeta_2p"])
    measured = shape(*read_spectrum(_MEASURED), splitting, sigma_ev=SIGMA_EV, measured=True)
    rows = [
        "| | peaks and shoulders below the main peak, eV: height | L2 | mismatch | cosine |\n",
        "|---|---|---|---|---|\n",
        row("measured", measured, measured),
    ]
    for name, changed in variations(case):
        rows.append(row(name, computed(changed), measured))
        say(rows[-1].strip())
    if arguments.write:
        rewrite(DOCUMENT, "t2g", "".join(rows))


if __name__ == "__main__":
    main()
