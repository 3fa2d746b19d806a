"""A trained model's folder: its weights, the rows that it was trained on, and their mean."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from numpy.typing import NDArray

from compute.errors import ReadError
from ml.checkpoints import weights_hash
from ml.errors import LearningError
from ml.files import one_at_a_time
from spectradb.models import JobStatus, TrainedModel
from spectradb.services.files.local import keep, place_of

if TYPE_CHECKING:
    from ml.kinds.base import Model

Key = tuple[str, int, int]
"""Source id, structure and site index of a row."""

KIND = "models"
"""Their storage."""
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
    """Where the files of a model are; it may not exist.

    Of a model whose storage is remote it is a copy of what its row names, made if need be.

    Raises
    ------
    ReadError
        If the copy is not what was stored.
    """
    return _here(name) if place_of(KIND, name) is not None else _copied(name)


def new_folder(name: str) -> Path:
    """Room for a model that :func:`put_in_place` will give its name."""
    return _here(f"{name}.{uuid.uuid4().hex[:12]}.part")


def _here(name: str) -> Path:
    return Path(settings.VAR_DIR) / "models" / name


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
    """Give the finished folder its name, whatever had it before.

    In the transaction that stores the model's row with the hash of its weights.
    """
    if place_of(KIND, name) is None:
        _send(folder, name)
        return
    place = _here(name)
    old = place.with_name(f"{name}.{uuid.uuid4().hex[:12]}.old")
    with one_at_a_time(place):
        if place.exists():
            place.replace(old)
        folder.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def _send(folder: Path, name: str) -> None:
    """To a remote storage as one file under the hash of its weights, so that a row names one."""
    digest = weights_hash(folder)
    with tempfile.TemporaryDirectory(prefix="spectradb-", dir=settings.VAR_DIR) as place:
        packed = shutil.make_archive(str(Path(place) / "model"), "zip", folder)
        keep(KIND, f"{name}/{digest}.zip", Path(packed))
    shutil.rmtree(folder)
    transaction.on_commit(partial(_forget_others, name, digest))


def _forget_others(name: str, digest: str) -> None:
    storage = storages[KIND]
    for one in storage.listdir(name)[1]:
        if one != f"{digest}.zip":
            storage.delete(f"{name}/{one}")


def _copied(name: str) -> Path:
    kept = TrainedModel.objects.filter(name=name).values_list("weights_hash", flat=True)
    digest = kept.first() or "none"
    home = Path(settings.VAR_DIR) / "model-copies"
    place = home / digest
    if place.is_dir():
        os.utime(place)  # used now
        return place
    packed = f"{name}/{digest}.zip"
    if not storages[KIND].exists(packed):
        return place
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=home) as partial_copy:
        folder = Path(partial_copy) / "model"
        with storages[KIND].open(packed) as file, zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
        if weights_hash(folder) != digest:
            raise ReadError([f"{packed}: not what was stored: its SHA-256 is another one"])
        with suppress(OSError):  # another process was first
            folder.replace(place)
    _make_room(home, place)
    return place


def _make_room(home: Path, wanted: Path) -> None:
    """Remove the copies that were used longest ago until they are within the limit."""
    kept: list[tuple[float, int, Path]] = []
    for one in home.glob("[!.]*"):  # what others are just copying is left to them
        with suppress(FileNotFoundError):  # they make room as well
            size = sum(file.stat().st_size for file in one.rglob("*"))
            kept.append((one.stat().st_mtime, size, one))
    total = sum(size for _, size, _ in kept)
    for _, size, one in sorted(kept):
        if total > settings.MODELS_CACHE_MB * 10**6 and one != wanted:
            total -= size
            shutil.rmtree(one, ignore_errors=True)


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
