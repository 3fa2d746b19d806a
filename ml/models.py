"""Every kind of model by its name: fit, save, load."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.checkpoints import CONFIG, model_kind
from ml.data import Dataset
from ml.ensemble import EnsembleConfig, NetworkEnsemble
from ml.errors import LearningError
from ml.krr_nmf import KrrNmf, KrrNmfConfig
from ml.mixed import Mixed, Part
from ml.training import TrainingConfig

KINDS = ("krr-nmf", "mlp", "cgcnn", "mixed")
DEFAULT = "mixed"
_EPOCHS = {"mlp": 80, "cgcnn": 100}


@dataclass(frozen=True)
class FitOptions:
    """What a user may choose for any kind; None is the kind's own default."""

    seed: int = 0
    device: str = "auto"
    epochs: int | None = None
    n_members: int = 5


@dataclass(frozen=True)
class Step:
    """Progress: which part, how far (0 … 1), and what to show beside it."""

    part: str
    done: float
    text: str


Report = Callable[[Step], None]


def fit_model(kind: str, data: Dataset, options: FitOptions, report: Report) -> Part:
    """Fit a model of this kind on all rows of the data.

    Raises
    ------
    LearningError
        If the kind is unknown or the data are too few.
    """
    if kind == "mixed":
        parts = {one: fit_model(one, data, options, report) for one in KINDS if one != "mixed"}
        return Mixed.mix(parts, np.asarray(data.target))
    if kind == "krr-nmf":
        return fit_config(KrrNmfConfig(seed=options.seed), data, report)
    if kind not in KINDS:
        raise LearningError("kind", kind, f"choose from {', '.join(KINDS)}")
    return fit_config(ensemble_config(kind, options), data, report)


def ensemble_config(kind: str, options: FitOptions) -> EnsembleConfig:
    """The kind's own defaults under a user's options."""
    training = TrainingConfig(epochs=options.epochs or _EPOCHS[kind], seed=options.seed)
    return EnsembleConfig(kind, options.n_members, training=training, device=options.device)


def fit_config(config: KrrNmfConfig | EnsembleConfig, data: Dataset, report: Report) -> Part:
    """Fit a model with all its hyperparameters given."""
    if isinstance(config, KrrNmfConfig):
        return KrrNmf.fit(data, config, lambda text: report(Step("krr-nmf", 0.0, text)))

    def told(member: int, epoch: int, train: float, valid: float) -> None:
        done = (member + (epoch + 1) / config.training.epochs) / config.n_members
        text = f"member {member + 1}, train {train:.5f}, held out {valid:.5f}"
        report(Step(config.kind, done, text))

    return NetworkEnsemble.fit(data, config, told)


def load_model(folder: Path) -> Part:
    """The model that a folder holds.

    Raises
    ------
    LearningError
        If it holds none, or one of an unknown kind.
    """
    kind = model_kind(folder)
    if kind == "krr-nmf":
        return KrrNmf.load(folder)
    if kind in ("mlp", "cgcnn"):
        return NetworkEnsemble.load(folder, kind)
    if kind == "mixed":
        meta = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["meta"]
        return Mixed.load(folder, {part: load_model(folder / part) for part in meta["parts"]})
    raise LearningError("kind", kind, f"choose from {', '.join(KINDS)}")
