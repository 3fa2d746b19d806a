"""What the learning of Hamiltonians sees of a site, and the features made of it.

Features are invariant: they do not change when the crystal is turned. Each has a prior width, the
size that its coefficient is expected to have beside the others': what holds of all ions is learnt
first, what is an ion's or a ligand's own is a small departure from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Ion = tuple[int, int]
"""Atomic number and charge."""

_REFERENCE_ANG = 2.09


@dataclass(frozen=True, eq=False)
class SiteInput:
    """An ion and its ligands; matrices in one set of axes, which may be any.

    Attributes
    ----------
    ion : (int, int)
        Atomic number and charge.
    ligands : tuple of int
        Atomic numbers, n of them.
    softness, radius : float64 (n,)
        Of each ligand: optical electronegativity below oxide's; ionic radius, Å.
    distances : float64 (n,)
        Å.
    strengths : float64 (n,)
        Hopping to each ligand that is expected of ion, ligand and distance, eV per unit amplitude.
    sigma, pi : float64 (5, 3n)
        Amplitudes of the d orbitals in the p orbitals of the ligands, times strength, eV.
    among : float64 (3n, 3n)
        Hopping among the p orbitals, eV.
    outer : float64 (4, 3n)
        Hopping of the metal's s and p to them, eV.
    potential : float64 (1 + n,)
        At the absorber and its ligands, V.
    gradient : float64 (1 + n, 3, 3)
        Second derivatives there, V/Å².
    charges_field : float64 (2, 5, 5)
        Energies of the d orbitals among all charges, k = 2 and 4, eV.
    scalars : mapping
        The quicker calculation's numbers, by name.
    field : float64 (5, 5)
        Its crystal field, eV.
    """

    ion: Ion
    ligands: tuple[int, ...]
    softness: FloatArray
    radius: FloatArray
    distances: FloatArray
    strengths: FloatArray
    sigma: FloatArray
    pi: FloatArray
    among: FloatArray
    outer: FloatArray
    potential: FloatArray
    gradient: FloatArray
    charges_field: FloatArray
    scalars: Mapping[str, float]
    field: FloatArray

    @cached_property
    def bonds(self) -> FloatArray:
        """(n, 9) invariants of each bond, about 0 and of size 1."""
        number, charge = self.ion
        n = len(self.ligands)
        gap = (self.potential[1:] - self.potential[0] - 50.0) / 8.0
        usual = _REFERENCE_ANG * (self.radius / 1.4) ** 0.45
        total = float(np.sum(self.strengths**2))
        return np.column_stack(
            [
                np.full(n, (number - 25) / 3.0),
                np.full(n, charge - 2.5),
                -self.softness / 0.5,
                (self.radius - 1.4) / 0.3,
                np.log(self.distances / usual) / 0.15,
                np.full(n, n - 5.0),
                gap,
                gap - gap.mean(),
                np.full(n, np.log(total / 2.5) / 0.6),
            ]
        )

    @cached_property
    def anisotropy(self) -> FloatArray:
        """(2,) how unlike the bonds are: quadrupole of their strengths, spread of potentials."""
        units = self._units_squared()
        weights = self.strengths**2 / np.sum(self.strengths**2)
        quadrupole = np.linalg.norm(np.einsum("b,bij->ij", weights, units) - np.eye(3) / 3.0)
        return np.array([4.0 * quadrupole, np.ptp(self.potential[1:]) / 6.0])

    def _units_squared(self) -> FloatArray:
        """(n, 3, 3) of each bond its direction with itself, from the σ amplitudes."""
        n = len(self.ligands)
        blocks = self.sigma.reshape(5, n, 3)
        squared = np.einsum("anx,any->nxy", blocks, blocks)
        result: FloatArray = squared / np.trace(squared, axis1=1, axis2=2)[:, None, None]
        return result


@dataclass(frozen=True)
class Vocabulary:
    """The ions and ligands that a model was trained on, in their order."""

    ions: tuple[Ion, ...]
    ligands: tuple[int, ...]

    @classmethod
    def of(cls, sites: Sequence[SiteInput]) -> Vocabulary:
        return cls(
            tuple(sorted({site.ion for site in sites})),
            tuple(sorted({ligand for site in sites for ligand in site.ligands})),
        )

    def ion(self, site: SiteInput) -> FloatArray:
        return np.array([float(one == site.ion) for one in self.ions])

    def element(self, site: SiteInput) -> FloatArray:
        numbers = sorted({number for number, _ in self.ions})
        return np.array([float(one == site.ion[0]) for one in numbers])

    def ligand(self, site: SiteInput) -> FloatArray:
        """(n, k)"""
        rows = [[float(one == ligand) for one in self.ligands] for ligand in site.ligands]
        return np.array(rows)


@dataclass(frozen=True)
class Priors:
    """Expected sizes of coefficients, beside a constant's of 1."""

    linear: float
    quadratic: float
    own: float
    """Of an ion, an element or a ligand."""


def bond_features(site: SiteInput, words: Vocabulary, priors: Priors) -> FloatArray:
    """(n, f) features of each bond, each times its prior width."""
    bonds = site.bonds
    n = len(bonds)
    return np.column_stack(
        [
            np.ones(n),
            priors.linear * bonds,
            priors.quadratic * _products(bonds),
            priors.own * np.tile(words.ion(site), (n, 1)),
            priors.own * words.ligand(site),
        ]
    )


def shell_features(site: SiteInput, words: Vocabulary, priors: Priors) -> FloatArray:
    """(f,) the mean over the bonds of what is linear in them, and the ion's own."""
    mean = site.bonds.mean(axis=0)
    return np.concatenate(
        [[1.0], priors.linear * mean, priors.own * words.ion(site)],
    )


def site_features(site: SiteInput, words: Vocabulary, priors: Priors) -> FloatArray:
    """(f,) features of a site as a whole, each times its prior width."""
    mean = np.concatenate([site.bonds.mean(axis=0), site.anisotropy])
    mean = np.delete(mean, 7)  # differences from the mean potential have none
    own = np.concatenate([words.ion(site), words.element(site), words.ligand(site).mean(axis=0)])
    slopes = np.outer(words.ion(site), [mean[4], mean[2]]).ravel()
    return np.concatenate(
        [
            [1.0],
            priors.linear * mean,
            priors.quadratic * _products(mean[None])[0],
            priors.own * own,
            0.5 * priors.own * slopes,
        ]
    )


def _products(values: FloatArray) -> FloatArray:
    """(n, f (f + 1) / 2) products of pairs of columns."""
    rows, columns = np.triu_indices(values.shape[1])
    return values[:, rows] * values[:, columns]
