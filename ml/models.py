"""Every kind of model by its name: fit, save, load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml import adapted, distributed, pretrained
from ml.checkpoints import CONFIG, model_kind
from ml.data import Dataset, material_weights
from ml.ensemble import EnsembleConfig, NetworkEnsemble
from ml.errors import LearningError
from ml.features import VALENCE
from ml.krr_nmf import KrrNmf, KrrNmfConfig
from ml.mixed import Mixed, Part
from ml.training import TrainingConfig

MIXTURES = {
    "mixed": ("krr-nmf", "mlp", "ace"),
    "mixed-chgnet": ("krr-nmf", "ace", "chgnet-krr", "chgnet-mlp", "chgnet-ace"),
}
KINDS = ("krr-nmf", "mlp", "cgcnn", "ace", "chgnet-krr", "chgnet-mlp", "chgnet-ace", *MIXTURES)
FORMAT = 4  # raised whenever the same configuration and rows give another model
_EPOCHS = {"mlp": 30, "cgcnn": 30, "ace": 24, "chgnet-mlp": 30, "chgnet-ace": 20}
_BATCH = {"mlp": 128, "cgcnn": 64, "ace": 64, "chgnet-mlp": 128, "chgnet-ace": 64}  # rows


def default_kind() -> str:
    """The best that can be trained here: with a pretrained potential where it is installed."""
    return "mixed-chgnet" if pretrained.is_available() else "mixed"


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
    if kind in MIXTURES:
        parts = {one: fit_model(one, data, options, report) for one in MIXTURES[kind]}
        return Mixed.mix(parts, np.asarray(data.target), material_weights(data.groups))
    if kind in ("krr-nmf", "chgnet-krr"):
        return fit_config(krr_config(kind, options.seed, data), data, report)
    if kind not in KINDS:
        raise LearningError("kind", kind, f"choose from {', '.join(KINDS)}")
    return fit_config(ensemble_config(kind, options), data, report)


def krr_config(kind: str, seed: int, data: Dataset) -> KrrNmfConfig:
    """The kernel model on our own descriptors, or with the pretrained potential's beside them;
    and with the valence where the data tell it."""
    config = KrrNmfConfig(seed=seed)
    extra = {pretrained.BLOCK: 10.0} if kind != "krr-nmf" else {}
    if data.valence is not None:
        extra[VALENCE] = 4.0
    return replace(
        config,
        blocks=(*config.blocks, *extra),
        block_weights=(*config.block_weights, *extra.values()),
    )


def ensemble_config(kind: str, options: FitOptions) -> EnsembleConfig:
    """The kind's own defaults under a user's options."""
    training = TrainingConfig(epochs=options.epochs or _EPOCHS[kind], seed=options.seed)
    return EnsembleConfig(
        kind, options.n_members, _BATCH[kind], training=training, device=options.device
    )


def fit_config(config: KrrNmfConfig | EnsembleConfig, data: Dataset, report: Report) -> Part:
    """Fit a model with all its hyperparameters given.

    With ``data.cache`` a fitted model is kept there, so that a mixture of parts that were fitted
    before (or before an interruption) fits only what is missing.
    """
    kept = _kept(config, data)
    if kept and (kept / CONFIG).exists():
        return load_model(kept)
    model = _fit(config, data, report)
    if kept and distributed.rank() == 0:
        model.save(kept)
    return model


def _kept(config: KrrNmfConfig | EnsembleConfig, data: Dataset) -> Path | None:
    if data.cache is None:
        return None
    text = f"{FORMAT} {type(config).__name__} {config} {data.content_hash()}"
    return data.cache / "parts" / hashlib.sha256(text.encode()).hexdigest()[:32]


def _fit(config: KrrNmfConfig | EnsembleConfig, data: Dataset, report: Report) -> Part:
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
    if kind in _EPOCHS:
        return NetworkEnsemble.load(folder, kind)
    if kind == "mixed":
        meta = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["meta"]
        return Mixed.load(folder, {part: load_model(folder / part) for part in meta["parts"]})
    if kind == adapted.KIND:
        return adapted.Adapted.load(folder, load_model(folder / "base"))
    raise LearningError("kind", kind, f"choose from {', '.join(KINDS)}")
