"""One training loop for every network: AdamW, one-cycle rate, averaged weights, early stop."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml import distributed
from ml.errors import LearningError
from ml.output import Mixing
from ml.resume import Progress, random_state, restore_random


class Batches(Protocol):
    """Anything that hands out batches."""

    def __call__(self, rng: np.random.Generator | None) -> Iterable[Batch]:
        """Shuffled with a generator, and then this process's share; in order without one."""


@dataclass(frozen=True)
class Batch:
    """The model's input, the target (n, g), the row numbers (n,), what each row counts for in
    training (n,), and what the batch's mean loss counts for beside those of other processes."""

    inputs: object
    target: Tensor
    rows: NDArray[np.int64]
    counts: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class TrainingConfig:
    """Of the loop."""

    epochs: int = 120
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    averaging: float = 0.995  # of the weights, per step
    patience: int = 40  # epochs without a better validation error
    mixup: float = 0.2  # of the beta distribution of shares; 0: rows are not mixed
    seed: int = 0


@dataclass
class History:
    """Errors of each epoch, those in training of mixed rows; the best epoch's weights are in the
    model."""

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = -1
    seconds: float = 0.0


def pick_device(name: str = "auto") -> torch.device:
    """``auto``: CUDA, then Apple's, then the CPU.

    Raises
    ------
    LearningError
        If there is no such device here.
    """
    if name != "auto":
        try:
            return torch.empty(0, device=name).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            why = (str(error).splitlines() or ["no reason given"])[0]
            raise LearningError("device", name, f"cannot be used here: {why}") from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (libraries that still use the global state)
    torch.manual_seed(seed + 1_000_003 * distributed.rank())  # of dropout; rank 0 gives the weights


def train(
    model: nn.Module,
    batches: Batches,
    valid: Batches,
    config: TrainingConfig,
    tell: Callable[[int, float, float], None] = lambda epoch, train, valid: None,
    progress: Progress | None = None,
) -> History:
    """Fit in place; the model ends with its best averaged weights, in evaluation mode.

    The loss is the mean squared error of the spectra. ``tell(epoch, train, valid)`` is called
    after each epoch and may raise :class:`ml.errors.Stop`. With ``progress`` a training that was
    killed goes on where its state was kept last, and ends as it would have.
    """
    rng = np.random.default_rng(config.seed)
    wrapped = distributed.wrapped(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    steps = sum(1 for _ in batches(None)) * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=steps, pct_start=0.15
    )
    averaged = copy.deepcopy(model).eval()
    best, best_state = float("inf"), copy.deepcopy(model.state_dict())
    history, begun, step, first = History(), time.monotonic(), 0, 0
    progress = progress or Progress(None)
    if (kept := progress.load()) is not None:
        model.load_state_dict(kept["model"])
        averaged.load_state_dict(kept["averaged"])
        best_state, best = kept["best_state"], kept["best"]
        optimizer.load_state_dict(kept["optimizer"])
        schedule.last_epoch = kept["schedule"]
        history, step, first = History(**kept["history"]), kept["step"], kept["epochs"]
        begun -= history.seconds
        restore_random(rng, kept["random"])

    def state(epochs: int) -> dict[str, Any]:
        """All that the epochs to come depend on."""
        history.seconds = time.monotonic() - begun
        return {
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "best_state": best_state,
            "best": best,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.last_epoch,
            "history": asdict(history),
            "step": step,
            "epochs": epochs,
            "random": random_state(rng),
        }

    for epoch in range(first, config.epochs):
        model.train()
        told: list[Tensor] = []  # read at the end: a device that is asked each step must wait
        sizes: list[int] = []
        for batch in batches(rng):
            optimizer.zero_grad(set_to_none=True)
            if config.mixup:
                mixing = Mixing.drawn(len(batch.target), config.mixup, batch.target.device)
                apart = wrapped(batch.inputs, mixing) - mixing.of(batch.target)
            else:
                apart = wrapped(batch.inputs) - batch.target
            loss = (batch.counts * (apart**2).mean(dim=1)).mean()
            (batch.weight * loss).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step < steps:  # batches of whole crystals are not the same number in every epoch
                schedule.step()
            _average(averaged, model, min(config.averaging, step / (step + 10)))
            told.append(loss.detach())
            sizes.append(len(batch.target))
        losses = torch.stack(told).tolist()
        total = sum(loss * size for loss, size in zip(losses, sizes, strict=True))
        history.train.append(total / sum(sizes))
        # Of one process: rounding may differ, and all must stop at the same epoch.
        history.valid.append(distributed.agreed(mean_square(averaged, valid)))
        if history.valid[-1] < best:
            best, history.best_epoch = history.valid[-1], epoch
            best_state = copy.deepcopy(averaged.state_dict())
        if progress.due():
            progress.save(state(epoch + 1))
        tell(epoch, history.train[-1], history.valid[-1])
        if epoch - history.best_epoch >= config.patience:
            break
    if len(history.valid) > first:  # else nothing was left to do
        progress.save(state(config.epochs))
    model.load_state_dict(best_state)
    distributed.level(model)
    model.eval()
    history.seconds = time.monotonic() - begun
    return history


@torch.no_grad()
def mean_square(model: nn.Module, batches: Batches) -> float:
    """Mean squared error over all batches, each row by what it counts for, in evaluation mode."""
    model.eval()
    told: list[Tensor] = []
    for batch in batches(None):
        errors = ((model(batch.inputs) - batch.target) ** 2).mean(dim=1)
        told.append(torch.stack([batch.counts @ errors, batch.counts.sum()]))
    pairs = torch.stack(told).tolist()  # read once: a device that is asked must be waited for
    return float(sum(error for error, _ in pairs) / max(sum(count for _, count in pairs), 1e-12))


@torch.no_grad()
def _average(averaged: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)
