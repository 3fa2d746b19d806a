"""Fit a model of any kind, and load one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from ml import distributed
from ml.checkpoints import is_model, read
from ml.data import Dataset
from ml.kinds import kind_class, trained_kind
from ml.kinds.base import FitOptions, Model, State, Tell, Trained

C = TypeVar("C")


def fit_model(kind: str, data: Dataset, options: FitOptions, tell: Tell) -> Model:
    """Fit a model of this kind on all rows of the data.

    Raises
    ------
    LearningError
        If the kind is unknown, an option is out of range or the data are too few.
    """
    options.check()
    chosen = trained_kind(kind)
    return fit_config(chosen, data, chosen.defaults(data, options), tell)


def fit_config(kind: type[Trained[C]], data: Dataset, config: C, tell: Tell) -> Model:
    """Fit a model with all its hyperparameters given.

    With ``data.cache`` a fitted model is kept there, so that a mixture of parts that were fitted
    before (or before an interruption) fits only what is missing.
    """
    place = _place(kind, config, data)
    if place and is_model(place):
        return load_model(place)
    model = kind.fit(data, config, tell)
    if place and distributed.rank() == 0:
        model.save(place)
    return model


def _place(kind: type[Trained[C]], config: C, data: Dataset) -> Path | None:
    if data.cache is None or not kind.kept:
        return None
    text = f"{kind.kind} {kind.version} {config} {data.content_hash()}"
    return data.cache / "parts" / hashlib.sha256(text.encode()).hexdigest()[:32]


def load_model(folder: Path) -> Model:
    """The model that a folder holds.

    Raises
    ------
    LearningError
        If it holds none, or one of an unknown kind.
    """
    stored = read(folder)
    parts = {name: load_model(folder / name) for name in stored.parts}
    model = kind_class(stored.kind).of_state(State(stored.meta, stored.arrays, parts))
    model.stored_version = stored.version
    return model
