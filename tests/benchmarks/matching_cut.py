"""Where the right compound stands after the cheap passes, and what a longer list changes.

``python -m tests.benchmarks.matching_cut 40 Mn Fe``: records of the database's L2,3 libraries,
shifted (1.5 eV), broadened (0.2 to 0.6 eV), on a constant half as high, counted; "erring" ones are
stretched by 1 % (σ) and bent by 15 % (σ, over 3 eV) as well. All 400 that the rough pass leaves are
compared exactly; of the first n of its order alone probabilities are those of the same, normalised.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
django.setup()

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.ndimage import gaussian_filter1d  # noqa: E402

from compute.errors import InputError  # noqa: E402
from compute.matching.region import edge_region  # noqa: E402
from compute.matching.search import SHORTLIST, Searcher  # noqa: E402
from spectradb.models import Spectrum  # noqa: E402
from spectradb.services.matching.groups import groups  # noqa: E402
from spectradb.services.matching.index import library_of  # noqa: E402
from tests.benchmarks.output import say  # noqa: E402

Floats = NDArray[np.float64]

CUTS = (10, 20, 40, 80, 160, SHORTLIST)
KINDS = ((30, True), (300, True), (3000, False))  # counts at the maximum, whether theory errs
MAX_SHIFT_EV = 5.0
STEP_EV = 0.1


def main(n: int, elements: list[str]) -> None:
    for element in elements:
        group = groups(absorber=element, edge="L23")[0][0]
        library = library_of(group)
        ids = np.array(library.ids, int)
        valences = dict(
            Spectrum.objects.filter(pk__in=ids.tolist()).values_list("pk", "site__oxidation_state")
        )
        rng = np.random.default_rng(1)
        for counts, errs in KINDS:
            told: dict[int, list[tuple[float, ...]]] = {cut: [] for cut in CUTS}
            for right in rng.choice(ids, min(n, ids.size), replace=False).tolist():
                row = Spectrum.objects.get(pk=right)
                energy, values = _measured(row, rng, counts, errs=errs)
                try:
                    part = edge_region(energy, values, element, "L23", library.grid, MAX_SHIFT_EV)
                    order, p = _compared(library, *part)
                except InputError:  # nothing but noise
                    continue
                names = ids[order]
                for cut in CUTS:
                    told[cut].append(_scores(names[:cut], p, valences, right))
            say(f"{element} ({ids.size}), {counts} counts{', erring' if errs else ''}:")
            for cut, rows in told.items():
                there, compound, first, valence, best = np.mean(rows, axis=0)
                say(
                    f"  first {cut}: right one there {there:.2f}, its probability {compound:.3f}, "
                    f"likeliest {first:.2f}; valence: ln p {valence:.3f}, likeliest {best:.2f}"
                )


def _measured(
    row: Spectrum, rng: np.random.Generator, counts: int, *, errs: bool
) -> tuple[Floats, Floats]:
    energy = np.asarray(row.energy, float)
    grid = np.arange(energy[0] + 2, energy[-1] - 2, STEP_EV)
    at = grid - rng.uniform(-1.5, 1.5)
    if errs:
        at = at + (at - at[at.size // 3]) * rng.normal(0, 0.01)
    y = np.interp(at, energy, np.asarray(row.intensity, float))
    y = gaussian_filter1d(y, rng.uniform(0.2, 0.6) / STEP_EV)
    if errs:
        smooth = gaussian_filter1d(rng.normal(0, 1, grid.size), 15) * np.sqrt(30 * np.sqrt(np.pi))
        y = y * np.exp(0.15 * smooth)
    return grid, rng.poisson(counts * (y / y.max() + 0.5)).astype(float)


def _compared(library: Any, energy: Floats, values: Floats) -> tuple[NDArray[np.int64], Any]:
    """Rows in the order of the rough pass, and the probability of each record."""
    seen: list[NDArray[np.int64]] = []
    exactly = Searcher._exactly

    def watched(self: Searcher, curve: Any, row: NDArray[np.int64], *rest: Any) -> Any:
        seen.append(np.array(row))
        return exactly(self, curve, row, *rest)

    Searcher._exactly = watched  # type: ignore[method-assign]
    try:
        found = library.match(energy, values, top=SHORTLIST, max_shift_ev=MAX_SHIFT_EV)
    finally:
        Searcher._exactly = exactly  # type: ignore[method-assign]
    return seen[0], {int(str(one.spectrum_id)): one.probability for one in found.matches}


def _scores(
    names: NDArray[np.int64], p: dict[int, float], valences: dict[int, Any], right: int
) -> tuple[float, ...]:
    inside = {int(one): p[int(one)] for one in names if int(one) in p}
    whole = sum(inside.values())
    by_valence: dict[Any, float] = {}
    for name, share in inside.items():
        by_valence[valences[name]] = by_valence.get(valences[name], 0.0) + share / whole
    of_right = by_valence.get(valences[right], 0.0)
    return (
        float(right in inside),
        inside.get(right, 0.0) / whole,
        float(max(inside, key=lambda one: inside[one]) == right),
        float(np.log(max(of_right, 1e-3))),
        float(of_right >= max(by_valence.values())),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
