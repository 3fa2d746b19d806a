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
from compute.matching.screen import Bank
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


@dataclass(frozen=True)
class Beside:
    """How alternatives fare with a query; arrays (a,), the best shape of each.

    Attributes
    ----------
    likelihood : float64
        Log-likelihood, as `Candidates.likelihood`.
    prior : float64
        Log-density of its alignment before looking, over the number of shapes.
    strain : float64 (a, 2)
        How badly it fits, as `Candidates.strain`: the misfit is over what such shapes are held to
        miss by, and nothing excuses what they leave unexplained. Edges of Cu⁺ and of metals leave
        a tenth.
    surprise : float64
        What its shift adds to the log-odds of its being none either.
    """

    likelihood: Array
    prior: Array
    strain: Array
    surprise: Array


def evidence_of(
    alternatives: Sequence[Alternative],
    searcher: Searcher,
    curve: Curve,
    model: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
    bank: Bank,
) -> Beside:
    """What speaks for and against each alternative; ``bank`` is that of the curve."""
    found = [
        searcher.search(curve, one.rows, rougher(model), prior, max_shift_ev, bank=bank)
        for one in alternatives
    ]
    return Beside(
        np.array([one.likelihood[0] for one in found], np.float64),
        np.array([one.prior[0] - np.log(one.row.size) for one in found], np.float64),
        np.array([one.strain() for one in found], np.float64).reshape(-1, 2),
        np.array([one.surprise[0] for one in found], np.float64),
    )
