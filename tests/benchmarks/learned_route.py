"""Route ``learned`` on families that were left out: parameters, spectra, time, rotation.

    python -m tests.benchmarks.learned_route [--seconds 2] [--most 60] [--ship] [--output FILE]

Rows are what route ``cluster`` has computed in the database in use (a loaded release). Spectra are
solved where the engine took no longer than ``--seconds`` for ``cluster``'s; of what is left out the
figures say nothing. ``--ship`` puts the model into the box.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.output import say

if TYPE_CHECKING:
    from ml.hamiltonian.parameters import Hamiltonian
    from spectradb.models import Calculation
    from spectradb.services.learning.hamiltonians import Row

_SHIFT_EV, _STEP_EV = 1.0, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of the engine, at most")
    parser.add_argument("--most", type=int, default=60, help="spectra to solve")
    parser.add_argument("--ship", action="store_true")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from spectradb.services.learning.hamiltonians import BOX, FILE, figures, train_hamiltonian

    begun = time.process_time()
    trained = train_hamiltonian(
        BOX if given.ship else Path(os.environ.get("TMPDIR", "/tmp")) / FILE
    )
    told = figures(trained) | {"training_cpu_s": time.process_time() - begun}
    told["bytes"] = trained.path.stat().st_size
    for name, one in told["parameters"].items():
        say(
            f"{name:24s} error {one['error']:.3f} of cheap {one['error_of_cheap']:.3f} ratio "
            f"{one['ratio']:.2f} median {one['median_ev']:.3f} eV within {one['within_68']:.2f} "
            f"{one['within_95']:.2f}"
        )
    for text in trained.left_out:
        say(f"left out: {text}")
    say({key: value for key, value in told.items() if key != "parameters"})
    pairs = list(zip(trained.rows, trained.held_out.estimates, strict=True))
    told["spectra"] = spectra(pairs, given.seconds, given.most)
    told["seconds_beyond_engine"] = seconds(trained.model, trained.rows)
    told["rotation"] = rotation(trained.model, trained.rows)
    say(told["spectra"])
    say({"ms": told["seconds_beyond_engine"], "rotation": told["rotation"]})
    if given.output:
        given.output.write_text(json.dumps(told, indent=1), encoding="utf-8")


def spectra(
    pairs: list[tuple[Row, Hamiltonian | None]], longest: float, most: int
) -> dict[str, Any]:
    """Held-out spectra beside those of ``cluster``, and those of ``cheap``."""
    from compute.l23.learned import case_of
    from compute.l23.spectrum import solve_prepared
    from spectradb.models import Calculation
    from spectradb.services.structures.sites import sites_of

    order = np.random.default_rng(0).permutation(len(pairs))
    found: dict[str, list[dict[str, float]]] = {"learned": [], "cheap": []}
    refused = solved = 0
    for k in order:
        row, estimate = pairs[k]
        calculation = Calculation.objects.select_related("structure", "site").get(
            pk=row.calculation
        )
        if calculation.results["seconds"] > longest or solved + refused >= most:
            continue
        if estimate is None:
            refused += 1
            continue
        solved += 1
        assert calculation.structure is not None
        assert calculation.site is not None
        index = calculation.site.index
        site = next(
            one
            for one in sites_of(calculation.structure)
            if index in one.equivalent_indices and one.element == calculation.absorber
        )
        case = case_of(site, row.quick.n_d, estimate.scalars, estimate.matrices, 0.0)
        found["learned"].append(compared(calculation, solve_prepared(case)))
        found["cheap"].append(compared(calculation, solve_prepared(row.quick)))
        say(f"{row.family} {found['learned'][-1]} {found['cheap'][-1]['cosine']:.3f}")
    return {"refused": refused, "solved": solved} | {
        name: {
            "cosine_099": sum(one["cosine"] >= 0.99 for one in values) / (len(values) + refused),
            "cosine_095": sum(one["cosine"] >= 0.95 for one in values) / (len(values) + refused),
            **{
                f"median_{key}": float(np.nanmedian([one[key] for one in values]))
                for key in values[0]
            },
        }
        for name, values in found.items()
        if values
    }


def compared(calculation: Calculation, other: Any) -> dict[str, float]:
    """Cosine with the stored curve at the best shift and as they are, differences of positions."""
    from compute.l23.likeness import likeness, shape

    stored = calculation.spectra.order_by("pk").first()
    assert stored is not None
    energy, first = np.asarray(stored.energy), np.asarray(stored.intensity)

    def cosine(shift: float) -> float:
        moved = np.interp(energy - shift, other.energy_ev, other.intensity, left=0.0, right=0.0)
        return float(first @ moved / np.sqrt((first @ first) * (moved @ moved)))

    shifts = np.arange(-_SHIFT_EV, _SHIFT_EV + _STEP_EV / 2, _STEP_EV)
    # Of unlike energy scales the shift is searched about that of the L3 maxima.
    middle = energy[first.argmax()] - other.energy_ev[other.intensity.argmax()]
    about = [cosine(s) for s in np.concatenate([shifts, shifts + middle])]
    splitting = 1.5 * calculation.parameters["final"]["zeta_2p"]
    shapes = [
        shape(x, y, splitting, sigma_ev=0.2, measured=False)
        for x, y in ((energy, first), (other.energy_ev, other.intensity))
    ]
    alike = likeness(*shapes)
    place = alike.position_ev
    return {
        "cosine": max(about),
        "cosine_unshifted": cosine(0.0),
        "position_ev": float(np.median(np.abs(place))) if place.size else np.nan,
        "l3_maximum_ev": abs(float(middle)),
    }


def seconds(model: Any, rows: list[Row]) -> dict[str, float]:
    """What a site costs beside the engine: what is given of it, and the model, ms."""
    from spectradb.models import Calculation
    from spectradb.services.learning.hamiltonians import site_input
    from spectradb.services.structures.sites import sites_of

    given, asked = [], []
    for row in rows[:: max(len(rows) // 20, 1)]:
        calculation = Calculation.objects.select_related("structure", "site").get(
            pk=row.calculation
        )
        assert calculation.structure is not None
        assert calculation.site is not None
        structure, sites = calculation.structure.to_pymatgen(), sites_of(calculation.structure)
        index = calculation.site.index
        site = next(
            one
            for one in sites
            if index in one.equivalent_indices and one.element == calculation.absorber
        )
        begun = time.process_time()
        site_input(structure, sites, site)
        middle = time.process_time()
        model.predict(row.given)
        given.append(1e3 * (middle - begun))
        asked.append(1e3 * (time.process_time() - middle))
    return {
        "given_median": float(np.median(given)),
        "given_largest": float(np.max(given)),
        "model_median": float(np.median(asked)),
        "model_largest": float(np.max(asked)),
    }


def rotation(model: Any, rows: list[Row]) -> float:
    """Largest difference that turning the crystal makes to a parameter, eV."""
    from dataclasses import replace

    from scipy.spatial.transform import Rotation

    from compute.orbitals import rotation_matrix

    largest = 0.0
    for k, row in enumerate(rows[:: max(len(rows) // 30, 1)]):
        turn = Rotation.random(random_state=k).as_matrix()
        d = rotation_matrix(turn)
        one = row.given
        n = len(one.ligands)
        p = np.kron(np.eye(n), turn)
        sp = np.eye(4)
        sp[1:, 1:] = turn
        turned = replace(
            one,
            sigma=d @ one.sigma @ p.T,
            pi=d @ one.pi @ p.T,
            among=p @ one.among @ p.T,
            outer=sp @ one.outer @ p.T,
            gradient=turn @ one.gradient @ turn.T,
            charges_field=d @ one.charges_field @ d.T,
            field=d @ one.field @ d.T,
        )
        a, b = model.predict(one).hamiltonian, model.predict(turned).hamiltonian
        for name, value in a.scalars.items():
            largest = max(largest, abs(value - b.scalars[name]))
        for name, matrix in a.matrices.items():
            largest = max(largest, float(np.abs(d @ matrix @ d.T - b.matrices[name]).max()))
    return largest


if __name__ == "__main__":
    main()
