"""Fit the global prefactors of route ``cheap``, with leave-one-out errors.

    python -m compute.l23.fitting.cheap_prefactors

Prints what :data:`compute.l23.cheap.prefactors.PREFACTORS` holds and, for every published value,
the prediction of a fit without its compound.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from compute.crystals.published import crystal
from compute.l23.cheap.parameters import (
    Ingredients,
    assemble,
    effective_splitting,
    ingredients,
    with_powers,
)
from compute.l23.cheap.prefactors import PREFACTORS, Prefactors
from compute.l23.fitting.published import published, weight
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]

_FITTED = ("point_charge", "sd", "pd_sigma", "pd_pi", "outer", "pp", "d_power", "ligand_power")
_START = (1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 1.5, 0.3)
# Expected accuracy of each kind of value: relative for hoppings, eV for splittings.
_SIGMA = {"v_eg": 0.1, "v_t2g": 0.1, "ionic_10dq": 0.2, "ligand_10dq": 0.2, "total_10dq": 0.2}
_PRIOR_SIGMA = 0.7  # of the logarithm of the first five, about Harrison's own values


def predict(entry: dict[str, Any], prefactors: Prefactors) -> dict[str, float]:
    """Every quantity of a splitting entry, eV."""
    parts = with_powers(
        _ingredients(
            entry["crystal"],
            entry["element"],
            entry.get("geometry"),
            entry.get("lattice_ang"),
            entry.get("stands_for"),
        ),
        (prefactors.d_power, prefactors.ligand_power),
    )
    field = assemble(parts, prefactors)
    v, ionic, ligand = (np.diag(m) for m in (field.v, field.crystal_field, field.ligand))
    return {
        "v_eg": float(v[:2].mean()),
        "v_t2g": float(v[2:].mean()),
        "ionic_10dq": float(ionic[:2].mean() - ionic[2:].mean()),
        "ligand_10dq": float(ligand[:2].mean() - ligand[2:].mean()),
        "total_10dq": effective_splitting(field),
    }


def fit(
    entries: Sequence[dict[str, Any]],
    start: Prefactors | None = None,
    constants: Prefactors = PREFACTORS,
) -> Prefactors:
    """Least squares in the logarithms of the prefactors, from textbook values or given ones.

    ``constants`` gives those that are not fitted (scale of the Slater integrals, felt charge).
    """

    def residuals(x: FloatArray) -> FloatArray:
        prefactors = _from_logs(x, constants)
        out = list(x[:5] / _PRIOR_SIGMA)
        for entry in entries:
            predicted = predict(entry, prefactors)
            for kind, sigma in _SIGMA.items():
                if kind in entry:
                    scale = sigma * (entry[kind] if kind.startswith("v_") else 1.0)
                    out.append(weight(entry) * (predicted[kind] - entry[kind]) / scale)
        return np.array(out)

    values = _START if start is None else [getattr(start, name) for name in _FITTED]
    found = least_squares(residuals, np.log(values), loss="soft_l1", xtol=1e-4, ftol=1e-6)
    return _from_logs(found.x, constants)


def leave_one_out(
    entries: Sequence[dict[str, Any]], start: Prefactors
) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """Each entry with the prediction of a fit without any entry of its crystal."""
    out = []
    for name in dict.fromkeys(entry["crystal"] for entry in entries):
        prefactors = fit([entry for entry in entries if entry["crystal"] != name], start)
        held = [entry for entry in entries if entry["crystal"] == name]
        out += [(entry, predict(entry, prefactors)) for entry in held]
    return out


def main() -> None:
    write = sys.stdout.write
    entries = published()["splitting"]
    fitted = fit(entries)
    write(f"prefactors  {fitted}\nin use      {PREFACTORS}\n\n")
    write("crystal                element  quantity      published  fitted  leave-one-out\n")
    errors: dict[str, list[float]] = {}
    for entry, held_out in leave_one_out(entries, fitted):
        all_in = predict(entry, fitted)
        for kind in _SIGMA:
            if kind in entry:
                errors.setdefault(kind, []).append(held_out[kind] - entry[kind])
                write(
                    f"{entry['crystal']:22} {entry['element']:8} {kind:12} {entry[kind]:10.2f} "
                    f"{all_in[kind]:7.2f} {held_out[kind]:14.2f}\n"
                )
    for kind, values in errors.items():
        write(
            f"mean |leave-one-out error| of {kind}: {np.mean(np.abs(values)):.3f} eV "
            f"({len(values)} values)\n"
        )


def _from_logs(x: FloatArray, constants: Prefactors) -> Prefactors:
    return replace(constants, **dict(zip(_FITTED, np.exp(x).tolist(), strict=True)))


@cache
def _ingredients(
    name: str,
    element: str,
    geometry: str | None,
    lattice_ang: float | None,
    stands_for: str | None,
) -> Ingredients:
    entry = crystal(name)
    if lattice_ang is not None:
        entry = replace(entry, lattice=(lattice_ang,) * 3 + (90.0, 90.0, 90.0))
    structure = entry.structure()
    if stands_for is not None:
        structure.replace_species({stands_for: element})
    sites = analyze_sites(structure)
    site = next(
        s for s in sites if s.element == element and (geometry is None or s.geometry == geometry)
    )
    return ingredients(structure, sites, site)


if __name__ == "__main__":
    main()
