"""Weights as safetensors beside a JSON text: nothing that runs code when it is read.

``model.json`` holds the layout's number, the kind and its version, the names of the folders inside
that hold its parts, and what the kind itself tells; the arrays are in ``weights.safetensors``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ml.errors import LearningError

WEIGHTS = "weights.safetensors"
CONFIG = "model.json"
HELD_OUT = "held_out.mean"
"""Predictions of the training rows by members that had not seen them; not needed to predict."""
LAYOUT = 2
UNKNOWN_VERSION = 0
"""Of a model that was written before kinds had versions."""


@dataclass(frozen=True)
class Stored:
    """What a folder holds of a model.

    Attributes
    ----------
    kind : str
    version : int
        That the kind had when the model was fitted.
    meta : dict
    arrays : dict
    parts : list of str
        Folders inside, each with a model of its own.
    """

    kind: str
    version: int
    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    parts: list[str]


def write(
    folder: Path,
    kind: str,
    version: int,
    meta: dict[str, Any],
    arrays: dict[str, NDArray[Any]],
    parts: Sequence[str] = (),
) -> None:
    """Write both files; the configuration last, so that a folder with one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / WEIGHTS)
    told = {
        "layout": LAYOUT,
        "kind": kind,
        "version": version,
        "parts": list(parts),
        "meta": meta,
    }
    (folder / CONFIG).write_text(json.dumps(told, indent=1), encoding="utf-8")


def read(folder: Path) -> Stored:
    """What :func:`write` wrote, in this layout or in the one before.

    Raises
    ------
    LearningError
        If the folder holds no model, or one of a later layout.
    """
    if not is_model(folder):
        raise LearningError("model", str(folder), "the folder holds no model")
    told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    layout = told.get("layout", 1)
    if layout > LAYOUT:
        raise LearningError("layout", layout, f"{folder} was written by a later release")
    if layout == 1:
        told = _of_layout_1(told["kind"], told["meta"])
    arrays = {name: _widened(values) for name, values in load_file(folder / WEIGHTS).items()}
    return Stored(told["kind"], told["version"], told["meta"], arrays, told["parts"])


def halve(folder: Path) -> None:
    """Rewrite a model's weights in half the bytes: single precision as half, tables in double as
    single. Half precision keeps 11 bits, an error of at most 5e-4 of each number.

    What was predicted of the training rows goes: with their errors it would be their spectra."""
    arrays = load_file(folder / WEIGHTS)
    if HELD_OUT in arrays:
        arrays[HELD_OUT] = arrays[HELD_OUT][:0]
    save_file({name: _narrowed(values) for name, values in arrays.items()}, folder / WEIGHTS)
    told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    for part in told.get("parts", []):
        halve(folder / part)


def _narrowed(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == np.float32 and np.abs(values).max(initial=0.0) < np.finfo(np.float16).max:
        return values.astype(np.float16)
    if values.dtype == np.float64 and values.ndim > 1:
        return values.astype(np.float32)
    if values.dtype == np.int64 and np.abs(values).max(initial=0) < np.iinfo(np.int32).max:
        return values.astype(np.int32)
    return values


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """As kinds compute with it: half precision is only of stored weights."""
    if values.dtype == np.int32:
        return values.astype(np.int64)
    return values.astype(np.float32) if values.dtype == np.float16 else values


def is_model(folder: Path) -> bool:
    """Whether a folder holds a whole model."""
    return (folder / CONFIG).exists()


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights file."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def _of_layout_1(kind: str, meta: dict[str, Any]) -> dict[str, Any]:
    """Layout 1 told kinds with the pretrained potential apart by their blocks and parts alone, and
    no versions."""
    parts: list[str] = []
    if kind == "mixed":
        parts = meta["parts"]
        kind = "mixed-chgnet" if any(part.startswith("chgnet-") for part in parts) else kind
        meta = {}
    elif kind == "adapted":
        parts = ["base"]
    elif kind == "krr-nmf":
        kind = "chgnet-krr" if "chgnet" in meta["config"]["blocks"] else kind
        meta = {"config": meta["config"], "figures": meta["report"], **meta["numbers"]}
    else:
        meta["config"].pop("kind")
    return {"kind": kind, "version": UNKNOWN_VERSION, "meta": meta, "parts": parts}
