"""Hyperparameters by Bayesian optimisation (Optuna's TPE), with hopeless trials given up early.

A study is kept in a database file, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ml import distributed
from ml.data import Dataset, material_weights
from ml.errors import LearningError, Stop
from ml.files import one_at_a_time, remove
from ml.kinds.base import FitOptions, Step, Trained, unfinished
from ml.prediction import Float

C = TypeVar("C")


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes
    ----------
    config
        The kind's best configuration, ready to be fitted on all rows.
    value : float
        Its held-out mean squared error.
    trials : list of dict
        Number, state, value and parameters of each trial, in order.
    importance : dict
        Share of the variance of the error that each parameter explains (fANOVA), if enough
        trials were finished.
    """

    config: Any
    value: float
    trials: list[dict[str, Any]]
    importance: dict[str, float]


def tune(
    kind: type[Trained[Any]],
    data: Dataset,
    options: FitOptions,
    n_trials: int,
    store: Path,
    study_name: str,
    say: Callable[[int, float | None], None] = lambda trial, best: None,
) -> Tuned:
    """Search until the study holds ``n_trials`` finished trials.

    Parameters
    ----------
    store : Path
        SQLite file of the studies.
    study_name : str
        Of this search. One of the same name goes on where it stopped, as long as kind, rows and
        settings are the same.
    say : callable
        Called after each trial with its number and the best error so far.

    Raises
    ------
    LearningError
        If the kind has nothing to search or no trial was finished.
    """
    import optuna

    if not kind.searchable:
        raise LearningError("--tune", kind.kind, "has no hyperparameters of its own to search")
    base = kind.defaults(data, options)
    if distributed.rank():
        return _follow(kind, data, base)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Errors on other rows, of another split, or with other settings cannot be compared.
    text = f"{kind.kind} {kind.version} {base} {data.content_hash()}"
    name = f"{study_name}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with one_at_a_time(store):  # two would make its tables
        study = _study(store, name, options.seed)
    weights = material_weights(data.groups)

    def objective(trial: Any) -> float:
        try:
            config = distributed.agreed(kind.suggest(trial, base))
            return _held_out(kind, data, config, weights, trial)
        except Stop as stop:
            raise optuna.TrialPruned from stop

    def finished() -> int:
        return sum(t.state.is_finished() for t in study.trials)

    while finished() < n_trials:
        study.optimize(objective, n_trials=1)
        done = [t.value for t in study.trials if t.value is not None]
        say(finished(), min(done) if done else None)
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    distributed.agreed(None)  # no more trials
    if not complete:
        raise distributed.agreed(
            LearningError("--tune", n_trials, "no trial was finished; allow more")
        )
    return distributed.agreed(
        Tuned(
            kind.suggest(optuna.trial.FixedTrial(study.best_params), base),
            float(study.best_value),
            [
                {"number": t.number, "state": t.state.name, "value": t.value, "params": t.params}
                for t in study.trials
            ],
            _importance(study) if len(complete) >= 4 else {},
        )
    )


def _held_out(
    kind: type[Trained[C]], data: Dataset, config: C, weights: Float, trial: Any = None
) -> float:
    """The held-out error of a configuration; the first process asks the trial when to give up."""

    def tell(step: Step) -> None:
        # The first member decides: later ones repeat its course on other folds.
        if step.member == 0 and step.held_out_mse is not None:
            hopeless = False
            if trial is not None:
                trial.report(step.held_out_mse, step.epoch)
                hopeless = trial.should_prune()
            if distributed.agreed(hopeless):
                raise Stop

    try:
        return kind.fit(data, config, tell).validation.mse(weights)
    finally:
        place = kind.place(config, data)
        if place and distributed.rank() == 0:
            remove(unfinished(place))


def _follow(kind: type[Trained[C]], data: Dataset, base: C) -> Tuned:
    """What the other processes of a group do in a search: what the first one says."""
    weights = material_weights(data.groups)
    while (config := distributed.agreed(base)) is not None:
        with suppress(Stop):
            _held_out(kind, data, config, weights)
    found: Tuned | LearningError = distributed.agreed(None)  # type: ignore[assignment]
    if isinstance(found, LearningError):
        raise found
    return found


def _study(store: Path, name: str, seed: int) -> Any:
    """The study of this name, new or as it was left."""
    import optuna

    return optuna.create_study(
        storage=f"sqlite:///{store}",
        study_name=name,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=10),
    )


def _importance(study: Any) -> dict[str, float]:
    import optuna

    try:
        found = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError):  # all trials equal: nothing to tell apart
        return {}
    return {name: float(value) for name, value in found.items()}
