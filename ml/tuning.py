"""Hyperparameters by Bayesian optimisation (Optuna's TPE), with hopeless trials given up early.

A study is kept in a database file, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.data import Dataset, material_weights
from ml.ensemble import EnsembleConfig, NetworkEnsemble
from ml.errors import LearningError
from ml.krr_nmf import KrrNmf, KrrNmfConfig
from ml.models import FitOptions, ensemble_config, krr_config
from ml.training import Stop

TUNED = ("krr-nmf", "mlp", "cgcnn", "ace", "chgnet-mlp", "chgnet-ace")


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes
    ----------
    config : KrrNmfConfig or EnsembleConfig
        The best, ready to be fitted on all rows.
    value : float
        Its held-out mean squared error.
    trials : list of dict
        Number, state, value and parameters of each trial, in order.
    importance : dict
        Share of the variance of the error that each parameter explains (fANOVA), if enough
        trials were finished.
    """

    config: KrrNmfConfig | EnsembleConfig
    value: float
    trials: list[dict[str, Any]]
    importance: dict[str, float]


def tune(
    kind: str,
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
    say : callable
        Called after each trial with its number and the best error so far.

    Raises
    ------
    LearningError
        If the kind has nothing to tune or no trial was finished.
    """
    import optuna

    if kind not in TUNED:
        raise LearningError("--tune", kind, f"tune one of {', '.join(TUNED)}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    store.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{store}",
        study_name=study_name,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=options.seed, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=10),
    )

    def objective(trial: Any) -> float:
        config = _suggest(trial, kind, options, data)
        if isinstance(config, KrrNmfConfig):
            return float(KrrNmf.fit(data, config).report["cv_mse"])

        def report(member: int, epoch: int, train: float, valid: float) -> None:
            # The first member decides: later ones repeat its course on other folds.
            if member == 0:
                trial.report(valid, epoch)
                if trial.should_prune():
                    raise Stop

        try:
            model = NetworkEnsemble.fit(data, config, report)
        except Stop as stop:
            raise optuna.TrialPruned from stop
        target = np.asarray(data.target, dtype=np.float64)
        error = ((model.validation.mean - target) ** 2).mean(axis=1)
        return float(error @ material_weights(data.groups)) / len(error)

    def finished() -> int:
        return sum(t.state.is_finished() for t in study.trials)

    while finished() < n_trials:
        study.optimize(objective, n_trials=1)
        done = [t.value for t in study.trials if t.value is not None]
        say(finished(), min(done) if done else None)
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not complete:
        raise LearningError("--tune", n_trials, "no trial was finished; allow more")
    return Tuned(
        _suggest(optuna.trial.FixedTrial(study.best_params), kind, options, data),
        float(study.best_value),
        [
            {"number": t.number, "state": t.state.name, "value": t.value, "params": t.params}
            for t in study.trials
        ],
        _importance(study) if len(complete) >= 4 else {},
    )


def _suggest(
    trial: Any, kind: str, options: FitOptions, data: Dataset
) -> KrrNmfConfig | EnsembleConfig:
    if kind == "krr-nmf":
        return replace(
            krr_config(kind, options.seed, data),
            n_components=trial.suggest_int("n_components", 8, 48, step=4),
            alpha=trial.suggest_float("alpha", 1e-5, 1e-1, log=True),
            gamma=trial.suggest_float("gamma", 0.1, 4.0, log=True),
        )
    base = ensemble_config(kind, options)
    training = replace(
        base.training,
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 6e-3, log=True),
        weight_decay=trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
    )
    network: dict[str, float] = {
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "hidden": trial.suggest_int("hidden", 128, 640, step=128),
    }
    if kind.endswith("mlp"):
        network["n_blocks"] = trial.suggest_int("n_blocks", 1, 3)
    elif kind == "cgcnn":
        network["n_conv"] = trial.suggest_int("n_conv", 1, 4)
        network["atom_dim"] = trial.suggest_int("atom_dim", 48, 144, step=32)
    else:
        network["node_dim"] = trial.suggest_int("node_dim", 32, 96, step=32)
        network["channels"] = trial.suggest_int("channels", 24, 72, step=24)
        if kind == "ace":
            network["n_conv"] = trial.suggest_int("n_conv", 1, 3)
    return replace(base, training=training, network=network)


def _importance(study: Any) -> dict[str, float]:
    import optuna

    try:
        found = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError):  # all trials equal: nothing to tell apart
        return {}
    return {name: float(value) for name, value in found.items()}
