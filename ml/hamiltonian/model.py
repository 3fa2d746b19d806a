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

FloatArray = NDArray[np.float64]

VERSION = 1
OF_MATRICES, OF_SCALARS = Priors(0.15, 0.05, 0.15), Priors(0.3, 0.1, 0.3)
FAR = 1.5  # times the largest leverage of a family left out: farther is not answered
LEAST = 1e-9


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
    """A trained model; :mod:`ml.hamiltonian.train` makes one, :meth:`load` reads one."""

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
        return float(np.sqrt(max(square, 0.0))) / (FAR * self.farthest)

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
        values = {name: design(site, name, self.words) @ self.matrices[name] for name in MATRICES}
        found = put_together(site, learnt, self.constants[site.ion], values)
        return Estimate(found, self._sigma(found, leverage), leverage)

    def sigma_of(self, found: Hamiltonian, leverage: float) -> dict[str, float]:
        """Standard errors, eV, of parameters of a site of that leverage, as
        :class:`ml.hamiltonian.train.HeldOut` tells it."""
        return self._sigma(found, leverage / (FAR * self.farthest))

    def _sigma(self, found: Hamiltonian, leverage: float) -> dict[str, float]:
        widths = np.exp(self.spread[:, 0]) * leverage ** self.spread[:, 1]
        pairs = zip(NAMES, widths, strict=True)
        return {name: float(width * scale_of(name, found)) for name, width in pairs}

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
                name: given * (1.0 + error[name] / max(rms(given), LEAST))
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


def put_together(
    site: SiteInput,
    learnt: FloatArray,
    constants: Sequence[float],
    values: Mapping[str, FloatArray],
) -> Hamiltonian:
    """A site's parameters: corrections of scalars (t,), what is the ion's alone, and of each
    matrix its elements (15, 2) in the initial and the final state."""
    scalars = {
        name: names.corrected(name, site.scalars[name], float(value))
        for name, value in zip(SCALARS, learnt, strict=True)
    }
    scalars |= dict(zip(names.CONSTANTS, constants, strict=True))
    matrices = {}
    for name, bases_of in MATRICES.items():
        bases = bases_of(site)
        for state, column in zip(STATES, values[name].T, strict=True):
            square = (names.matrix(column) + bases.fixed) * bases.unit
            matrices[f"{state}.{name}"] = names.root(name, square)
    return Hamiltonian(scalars, matrices)


def design(site: SiteInput, name: str, words: Vocabulary) -> FloatArray:
    """(15, q): the elements of a matrix, by the coefficients of its bases."""
    bases = MATRICES[name](site)
    of_bonds = bond_features(site, words, OF_MATRICES)
    of_shell = shell_features(site, words, OF_MATRICES)
    blocks = [names.elements(one).T @ of_bonds for one in bases.of_bonds]
    blocks += [np.outer(names.elements(one), of_shell) for one in bases.of_shell]
    return np.hstack(blocks)


def scale_of(name: str, of: Hamiltonian) -> float:
    """What an error is told in parts of: 1 eV, or the parameter itself."""
    if name in SCALARS:
        return 1.0 if name in names.DIFFERENCES else abs(of.scalars[name])
    return max(rms(of.matrices[name]), 0.05)


def rms(given: FloatArray) -> float:
    return float(np.linalg.norm(given)) / 5.0
