"""Networks of one kind, each trained without one fold of the materials.

The fold a member has not seen stops its training early and, gathered over the members, gives
held-out predictions of every row: from these come honest error bars and weights in a mixture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.cgcnn import CgcnnNetwork, Graph, build_graph, collate
from ml.checkpoints import load_arrays, save_arrays
from ml.data import Dataset, folds_by_material
from ml.doubt import Doubt
from ml.errors import LearningError
from ml.features import Scaler, describe_rows
from ml.mlp import MlpNetwork
from ml.prediction import Calibration, Float, HeldOut, Predicted
from ml.training import Batches, History, TrainingConfig, pick_device, seed_everything, train

KINDS = ("mlp", "cgcnn")
MLP_BLOCKS = ("composition", "rdf", "coulomb", "bonds", "power", "shell")


@dataclass(frozen=True)
class EnsembleConfig:
    """Of the members, their number and their training."""

    kind: str
    n_members: int = 5
    batch_size: int = 64
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
        energy_ev: Float,
        members: list[nn.Module],
        inputs: Inputs,
        calibration: Calibration,
        doubt: Doubt,
        held_out: HeldOut,
        histories: list[History],
    ) -> None:
        self.config = config
        self.energy_ev = energy_ev
        self.held_out = held_out
        self.histories = histories
        self._members = members
        self._inputs = inputs
        self._calibration = calibration
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
        members, histories = [], []
        for k in range(config.n_members):
            seed_everything(seed * 1000 + k)
            out, rest = np.flatnonzero(folds == k), np.flatnonzero(folds != k)
            network = _network(config, inputs.width, target[rest]).to(device)
            history = train(
                network,
                inputs.batches(data, rest, target, config.batch_size, device),
                inputs.batches(data, out, target, 4 * config.batch_size, device),
                config.training,
                lambda epoch, a, b, k=k: report(k, epoch, a, b),  # type: ignore[misc]
            )
            held_out[out] = _run(network, inputs.batches(data, out, None, 256, device), data)[out]
            members.append(network.cpu())
            histories.append(history)
        doubt, doubts = Doubt.learn(
            [_features(m, inputs.batches(data, None, None, 256), data) for m in members],
            folds,
            target - held_out,
        )
        calibration = Calibration.learn(target - held_out, doubts)
        unseen = HeldOut(held_out, doubts)
        return cls(config, data.energy_ev, members, inputs, calibration, doubt, unseen, histories)

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""
        batches = self._inputs.again(data).batches(data, None, None, 256)
        mean = np.mean([_run(member, batches, data) for member in self._members], axis=0)
        spread, neighbours = self._doubt.judge([_features(m, batches, data) for m in self._members])
        return Predicted(
            mean=mean,
            sigma=self._calibration.sigma(spread),
            trust=self._calibration.trust(spread),
            neighbours=neighbours,
            spread=spread,
        )

    def save(self, folder: Path) -> None:
        """Weights (safetensors) and configuration (JSON) into the folder."""
        arrays: dict[str, NDArray[Any]] = {
            "energy_ev": self.energy_ev,
            "held_out.mean": self.held_out.mean.astype(np.float32),
            "held_out.spread": self.held_out.spread,
            "calibration.scale": self._calibration.scale,
            "calibration.spreads": self._calibration.spreads,
        }
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
        if config.kind == "mlp":
            scaler = Scaler(
                {b: arrays[f"scaler.mean.{b}"] for b in MLP_BLOCKS},
                {b: arrays[f"scaler.deviation.{b}"] for b in MLP_BLOCKS},
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
            member = _network(config, meta["width"], stand_in)
            member.load_state_dict(state)
            members.append(member.eval())
        calibration = Calibration(arrays["calibration.scale"], arrays["calibration.spreads"])
        return cls(
            config,
            arrays["energy_ev"],
            members,
            Inputs(config.kind, meta["width"], scaler),
            calibration,
            Doubt.of_arrays(arrays),
            HeldOut(arrays["held_out.mean"], arrays["held_out.spread"]),
            [History(**history) for history in meta["histories"]],
        )


@dataclass
class Inputs:
    """What the networks of a kind see of each row: scaled descriptors, or graphs."""

    kind: str
    width: int
    scaler: Scaler | None
    matrix: NDArray[np.float32] | None = None  # (n, width)
    graphs: list[Graph] | None = None  # of each crystal

    @classmethod
    def prepare(cls, data: Dataset, kind: str) -> Inputs:
        """Learn the scale of the descriptors from these rows, and make the inputs."""
        if kind == "mlp":
            blocks = describe_rows(data, MLP_BLOCKS)
            scaler = Scaler.learn(blocks)
            matrix = _unit(scaler.apply(blocks))
            return cls(kind, matrix.shape[1], scaler, matrix)
        return cls(kind, 0, None, graphs=_graphs(data))

    def again(self, data: Dataset) -> Inputs:
        """The inputs of other rows, on the same scale."""
        if self.scaler is not None:
            matrix = _unit(self.scaler.apply(describe_rows(data, MLP_BLOCKS)))
            return Inputs(self.kind, self.width, self.scaler, matrix)
        return Inputs(self.kind, 0, None, graphs=_graphs(data))

    def batches(
        self,
        data: Dataset,
        rows: NDArray[np.int64] | None,
        target: NDArray[np.float32] | None,
        size: int,
        device: torch.device = torch.device("cpu"),  # noqa: B008  (immutable)
    ) -> Batches:
        """Batches of these rows (all when None), with targets of no meaning when None."""
        chosen = np.arange(len(data)) if rows is None else rows
        grid = data.energy_ev.size

        def make(
            rng: np.random.Generator | None,
        ) -> Iterator[tuple[object, Tensor, NDArray[np.int64]]]:
            for part in self._parts(data, chosen, size, rng):
                wanted = np.zeros((len(part), grid), np.float32) if target is None else target[part]
                yield self._input(data, part, device), torch.from_numpy(wanted).to(device), part

        return make

    def _parts(
        self, data: Dataset, rows: NDArray[np.int64], size: int, rng: np.random.Generator | None
    ) -> Iterator[NDArray[np.int64]]:
        """Rows of each batch; for graphs, rows of one crystal stay together and share it."""
        if self.kind == "mlp":
            order = rows if rng is None else rng.permutation(rows)
            yield from (order[at : at + size] for at in range(0, len(order), size))
            return
        crystals, start = np.unique(data.crystal_of[rows], return_inverse=True)
        groups = np.split(
            rows[np.argsort(start, kind="stable")], np.cumsum(np.bincount(start))[:-1]
        )
        order = np.arange(len(crystals)) if rng is None else rng.permutation(len(crystals))
        part: list[NDArray[np.int64]] = []
        count = 0
        for k in order:
            part.append(groups[k])
            count += len(groups[k])
            if count >= size:
                yield np.concatenate(part)
                part, count = [], 0
        if part:
            yield np.concatenate(part)

    def _input(self, data: Dataset, part: NDArray[np.int64], device: torch.device) -> object:
        if self.matrix is not None:
            return torch.from_numpy(self.matrix[part]).to(device)
        assert self.graphs is not None
        crystals, first = np.unique(data.crystal_of[part], return_index=True)
        crystals = crystals[np.argsort(first)]
        absorbers = [data.site[part[data.crystal_of[part] == c]] for c in crystals]
        return collate([self.graphs[c] for c in crystals], absorbers).to(device)


def _graphs(data: Dataset) -> list[Graph]:
    return [build_graph(crystal) for crystal in data.crystals]


def _unit(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blocks of unit variance per column in the mean: what dense layers expect."""
    return np.asarray(matrix / max(float(matrix.std()), 1e-12), dtype=np.float32)


def _network(config: EnsembleConfig, width: int, target: NDArray[np.float32]) -> nn.Module:
    whole = {k: int(v) if float(v).is_integer() else v for k, v in config.network.items()}
    if config.kind == "mlp":
        return MlpNetwork(width, target, **whole)  # type: ignore[arg-type]
    return CgcnnNetwork(target, **whole)  # type: ignore[arg-type]


@torch.no_grad()
def _run(network: nn.Module, batches: Batches, data: Dataset) -> Float:
    """(n, g) predictions, each in its own row of the data whatever order the batches have."""
    network.eval()
    result = np.zeros((len(data), data.energy_ev.size))
    for inputs, _, rows in batches(None):
        result[rows] = network(inputs).cpu().numpy()
    return result


@torch.no_grad()
def _features(network: Any, batches: Batches, data: Dataset) -> NDArray[np.float32]:
    """(n, width) what the last layer sees of each row."""
    network.eval()
    parts = [(rows, network.features(inputs).cpu().numpy()) for inputs, _, rows in batches(None)]
    result = np.zeros((len(data), parts[0][1].shape[1]), np.float32)
    for rows, values in parts:
        result[rows] = values
    return result
