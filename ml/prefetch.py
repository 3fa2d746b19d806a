"""Batches made ahead, so that a device need not wait for the next one."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
_AHEAD = 2
_PATIENCE = 0.1  # seconds until a thread looks whether it is still wanted


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in their order, made by a thread while the last ones are used; an error of
    making one is raised where it would have come."""
    made: Queue[tuple[T | None, BaseException | None]] = Queue(_AHEAD)
    unwanted = Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                made.put((item, error), timeout=_PATIENCE)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(item, None)
                if unwanted.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:  # noqa: BLE001  (raised again below)
            put(None, error)

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # without an error there is one
    finally:
        unwanted.set()
        thread.join()


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """There; to CUDA out of pinned memory, so that nobody waits for the copy."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)
