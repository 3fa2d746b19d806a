"""Answers of several libraries to one query, weighed into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compute.matching import Match as Found
from compute.matching import MatchResult
from spectradb.models import Spectrum
from spectradb.services.matching.groups import Group
from spectradb.services.matching.levels import Seen

FloatArray = NDArray[np.float64]

_UNSEEN = 0.05  # of what is claimed where a smooth background explains more; convention
_BETWEEN_GROUPS = 0.3  # factor on log-evidence between elements, as within an uncalibrated one


@dataclass(frozen=True)
class Weighed:
    """Answers of libraries to one query, and how much each counts.

    Attributes
    ----------
    weight : float64 (k,)
        Sum 1.
    seen : bool
        Whether an edge is seen at all.
    """

    found: list[tuple[Group, MatchResult]]
    weight: FloatArray
    seen: bool

    @property
    def none_of_these(self) -> float:
        return float(self.weight @ np.array([result.none_of_these for _, result in self.found]))

    def pooled(self) -> list[tuple[Found, float, Group]]:
        """All candidates with their probabilities, likeliest first."""
        pooled = [
            (m, w * m.probability, group)
            for w, (group, result) in zip(self.weight.tolist(), self.found, strict=True)
            for m in result.matches
        ]
        return sorted(pooled, key=lambda one: (-one[1], -one[0].score))


def weighed(answered: Sequence[tuple[Group, MatchResult, float]]) -> Weighed:
    """Several libraries' answers, weighed by the evidence of their best candidates.

    The number with each is what a smooth curve explains of its query (`smooth_share`). A library in
    which nothing fits says little of the others: a survey over several edges need show one of them
    only. Where none sees an edge, hardly anything is left of what is claimed.
    """
    found = [(g, one) for g, one, smooth in answered if one.matches[0].r_squared >= smooth]
    seen = bool(found)
    if not seen:
        found = [(group, _unseen(result)) for group, result, _ in answered]
    best = np.array([result.matches[0].score for _, result in found])
    none = np.array([result.none_of_these for _, result in found])
    weight = np.exp(_BETWEEN_GROUPS * (best - best.max())) * np.maximum(1.0 - none, 1e-6)
    return Weighed(found, weight / weight.sum(), seen)


def _unseen(result: MatchResult) -> MatchResult:
    """What is left of an answer to a curve in which no edge is seen: hardly anything."""
    scaled = [replace(one, probability=_UNSEEN * one.probability) for one in result.matches]
    named = [replace(one, probability=_UNSEEN * one.probability) for one in result.alternatives]
    none = 1.0 - _UNSEEN * (1.0 - result.none_of_these)
    return replace(result, matches=scaled, alternatives=named, none_of_these=none)


def seen_of(probability: float, absorber: str, row: Spectrum) -> Seen:
    """What the levels need of a candidate; ``row`` with its site."""
    site = row.site
    if site is None:
        return Seen(probability, absorber, None, "", None, row.formula)
    return Seen(
        probability, absorber, site.oxidation_state, site.ligands, site.coordination_number,
        row.formula,
    )  # fmt: skip
