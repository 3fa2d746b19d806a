"""Why a candidate fits: its peaks beside those of the query.

Both curves are split into Lorentzians at the library's resolution, and peaks are paired one to
one so that the sum of the distances is least. It explains a match; it does not rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from compute.matching.results import Overlay
from compute.peaks import Peak, decompose

MAX_PEAKS = 8
_FLOOR = 0.02  # of the height: what smaller features say is no matter of the match
_BEYOND_EV = 1.0  # peaks farther apart than this are not the same


@dataclass(frozen=True)
class PeakPair:
    """A peak of the query, one of the candidate as laid over it, or both; eV, query's units."""

    query_ev: float | None
    candidate_ev: float | None
    query_area: float | None
    candidate_area: float | None

    @property
    def difference_ev(self) -> float | None:
        """Query − candidate; None unless both are there."""
        if self.query_ev is None or self.candidate_ev is None:
            return None
        return self.query_ev - self.candidate_ev


def explain(overlay: Overlay, max_peaks: int = MAX_PEAKS) -> list[PeakPair]:
    """Peaks of a query and of the candidate laid over it, by energy.

    Raises
    ------
    InputError
        If a curve cannot be decomposed.
    """
    background = overlay.background
    query, candidate = (
        decompose(
            overlay.energy_ev, curve - background, max_peaks=max_peaks, noise_floor=_FLOOR
        ).peaks
        for curve in (overlay.query, overlay.fit)
    )
    return pair_peaks(query, candidate)


def pair_peaks(query: Sequence[Peak], candidate: Sequence[Peak]) -> list[PeakPair]:
    """One to one, within 1 eV; peaks without a partner stand alone."""
    apart = np.abs(
        np.subtract.outer([p.position_ev for p in query], [p.position_ev for p in candidate])
    ).reshape(len(query), len(candidate))
    # Beyond the limit all distances cost the same, so none is saved by pairing them.
    first, second = linear_sum_assignment(np.minimum(apart, _BEYOND_EV))
    partner = {
        int(i): int(j) for i, j in zip(first, second, strict=True) if apart[i, j] < _BEYOND_EV
    }
    pairs = [
        PeakPair(
            p.position_ev,
            candidate[partner[i]].position_ev if i in partner else None,
            p.area,
            candidate[partner[i]].area if i in partner else None,
        )
        for i, p in enumerate(query)
    ]
    taken = set(partner.values())
    pairs += [
        PeakPair(None, p.position_ev, None, p.area)
        for j, p in enumerate(candidate)
        if j not in taken
    ]
    return sorted(
        pairs, key=lambda p: p.query_ev if p.query_ev is not None else p.candidate_ev or 0
    )
