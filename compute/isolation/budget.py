"""How much time and memory one file may take, and all files of one request together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What reading may cost; time grows with the size of what is read.

    Attributes
    ----------
    memory_bytes : int
        Of address space beyond that of the libraries.
    cpu_seconds, cpu_seconds_per_mb : float
        Processor time.
    wall_factor : float
        Time by the clock over that of the processor, for what waits for ever: other processes run
        too, and a page has an end of its own (:func:`within`).
    answer_bytes : int
        Of what comes back.
    """

    memory_bytes: int = 512 * 2**20
    cpu_seconds: float = 1.5
    cpu_seconds_per_mb: float = 1.0
    wall_factor: float = 40.0
    answer_bytes: int = 128 * 2**20

    def cpu(self, n_bytes: int) -> float:
        return self.cpu_seconds + self.cpu_seconds_per_mb * n_bytes / 1e6


ALLOWANCE = Allowance()
_trusted: ContextVar[bool] = ContextVar("trusted", default=False)
_until: ContextVar[float] = ContextVar("until", default=float("inf"))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All reading inside takes this long at most, by the clock."""
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


@contextmanager
def uncounted() -> Iterator[None]:
    """Waiting inside is no reading: the end that :func:`within` set comes later by it."""
    began = time.monotonic()
    try:
        yield
    finally:
        _until.set(_until.get() + time.monotonic() - began)


@contextmanager
def unlimited() -> Iterator[None]:
    """Inside, files are read in this process, whatever they cost: their reader trusts them."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def is_trusted() -> bool:
    return _trusted.get()


def seconds_left() -> float:
    """Until the end that :func:`within` set; infinite without one."""
    return _until.get() - time.monotonic()
