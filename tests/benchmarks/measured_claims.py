"""Probabilities that were claimed and whether they came true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Claims:
    """Probabilities claimed and whether they came true, of one level."""

    probability: list[float] = field(default_factory=list)
    correct: list[bool] = field(default_factory=list)

    def add(self, probability: float, correct: bool) -> None:
        self.probability.append(min(max(probability, 0.0), 1.0))
        self.correct.append(correct)

    @property
    def words(self) -> str:
        """Share that was right with its 95 % interval, what was claimed, calibration error."""
        from compute.matching import reliability

        if not self.correct:
            return "none"
        error = reliability(self.probability, self.correct).expected_error
        return (
            f"{interval(self.correct)}, claimed {np.mean(self.probability):.2f} on average, "
            f"calibration error {error:.3f}"
        )


def interval(correct: Iterable[bool]) -> str:
    """``21/23 (0.91, 0.73 to 0.98)``: the share and its 95 % Wilson interval."""
    hits = list(correct)
    n, k, z = len(hits), sum(hits), 1.96
    if n == 0:
        return "0/0"
    middle = (k + 0.5 * z**2) / (n + z**2)
    half = z * np.sqrt(k * (n - k) / n + 0.25 * z**2) / (n + z**2)
    return f"{k}/{n} ({k / n:.2f}, {max(middle - half, 0.0):.2f} to {min(middle + half, 1.0):.2f})"
