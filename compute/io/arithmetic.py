"""Columns without names that tell what they are by arithmetic: μ = ln(I0/It)."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from compute.io.raw import FloatArray

_MOST = 10


def log_identities(values: FloatArray) -> list[tuple[int, int, int]]:
    """Triples (c, a, b) of columns with ``c = ln(a/b)`` at nearly every point."""
    width = min(values.shape[1], _MOST)
    found: list[tuple[int, int, int]] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values[:, :width])
        for c, a, b in permutations(range(width), 3):
            y = values[:, c]
            if np.ptp(y) == 0:
                continue
            if np.mean(np.abs(y - (logs[:, a] - logs[:, b])) < 1e-6) > 0.95:
                found.append((c, a, b))
    return found
