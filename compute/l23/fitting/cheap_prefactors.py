"""Fit the global prefactors of route ``cheap``, with errors for families left out.

    python -m compute.l23.fitting.cheap_prefactors [--fit]

Prints every published value beside the route's, and beside what a fit without its family gives. A
family is all values of one ion beside one ligand (all oxides of Cr³⁺, all cuprates, the aqua ion
of Fe²⁺): leaving out one crystal would hide what a sister crystal tells. ``--fit`` repeats the fit
first; otherwise the constants in use are the start. A fit without a family is one weighted
Gauss–Newton step from the common one, evaluated with the whole model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compute.crystals.published import crystal
from compute.l23.cheap.parameters import Ingredients, assemble, effective_splitting, ingredients
from compute.l23.cheap.prefactors import PREFACTORS, Prefactors
from compute.l23.cheap.validity import LIGANDS
from compute.l23.fitting.complexes import complex_structure
from compute.l23.fitting.published import published, weight
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]
Entry = dict[str, Any]

_FITTED = (
    "point_charge", "repulsion", "repulsion_gap_ev", "pd_sigma", "pd_pi", "pp", "outer", "d_power",
    "ligand_power", "distance_power",
)  # fmt: skip
# Harrison's own values, and how far the logarithms may stray from them.
_PRIOR = {
    "point_charge": (1.0, 0.7), "repulsion": (1.0, 0.7), "repulsion_gap_ev": (6.0, 0.5),
    "pd_sigma": (1.0, 0.7), "pd_pi": (1.0, 0.7), "pp": (0.3, 0.7), "outer": (1.0, 0.7),
}  # fmt: skip
# Expected accuracy of each kind of value: relative for hoppings, eV for splittings.
_SIGMA = {
    "v_eg": 0.12, "v_t2g": 0.12, "ionic_10dq": 0.25, "ligand_10dq": 0.3, "total_10dq": 0.15,
}  # fmt: skip
# Cyanides are outside the route's range, and the 10Dq of an empty shell is no optical one.
_CYANIDE, _EMPTY_SHELL = 0.3, 0.5
_STEP = 1e-3


@dataclass(frozen=True)
class Value:
    """A published entry with its site's ingredients."""

    entry: Entry
    parts: Ingredients

    @property
    def ligand(self) -> str:
        """``H2O``, ``NH3``, ``CN`` or the ligands' element."""
        return str(self.entry.get("ligand", self.parts.site.ligand_elements[0]))

    @property
    def family(self) -> tuple[str, float, str]:
        """Ion and ligand."""
        site = self.parts.site
        return site.element, site.oxidation_state, self.ligand

    @property
    def name(self) -> str:
        """The crystal, or the complex."""
        entry = self.entry
        return str(entry.get("crystal") or f"{entry['element']}({entry['ligand']}){entry['count']}")

    @property
    def in_range(self) -> bool:
        """Whether the route states a range that holds it."""
        return self.ligand in (*LIGANDS, "H2O") and self.parts.n_d > 0


def entries() -> list[Entry]:
    """All published values that are used."""
    every = [*published()["splitting"], *published()["complex_splitting"]]
    return [entry for entry in every if "left_out" not in entry]


def values(chosen: Sequence[Entry] | None = None) -> list[Value]:
    """Entries with their sites' ingredients; all of them by default."""
    return [Value(entry, _parts(entry)) for entry in (entries() if chosen is None else chosen)]


def predict(parts: Ingredients, prefactors: Prefactors) -> dict[str, float]:
    """Every quantity of a splitting entry, eV."""
    field = assemble(parts, prefactors)
    v, ionic, ligand = (np.diag(m) for m in (field.v, field.crystal_field, field.ligand))
    return {
        "v_eg": float(v[:2].mean()),
        "v_t2g": float(v[2:].mean()),
        "ionic_10dq": float(ionic[:2].mean() - ionic[2:].mean()),
        "ligand_10dq": float(ligand[:2].mean() - ligand[2:].mean()),
        "total_10dq": effective_splitting(field),
    }


def residuals(value: Value, prefactors: Prefactors) -> FloatArray:
    """Weighted residuals of one entry."""
    predicted = predict(value.parts, prefactors)
    out = []
    for kind, sigma in _SIGMA.items():
        if kind in value.entry:
            scale = sigma * (value.entry[kind] if kind.startswith("v_") else 1.0)
            share = weight(value.entry)
            if kind == "total_10dq" and value.ligand == "CN":
                share *= _CYANIDE
            if kind == "total_10dq" and value.parts.n_d == 0:
                share *= _EMPTY_SHELL
            out.append(share * (predicted[kind] - value.entry[kind]) / scale)
    return np.array(out)


def fit(
    known: Sequence[Value], start: Prefactors = PREFACTORS, *, evaluations: int = 8
) -> Prefactors:
    """Least squares with a soft-L1 loss in the logarithms of the prefactors.

    What is not fitted (scale of the Slater integrals, felt charge) is as in ``start``.
    """

    def all_of(x: FloatArray) -> FloatArray:
        prefactors = _from_logs(x, start)
        return np.concatenate([_prior(prefactors), *(residuals(v, prefactors) for v in known)])

    x0 = np.log([getattr(start, name) for name in _FITTED])
    found = least_squares(
        all_of, x0, loss="soft_l1", max_nfev=evaluations, diff_step=_STEP, xtol=1e-3, ftol=1e-4
    )
    return _from_logs(found.x, start)


def left_out(known: Sequence[Value], fitted: Prefactors) -> list[dict[str, float]]:
    """What each value is predicted to be by a fit without its family."""
    x = np.log([getattr(fitted, name) for name in _FITTED])
    now = [residuals(value, fitted) for value in known]
    slopes = [np.empty((r.size, x.size)) for r in now]
    prior = np.empty((_prior(fitted).size, x.size))
    for k in range(x.size):
        moved = _from_logs(x + _STEP * np.eye(x.size)[k], fitted)
        prior[:, k] = (_prior(moved) - _prior(fitted)) / _STEP
        for value, before, slope in zip(known, now, slopes, strict=True):
            slope[:, k] = (residuals(value, moved) - before) / _STEP
    out = []
    for held in known:
        rows = [i for i, value in enumerate(known) if value.family != held.family]
        j = np.vstack([prior, *(slopes[i] for i in rows)])
        r = np.concatenate([_prior(fitted), *(now[i] for i in rows)])
        w = (1.0 + r**2) ** -0.25  # soft L1, as weights
        step = np.linalg.lstsq(j * w[:, None], -r * w, rcond=None)[0]
        out.append(predict(held.parts, _from_logs(x + step, fitted)))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="repeat the fit")
    fitted = fit(values()) if parser.parse_args().fit else PREFACTORS
    by_value, by_class = tables(values(), fitted)
    sys.stdout.write(f"{fitted}\n\n{by_value}\n{by_class}")


def tables(known: Sequence[Value], fitted: Prefactors) -> tuple[str, str]:
    """Every value with its predictions, and the errors by class, in Markdown."""
    lines = ["| site | ion | value | published | seen | fitted | family left out |\n"]
    lines.append("|---|---|---|---|---|---|---|\n")
    errors: dict[str, list[tuple[Value, float, float]]] = {}
    for value, held in zip(known, left_out(known, fitted), strict=True):
        here, site = predict(value.parts, fitted), value.parts.site
        for kind in _SIGMA:
            if kind in value.entry:
                target = value.entry[kind]
                errors.setdefault(kind, []).append(
                    (value, here[kind] - target, held[kind] - target)
                )
                lines.append(
                    f"| {value.name} | {site.element}{site.oxidation_state:.0f}+ | {kind} | "
                    f"{target:.2f} | {'yes' if value.entry['seen'] else 'no'} | {here[kind]:.2f} | "
                    f"{held[kind]:.2f} |\n"
                )
    by_class = _classes(errors.pop("total_10dq"))
    others = [f"{k} {_mean_abs(v):.2f} eV ({len(v)})" for k, v in errors.items()]
    return "".join(lines), f"{by_class}\nMean |family left out| of the rest: {', '.join(others)}.\n"


def _classes(found: Sequence[tuple[Value, float, float]]) -> str:
    """Errors of 10Dq by class, and of all that were seen in the range."""
    lines = ["| class | n | seen | bias | mean abs. | bias left out | mean abs. left out |\n"]
    lines.append("|---|---|---|---|---|---|---|\n")
    by_class: dict[str, list[tuple[Value, float, float]]] = {}
    for one in found:
        by_class.setdefault(_class(one[0]), []).append(one)
    groups = sorted(by_class.items())
    seen = [one for one in found if one[0].in_range and one[0].entry["seen"]]
    groups += [("**in range, seen**", seen)]
    groups += [("in range, all", [one for one in found if one[0].in_range])]
    for name, members in groups:
        here, held = np.array([e for _, e, _ in members]), np.array([e for _, _, e in members])
        n_seen = sum(value.entry["seen"] for value, _, _ in members)
        lines.append(
            f"| {name} | {len(members)} | {n_seen} | {here.mean():+.2f} | {np.abs(here).mean():.2f}"
            f" | {held.mean():+.2f} | {np.abs(held).mean():.2f} |\n"
        )
    return "".join(lines)


def _class(value: Value) -> str:
    site = value.parts.site
    kind = {
        "O": "oxide",
        "F": "fluoride",
        "S": "sulphide",
        "H2O": "aqua",
        "NH3": "ammine",
        "CN": "cyanide",
    }
    name = kind.get(value.ligand, "heavier halide")
    if value.parts.n_d == 0:
        return "empty shell (no optical 10Dq)"
    if site.coordination_number == 4:
        name = f"{name}, four ligands"
    return f"{site.oxidation_state:.0f}+ {name}"


def _mean_abs(found: Sequence[tuple[Value, float, float]]) -> float:
    return float(np.mean([abs(error) for _, _, error in found]))


def _prior(prefactors: Prefactors) -> FloatArray:
    return np.array(
        [np.log(getattr(prefactors, name) / mean) / sigma for name, (mean, sigma) in _PRIOR.items()]
    )


def _from_logs(x: FloatArray, constants: Prefactors) -> Prefactors:
    return replace(constants, **dict(zip(_FITTED, np.exp(x).tolist(), strict=True)))


def _parts(entry: Entry) -> Ingredients:
    if "crystal" not in entry:
        structure, charges = complex_structure(
            entry["element"], entry["valence"], entry["ligand"], entry["count"],
            entry["distance_ang"],
        )  # fmt: skip
        sites = analyze_sites(structure, stated=charges)
        return ingredients(structure, sites, sites[0])
    found = crystal(entry["crystal"])
    if "lattice_ang" in entry:
        found = replace(found, lattice=(entry["lattice_ang"],) * 3 + (90.0, 90.0, 90.0))
    structure = found.structure()
    if "stands_for" in entry:
        structure.replace_species({entry["stands_for"]: entry["element"]})
    sites = analyze_sites(structure)
    site = next(
        s
        for s in sites
        if s.element == entry["element"]
        and entry.get("geometry") in (None, s.geometry)
        and entry.get("point_group") in (None, s.point_group)
    )
    return ingredients(structure, sites, site)


if __name__ == "__main__":
    main()
