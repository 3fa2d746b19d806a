"""Training: ridge regressions of corrections, and what each family left out was missed by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.errors import LearningError
from ml.hamiltonian import parameters as names
from ml.hamiltonian.inputs import Ion, SiteInput, Vocabulary, site_features
from ml.hamiltonian.model import (
    FAR,
    LEAST,
    OF_SCALARS,
    HamiltonianModel,
    design,
    put_together,
    rms,
    scale_of,
)
from ml.hamiltonian.parameters import MATRICES, NAMES, SCALARS, STATES, Hamiltonian
from ml.hamiltonian.ridge import NOISES, Sums, coefficients, folds_of

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_LEVERAGE_NOISE = 0.3
_FOLDS = 4
_FEWEST = 20
_STEEPEST = 1.0  # of the power of the leverage
_WITHIN = 0.683


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a model without a site's family says of it.

    Attributes
    ----------
    leverage : float64 (n,)
        NaN where it is not answered: an ion or a ligand that no other family has.
    estimates : tuple of Hamiltonian or None
    """

    leverage: FloatArray
    estimates: tuple[Hamiltonian | None, ...]


def train(
    sites: Sequence[SiteInput],
    truths: Sequence[Hamiltonian],
    families: Sequence[str],
    about: Mapping[str, Any],
) -> tuple[HamiltonianModel, HeldOut]:
    """Fit a model; what it would have said of each family without it gives its errors.

    Parameters
    ----------
    families : sequence of str, (n,)
        Sites that are left out together.
    about : mapping
        Kept with it: where the rows are from.

    Raises
    ------
    LearningError
        Too few sites or families; no ion with two families, so that nothing tells the errors.
    """
    if len(sites) < _FEWEST or len(set(families)) < 3:
        raise LearningError(
            "sites",
            len(sites),
            f"of {len(set(families))} families are too few to learn from; at least {_FEWEST} "
            "of 3 are needed",
        )
    rows = _Rows(sites, truths, families)
    everything = np.ones(len(rows.families), bool)
    scalars, matrices = rows.fit(everything)
    precision, farthest = rows.precision(everything), rows.farthest()
    held = rows.held_out()
    if not any(held.estimates):
        raise LearningError(
            "families", rows.families, "no ion and ligands are known from another family as well"
        )
    spread, draws = _spread(truths, held, FAR * farthest)
    constants = _constants(sites, truths)
    model = HamiltonianModel(
        rows.words, constants, scalars, matrices, precision, farthest, spread, draws, about
    )
    return model, held


def _constants(
    sites: Sequence[SiteInput], truths: Sequence[Hamiltonian]
) -> dict[Ion, tuple[float, ...]]:
    """Of each ion what is the ion's alone."""
    return {
        site.ion: tuple(float(truth.scalars[name]) for name in names.CONSTANTS)
        for site, truth in zip(sites, truths, strict=True)
    }


class _Rows:
    """Designs and sums of the training sites."""

    def __init__(
        self,
        sites: Sequence[SiteInput],
        truths: Sequence[Hamiltonian],
        families: Sequence[str],
    ) -> None:
        self.sites = sites
        self.words = Vocabulary.of(sites)
        self.truths = truths
        self.families = sorted(set(families))
        self.group = np.array([self.families.index(one) for one in families])
        n = len(self.families)
        self.of_site = [site_features(site, self.words, OF_SCALARS)[None] for site in sites]
        wanted = [
            np.array(
                [
                    [
                        names.correction(name, truth.scalars[name], site.scalars[name])
                        for name in SCALARS
                    ]
                ]
            )
            for site, truth in zip(sites, truths, strict=True)
        ]
        self.wanted = {"": wanted}
        self.designs = {"": self.of_site}
        for name, bases_of in MATRICES.items():
            self.designs[name] = [design(site, name, self.words) for site in sites]
            self.wanted[name] = []
            for site, truth in zip(sites, truths, strict=True):
                bases = bases_of(site)
                true = np.array(
                    [names.squared(name, truth.matrices[f"{state}.{name}"]) for state in STATES]
                )
                self.wanted[name].append(names.elements(true / bases.unit - bases.fixed).T)
        self.sums = {
            key: Sums.of(designs, self.wanted[key], self.group, n)
            for key, designs in self.designs.items()
        }

    def fit(self, chosen: BoolArray) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Coefficients from some families, each target with the noise that folds of them choose."""
        found = {key: self._fit(key, chosen) for key in self.sums}
        return found.pop(""), found

    def _fit(self, key: str, chosen: BoolArray) -> FloatArray:
        sums, designs, wanted = self.sums[key], self.designs[key], self.wanted[key]
        errors = np.zeros((len(NOISES), wanted[0].shape[1]))
        squares, products = sums.of_groups(chosen)
        for part in folds_of(len(self.families), chosen, _FOLDS, seed=0):
            inside = np.flatnonzero(part[self.group])
            less_squares, less_products = sums.of_groups(part)
            for k, noise in enumerate(NOISES):
                found = coefficients(squares - less_squares, products - less_products, noise)
                for i in inside:
                    errors[k] += ((designs[i] @ found - wanted[i]) ** 2).sum(axis=0)
        best = errors.argmin(axis=0)
        out = np.empty((designs[0].shape[1], len(best)))
        for k in sorted(set(best.tolist())):
            out[:, best == k] = coefficients(squares, products, NOISES[k])[:, best == k]
        return out

    def precision(self, chosen: BoolArray) -> FloatArray:
        """(p, p) of the site's features."""
        squares: FloatArray = self.sums[""].squares[chosen].sum(axis=0)
        return squares + _LEVERAGE_NOISE * np.eye(len(squares))

    def farthest(self) -> float:
        """The largest leverage of a site whose family is left out."""
        found = [self._leverage(k) for k in range(len(self.families))]
        return float(max(np.nanmax(one) for one in found))

    def _leverage(self, family: int) -> FloatArray:
        """(m,) of the sites of a family, without it."""
        chosen = np.arange(len(self.families)) != family
        x = np.concatenate([self.of_site[i] for i in np.flatnonzero(self.group == family)])
        solved = np.linalg.solve(self.precision(chosen), x.T)
        result: FloatArray = np.sqrt(np.maximum(np.einsum("ij,ji->i", x, solved), 0.0))
        return result

    def held_out(self) -> HeldOut:
        """Every family by a fit to the others; one whose ion no other has is not answered."""
        leverage = np.full(len(self.sites), np.nan)
        estimates: list[Hamiltonian | None] = [None] * len(self.sites)
        for family in range(len(self.families)):
            inside = np.flatnonzero(self.group == family).tolist()
            outside = np.flatnonzero(self.group != family).tolist()
            others = [self.sites[i] for i in outside]
            known = Vocabulary.of(others)
            first = self.sites[inside[0]]
            if first.ion not in known.ions or not set(first.ligands) <= set(known.ligands):
                continue
            chosen = np.arange(len(self.families)) != family
            scalars, matrices = self.fit(chosen)
            constants = _constants(others, [self.truths[i] for i in outside])[first.ion]
            leverage[inside] = self._leverage(family)
            for i in inside:
                estimates[i] = self._estimate(i, scalars, matrices, constants)
        return HeldOut(leverage, tuple(estimates))

    def _estimate(
        self,
        i: int,
        of_scalars: FloatArray,
        of_matrices: Mapping[str, FloatArray],
        constants: tuple[float, ...],
    ) -> Hamiltonian:
        site = self.sites[i]
        learnt = (self.of_site[i] @ of_scalars)[0]
        values = {name: self.designs[name][i] @ of_matrices[name] for name in MATRICES}
        return put_together(site, learnt, constants, values)


def errors_of(found: Hamiltonian, truth: Hamiltonian) -> FloatArray:
    """(names,) differences of scalars, eV; of matrices the root mean square, with the sign of
    the difference of norms."""
    out = [found.scalars[name] - truth.scalars[name] for name in SCALARS]
    for name in NAMES[len(SCALARS) :]:
        a, b = found.matrices[name], truth.matrices[name]
        out.append(float(np.copysign(rms(a - b), np.linalg.norm(a) - np.linalg.norm(b))))
    return np.array(out)


def spread_of(name: str, truths: Sequence[Hamiltonian]) -> float:
    """How much a parameter differs between sites, eV: standard deviation; of matrices the root
    mean square of the elements' differences from their mean.

    The offset follows the element, by 500 eV: its spread is called 1 eV.
    """
    if name == "offset":
        return 1.0
    if name in SCALARS:
        return float(np.std([one.scalars[name] for one in truths]))
    given = np.array([one.matrices[name] for one in truths])
    return float(np.sqrt(np.mean((given - given.mean(axis=0)) ** 2)))


def _spread(
    truths: Sequence[Hamiltonian], held: HeldOut, unit: float
) -> tuple[FloatArray, FloatArray]:
    """σ as a power of leverage (names, 2), and held-out errors over it (sites, names)."""
    answered = [i for i, one in enumerate(held.estimates) if one is not None]
    errors, scales = [], []
    for i in answered:
        found = held.estimates[i]
        assert found is not None
        errors.append(errors_of(found, truths[i]))
        scales.append([scale_of(name, found) for name in NAMES])
    relative = np.abs(np.array(errors)) / np.array(scales)
    x = np.log(np.maximum(held.leverage[answered] / unit, LEAST))
    spread = np.zeros((len(NAMES), 2))
    for k in range(len(NAMES)):
        y = np.log(np.maximum(relative[:, k], LEAST))
        centred = x - x.mean()
        power = float(centred @ y / max(centred @ centred, LEAST))
        power = float(np.clip(power, 0.0, _STEEPEST))
        left = np.log(np.quantile(relative[:, k] * np.exp(-power * x), _WITHIN) + LEAST)
        spread[k] = left, power
    widths = np.exp(spread[:, 0] + np.outer(x, spread[:, 1]))
    return spread, np.clip(np.array(errors) / np.array(scales) / widths, -3.0, 3.0)
