"""Whether a site is one that the model was trained on, or of a chemistry that it never saw.

A site is told by the distances and elements of the atoms around it, whatever the cell, the order
of the atoms or the orientation. What was learnt from needs no extrapolation. Where the absorber is
bonded otherwise than in any training row, the crystal holds an element that none has, or lacks one
that all have, distances to the training rows say little, and the error to expect is that of rows
whose chemistry was left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ml.crystals import neighbours
from ml.data import Dataset, folds_of, material_weights
from ml.prediction import Float, Predicted, Validation

_REACH = 6.0  # Å
_WIDTH = 16
_SAME = 0.02  # of a signature, also in half precision: distances within about 2e-3 Å
_SHELL = 1.25  # bonded: within this many times the nearest distance
_HEAVIEST = 128
_MORE = 0.25  # of the shell, that an element takes beyond all training rows
_FEWEST = 10  # rows that have a chemistry of their own, to tell what that costs
_COST = 2.0  # in units of the spread, where there are fewer: a careful guess, not a measurement
KNOWN_TRUST = 1.0
STRANGE_TRUST = 0.3
"""At most, where the absorber is bonded as in no training row: nothing like it was held out."""


@dataclass(frozen=True)
class Familiarity:
    """What the training rows were.

    Attributes
    ----------
    signature : (m, 16)
        Of each row's surroundings, float32.
    elements : (128,)
        Share of the rows whose crystal holds each element.
    ligands : (128,)
        The largest share that each element has in the shell of an absorber.
    costs : (2,)
        Error, in units of the spread, of rows with an element, and with a ligand, of their own.
    """

    signature: NDArray[np.float32]
    elements: Float
    ligands: Float
    costs: Float

    @classmethod
    def learn(cls, data: Dataset, validation: Validation) -> Self:
        """From the training rows and what was said of them before they were learnt from."""
        signature, shell = _surroundings(data)
        holds = _holds(data)
        costs = np.array([_cost(data, own, validation) for own in (holds, shell > 0)])
        return cls(signature, holds.mean(axis=0), shell.max(axis=0), costs)

    def judge(self, data: Dataset, found: Predicted, validation: Validation) -> Predicted:
        """The prediction of these rows with what is familiar and what is not."""
        signature, shell = _surroundings(data)
        distance, row = cKDTree(self.signature).query(signature, p=np.inf)
        known = np.asarray(distance <= _SAME)
        holds = _holds(data)
        new, lacking = holds & (self.elements == 0), ~holds & (self.elements == 1)
        other = (shell > 0) & (shell > np.where(self.ligands > 0, self.ligands + _MORE, 0.0))
        bonded, held = other.any(axis=1) & ~known, (new | lacking).any(axis=1) & ~known
        factor = np.maximum(
            np.where(held, self.costs[0], 1.0), np.where(bonded, self.costs[1], 1.0)
        )
        trust = validation.calibration.trust(found.spread * factor)
        trust = np.where(bonded | held, np.minimum(trust, found.trust), found.trust)
        least = bonded | lacking.any(axis=1)
        trust = np.where(least, np.minimum(trust, STRANGE_TRUST), trust)
        nearest = found.neighbours.copy()
        for at in np.flatnonzero(known):
            others = nearest[at][nearest[at] != row[at]]
            nearest[at] = np.concatenate([[row[at]], others])[: nearest.shape[1]]
        return replace(
            found,
            sigma=found.sigma * factor[:, None],
            trust=np.where(known, KNOWN_TRUST, trust),
            spread=found.spread * factor,
            neighbours=nearest,
            known=known,
            unseen=_numbers(new),
            unbonded=_numbers(other),
            lacking=_numbers(lacking),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "familiar.signature": self.signature,
            "familiar.elements": self.elements,
            "familiar.ligands": self.ligands,
            "familiar.costs": self.costs,
        }

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self | None:
        """Back from a checkpoint, the arrays taken out; None in one of before."""
        if "familiar.signature" not in arrays:
            return None
        if "familiar.cost" in arrays:  # layout of before: numbers of elements and ligands, one cost
            for name, share in (("elements", 0.5), ("ligands", 1.0)):
                shares = np.zeros(_HEAVIEST)
                shares[arrays[f"familiar.{name}"]] = share
                arrays[f"familiar.{name}"] = shares
            arrays["familiar.costs"] = np.repeat(arrays.pop("familiar.cost"), 2)
        names = ("signature", "elements", "ligands", "costs")
        return cls(*(arrays.pop(f"familiar.{name}") for name in names))


def _surroundings(data: Dataset) -> tuple[NDArray[np.float32], Float]:
    """(n, 16) Σ_j w(Z_j) cos(κ r_j) f(r_j) / r_j with weights w that each element has of its own;
    and (n, 128) the share of each element in the first shell of the absorber."""
    weight, wave = _weights()
    signature = np.empty((len(data), _WIDTH), np.float32)
    shell = np.zeros((len(data), _HEAVIEST))
    for k in np.unique(data.crystal_of):
        rows = np.flatnonzero(data.crystal_of == k)
        crystal = data.crystals[k]
        near = neighbours(crystal, _REACH, data.site[rows])
        for at, row in enumerate(rows):
            part = slice(near.start[at], near.start[at + 1])
            r, numbers = near.distance[part][:, None], crystal.numbers[near.atom[part]]
            fade = (0.5 + 0.5 * np.cos(np.pi * r / _REACH)) / r
            own = weight[crystal.numbers[data.site[row]]]
            signature[row] = own + (weight[numbers] * np.cos(wave * r) * fade).sum(axis=0)
            if numbers.size:
                inside = numbers[r[:, 0] <= _SHELL * r[0, 0]]
                shell[row] = np.bincount(inside, minlength=_HEAVIEST) / inside.size
    return signature, shell


def _holds(data: Dataset) -> NDArray[np.bool_]:
    """(n, 128) whether the crystal of each row holds each element."""
    holds = np.zeros((len(data.crystals), _HEAVIEST), bool)
    for k, one in enumerate(data.crystals):
        holds[k, one.numbers] = True
    return holds[data.crystal_of]


def _numbers(marks: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The elements that are marked of each row."""
    return [tuple(np.flatnonzero(one).tolist()) for one in marks]


@cache
def _weights() -> tuple[Float, Float]:
    """(128, 16) of each element, and (16,) wave numbers, 1/Å."""
    rng = np.random.default_rng(16)
    return rng.normal(size=(_HEAVIEST, _WIDTH)), np.linspace(0.0, 3.0, _WIDTH)


def _cost(data: Dataset, own: NDArray[np.bool_], validation: Validation) -> float:
    """Root mean square of error / spread of the rows whose chemical system alone has one of their
    marks (n, 128), in units of that of all rows. Their systems were held out whole."""
    if folds_of(data, 2)[1] != "system":
        return _COST
    _, system = np.unique(data.systems, return_inverse=True)
    homes = np.array([len(np.unique(system[own[:, z]])) for z in range(_HEAVIEST)])
    alone = (own & (homes == 1)).any(axis=1)
    if alone.sum() < _FEWEST:
        return _COST
    ratio = (validation.error.astype(np.float64) ** 2).mean(axis=1) / validation.spread**2
    weights = material_weights(data.groups)
    strange = np.average(ratio[alone], weights=weights[alone])
    return max(1.0, float(np.sqrt(strange / np.average(ratio, weights=weights))))
