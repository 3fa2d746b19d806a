"""Networks of one kind, each trained without one fold of the materials.

The fold a member has not seen stops its training early and, gathered over the members, gives
held-out predictions of every row: from these come honest error bars and weights in a mixture.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ml.data import Dataset, folds_of, material_weights
from ml.doubt import Doubt
from ml.errors import LearningError
from ml.features import room
from ml.inputs import Inputs, Sees
from ml.kinds.base import FitOptions, State, Step, Tell, Trained, unfinished
from ml.output import Basis, SpectrumNetwork
from ml.prediction import Float, Predicted, Validation
from ml.resume import Progress
from ml.training import Batches, History, TrainingConfig, pick_device, seed_everything, train

S = TypeVar("S")
_MANY = 256  # rows


@dataclass(frozen=True)
class NetworkConfig(Generic[S]):
    """Of the members, their number and their training; ``network`` is the kind's own sizes."""

    network: S
    n_members: int = 5
    batch_size: int = 128  # rows
    training: TrainingConfig = field(default_factory=TrainingConfig)
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.n_members < 2:
            raise LearningError("n_members", self.n_members, "error bars need at least 2")


class NetworkKind(Trained[NetworkConfig[S]], Generic[S]):
    """Fitted members; a kind says what they see, their sizes, and how one is made.

    Attributes
    ----------
    sees : Sees
    size : S
        The sizes of a network unless a search finds better ones.
    epochs, batch_size : int
        Of its training.
    """

    sees: ClassVar[Sees]
    size: Any  # S: a class attribute cannot be typed by it
    epochs: ClassVar[int]
    batch_size: ClassVar[int]

    def __init__(
        self,
        config: NetworkConfig[S],
        members: list[SpectrumNetwork],
        inputs: Inputs,
        doubt: Doubt,
        validation: Validation,
        histories: list[History],
    ) -> None:
        self.config = config
        self.validation = validation
        self.histories = histories
        self._members = members
        self._inputs = inputs
        self._doubt = doubt

    @classmethod
    @abstractmethod
    def network(cls, inputs: Inputs, basis: Basis, size: S) -> SpectrumNetwork:
        """An untrained network on such inputs."""

    @classmethod
    @abstractmethod
    def suggest_size(cls, trial: Any, size: S) -> S:
        """The sizes with what an Optuna trial suggests."""

    @classmethod
    def defaults(cls, data: Dataset, options: FitOptions) -> NetworkConfig[S]:
        epochs = cls.epochs if options.epochs is None else options.epochs
        # Sooner than the last quarter a better epoch may still come: the rate falls until the end.
        training = TrainingConfig(epochs=epochs, seed=options.seed, patience=max(epochs // 4, 2))
        return NetworkConfig(cls.size, options.n_members, cls.batch_size, training, options.device)

    @classmethod
    def suggest(cls, trial: Any, config: NetworkConfig[S]) -> NetworkConfig[S]:
        training = replace(
            config.training,
            learning_rate=trial.suggest_float("learning_rate", 3e-4, 6e-3, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-4, 1e-1, log=True),
        )
        return replace(config, training=training, network=cls.suggest_size(trial, config.network))

    @classmethod
    def fit(cls, data: Dataset, config: NetworkConfig[S], tell: Tell = lambda step: None) -> Self:
        device = pick_device(config.device)
        seed = config.training.seed
        folds, _ = folds_of(data, config.n_members, seed)
        inputs = Inputs.prepare(data, cls.sees.of(data))
        target = np.ascontiguousarray(data.target, dtype=np.float32)
        held_out = np.empty(target.shape)
        weights = material_weights(data.groups)
        # Between rows and materials alike: sites of one material still tell apart surroundings.
        counts = np.sqrt(weights) / np.sqrt(weights).mean()
        members, histories = [], []
        seen = np.empty((0, 0, 0), np.float32)
        place = cls.place(config, data)
        for k in range(config.n_members):
            seed_everything(seed * 1000 + k)
            out, rest = np.flatnonzero(folds == k), np.flatnonzero(folds != k)
            network = cls.network(inputs, Basis.of(target[rest]), config.network).to(device)
            history = train(
                network,
                inputs.batches(data, rest, target, config.batch_size, device, counts),
                inputs.batches(data, out, target, 4 * config.batch_size, device, weights),
                config.training,
                lambda epoch, a, b, k=k: tell(cls._step(config, k, epoch, a, b)),  # type: ignore[misc]
                Progress(place and unfinished(place) / f"member-{k}.pt"),
            )
            held_out[out] = _run(network, inputs.batches(data, out, None, 256, device), data)[out]
            values = _features(network, inputs.batches(data, None, None, 256, device), data)
            if k == 0:
                seen = room(config.n_members * len(data), values.shape[1])
                seen = seen.reshape(config.n_members, *values.shape)
            seen[k] = values
            members.append(network.cpu())
            histories.append(history)
        doubt, doubts, neighbours = Doubt.learn(seen, folds, target - held_out, weights)
        truth = np.asarray(target, np.float64)
        validation = Validation.learn(data.energy_ev, truth, held_out, doubts, neighbours, weights)
        return cls(config, members, inputs, doubt, validation, histories)

    @classmethod
    def _step(
        cls, config: NetworkConfig[S], member: int, epoch: int, train: float, valid: float
    ) -> Step:
        done = (member + (epoch + 1) / config.training.epochs) / config.n_members
        text = f"member {member + 1}, train {train:.5f}, held out {valid:.5f}"
        return Step(cls.kind, done, text, member, epoch, valid)

    def predict(self, data: Dataset) -> Predicted:
        # Of one crystal the way to a device and back takes longer than the answer.
        device = pick_device("auto" if len(data) >= _MANY else "cpu")
        batches = self._inputs.again(data).batches(data, None, None, 256, device)
        means, seen = [], []
        for member in self._members:
            member.to(device)
            means.append(_run(member, batches, data))
            seen.append(_features(member, batches, data))
            member.cpu()
        spread, neighbours = self._doubt.judge(seen)
        return self.validation.answer(np.mean(means, axis=0), spread, neighbours)

    def losses(self) -> dict[str, list[History]]:
        return {self.kind: self.histories}

    def state(self) -> State:
        arrays = self.validation.arrays() | self._inputs.arrays()
        arrays |= {f"doubt.{name}": values for name, values in self._doubt.arrays().items()}
        for k, member in enumerate(self._members):
            for name, tensor in member.state_dict().items():
                arrays[f"member.{k}.{name}"] = tensor.numpy()
        meta = {
            "config": asdict(self.config),
            "histories": [asdict(history) for history in self.histories],
        } | self._inputs.meta()
        return State(meta, arrays)

    @classmethod
    def of_state(cls, state: State) -> Self:
        meta, arrays = state.meta, state.arrays
        told = meta["config"]
        config = NetworkConfig(
            **told
            | {
                "network": replace(cls.size, **told["network"]),
                "training": TrainingConfig(**{"mixup": 0.0} | told["training"]),
            }
        )
        inputs = Inputs.of_state(cls.sees, meta, arrays)
        members = []
        for k in range(config.n_members):
            prefix = f"member.{k}."
            tensors = {
                name.removeprefix(prefix): torch.from_numpy(values.copy())
                for name, values in arrays.items()
                if name.startswith(prefix)
            }
            basis = Basis.blank(*tensors["head.components"].shape)
            member = cls.network(inputs, basis, config.network)
            member.load_state_dict(tensors)
            members.append(member.eval())
        return cls(
            config,
            members,
            inputs,
            Doubt.of_arrays(arrays),
            Validation.of_arrays(arrays),
            [History(**history) for history in meta["histories"]],
        )


@torch.no_grad()
def _run(network: SpectrumNetwork, batches: Batches, data: Dataset) -> Float:
    """(n, g) predictions, each in its own row of the data whatever order the batches have."""
    network.eval()
    result = np.zeros((len(data), data.energy_ev.size))
    for batch in batches(None):
        result[batch.rows] = network(batch.inputs).cpu().numpy()
    return result


@torch.no_grad()
def _features(network: SpectrumNetwork, batches: Batches, data: Dataset) -> NDArray[np.float32]:
    """(n, width) what the last layer sees of each row."""
    network.eval()
    parts = [(b.rows, network.features(b.inputs).cpu().numpy()) for b in batches(None)]
    result = np.zeros((len(data), parts[0][1].shape[1]), np.float32)
    for rows, values in parts:
        result[rows] = values
    return result
