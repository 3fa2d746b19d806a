"""Where a training that is killed goes on: its state of every few seconds, in one file.

Two groups of processes may train the same model at once. Either state serves both; who is done
first removes it, and the other then keeps none or a new one.
"""

from __future__ import annotations

import json
import pickle
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ml import distributed
from ml.files import whole_or_not

_SECONDS = 20.0  # between two states that are kept
# Of a file of a host that went down, as torch says it: the training then begins anew.
_BROKEN = (RuntimeError, EOFError, pickle.UnpicklingError, LookupError, ValueError, TypeError)


class Progress:
    """Of one network.

    Parameters
    ----------
    file : Path, optional
        Where it is kept; None keeps nothing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state that was kept last, in every process of a group; None at the start."""
        if self._file is None:
            return None
        state: dict[str, Any] | None = None
        # Read by one process: a later one could find another group's newer state, or none.
        if distributed.rank() == 0:
            with suppress(FileNotFoundError, *_BROKEN):
                # Numbers, tensors and texts only: nothing in the file is run.
                state = torch.load(self._file, map_location="cpu", weights_only=True)
        return distributed.agreed(state)

    def due(self) -> bool:
        """Whether it is time to keep a state, and this is the process that does."""
        waited = time.monotonic() - self._last >= _SECONDS
        return self._file is not None and distributed.rank() == 0 and waited

    def save(self, state: dict[str, Any]) -> None:
        """Instead of the one before; whole or not at all, also where another group that is done
        removes the folder meanwhile."""
        if self._file is None or distributed.rank():
            return
        with (
            suppress(FileNotFoundError),
            whole_or_not(self._file) as part,
            part.open("wb") as file,
        ):
            torch.save(state, file)
        self._last = time.monotonic()


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    """Of the order of the rows and of dropout."""
    return {"order": json.dumps(rng.bit_generator.state), "dropout": torch.get_rng_state()}


def restore_random(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """As :func:`random_state` told it; dropout in the first process of a group alone, whose state
    it is: the others go on with numbers of their own."""
    rng.bit_generator.state = json.loads(state["order"])
    if distributed.rank() == 0:
        torch.set_rng_state(state["dropout"])
