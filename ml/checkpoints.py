"""Weights as safetensors beside a JSON text: nothing that runs code when it is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ml.errors import LearningError

WEIGHTS = "weights.safetensors"
CONFIG = "model.json"


def save_arrays(folder: Path, kind: str, arrays: dict[str, NDArray[Any]], meta: str) -> None:
    """Write both files; the configuration last, so that a folder with one is complete."""

    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / WEIGHTS)
    text = json.dumps({"kind": kind, "meta": json.loads(meta)}, indent=1)
    (folder / CONFIG).write_text(text, encoding="utf-8")


def load_arrays(folder: Path, kind: str) -> tuple[dict[str, NDArray[Any]], str]:
    """The arrays and the JSON text of a model of this kind.

    Raises
    ------
    LearningError
        If the folder holds no model, or one of another kind.
    """

    if model_kind(folder) != kind:
        raise LearningError("kind", model_kind(folder), f"this is no {kind} model")
    meta = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["meta"]
    return load_file(folder / WEIGHTS), json.dumps(meta)


def model_kind(folder: Path) -> str:
    """Which kind of model a folder holds."""

    path = folder / CONFIG
    if not path.exists():
        raise LearningError("model", str(folder), "the folder holds no model")
    return str(json.loads(path.read_text(encoding="utf-8"))["kind"])


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights file."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
