"""Whether the fitted model can be right: warnings, and when a number of peaks means nothing."""

from __future__ import annotations

from dataclasses import dataclass

from compute.peaks.grids import WorkGrid
from compute.peaks.search import Candidate


@dataclass(frozen=True)
class Verdict:
    """``plausible`` is False when the number of peaks must not be believed."""

    plausible: bool
    warnings: tuple[str, ...]


def judge_model(
    best: Candidate, grid: WorkGrid, noise: float, cap: int, *, sigma_known: bool
) -> Verdict:
    """Look at a final fit as a referee would."""
    return Verdict(True, ())
