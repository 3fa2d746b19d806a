"""Every layer of SevenNet-0 (of 11 July 2024), for :mod:`ml.pretrained`.

It was trained on the 1.6 million structures of MPtrj. Of the optional package ``sevenn`` only the
file of the weights is read; none of its code is run (:mod:`ml.pretrained.sevennet_network`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import _reconstruct  # type: ignore[attr-defined]
from numpy.typing import NDArray

from ml.crystals import Crystal, neighbours
from ml.errors import LearningError
from ml.pretrained.batches import batches
from ml.pretrained.sevennet_network import CUTOFF, Bonds, SevenNet, State
from ml.training import pick_device

_PACKAGE = "sevenn"
_WEIGHTS = Path("pretrained_potentials", "SevenNet_0__11Jul2024", "checkpoint_sevennet_0.pth")
_SHA256 = "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36"
# Of the configuration beside the weights: arrays of numbers.
_ALLOWED: list[Any] = [
    _reconstruct,
    (_reconstruct, "numpy.core.multiarray._reconstruct"),  # its name in NumPy 1
    np.ndarray,
    np.dtype,
    type(np.dtype(np.float32)),
    type(np.dtype(np.float64)),
    type(np.dtype(np.int64)),
]
_LARGEST = (
    100.0  # of a state; atoms of the Cu K set stay below 33, atoms almost at one place do not
)


def is_available() -> bool:
    """Whether the file of the weights is there."""
    path = _weights()
    return path is not None and path.is_file()


def embed(crystals: Sequence[Crystal]) -> Iterator[NDArray[np.float32]]:
    """(n_atoms, 1024) of each crystal: what no rotation changes of the states of its atoms."""
    model = _model()
    for batch in batches(crystals):
        yield from _run(model, batch)


def energies(crystal: Crystal) -> NDArray[np.float32]:
    """(n_atoms,) eV; what the potential was trained for, and the check that this is it."""
    model = _model()
    numbers, bonds, back = _batch(model, [crystal])
    with torch.no_grad():
        *_, last = model.states(numbers, bonds)
        found: NDArray[np.float32] = model.energies(numbers, last)[back].cpu().numpy()
    return found


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds: numbers and texts; nothing in it is run.

    Raises
    ------
    LearningError
        If it names anything else.
    """
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        why = f"holds more than numbers ({named[1] if named else error}) and was not opened"
        raise LearningError("checkpoint", str(path), why) from error
    return found


def _weights() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)  # found, not imported
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return Path(places[0]) / _WEIGHTS if places else None


@lru_cache(maxsize=1)
def _model() -> SevenNet:
    path = _weights()
    if path is None or not path.is_file():
        raise LearningError(
            "pretrained",
            "sevennet",
            "is not installed: pip install --no-deps -r requirements-sevennet.txt",
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _SHA256:  # other weights, other descriptors: no model here was trained on them
        raise LearningError("checkpoint", str(path), f"has SHA-256 {found}, not {_SHA256}")
    checkpoint = read_checkpoint(path)
    element = checkpoint["config"]["_type_map"]
    return SevenNet(checkpoint["model_state_dict"], element, pick_device())


@torch.no_grad()
def _run(model: SevenNet, crystals: list[Crystal]) -> Iterator[NDArray[np.float32]]:
    numbers, bonds, back = _batch(model, crystals)
    columns = [part for state in model.states(numbers, bonds) for part in _invariants(state)]
    rows = torch.cat(columns, dim=1)[back].cpu().numpy()
    ends = np.cumsum([len(crystal.numbers) for crystal in crystals])
    for crystal, states in zip(crystals, np.split(rows, ends[:-1]), strict=True):
        if not np.isfinite(states).all():
            why = f"is too dense for SevenNet ({len(crystal.numbers)} atoms)"
            raise LearningError("crystal", crystal.group, why)
        yield states.clip(-_LARGEST, _LARGEST)


def _invariants(state: State) -> list[torch.Tensor]:
    """(n, channels) each: scalars, and the lengths of vectors and tensors."""
    scalars, *others = state
    return [scalars[:, 0], *(block.square().mean(dim=1).sqrt() for block in others)]


def _batch(model: SevenNet, crystals: list[Crystal]) -> tuple[torch.Tensor, Bonds, torch.Tensor]:
    """Elements and bonds of all atoms, those with most neighbours first, and the way back."""
    atom, vector, counts, first = [], [], [], 0
    for crystal in crystals:
        if strange := sorted({int(z) for z in crystal.numbers} - model.element.keys()):
            raise LearningError("elements", strange, "are unknown to SevenNet")
        near = neighbours(crystal, CUTOFF)
        atom.append(near.atom + first)
        vector.append(near.vector)
        counts.append(np.diff(near.start))
        first += len(crystal.numbers)
    count = np.concatenate(counts)
    order = np.argsort(-count, kind="stable")
    back = np.argsort(order)
    filled = np.arange(count.max()) < count[:, None]
    neighbour = np.zeros(filled.shape, np.int64)
    neighbour[filled] = back[np.concatenate(atom)]
    beside = np.full((*filled.shape, 3), [CUTOFF, 0.0, 0.0], np.float32)
    beside[filled] = np.concatenate(vector)
    numbers = np.concatenate([crystal.numbers for crystal in crystals])[order]
    bonds = Bonds(
        torch.from_numpy(neighbour[order]).to(model.device),
        torch.from_numpy(beside[order]).to(model.device),
        count[order],
    )
    return torch.from_numpy(numbers), bonds, torch.from_numpy(back).to(model.device)
