"""Whether a site is one that the model was trained on, or of a chemistry that it never saw.

A site is told by the distances and elements of the atoms around it, whatever the cell, the order
of the atoms or the orientation. What was learnt from needs no extrapolation; where the absorber is
bonded to an element, or the crystal holds one, that no training row has, distances to the training
rows say little, and the error to expect is that of rows whose chemistry was left out.
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
_SAME = 0.01  # of a signature: distances that agree within about 1e-3 Å
_SHELL = 1.25  # bonded: within this many times the nearest distance
_HEAVIEST = 128
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
    elements, ligands : (k,)
        Numbers of the elements in the crystals, and of those that absorbers are bonded to.
    cost : float
        Error, in units of the spread, of rows with an element or a ligand of their own.
    """

    signature: NDArray[np.float32]
    elements: NDArray[np.int64]
    ligands: NDArray[np.int64]
    cost: float

    @classmethod
    def learn(cls, data: Dataset, validation: Validation) -> Self:
        """From the training rows and what was said of them before they were learnt from."""
        signature, bonded = _surroundings(data)
        inside = [frozenset(one.numbers.tolist()) for one in data.crystals]
        elements = sorted(set().union(*(inside[k] for k in set(data.crystal_of.tolist()))))
        ligands = sorted(set().union(*bonded))
        cost = _cost_of_strangeness(data, bonded, validation)
        return cls(signature, np.array(elements), np.array(ligands), cost)

    def judge(self, data: Dataset, found: Predicted, validation: Validation) -> Predicted:
        """The prediction of these rows with what is familiar and what is not."""
        signature, bonded = _surroundings(data)
        distance, row = cKDTree(self.signature).query(signature, p=np.inf)
        known = np.asarray(distance <= _SAME)
        have, seen = frozenset(self.elements.tolist()), frozenset(self.ligands.tolist())
        held = [sorted(set(data.crystals[k].numbers.tolist()) - have) for k in data.crystal_of]
        unbonded = [tuple(sorted(one - seen)) for one in bonded]
        strange = np.array([bool(a or b) for a, b in zip(held, unbonded, strict=True)])
        factor = np.where(strange & ~known, self.cost, 1.0)
        trust = np.where(strange, validation.calibration.trust(found.spread * factor), found.trust)
        alone = np.array([bool(one) for one in unbonded])
        trust = np.where(alone, np.minimum(trust, STRANGE_TRUST), trust)
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
            unseen=[tuple(one) for one in held],
            unbonded=unbonded,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "familiar.signature": self.signature,
            "familiar.elements": self.elements,
            "familiar.ligands": self.ligands,
            "familiar.cost": np.array([self.cost]),
        }

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self | None:
        """Back from a checkpoint, the arrays taken out; None in one of before."""
        if "familiar.signature" not in arrays:
            return None
        signature, elements, ligands = (
            arrays.pop(f"familiar.{name}") for name in ("signature", "elements", "ligands")
        )
        return cls(signature, elements, ligands, float(arrays.pop("familiar.cost")[0]))


def _surroundings(data: Dataset) -> tuple[NDArray[np.float32], list[frozenset[int]]]:
    """(n, 16) Σ_j w(Z_j) cos(κ r_j) f(r_j) / r_j with weights w that each element has of its own;
    and the elements that each row's absorber is bonded to."""
    weight, wave = _weights()
    signature = np.empty((len(data), _WIDTH), np.float32)
    bonded: list[frozenset[int]] = [frozenset()] * len(data)
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
                bonded[row] = frozenset(numbers[r[:, 0] <= _SHELL * r[0, 0]].tolist())
    return signature, bonded


@cache
def _weights() -> tuple[Float, Float]:
    """(128, 16) of each element, and (16,) wave numbers, 1/Å."""
    rng = np.random.default_rng(16)
    return rng.normal(size=(_HEAVIEST, _WIDTH)), np.linspace(0.0, 3.0, _WIDTH)


def _cost_of_strangeness(
    data: Dataset, bonded: list[frozenset[int]], validation: Validation
) -> float:
    """Root mean square of error / spread of the rows whose chemical system alone has an element or
    a ligand, in units of that of all rows. Their systems were held out whole."""
    if folds_of(data, 2)[1] != "system":
        return _COST
    systems = data.systems
    homes: dict[tuple[str, int], set[str]] = {}
    marks = []
    for row, k in enumerate(data.crystal_of):
        own = {("element", z) for z in set(data.crystals[k].numbers.tolist())}
        marks.append(own | {("ligand", z) for z in bonded[row]})
        for mark in marks[-1]:
            homes.setdefault(mark, set()).add(systems[row])
    alone = np.array([any(len(homes[mark]) == 1 for mark in some) for some in marks])
    if alone.sum() < _FEWEST:
        return _COST
    ratio = (validation.error.astype(np.float64) ** 2).mean(axis=1) / validation.spread**2
    weights = material_weights(data.groups)
    strange = np.average(ratio[alone], weights=weights[alone])
    return max(1.0, float(np.sqrt(strange / np.average(ratio, weights=weights))))
