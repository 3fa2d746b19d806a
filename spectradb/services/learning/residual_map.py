"""What a model finds surprising: stored spectra that are not as their structures let expect.

A spectrum that the model was trained on is compared with the prediction of members that had not
seen it, so that no spectrum vouches for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.kinds.base import Model
from ml.metrics import pearson
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import Spectrum, Structure
from spectradb.services.learning.stored import stored_model, training_keys
from spectradb.services.learning.training_data import TrainingRows, training_rows

Float = NDArray[np.float64]
_CHUNK = 2000


@dataclass(frozen=True)
class Residual:
    """One spectrum beside its prediction.

    Attributes
    ----------
    surprise : float
        Root mean square of (stored − predicted)/σ; about 1 where the model's error bars hold.
    rms : float
        Root mean square of stored − predicted, in units of the intensity.
    correlation : float
        Pearson, −1 … 1.
    trust : float
        0 … 1. Low trust and much surprise: the structure is strange. High trust and much
        surprise: look at the spectrum.
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
    target_scale: Mapping[str, float] | None = None,
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
        As the model was trained with.
    top : int, optional
        No more than these.

    Raises
    ------
    LearningError
        If the model does not exist or no spectrum fits its grid.
    """
    row, model = stored_model(name)
    rows = training_rows(
        apply_where(Spectrum, query or row.filters, EVERYTHING),
        grid=model.energy_ev,
        target_scale=target_scale,
    )
    mean, sigma, trust, seen = _expected(model, training_keys(name), rows)
    truth = np.asarray(rows.data.target, np.float64)
    surprise = np.sqrt((((truth - mean) / sigma) ** 2).mean(axis=1))
    rms = np.sqrt(((truth - mean) ** 2).mean(axis=1))
    correlation = pearson(truth, mean)
    order = np.argsort(-surprise, kind="stable")[:top]
    wanted = {rows.keys[i][1] for i in order}
    about = Structure.objects.only("formula", "energy_above_hull", "hypothetical").in_bulk(wanted)
    return [
        Residual(
            structure_id=structure,
            source_id=source_id,
            formula=about[structure].formula,
            site_index=site,
            surprise=float(surprise[i]),
            rms=float(rms[i]),
            correlation=float(correlation[i]),
            trust=float(trust[i]),
            seen=bool(seen[i]),
            energy_above_hull=about[structure].energy_above_hull,
            hypothetical=about[structure].hypothetical,
        )
        for i in order
        for source_id, structure, site in [rows.keys[i]]
    ]


def _expected(
    model: Model, keys: list[tuple[str, int, int]], rows: TrainingRows
) -> tuple[Float, Float, Float, NDArray[np.bool_]]:
    """Mean and σ (n, g), trust (n,) and whether the model was trained on the row (n,)."""
    known = {key: i for i, key in enumerate(keys)}
    at = np.array([known.get(key, -1) for key in rows.keys])
    shape = rows.data.target.shape
    mean, sigma, trust = np.empty(shape), np.empty(shape), np.empty(shape[0])
    seen = at >= 0
    held_out = model.validation.of_training_rows(at[seen])
    mean[seen], sigma[seen], trust[seen] = held_out.mean, held_out.sigma, held_out.trust
    new = np.flatnonzero(~seen)
    for part in np.array_split(new, max(1, -(-len(new) // _CHUNK))):
        if part.size:
            found = model.predict(rows.data.rows(part))
            mean[part], sigma[part], trust[part] = found.mean, found.sigma, found.trust
    return mean, sigma, trust, seen
