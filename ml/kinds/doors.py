"""Fit a model of any kind, and load one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ml import distributed
from ml.checkpoints import is_model, read
from ml.data import Dataset
from ml.errors import LearningError, Stop
from ml.familiarity import Familiarity
from ml.files import one_at_a_time, remove, whole_or_not
from ml.kinds import kind_class, trained_kind
from ml.kinds.base import FitOptions, Model, State, Tell, Trained, unfinished

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
    return fit_whole(chosen, data, chosen.defaults(data, options), tell)


def fit_whole(kind: type[Trained[C]], data: Dataset, config: C, tell: Tell) -> Model:
    """As :func:`fit_config`, with what the training rows were: a model to answer for any row."""
    model = fit_config(kind, data, config, tell)
    model.familiar = Familiarity.learn(data, model.validation)
    return model


def fit_config(kind: type[Trained[C]], data: Dataset, config: C, tell: Tell) -> Model:
    """Fit a model with all its hyperparameters given.

    With ``data.cache`` a fitted model is kept there, so that a mixture of parts that were fitted
    before (or before an interruption) fits only what is missing.
    """
    place = kind.place(config, data)
    # Asked of one process: another could find what the first has just written.
    if place and distributed.agreed(is_model(place)):
        place.touch()  # used: what is not for long is cleared
        return load_model(place)
    if kind.in_one_process:
        model = _by_first(lambda: kind.fit(data, config, tell))
    else:
        model = kind.fit(data, config, tell)
    if place and distributed.rank() == 0:
        with one_at_a_time(place), whole_or_not(place) as part:
            model.save(part)
        remove(unfinished(place))
    return model


def _by_first(make: Callable[[], Model]) -> Model:
    """What the first process makes, in all of them; its error too."""
    if distributed.world_size() == 1:
        return make()
    made: Model | LearningError | Stop | None = None
    if distributed.rank() == 0:
        try:
            made = make()
        except (LearningError, Stop) as error:
            made = error
    made = distributed.agreed(made)
    if isinstance(made, Exception):
        raise made
    assert made is not None  # the first process made it
    return made


def load_model(folder: Path) -> Model:
    """The model that a folder holds.

    Raises
    ------
    LearningError
        If it holds none, or one of an unknown kind.
    """
    stored = read(folder)
    parts = {name: load_model(folder / name) for name in stored.parts}
    familiar = Familiarity.of_arrays(stored.arrays)
    model = kind_class(stored.kind).of_state(State(stored.meta, stored.arrays, parts))
    model.familiar = familiar
    model.stored_version = stored.version
    return model
