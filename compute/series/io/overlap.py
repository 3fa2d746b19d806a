"""The energies that spectra of one series share: whether they are enough, and who cuts off what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compute.series.io.raw import Floats

NEAR = 1e-6  # eV: the same energies, printed
_LEAST = 0.5  # of its channels, that more than half of the spectra have to keep


def is_enough(energies: Sequence[Floats], low: float, high: float) -> bool:
    """Whether spectra on these energies keep enough of theirs between ``low`` and ``high``, eV."""
    kept = sorted(float(_inside(one, low, high).mean()) for one in energies)
    return kept[(len(kept) - 1) // 2] >= _LEAST


def cut_off(energies: Sequence[Floats], names: Sequence[str], low: float, high: float) -> list[str]:
    """How many channels of the longest spectrum lie outside, and which spectra are why."""
    longest = max(range(len(energies)), key=lambda i: energies[i].size)
    dropped = int((~_inside(energies[longest], low, high)).sum())
    if not dropped:
        return []
    begins = [float(one[0]) for one in energies]
    ends = [float(one[-1]) for one in energies]
    why = [
        f"{names[values.index(at)]} {word} at {at:g} eV"
        for word, values, at in (("begins", begins, low), ("ends", ends, high))
        if max(values) - min(values) > NEAR
    ]
    return [
        f"{dropped} of {energies[longest].size} channels of {names[longest]} are cut off, as "
        f"{' and '.join(why)}"
    ]


def _inside(energy: Floats, low: float, high: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((energy >= low - NEAR) & (energy <= high + NEAR))
