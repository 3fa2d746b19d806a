"""Made mixtures of measured spectra, taken apart: shares, their errors, and what a match says.

Each part is a measured spectrum of one valence, over a line through its ends, scaled so that its
area is in proportion to the holes of its ion: so much each atom absorbs. Shares of valences are
compared with those that were put in.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measured_claims import interval
from tests.benchmarks.measured_set import MAX_SHIFT_EV, Measured, curve_of

if TYPE_CHECKING:
    from tests.benchmarks.measured_site import Site

Array = NDArray[np.float64]
SHARES = (0.3, 0.5, 0.7)
_EVERY = 2  # files of a valence: every other one, which keeps the time within a minute
WITHIN = 0.15


def mixtures(site: Site, spectra: list[Measured]) -> Iterator[str]:
    """Lines of the report, of manganese: the element of which one set holds several valences."""
    from compute.ions import d_electrons
    from compute.matching.region import edge_region
    from spectradb.services.matching.groups import whole_valences

    group, library = site.of("Mn")
    parts: dict[int, list[tuple[Array, Array]]] = {}
    for one in spectra:
        if one.source.startswith("Mn_Classifier") and one.single:
            (valence,) = one.valences
            curve = edge_region(
                *curve_of(one), group.absorber, group.edge, library.grid, MAX_SHIFT_EV
            )
            holes = 10 - (d_electrons("Mn", valence) or 0)
            parts.setdefault(valence, []).append(_by_the_atom(*curve, holes))
    right, covered, apart, agreed = [], [], [], []
    for number, (low, high) in enumerate(combinations(sorted(parts), 2)):
        for k, share in enumerate(SHARES):
            of_low = parts[low][(_EVERY * k + number) % len(parts[low])]
            of_high = parts[high][(_EVERY * k) % len(parts[high])]
            energy, values = _sum(of_low, of_high, share)
            mixed = library.mix(energy, values, max_shift_ev=MAX_SHIFT_EV)
            result = library.match(energy, values, top=60, max_shift_ev=MAX_SHIFT_EV)
            found: dict[int | None, float] = {}
            error = 0.0
            for part in mixed.components:
                for state, of in whole_valences(site.state[int(str(part.spectrum_id))]).items():
                    found[state] = found.get(state, 0.0) + of * part.share
                error = max(error, part.share_err)
            off = max(abs(found.get(low, 0.0) - share), abs(found.get(high, 0.0) - 1.0 + share))
            right.append(off <= WITHIN)
            apart.append(len(mixed.components) > 1)
            if apart[-1]:
                covered.append(off <= 2.0 * error)
            likely: dict[int | None, float] = {}
            for one_match in result.matches:
                state_of = site.state[int(str(one_match.spectrum_id))]
                for state, of in whole_valences(state_of).items():
                    likely[state] = likely.get(state, 0.0) + of * one_match.probability
            first = max(likely, key=lambda state: likely[state])
            agreed.append(found.get(first, 0.0) > 0.0)
    yield (
        "* made mixtures of measured spectra, two valences of manganese, 30, 50 and 70 %: shares "
        f"within {100 * WITHIN:.0f} points {interval(right)}, taken apart {interval(apart)}, of "
        f"those within two standard errors {interval(covered)}; the valence likeliest in a match "
        f"is in the mixture {interval(agreed)}"
    )


def _by_the_atom(energy: Array, values: Array, holes: int) -> tuple[Array, Array]:
    """A curve (n,) over the line through its ends (means of a tenth), of an area of its holes."""
    tenth = max(energy.size // 10, 1)
    ends = (values[:tenth].mean(), values[-tenth:].mean())
    line = np.interp(energy, [energy[tenth // 2], energy[-1 - tenth // 2]], ends)
    over = values - line
    return energy, over * holes / float(np.trapezoid(over, energy))


def _sum(one: tuple[Array, Array], other: tuple[Array, Array], share: float) -> tuple[Array, Array]:
    """``share`` of one and the rest of the other, where both reach."""
    low, high = max(one[0][0], other[0][0]), min(one[0][-1], other[0][-1])
    energy = np.arange(low, high, 0.1)
    first, second = (np.interp(energy, *curve) for curve in (one, other))
    return energy, share * first + (1.0 - share) * second
