"""Where rows of a series are worked on: in parts over the processors that are ours, or a device."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compute.errors import InputError

PART = 256  # spectra: large against a call, small against the cache and the memory
DEVICES = ("auto", "cpu", "cuda")
_DRIVERS = ("nvidiactl", "kfd", "dxg")  # in /dev; without one there is no need to load torch


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_of(name: str) -> str | None:
    """The torch device of a name of `DEVICES`; None is the compiled kernels on the processors.

    ``auto`` takes a GPU where there is one (with float64, which Apple's lack).

    Raises
    ------
    InputError
        Another name, or a GPU that cannot be used here.
    """
    if name not in DEVICES:
        raise InputError("device", name, f"is one of {', '.join(DEVICES)}")
    if name == "cpu":
        return None
    if name == "auto" and not any((Path("/dev") / one).exists() for one in _DRIVERS):
        return None
    try:
        import torch
    except ImportError:
        found = False
    else:
        found = torch.cuda.is_available()
    if not found and name == "cuda":
        raise InputError("device", name, "there is no GPU here that torch can use")
    return "cuda" if found else None


def over_rows(work: Callable[[slice], None], n: int, part: int = PART) -> None:
    """``work`` of slices of ``n`` rows, at once on all processors; it has to release the GIL."""
    parts = [slice(start, min(start + part, n)) for start in range(0, n, part)]
    if len(parts) <= 1 or processors() == 1:
        for one in parts:
            work(one)
        return
    with ThreadPoolExecutor(processors()) as pool:
        list(pool.map(work, parts))
