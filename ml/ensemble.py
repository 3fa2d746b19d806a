"""Networks of one kind, each trained without one fold of the materials.

The fold a member has not seen stops its training early and, gathered over the members, gives
held-out predictions of every row: from these come honest error bars and weights in a mixture.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ml.ace import AceNetwork
from ml.cgcnn import CgcnnNetwork
from ml.checkpoints import load_arrays, save_arrays
from ml.data import Dataset, folds_by_material, material_weights
from ml.doubt import Doubt
from ml.errors import LearningError
from ml.features import Scaler
from ml.inputs import BLOCKS_OF, STARS, Inputs
from ml.mlp import MlpNetwork
from ml.prediction import Float, Predicted, Validation
from ml.training import Batches, History, TrainingConfig, pick_device, seed_everything, train

KINDS = ("mlp", "cgcnn", "ace", "chgnet-mlp", "chgnet-ace")


@dataclass(frozen=True)
class EnsembleConfig:
    """Of the members, their number and their training."""

    kind: str
    n_members: int = 5
    batch_size: int = 128  # rows
    network: dict[str, float] = field(default_factory=dict)  # hidden, dropout … of the network
    training: TrainingConfig = field(default_factory=TrainingConfig)
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LearningError("kind", self.kind, f"choose from {', '.join(KINDS)}")
        if self.n_members < 2:
            raise LearningError("n_members", self.n_members, "error bars need at least 2")


class NetworkEnsemble:
    """The fitted members; see :meth:`fit`."""

    def __init__(
        self,
        config: EnsembleConfig,
        members: list[nn.Module],
        inputs: Inputs,
        doubt: Doubt,
        validation: Validation,
        histories: list[History],
    ) -> None:
        self.config = config
        self.energy_ev = validation.energy_ev
        self.validation = validation
        self.histories = histories
        self._members = members
        self._inputs = inputs
        self._doubt = doubt

    @classmethod
    def fit(
        cls,
        data: Dataset,
        config: EnsembleConfig,
        report: Callable[[int, int, float, float], None] = lambda member, epoch, train, valid: None,
    ) -> NetworkEnsemble:
        """Train on all rows; ``report(member, epoch, train error, held-out error)``."""
        device = pick_device(config.device)
        seed = config.training.seed
        inputs = Inputs.prepare(data, config.kind)
        folds = folds_by_material(data.groups, config.n_members, seed)
        target = np.ascontiguousarray(data.target, dtype=np.float32)
        held_out = np.empty(target.shape)
        weights = material_weights(data.groups)
        # Between rows and materials alike: sites of one material still tell apart surroundings.
        counts = np.sqrt(weights) / np.sqrt(weights).mean()
        members, histories = [], []
        for k in range(config.n_members):
            seed_everything(seed * 1000 + k)
            out, rest = np.flatnonzero(folds == k), np.flatnonzero(folds != k)
            network = new_network(config, inputs.width, target[rest]).to(device)
            history = train(
                network,
                inputs.batches(data, rest, target, config.batch_size, device, counts),
                inputs.batches(data, out, target, 4 * config.batch_size, device, weights),
                config.training,
                lambda epoch, a, b, k=k: report(k, epoch, a, b),  # type: ignore[misc]
            )
            held_out[out] = _run(network, inputs.batches(data, out, None, 256, device), data)[out]
            members.append(network.cpu())
            histories.append(history)
        doubt, doubts, neighbours = Doubt.learn(
            [_features(m, inputs.batches(data, None, None, 256), data) for m in members],
            folds,
            target - held_out,
            weights,
        )
        truth = np.asarray(target, np.float64)
        validation = Validation.learn(data.energy_ev, truth, held_out, doubts, neighbours, weights)
        return cls(config, members, inputs, doubt, validation, histories)

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""
        batches = self._inputs.again(data).batches(data, None, None, 256)
        mean = np.mean([_run(member, batches, data) for member in self._members], axis=0)
        spread, neighbours = self._doubt.judge([_features(m, batches, data) for m in self._members])
        return self.validation.answer(mean, spread, neighbours)

    def save(self, folder: Path) -> None:
        """Weights (safetensors) and configuration (JSON) into the folder."""
        arrays = self.validation.arrays()
        if self._inputs.scaler is not None:
            for name, values in self._inputs.scaler.mean.items():
                arrays[f"scaler.mean.{name}"] = values
                arrays[f"scaler.deviation.{name}"] = self._inputs.scaler.deviation[name]
        arrays |= {f"doubt.{name}": values for name, values in self._doubt.arrays().items()}
        for k, member in enumerate(self._members):
            for name, tensor in member.state_dict().items():
                arrays[f"member.{k}.{name}"] = tensor.numpy()
        meta = {
            "config": asdict(self.config),
            "width": self._inputs.width,
            "gain": self._inputs.gain,
            "histories": [asdict(history) for history in self.histories],
        }
        save_arrays(folder, self.config.kind, arrays, json.dumps(meta))

    @classmethod
    def load(cls, folder: Path, kind: str) -> NetworkEnsemble:
        """What :meth:`save` wrote."""
        arrays, text = load_arrays(folder, kind)
        meta = json.loads(text)
        training = TrainingConfig(**meta["config"].pop("training"))
        config = EnsembleConfig(**meta["config"], training=training)
        scaler = None
        if blocks := BLOCKS_OF.get(config.kind):
            scaler = Scaler(
                {b: arrays[f"scaler.mean.{b}"] for b in blocks},
                {b: arrays[f"scaler.deviation.{b}"] for b in blocks},
                norm=2,
            )
        members = []
        for k in range(config.n_members):
            prefix = f"member.{k}."
            state = {
                name.removeprefix(prefix): torch.from_numpy(values.copy())
                for name, values in arrays.items()
                if name.startswith(prefix)
            }
            # The head takes its size from a target; its numbers come from the state.
            rank, grid = state["head.components"].shape
            stand_in = np.random.default_rng(0).random((rank, grid), np.float32)
            member = new_network(config, meta["width"], stand_in)
            member.load_state_dict(state)
            members.append(member.eval())
        return cls(
            config,
            members,
            Inputs(config.kind, meta["width"], scaler, meta["gain"]),
            Doubt.of_arrays(arrays),
            Validation.of_arrays(arrays),
            [History(**history) for history in meta["histories"]],
        )


def new_network(config: EnsembleConfig, width: int, target: NDArray[np.float32]) -> nn.Module:
    whole = {k: int(v) if float(v).is_integer() else v for k, v in config.network.items()}
    if config.kind in STARS:
        if width:  # the layers of the potential have seen the graph
            whole |= {"n_conv": 0}
        return AceNetwork(width, target, **whole)  # type: ignore[arg-type]
    if config.kind in BLOCKS_OF:
        return MlpNetwork(width, target, **whole)  # type: ignore[arg-type]
    return CgcnnNetwork(target, **whole)  # type: ignore[arg-type]


@torch.no_grad()
def _run(network: nn.Module, batches: Batches, data: Dataset) -> Float:
    """(n, g) predictions, each in its own row of the data whatever order the batches have."""
    network.eval()
    result = np.zeros((len(data), data.energy_ev.size))
    for batch in batches(None):
        result[batch.rows] = network(batch.inputs).cpu().numpy()
    return result


@torch.no_grad()
def _features(network: Any, batches: Batches, data: Dataset) -> NDArray[np.float32]:
    """(n, width) what the last layer sees of each row."""
    network.eval()
    parts = [(b.rows, network.features(b.inputs).cpu().numpy()) for b in batches(None)]
    result = np.zeros((len(data), parts[0][1].shape[1]), np.float32)
    for rows, values in parts:
        result[rows] = values
    return result
