"""Make the measured references of ``compute/l23/cheap/anchors.json``, and score the energy scale.

    python -m compute.l23.fitting.cheap_anchors [--check] [--sizes]

Each measured reference is computed by route ``cheap``; its offset is the measured L3 maximum less
the computed one, curves broadened as an instrument would. Computed references, which the file
holds as well, are kept (``python -m tests.benchmarks.cheap_computed`` makes those). ``--check``
leaves the file as it is. Either way the predictions for references left out are printed: of
measured ones singly (the ion's own) and by element, of computed ones by ion and ligand.

``--sizes`` repeats the fits of the standard deviations: what sites share is the most likely in the
computed references, no measured one among them; what a theory is wrong by for one element is the
most likely of the measured ones, given the computed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.crystals.published import crystal
from compute.l23.cheap.anchor import (
    ANCHORS,
    SIZES,
    Kind,
    References,
    Scale,
    Sizes,
    kind_of,
    measured_and_computed,
)
from compute.l23.fitting.references import REFERENCES, Reference, seen_maximum
from compute.l23.spectrum import l23_spectrum
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]

_SCALES_DIFFER_EV = 0.5  # absolute scales of different instruments (EELS and XAS) disagree by this
_CHALCOGENIDE = 0.8  # units of optical electronegativity softer than oxide


def write_anchors() -> None:
    """Compute every measured reference and write the table."""
    table = json.loads(ANCHORS.read_text(encoding="utf-8"))
    write_table(table | {"references": [_row(reference) for reference in REFERENCES]})


def write_table(table: dict[str, Any]) -> None:
    """Write ``anchors.json``, a line for each reference."""
    parts = []
    for name, value in table.items():
        if isinstance(value, list):
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            parts.append(f' "{name}": [\n{rows}\n ]')
        else:
            parts.append(f' "{name}": {json.dumps(value, ensure_ascii=False)}')
    ANCHORS.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _row(reference: Reference) -> dict[str, Any]:
    structure = crystal(reference.crystal).structure()
    sites = analyze_sites(structure)
    site = next(
        s
        for s in sites
        if s.element == reference.element and s.oxidation_state == reference.valence
    )
    found = l23_spectrum(structure, sites, site)
    zeta = atomic_parameters(reference.element, reference.valence)["final"]["zeta_2p"]
    relative = seen_maximum(found.energy_ev, found.intensity, zeta) - found.energy_offset_ev
    kind = kind_of(site)
    sys.stderr.write(f"{reference.crystal} {reference.l3_ev - relative:.2f} eV\n")
    return asdict(reference) | {
        "softness": round(kind.softness, 3),
        "ligands": kind.ligands,
        "offset_ev": round(reference.l3_ev - relative, 3),
        "error_ev": round(float(np.hypot(reference.error_ev, _SCALES_DIFFER_EV)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="leave anchors.json as it is")
    parser.add_argument("--sizes", action="store_true", help="fit the standard deviations")
    given = parser.parse_args()
    if not given.check:
        write_anchors()
    if given.sizes:
        found = most_likely()
        lines = [f"{one.name} {getattr(found, one.name):.2f} eV\n" for one in fields(Sizes)]
        sys.stdout.write("".join(lines))
    sys.stdout.write(table() + families())


def most_likely() -> Sizes:
    """The standard deviations, by maximum likelihood."""
    from scipy.optimize import minimize, minimize_scalar

    rows = json.loads(ANCHORS.read_text(encoding="utf-8"))
    references = measured_and_computed(rows)
    of_theory = references.where(references.computed)
    spread = np.array([row["spread_ev"] for row in rows["computed"]])
    names = [one.name for one in fields(Sizes) if one.name != "theory"]

    def of_computed(logs: FloatArray) -> float:
        # The theory's part of an element cannot be told from the scale's.
        sizes = Sizes(**dict(zip(names, np.exp(logs).tolist(), strict=True)), theory=0.0)
        within = of_theory.sites - 1.0
        about = within @ (spread**2) / sizes.site**2 / 2.0 + within.sum() * np.log(sizes.site)
        return _unlikely(of_theory.covariance(sizes), of_theory.beyond_metal()) + float(about)

    start = np.log([getattr(SIZES, name) for name in names])
    logs = minimize(of_computed, start, method="L-BFGS-B", bounds=[(-4.0, 2.0)] * start.size).x
    found = Sizes(**dict(zip(names, np.exp(logs).tolist(), strict=True)))
    measured = references.where(~references.computed)

    def of_measured(theory: float) -> float:
        sizes = replace(found, theory=theory)
        mean, covariance = Scale(of_theory, sizes).together(measured.kinds)
        own = np.diag(measured.errors**2 + sizes.site**2)
        return _unlikely(covariance + own, measured.beyond_metal() - mean)

    theory = minimize_scalar(of_measured, bounds=(0.0, 2.0), method="bounded").x
    return replace(found, theory=float(theory))


def _unlikely(covariance: FloatArray, values: FloatArray) -> float:
    """−log of a normal density without its constant."""
    factor = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(factor, values)
    return float(whitened @ whitened / 2.0 + np.log(np.diag(factor)).sum())


def left_out(references: References, way: str) -> tuple[FloatArray, FloatArray]:
    """What measured references are missed by without them, and the standard errors of that, eV.

    Parameters
    ----------
    way : str
        ``ion`` leaves out the one, ``element`` all measured ones of its element: what is common to
        the computed ones is known from the other elements then.
    """
    missed = []
    for i in np.flatnonzero(~references.computed).tolist():
        kind = references.kinds[i]
        gone = np.arange(len(references.kinds)) == i
        if way == "element":
            alike = np.array([one.element == kind.element for one in references.kinds])
            gone = alike & ~references.computed
        mean, error = Scale(references.where(~gone)).at(kind)
        missed.append((mean - references.offsets[i], np.hypot(error, references.errors[i])))
    miss, sigma = np.array(missed).T
    return miss, sigma


def table() -> str:
    """Measured references left out, in Markdown."""
    rows = json.loads(ANCHORS.read_text(encoding="utf-8"))
    references = measured_and_computed(rows)
    found = {way: left_out(references, way) for way in ("ion", "element")}
    lines = [
        "| reference | seen | L3 | ion left out: misses by | in σ | element left out | in σ |\n"
    ]
    lines.append("|---|---|---|---|---|---|---|\n")
    for i, row in enumerate(rows["references"]):
        cells = [f"{miss[i]:+.2f} | {miss[i] / sigma[i]:+.1f}" for miss, sigma in found.values()]
        told = f"{row['crystal']} {row['element']} | {'yes' if row['seen'] else 'no'}"
        lines.append(f"| {told} | {row['l3_ev']} | {' | '.join(cells)} |\n")
    seen = np.array([row["seen"] for row in rows["references"]])
    for way, (miss, sigma) in found.items():
        rms, chi = (
            [float(np.mean(values[chosen] ** 2)) for chosen in (seen | True, seen)]
            for values in (miss, miss / sigma)
        )
        lines.append(
            f"\n{way.capitalize()} left out: RMS {rms[0] ** 0.5:.2f} eV, reduced χ² {chi[0]:.2f} "
            f"({seen.size} references); of the {seen.sum()} seen {rms[1] ** 0.5:.2f} eV, "
            f"{chi[1]:.2f}.\n"
        )
    return "".join(lines)


def families() -> str:
    """Computed references left out, an ion beside one kind of ligand at a time, in Markdown."""
    references = measured_and_computed(json.loads(ANCHORS.read_text(encoding="utf-8")))
    covariance, offsets = references.covariance(), references.beyond_metal()
    keys = [
        (kind.element, kind.valence, kind.softness) if computed else None
        for kind, computed in zip(references.kinds, references.computed, strict=True)
    ]
    found: dict[str, list[tuple[float, float]]] = {}
    for key in dict.fromkeys(key for key in keys if key is not None):
        out = np.array([one == key for one in keys])
        weights = np.linalg.solve(covariance[np.ix_(~out, ~out)], covariance[np.ix_(~out, out)])
        miss = weights.T @ offsets[~out] - offsets[out]
        left = np.diag(covariance[np.ix_(out, out)] - covariance[np.ix_(out, ~out)] @ weights)
        for kind, one, variance in zip(references.where(out).kinds, miss, left, strict=True):
            values = float(one), float(one / np.sqrt(variance))
            for name in ("all", *_classes(kind)):
                found.setdefault(name, []).append(values)
    lines = ["\n| families left out | n | RMS (eV) | reduced χ² |\n|---|---|---|---|\n"]
    for name in sorted(found, key=lambda one: (one != "all", one[0].isdigit(), one)):
        miss, z = np.array(found[name]).T
        rms, chi = np.sqrt(np.mean(miss**2)), np.mean(z**2)
        lines.append(f"| {name} | {len(z)} | {rms:.2f} | {chi:.2f} |\n")
    return "".join(lines)


def _classes(kind: Kind) -> tuple[str, ...]:
    beside = (
        "oxide" if kind.softness == 0.0
        else "sulphide, selenide" if kind.softness >= _CHALCOGENIDE
        else "fluoride and oxyfluoride" if kind.softness < 0.0
        else "chloride, bromide, iodide and with oxide"
    )  # fmt: skip
    return beside, f"{kind.ligands} ligands"


if __name__ == "__main__":
    main()
