"""What a model remembers of its training, and rows made as its own were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.data import check_split
from ml.errors import LearningError
from ml.kinds.base import Model
from spectradb.models import TrainedModel
from spectradb.services.learning.selection import select
from spectradb.services.learning.stored import Key, training_keys
from spectradb.services.learning.training_data import TrainingRows, check_scale, training_rows

AS_TRAINED: Final = "as trained"
"""In the place of a split or a scale: the one that the model was trained with."""
Split = Mapping[str, str] | str | None
"""``{source_id: part}``, None for the hash of the material's name, or :data:`AS_TRAINED`."""
Scale = Mapping[str, float] | str | None
"""``{"source_id:site_index": factor}``, None for intensities as stored, or :data:`AS_TRAINED`."""


def fingerprint(given: Mapping[str, Any] | None) -> str:
    """SHA-256 of a split or a scale; empty without one."""
    if given is None:
        return ""
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def split_of(row: TrainedModel, given: Split = AS_TRAINED) -> Mapping[str, str] | None:
    """The split that is meant.

    Raises
    ------
    LearningError
        If the given one is none, or the model does not remember its own.
    """
    if given != AS_TRAINED:
        if given is not None:
            check_split(given)
        return given  # type: ignore[return-value]  # checked
    trained = _trained(row)
    split: Mapping[str, str] | None = trained.request.get("split")
    if trained.split.get("given") and split is None:
        raise LearningError("split", row.name, "was given and is not remembered; name it")
    return split


def scale_of(row: TrainedModel, given: Scale = AS_TRAINED) -> Mapping[str, float] | None:
    """The target scale that is meant.

    Raises
    ------
    LearningError
        If the given one is none.
    """
    if given != AS_TRAINED:
        if given is not None:
            check_scale(given)
        return given  # type: ignore[return-value]  # checked
    scale: Mapping[str, float] | None = _trained(row).request.get("target_scale")
    return scale


def rows_as_trained(
    row: TrainedModel,
    model: Model,
    query: Mapping[str, Sequence[str]],
    target_scale: Scale = AS_TRAINED,
) -> TrainingRows:
    """The spectra of a search (of the model's own when empty) on the model's grid, of the
    quantity and scale that it was trained on.

    Raises
    ------
    LearningError
        If there are none.
    """
    chosen = select(query or row.filters, row.hyperparameters.get("quantity", ""))
    rows = training_rows(
        chosen.spectra,
        grid=model.energy_ev,
        target_scale=scale_of(row, target_scale),
        normalised=chosen.normalised,
    )
    rows.left_out.update(chosen.left_out)
    return rows


def trained_on(name: str, keys: Sequence[Key]) -> NDArray[np.bool_]:
    """(n,) whether a model was trained on any site of the material of each row."""
    known = training_keys(name)
    names, structures = {key[0] for key in known}, {key[1] for key in known}
    return np.array([key[0] in names or key[1] in structures for key in keys], dtype=bool)


def _trained(row: TrainedModel) -> TrainedModel:
    """The model itself, or the one that it was adapted from."""
    base = (row.hyperparameters or {}).get("base")
    return row if base is None else TrainedModel.objects.filter(name=base).first() or row
