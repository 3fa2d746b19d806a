"""Training in several processes (``torchrun``): who am I, and my share of a batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from ml.errors import LearningError

T = TypeVar("T")


@contextmanager
def group() -> Iterator[None]:
    """Join the processes that ``torchrun`` started; does nothing in a process on its own.

    Raises
    ------
    LearningError
        If there are CUDA devices here, and fewer than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or distributed.is_initialized():
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available():
        own, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if own >= there:
            raise LearningError(
                "processes",
                own + 1,
                f"share {there} CUDA devices; start no more than these, or "
                "hide the devices (CUDA_VISIBLE_DEVICES=) to train on the CPU",
            )
        torch.cuda.set_device(own)
        backend = "cpu:gloo,cuda:nccl"  # either, as --device says
    # What one process does while the others wait may take hours: a kernel, a queue for a lock.
    distributed.init_process_group(backend, timeout=timedelta(days=1))
    try:
        yield
    finally:
        distributed.destroy_process_group()


def world_size() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is; 0 keeps the results."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def share(rows: NDArray[np.int64], unit: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """This process's rows of a batch, and what they count for.

    Parameters
    ----------
    rows : (n,)
    unit : (n,)
        Rows of one unit (a crystal) stay together.

    Returns
    -------
    rows, weight
        The weight makes the mean over the processes of ``weight · mean loss`` the mean loss of
        the batch. A batch of too few units is done whole by every process.
    """
    size = world_size()
    if size == 1:
        return rows, 1.0
    units = np.unique(unit)
    if len(units) < size:
        return rows, 1.0
    own = rows[np.isin(unit, units[rank() :: size])]
    return own, size * len(own) / len(rows)


def wrapped(model: nn.Module) -> nn.Module:
    """The model with its gradients averaged over the processes."""
    if world_size() == 1:
        return model
    return nn.parallel.DistributedDataParallel(model)


def agreed(value: T) -> T:
    """What the first process says, so that all decide alike; small values, called by all."""
    if world_size() == 1:
        return value
    told: list[Any] = [value]
    distributed.broadcast_object_list(told)
    return told[0]  # type: ignore[no-any-return]


def differ(value: object) -> bool:
    """Whether the processes hold different values; called by all."""
    if world_size() == 1:
        return False
    told: list[Any] = [None] * world_size()
    distributed.all_gather_object(told, value)
    return any(one != told[0] for one in told)


def level(model: nn.Module) -> None:
    """Give every process the numbers that the first one has."""
    if world_size() > 1:
        for tensor in model.state_dict().values():
            distributed.broadcast(tensor, 0)
