"""What a model finds surprising: stored spectra that are not as their structures let expect.

A spectrum that the model was trained on is compared with the prediction of members that had not
seen it, so that no spectrum vouches for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ml.data import Dataset
from ml.errors import LearningError
from ml.metrics import pearson
from spectradb.models import Structure
from spectradb.services.learning.as_trained import AS_TRAINED, Scale, rows_as_trained
from spectradb.services.learning.results import Scored
from spectradb.services.learning.stored import Key, model_folder, stored_model, training_keys

if TYPE_CHECKING:
    from ml.kinds.base import Model

Float = NDArray[np.float64]
_CHUNK = 2000
_FILE = "residuals.npz"


@dataclass(frozen=True)
class Residuals:
    """Spectra beside their predictions, a row each.

    Attributes
    ----------
    keys : list of (source id, structure, site index)
    surprise : (n,)
        Root mean square of (stored − predicted)/σ; about 1 where the model's error bars hold.
    rms : (n,)
        Root mean square of stored − predicted, in units of the intensity.
    correlation : (n,)
        Pearson, −1 … 1.
    trust : (n,)
        0 … 1. Low trust and much surprise: the structure is strange. High trust and much
        surprise: look at the spectrum.
    seen : (n,)
        Whether the model was trained on it.
    """

    keys: list[Key]
    surprise: Float
    rms: Float
    correlation: Float
    trust: Float
    seen: NDArray[np.bool_]

    @classmethod
    def compare(
        cls, keys: list[Key], truth: Float, mean: Float, sigma: Float, trust: Float, seen: bool
    ) -> Self:
        """From what is stored (n, g), predictions and their σ (n, g), and trust (n,)."""
        return cls(
            keys,
            np.sqrt((((truth - mean) / sigma) ** 2).mean(axis=1)),
            np.sqrt(((truth - mean) ** 2).mean(axis=1)),
            pearson(truth, mean),
            trust,
            np.full(len(keys), seen),
        )

    @classmethod
    def of_scored(cls, scored: Scored, keys: list[Key]) -> Self:
        """Of rows that were measured already."""
        arrays = (scored.truth, scored.predicted, scored.sigma, scored.trust)
        truth, mean, sigma, trust = (np.asarray(one, np.float64) for one in arrays)
        return cls.compare(keys, truth, mean, sigma, trust, seen=False)

    @classmethod
    def of_trained(
        cls, model: Model, data: Dataset, keys: list[Key], at: NDArray[np.int64]
    ) -> Self:
        """Of rows of the data that are rows ``at`` (n,) of those that the model was trained on."""
        parts = []
        for some in _chunks(len(keys)):
            found = model.validation.of_training_rows(at[some])
            truth = np.asarray(data.target[some], np.float64)
            named = [keys[i] for i in some]
            parts.append(cls.compare(named, truth, found.mean, found.sigma, found.trust, seen=True))
        return cls.joined(parts)

    @classmethod
    def of_new(cls, model: Model, data: Dataset, keys: list[Key]) -> Self:
        """Of rows that the model was not trained on."""
        parts = []
        for some in _chunks(len(keys)):
            found = model.answer(data.rows(some))
            truth = np.asarray(data.target[some], np.float64)
            named = [keys[i] for i in some]
            parts.append(
                cls.compare(named, truth, found.mean, found.sigma, found.trust, seen=False)
            )
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other, of one part at least."""
        return cls(
            [key for part in parts for key in part.keys],
            np.concatenate([part.surprise for part in parts]),
            np.concatenate([part.rms for part in parts]),
            np.concatenate([part.correlation for part in parts]),
            np.concatenate([part.trust for part in parts]),
            np.concatenate([part.seen for part in parts]),
        )

    def save(self, folder: Path) -> None:
        """Into the folder of a model."""
        np.savez_compressed(
            folder / _FILE,
            source_id=np.array([key[0] for key in self.keys]),
            structure=np.array([key[1] for key in self.keys], np.int64),
            site=np.array([key[2] for key in self.keys], np.int64),
            surprise=self.surprise.astype(np.float32),
            rms=self.rms.astype(np.float32),
            correlation=self.correlation.astype(np.float32),
            trust=self.trust.astype(np.float32),
            seen=self.seen,
        )


@dataclass(frozen=True)
class Residual:
    """One of :class:`Residuals`, with what is known of its structure.

    Attributes
    ----------
    energy_above_hull : float or None
        eV/atom.
    """

    structure_id: int
    source_id: str
    formula: str
    site_index: int
    surprise: float
    rms: float
    correlation: float
    trust: float
    seen: bool
    energy_above_hull: float | None
    hypothetical: bool


def residual_map(
    name: str,
    query: Mapping[str, list[str]],
    *,
    target_scale: Scale = AS_TRAINED,
    top: int | None = None,
) -> list[Residual]:
    """Spectra of a search, the most surprising first.

    Parameters
    ----------
    name : str
        Of a trained model.
    query : mapping
        The search; the model's own when empty.
    target_scale : mapping, optional
        Where not that which the model was trained with.
    top : int, optional
        No more than these.

    Raises
    ------
    LearningError
        If the model does not exist, is adapted to measured spectra, or no spectrum fits its grid.
    """
    row, model = stored_model(name)
    if "base" in model.parts:
        base = row.hyperparameters.get("base", "the model it came from")
        raise LearningError("model", name, f"predicts measured spectra; ask {base}")
    rows = rows_as_trained(row, model, query, target_scale)
    known = {key: i for i, key in enumerate(training_keys(name))}
    at = np.array([known.get(key, -1) for key in rows.keys])
    parts = []
    if (seen := np.flatnonzero(at >= 0)).size:
        keys = [rows.keys[i] for i in seen]
        parts.append(Residuals.of_trained(model, rows.data.rows(seen), keys, at[seen]))
    if (new := np.flatnonzero(at < 0)).size:
        parts.append(Residuals.of_new(model, rows.data.rows(new), [rows.keys[i] for i in new]))
    return most_surprising(Residuals.joined(parts), top)


def kept_residuals(name: str) -> Residuals | None:
    """Of the spectra that a model was trained and measured on; None if it was trained before they
    were kept."""
    path = model_folder(name) / _FILE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        keys = zip(
            kept["source_id"].tolist(),
            kept["structure"].tolist(),
            kept["site"].tolist(),
            strict=True,
        )
        return Residuals(
            list(keys),
            surprise=kept["surprise"].astype(np.float64),
            rms=kept["rms"].astype(np.float64),
            correlation=kept["correlation"].astype(np.float64),
            trust=kept["trust"].astype(np.float64),
            seen=kept["seen"],
        )


def most_surprising(residuals: Residuals, top: int | None = None) -> list[Residual]:
    """The rows in the order of their surprise, with their structures; one query."""
    order = np.argsort(-residuals.surprise, kind="stable")[:top]
    wanted = {residuals.keys[i][1] for i in order}
    about = Structure.objects.only("formula", "energy_above_hull", "hypothetical").in_bulk(wanted)
    return [
        Residual(
            structure_id=structure,
            source_id=source_id,
            formula=about[structure].formula,
            site_index=site,
            surprise=float(residuals.surprise[i]),
            rms=float(residuals.rms[i]),
            correlation=float(residuals.correlation[i]),
            trust=float(residuals.trust[i]),
            seen=bool(residuals.seen[i]),
            energy_above_hull=about[structure].energy_above_hull,
            hypothetical=about[structure].hypothetical,
        )
        for i in order
        for source_id, structure, site in [residuals.keys[i]]
        if structure in about
    ]


def _chunks(n: int) -> Iterable[NDArray[np.int64]]:
    return (np.arange(at, min(at + _CHUNK, n)) for at in range(0, n, _CHUNK))
