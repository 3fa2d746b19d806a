"""Measured spectra with what a scan may bring besides, and lines of other elements made up.

Nothing of this chose any constant: the disturbances and the seed were written down afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measured_claims import interval
from tests.benchmarks.measured_set import MAX_SHIFT_EV, Measured, curve_of

if TYPE_CHECKING:
    from spectradb.services.matching.match import Answer

Array = NDArray[np.float64]

_LINES = 60
_ELEMENTS = ("Cr", "Mn", "Fe", "Co", "Ni", "Cu")


def disturbed(spectra: list[Measured]) -> Iterator[str]:
    """Lines of the report; what is shipped answers."""
    single = [one for one in spectra if one.single and not one.stranger and not one.held_out]
    for name, change in _DISTURBANCES.items():
        right = []
        for one in single:
            energy, values = curve_of(one)
            answer = _ask(energy, change(energy, values))
            best = answer.valences[0]
            right.append(
                answer.none_of_these <= 0.5
                and best.absorber == one.element
                and best.oxidation_state in one.valences
            )
        yield f"* the unmixed with {name}: valence {interval(right)}"
    rng = np.random.default_rng(16)
    rejected = [_ask(*_line(rng)).none_of_these > 0.5 for _ in range(_LINES)]
    yield (
        f"* made lines of other elements, one with a step, near the L3 of {', '.join(_ELEMENTS)}: "
        f"rejected {interval(rejected)}"
    )


def _ask(energy: Array, values: Array) -> Answer:
    from spectradb.services.matching.match import match_curve
    from spectradb.services.matching.options import MatchOptions

    return match_curve(energy, values, MatchOptions(kind="theory", max_shift_ev=MAX_SHIFT_EV))


def _step(height: float, energy: Array, values: Array) -> Array:
    """A continuum that rises as the area does, of that share of the range."""
    area = np.cumsum(np.clip(values - np.quantile(values, 0.05), 0.0, None) * np.gradient(energy))
    return np.asarray(values + height * np.ptp(values) * area / area[-1])


def _bow(height: float, energy: Array, values: Array) -> Array:
    x = 2.0 * (energy - energy[0]) / (energy[-1] - energy[0]) - 1.0
    return np.asarray(values + height * np.ptp(values) * x * x)


def _drop(energy: Array, values: Array) -> Array:
    """The point at the maximum lost."""
    out = values.copy()
    out[int(np.argmax(values))] = values.min()
    return out


_DISTURBANCES = {
    "a continuum step of 0.15 of the maximum more": lambda e, v: _step(0.15, e, v),
    "a background bent up by 0.1 of the maximum at both ends": lambda e, v: _bow(0.1, e, v),
    "a background bent down by 0.1": lambda e, v: _bow(-0.1, e, v),
    "one point lost at the maximum": _drop,
}


def _line(rng: np.random.Generator) -> tuple[Array, Array]:
    from compute.edges import edge_energy

    element = str(rng.choice(_ELEMENTS))
    l3, l2 = edge_energy(element, "L3"), edge_energy(element, "L2")
    if l3 is None or l2 is None:
        raise ValueError(element)
    energy = np.arange(l3 - 12.0, l2 + 15.0, 0.2)
    hwhm, at = float(rng.uniform(0.5, 2.5)), l3 + float(rng.uniform(-2.0, 3.0))
    x = (energy - at) / hwhm
    line = 1.0 / (1.0 + x * x) if rng.random() < 0.5 else 0.5 ** (x * x)
    step = float(rng.uniform(0.0, 0.5)) * (0.5 + np.arctan(x) / np.pi)
    return energy, line + step + rng.normal(0.0, 0.01, energy.size)
