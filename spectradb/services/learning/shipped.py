"""Models in the box: weights with what they were trained on and whose data that was.

A shipped model is the folder of a trained one (:mod:`spectradb.services.learning.stored`) and
``shipped.json``: the fields of its row, source and licence of its training data, SHA-256 of each
file.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from compute.errors import ReadError
from ml.checkpoints import halve, weights_hash
from spectradb.models import JobStatus, TrainedModel
from spectradb.services.learning.stored import check_name, model_folder, new_folder, put_in_place
from spectradb.services.learning.train import Trained, TrainingRequest

SHIPPED = "shipped.json"
_FIELDS = (
    "kind", "absorber", "edge", "filters", "data_hash", "split", "seed", "hyperparameters",
    "metrics", "curves", "held_out", "code_version", "seconds",
)  # fmt: skip
_NUMBERS = "left_out_because"
_HELD_OUT = "scored-*.npz"  # beside a model: spectra that were held out, which are data


def write_shipped(
    trained: Trained, request: TrainingRequest, seconds: float, about: dict[str, str], to: Path
) -> int:
    """Put a model that was just trained into the box, in half the bytes; how many there are.

    Parameters
    ----------
    about : dict
        ``source``, ``licence`` and ``citation`` of the training data, ``command``.
    """
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(trained.folder, to, ignore=shutil.ignore_patterns(_HELD_OUT))
    halve(to)
    # Which spectra were left out is told by numbers of records, which are others elsewhere.
    metrics = {name: told for name, told in trained.fields["metrics"].items() if name != _NUMBERS}
    fields = trained.fields | {
        "metrics": metrics,
        "kind": request.kind,
        "filters": dict(request.query),
        "seed": request.options.seed,
        "seconds": seconds,
    }
    files = sorted(path for path in to.rglob("*") if path.is_file())
    told = {
        "name": request.name,
        "about": about,
        "fields": {name: fields[name] for name in _FIELDS},
        "files": {path.relative_to(to).as_posix(): _sha256(path) for path in files},
    }
    (to / SHIPPED).write_text(json.dumps(told, ensure_ascii=False) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in to.rglob("*") if path.is_file())


def load_shipped(folder: Path) -> bool:
    """Store a shipped model, ready to predict; whether it is new here.

    A model of that name which somebody has trained here stays; one of an earlier box gives way.

    Raises
    ------
    ReadError
        If a file is missing or changed; nothing is stored then.
    """
    told = _proved(folder)
    name = told["name"]
    check_name(name)
    weights = weights_hash(folder)
    here = TrainedModel.objects.filter(name=name).first()
    if here is not None:
        theirs = "shipped" not in here.request
        present = here.weights_hash == weights and model_folder(name).exists()
        if theirs or present:
            return False
    place = new_folder(name)
    for file in told["files"]:
        target = place / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / file, target)
    now = timezone.now()
    with transaction.atomic():
        TrainedModel.objects.update_or_create(
            name=name,
            defaults=told["fields"]
            | {
                "request": {"shipped": told["about"]},
                "weights_file": name,
                "weights_hash": weights,
                "job_status": JobStatus.DONE,
                "started": now,
                "finished": now,
                "error": "",
            },
        )
        put_in_place(place, name)
    return True


def _proved(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / SHIPPED).read_text(encoding="utf-8"))
        files = told["files"].items()
        wrong = [
            name
            for name, digest in files
            if not (folder / name).is_file() or _sha256(folder / name) != digest
        ]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ReadError([f"{folder.name}: {SHIPPED} cannot be read ({error})"]) from error
    if wrong:
        raise ReadError([f"{folder.name}: {name} is missing or was changed" for name in wrong])
    return told


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
