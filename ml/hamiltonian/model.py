"""The model: ridge regressions of corrections, held-out errors, and what it does not answer.

Families are the sites of one ion with the same ligands. Coefficients are fitted with a noise that
held-out families choose; σ of a parameter is what families left out were missed by, as a power of
the leverage of a site, the distance from what was trained on.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from ml.errors import LearningError
from ml.hamiltonian import parameters as names
from ml.hamiltonian.inputs import (
    Ion,
    Priors,
    SiteInput,
    Vocabulary,
    bond_features,
    shell_features,
    site_features,
)
from ml.hamiltonian.parameters import MATRICES, NAMES, SCALARS, STATES, Hamiltonian
from ml.hamiltonian.ridge import NOISES, Sums, coefficients, folds_of

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VERSION = 1
OF_MATRICES, OF_SCALARS = Priors(0.15, 0.05, 0.15), Priors(0.3, 0.1, 0.3)
_LEVERAGE_NOISE = 0.3
_FAR = 1.5  # times the largest leverage of a family left out: farther is not answered
_FOLDS = 4
_FEWEST = 20
_STEEPEST = 1.0  # of the power of the leverage
_LEAST = 1e-9
_WITHIN = 0.683


class UnknownSiteError(LearningError):
    """A site unlike those that a model was trained on."""

    cause = "Outside the route's range"


@dataclass(frozen=True, eq=False)
class Estimate:
    """Parameters with their errors.

    Attributes
    ----------
    hamiltonian : Hamiltonian
    sigma : mapping
        Standard errors, eV; of a matrix the root mean square over its elements.
    leverage : float
        How far the site is from those trained on, over what is answered at most.
    """

    hamiltonian: Hamiltonian
    sigma: Mapping[str, float]
    leverage: float


@dataclass(frozen=True, eq=False)
class HamiltonianModel:
    """A trained model; :func:`train` makes one, :meth:`load` reads one."""

    words: Vocabulary
    constants: Mapping[Ion, tuple[float, ...]]
    scalars: FloatArray  # (p, t)
    matrices: Mapping[str, FloatArray]  # (q, 2): of the initial and the final state
    precision: FloatArray  # (p, p): of the site's features
    farthest: float
    spread: FloatArray  # (names, 2): logarithm of σ at leverage 1, and power
    draws: FloatArray  # (sites, names): held-out errors over their σ
    about: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """SHA-256 of all that decides its numbers, 12 digits."""
        digest = hashlib.sha256(json.dumps([VERSION, list(self.words.ions)]).encode())
        for array in self._arrays().values():
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
        return digest.hexdigest()[:12]

    def leverage(self, site: SiteInput) -> float:
        """How far a site is from those trained on; 1 is the farthest that is answered."""
        features = site_features(site, self.words, OF_SCALARS)
        square = float(features @ np.linalg.solve(self.precision, features))
        return float(np.sqrt(max(square, 0.0))) / (_FAR * self.farthest)

    def check(self, site: SiteInput) -> float:
        """The leverage of a site that can be answered.

        Raises
        ------
        UnknownSiteError
            An ion or a ligand that no training site had; a site far from all of them.
        """
        if site.ion not in self.words.ions:
            known = ", ".join(f"Z = {z} {charge}+" for z, charge in self.words.ions)
            raise UnknownSiteError("ion", f"Z = {site.ion[0]} {site.ion[1]}+", f"known: {known}")
        strange = sorted(set(site.ligands) - set(self.words.ligands))
        if strange:
            known = ", ".join(map(str, self.words.ligands))
            raise UnknownSiteError("ligand", f"Z = {strange[0]}", f"known: Z = {known}")
        found = self.leverage(site)
        if found > 1.0:
            raise UnknownSiteError(
                "site", f"{found:.2f}", "its leverage over the largest that is answered"
            )
        return found

    def predict(self, site: SiteInput) -> Estimate:
        """Parameters of a site and their errors.

        Raises
        ------
        UnknownSiteError
        """
        leverage = self.check(site)
        learnt = site_features(site, self.words, OF_SCALARS) @ self.scalars
        scalars = {
            name: names.corrected(name, site.scalars[name], float(value))
            for name, value in zip(SCALARS, learnt, strict=True)
        }
        scalars |= dict(zip(names.CONSTANTS, self.constants[site.ion], strict=True))
        matrices = {}
        for name, bases_of in MATRICES.items():
            bases = bases_of(site)
            values = _design(site, name, self.words) @ self.matrices[name]
            for state, column in zip(STATES, values.T, strict=True):
                square = (names.matrix(column) + bases.fixed) * bases.unit
                matrices[f"{state}.{name}"] = names.root(name, square)
        found = Hamiltonian(scalars, matrices)
        return Estimate(found, self._sigma(found, leverage), leverage)

    def sigma_of(self, found: Hamiltonian, leverage: float) -> dict[str, float]:
        """Standard errors, eV, of parameters of a site of that leverage, as
        :class:`HeldOut` tells it."""
        return self._sigma(found, leverage / (_FAR * self.farthest))

    def _sigma(self, found: Hamiltonian, leverage: float) -> dict[str, float]:
        widths = np.exp(self.spread[:, 0]) * leverage ** self.spread[:, 1]
        pairs = zip(NAMES, widths, strict=True)
        return {name: float(width * _scale(name, found)) for name, width in pairs}

    def drawn(self, estimate: Estimate, n: int, seed: int = 0) -> list[Hamiltonian]:
        """Parameters that may as well be true: n held-out sites' errors, at this site's size.

        The errors of one site stay together, so that what goes together does. A matrix is
        multiplied by a factor.
        """
        rows = np.random.default_rng(seed).choice(len(self.draws), n)
        out = []
        for row in self.draws[rows]:
            error = {
                name: float(value) * estimate.sigma[name]
                for name, value in zip(NAMES, row, strict=True)
            }
            of = estimate.hamiltonian
            scalars = dict(of.scalars) | {name: of.scalars[name] + error[name] for name in SCALARS}
            matrices = {
                name: given * (1.0 + error[name] / max(_rms(given), _LEAST))
                for name, given in of.matrices.items()
            }
            out.append(Hamiltonian(scalars, matrices))
        return out

    def save(self, path: Path) -> None:
        """One file of numbers and JSON; nothing in it is run when it is read."""
        about = dict(self.about) | {
            "version": VERSION,
            "ions": [list(ion) for ion in self.words.ions],
            "ligands": list(self.words.ligands),
            "farthest": self.farthest,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.asarray(one, np.float32) for name, one in self._arrays().items()}
        # In one step: the model in use is there, or the new one is.
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            partial = Path(file.name)
            try:
                np.savez_compressed(
                    file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays
                )
            except BaseException:
                partial.unlink()
                raise
        partial.chmod(0o644)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> HamiltonianModel:
        """Read a saved model.

        Raises
        ------
        LearningError
            A file that is none, or of another version.
        """
        if path.exists() and not is_zipfile(path):  # which numpy would advise to unpickle
            raise LearningError("model", path.name, "cannot be read: it is no .npz file, or cut")
        try:
            with np.load(path, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                arrays = {name: np.asarray(file[name], float) for name in file.files[1:]}
        # Of damaged bytes zip, zlib and JSON raise errors of many kinds.
        except Exception as error:
            raise LearningError("model", path.name, f"cannot be read: {error}") from error
        version = about.get("version") if isinstance(about, dict) else None
        if version != VERSION:
            raise LearningError("model", path.name, f"is of version {version}, not {VERSION}")
        ions = tuple((int(z), int(charge)) for z, charge in about["ions"])
        return cls(
            words=Vocabulary(ions, tuple(about["ligands"])),
            constants={
                ion: tuple(row) for ion, row in zip(ions, arrays["constants"].tolist(), strict=True)
            },
            scalars=arrays["scalars"],
            matrices={name: arrays[name] for name in MATRICES},
            precision=arrays["precision"],
            farthest=float(about["farthest"]),
            spread=arrays["spread"],
            draws=arrays["draws"],
            about=about,
        )

    def _arrays(self) -> dict[str, FloatArray]:
        return {
            "constants": np.array([self.constants[ion] for ion in self.words.ions]),
            "scalars": self.scalars,
            **self.matrices,
            "precision": self.precision,
            "spread": self.spread,
            "draws": self.draws,
        }


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
    spread, draws = _spread(truths, held, _FAR * farthest)
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
            self.designs[name] = [_design(site, name, self.words) for site in sites]
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
        scalars = {
            name: names.corrected(name, site.scalars[name], float(value))
            for name, value in zip(SCALARS, learnt, strict=True)
        }
        scalars |= dict(zip(names.CONSTANTS, constants, strict=True))
        matrices = {}
        for name, bases_of in MATRICES.items():
            bases = bases_of(site)
            values = self.designs[name][i] @ of_matrices[name]
            for state, column in zip(STATES, values.T, strict=True):
                found = (names.matrix(column) + bases.fixed) * bases.unit
                matrices[f"{state}.{name}"] = names.root(name, found)
        return Hamiltonian(scalars, matrices)


def _design(site: SiteInput, name: str, words: Vocabulary) -> FloatArray:
    """(15, q): the elements of a matrix, by the coefficients of its bases."""
    bases = MATRICES[name](site)
    of_bonds = bond_features(site, words, OF_MATRICES)
    of_shell = shell_features(site, words, OF_MATRICES)
    blocks = [names.elements(one).T @ of_bonds for one in bases.of_bonds]
    blocks += [np.outer(names.elements(one), of_shell) for one in bases.of_shell]
    return np.hstack(blocks)


def errors_of(found: Hamiltonian, truth: Hamiltonian) -> FloatArray:
    """(names,) differences of scalars, eV; of matrices the root mean square, with the sign of
    the difference of norms."""
    out = [found.scalars[name] - truth.scalars[name] for name in SCALARS]
    for name in NAMES[len(SCALARS) :]:
        a, b = found.matrices[name], truth.matrices[name]
        out.append(float(np.copysign(_rms(a - b), np.linalg.norm(a) - np.linalg.norm(b))))
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
        scales.append([_scale(name, found) for name in NAMES])
    relative = np.abs(np.array(errors)) / np.array(scales)
    x = np.log(np.maximum(held.leverage[answered] / unit, _LEAST))
    spread = np.zeros((len(NAMES), 2))
    for k in range(len(NAMES)):
        y = np.log(np.maximum(relative[:, k], _LEAST))
        centred = x - x.mean()
        power = float(centred @ y / max(centred @ centred, _LEAST))
        power = float(np.clip(power, 0.0, _STEEPEST))
        left = np.log(np.quantile(relative[:, k] * np.exp(-power * x), _WITHIN) + _LEAST)
        spread[k] = left, power
    widths = np.exp(spread[:, 0] + np.outer(x, spread[:, 1]))
    return spread, np.clip(np.array(errors) / np.array(scales) / widths, -3.0, 3.0)


def _scale(name: str, of: Hamiltonian) -> float:
    """What an error is told in parts of: 1 eV, or the parameter itself."""
    if name in SCALARS:
        return 1.0 if name in names.DIFFERENCES else abs(of.scalars[name])
    return max(_rms(of.matrices[name]), 0.05)


def _rms(given: FloatArray) -> float:
    return float(np.linalg.norm(given)) / 5.0
