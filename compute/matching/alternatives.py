"""What a query may be beside the spectra of a library: shapes with expectations of their own.

A shape is compared as a row of the library is, but held to be rougher than theory, and its evidence
competes with that of all rows. What it explains better than any of them is none of them, by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.matching.align import AlignmentPrior
from compute.matching.discrepancy import Discrepancy
from compute.matching.grid import Array, Curve
from compute.matching.index import Rows, rows_from_curves
from compute.matching.l23 import OneElectron, rougher
from compute.matching.search import Searcher


@dataclass(frozen=True)
class Alternative:
    """Named shapes on the grid of a library, a row each, see `l23.OneElectron`."""

    name: str
    oxidation_state: int | None
    rows: Rows


def on_grid(searcher: Searcher, shapes: Sequence[OneElectron]) -> list[Alternative]:
    """Shapes brought to the grid of a library."""
    found = []
    for shape in shapes:
        curves = [(shape.energy_ev, one) for one in shape.intensities]
        rows = rows_from_curves(curves, searcher.grid, searcher.screen)
        rows.shift_err_ev = np.full(len(rows), shape.shift_err_ev)
        found.append(Alternative(shape.name, shape.oxidation_state, rows))
    return found


def evidence_of(
    alternatives: Sequence[Alternative],
    searcher: Searcher,
    curve: Curve,
    model: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
) -> tuple[Array, Array]:
    """Log-likelihood of each alternative's best shape, and what it weighs before looking, (a,).

    The weight is the logarithm of the density of its alignment, over the number of shapes.
    """
    found = [
        searcher.search(curve, one.rows, rougher(model), prior, max_shift_ev)
        for one in alternatives
    ]
    likelihood = [float(one.likelihood[0]) for one in found]
    before = [float(one.prior[0]) - float(np.log(one.row.size)) for one in found]
    return np.array(likelihood, np.float64), np.array(before, np.float64)
