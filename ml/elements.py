"""A table of element properties, standardised; every model sees elements through it."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_ELEMENTS = 103
PROPERTIES = (
    "number",
    "row",
    "group",
    "electronegativity",
    "radius",
    "ionisation",
    "affinity",
    "s_electrons",
    "p_electrons",
    "d_electrons",
    "f_electrons",
    "volume",
)


@lru_cache(maxsize=1)
def element_table() -> NDArray[np.float64]:
    """(104, 12): row Z holds the properties of element Z, each column of mean 0 and deviation 1.

    From pymatgen's periodic table; a missing value is the mean of its column.
    """
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # noble gases without electronegativity
        return _build(Element)


def _build(periodic_table: Any) -> NDArray[np.float64]:
    table = np.full((N_ELEMENTS + 1, len(PROPERTIES)), np.nan)
    for number in range(1, N_ELEMENTS + 1):
        element = periodic_table.from_Z(number)
        valence = {"s": 0, "p": 0, "d": 0, "f": 0}
        core = _noble_gas_core(number)
        for shell in element.full_electronic_structure:
            n, kind, count = int(shell[0]), str(shell[1]), int(shell[2])
            if (n, kind) not in core:
                valence[kind] += count
        table[number] = [
            number,
            element.row,
            element.group,
            _number(element.X),
            _number(element.atomic_radius),
            _number(element.ionization_energy),
            _number(element.electron_affinity),
            valence["s"],
            valence["p"],
            valence["d"],
            valence["f"],
            _number(element.data.get("Molar volume")),
        ]
    known = table[1:]
    known -= np.nanmean(known, axis=0)
    known /= np.nanstd(known, axis=0)
    table[1:] = np.nan_to_num(known)
    table[0] = 0.0
    table.flags.writeable = False
    return table


def _noble_gas_core(number: int) -> set[tuple[int, str]]:
    shells = [
        (2, [(1, "s")]),
        (10, [(2, "s"), (2, "p")]),
        (18, [(3, "s"), (3, "p")]),
        (36, [(3, "d"), (4, "s"), (4, "p")]),
        (54, [(4, "d"), (5, "s"), (5, "p")]),
        (86, [(4, "f"), (5, "d"), (6, "s"), (6, "p")]),
    ]
    core: set[tuple[int, str]] = set()
    for electrons, filled in shells:
        if electrons < number:
            core.update(filled)
    return core


def _number(value: object) -> float:
    """The leading number of a value with or without a unit; NaN where there is none."""
    if value is None:
        return float("nan")
    text = str(value).split()
    try:
        return float(text[0])
    except (ValueError, IndexError):
        return float("nan")
