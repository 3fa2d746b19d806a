"""A trained model's folder: its weights, the rows that it was trained on, and their mean."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from ml.errors import LearningError
from ml.files import one_at_a_time
from spectradb.models import JobStatus, TrainedModel

if TYPE_CHECKING:
    from ml.kinds.base import Model

Key = tuple[str, int, int]
"""Source id, structure and site index of a row."""

_ROWS = "rows.json"
_MEAN = "train_mean.json"
_SYSTEMS = "systems.json"


def check_name(name: str) -> None:
    """A model's name is a folder's too.

    Raises
    ------
    LearningError
        If it is not usable as such.
    """
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise LearningError("name", name, "use letters, digits, - _ and .")


def model_folder(name: str) -> Path:
    """Where the weights of a model are."""
    return Path(settings.VAR_DIR) / "models" / name


def new_folder(name: str) -> Path:
    """Room for a model that :func:`put_in_place` will give its name."""
    return model_folder(f"{name}.{uuid.uuid4().hex[:12]}.part")


def keep_rows(
    folder: Path, keys: Sequence[Key], mean: NDArray[np.float64], systems: Collection[str]
) -> None:
    """Beside the weights: the training rows, the mean (g,) of their spectra, and their chemical
    systems."""
    (folder / _SYSTEMS).write_text(json.dumps(sorted(systems)), encoding="utf-8")
    (folder / _ROWS).write_text(json.dumps(list(keys)), encoding="utf-8")
    (folder / _MEAN).write_text(json.dumps(mean.tolist()), encoding="utf-8")


def copy_rows(name: str, folder: Path, more: Sequence[Key]) -> None:
    """What :func:`keep_rows` kept of one model, for another that is made from it and ``more``."""
    for file in (_ROWS, _MEAN, _SYSTEMS):
        if file == _SYSTEMS and not (model_folder(name) / file).exists():
            continue  # trained before they were kept
        shutil.copy(model_folder(name) / file, folder / file)
    (folder / _ROWS).write_text(json.dumps([*training_keys(name), *more]), encoding="utf-8")


def put_in_place(folder: Path, name: str) -> None:
    """Give the finished folder its name, whatever had it before."""
    place = model_folder(name)
    old = place.with_name(f"{name}.{uuid.uuid4().hex[:12]}.old")
    with one_at_a_time(place):
        if place.exists():
            place.replace(old)
        folder.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def stored_model(name: str) -> tuple[TrainedModel, Model]:
    """A model by name, with its weights.

    Raises
    ------
    LearningError
        Naming the models there are.
    """
    # Torch is loaded with it, which no page needs that does not predict.
    from ml.kinds.doors import load_model

    row = TrainedModel.objects.filter(name=name, job_status=JobStatus.DONE).first()
    if row is None:
        known = ", ".join(TrainedModel.objects.values_list("name", flat=True)) or "none"
        raise LearningError("model", name, f"is not there; trained models: {known}")
    return row, load_model(model_folder(name))


def training_keys(name: str) -> list[Key]:
    """Of each row that a model was trained on, in their order."""
    return [tuple(key) for key in json.loads((model_folder(name) / _ROWS).read_text())]


def training_mean(name: str) -> NDArray[np.float64]:
    """(g,) mean of the spectra that a model was trained on."""
    return np.array(json.loads((model_folder(name) / _MEAN).read_text()))


def training_systems(name: str) -> list[str] | None:
    """Chemical systems that a model was trained on; None of one trained before they were kept."""
    path = model_folder(name) / _SYSTEMS
    return json.loads(path.read_text()) if path.exists() else None
