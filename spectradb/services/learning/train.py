"""Train a model on a search, now or in the queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from ml import distributed
from ml.checkpoints import weights_hash
from ml.data import PARTS, Dataset, check_split, split_by_material
from ml.errors import LearningError
from ml.kinds import check_kind, trained_kind
from ml.kinds.base import FitOptions, Model, Step, Tell
from ml.kinds.doors import fit_model, fit_whole
from ml.tuning import tune
from spectradb.models import JobStatus, TrainedModel
from spectradb.services.learning.as_trained import fingerprint
from spectradb.services.learning.held_out import shown_of
from spectradb.services.learning.measure import cross_validated, measure
from spectradb.services.learning.residual_map import Residuals
from spectradb.services.learning.selection import Selected, select, told_left_out
from spectradb.services.learning.stored import (
    check_name,
    keep_rows,
    new_folder,
    put_in_place,
)
from spectradb.services.learning.training_data import (
    TrainingRows,
    check_scale,
    clear_cache,
    refuse_ambiguous,
    training_rows,
)
from spectradb.services.queue import jobs

_TELL_EVERY = 2.0  # seconds
_FEWEST_ENERGIES = 5
_MOST_ENERGIES = 20_000  # of a grid: targets of 100,000 spectra then take 8 GB


@dataclass(frozen=True)
class TrainingRequest:
    """Everything that decides what a model becomes."""

    kind: str
    name: str
    query: Mapping[str, list[str]]
    split: Mapping[str, str] | None = None
    grid: tuple[float, float, float] | None = None  # start, stop (included), step, eV
    target_scale: Mapping[str, float] | None = None
    options: FitOptions = FitOptions()
    n_trials: int = 0  # of the search for hyperparameters


@dataclass(frozen=True)
class Trained:
    """What a training made: the folder of its weights, and the fields of its row."""

    folder: Path
    fields: dict[str, Any]


def train_model(request: TrainingRequest, tell: Tell = lambda step: None) -> TrainedModel | None:
    """Train, measure on the validation part, and keep weights and figures.

    A model of the same name is replaced once the new one is whole. None in a process of a group
    that leaves the results to another.

    Raises
    ------
    LearningError
        If the data are too few or the request does not fit them.
    """
    begun = timezone.now()
    trained = _train(request, tell)
    if trained is None:
        return None
    now = timezone.now()
    with transaction.atomic():
        row, _ = TrainedModel.objects.update_or_create(
            name=request.name,
            defaults=trained.fields
            | {
                "kind": request.kind,
                "filters": dict(request.query),
                "seed": request.options.seed,
                "request": asdict(request),
                "job_status": JobStatus.DONE,
                "started": begun,
                "finished": now,
                "seconds": (now - begun).total_seconds(),
                "error": "",
            },
        )
        put_in_place(trained.folder, request.name)
    clear_cache()
    return row


def queue_training(request: TrainingRequest, requested_by: Any = None) -> TrainedModel:
    """A queued model that a worker will train.

    Raises
    ------
    LearningError
        If the name is taken or unusable, or the kind is unknown.
    """
    _check(request)
    if TrainedModel.objects.filter(name=request.name).exists():
        raise LearningError("name", request.name, "is taken; choose another")
    with transaction.atomic():
        row = TrainedModel.objects.create(
            name=request.name,
            kind=request.kind,
            filters=dict(request.query),
            seed=request.options.seed,
            request=asdict(request),
            requested_by=requested_by,
        )
        jobs.enqueue(TrainedModel, [row.pk])
    return row


def run_training(pk: int) -> bool:
    """Train a queued model; its ``progress`` tells how far it is.

    Returns
    -------
    bool
        Whether this call finished it.
    """
    return jobs.run(TrainedModel, pk, _work, _keep)


def _work(row: TrainedModel) -> Trained:
    last = 0.0

    def tell(step: Step) -> None:
        nonlocal last
        if time.monotonic() - last > _TELL_EVERY:
            last = time.monotonic()
            TrainedModel.objects.filter(pk=row.pk).update(progress=asdict(step))

    trained = _train(_request_of(row), tell)
    assert trained is not None  # a worker is a process on its own
    return trained


def _keep(row: TrainedModel, trained: Trained) -> None:
    for name, value in trained.fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(trained.fields))
    put_in_place(trained.folder, row.name)
    clear_cache()


def _request_of(row: TrainedModel) -> TrainingRequest:
    asked = row.request
    return TrainingRequest(
        **asked
        | {
            "grid": tuple(asked["grid"]) if asked["grid"] else None,
            "options": FitOptions(**asked["options"]),
        }
    )


def _check(request: TrainingRequest) -> None:
    """Refuse what can be refused before anything is read or computed."""
    check_name(request.name)
    check_kind(request.kind)
    request.options.check()
    grid_of(request.grid)
    if request.options.device != "auto":
        from ml.training import pick_device  # torch, which no request without a device needs

        pick_device(request.options.device)
    if request.n_trials < 0:
        raise LearningError("trials", request.n_trials, "must not be negative")
    if request.split is not None:
        check_split(request.split)
    if request.target_scale is not None:
        check_scale(request.target_scale)


def _train(request: TrainingRequest, tell: Tell) -> Trained | None:
    """Fit and measure; None in a process that leaves the results to another."""
    _check(request)
    selected = select(request.query)
    rows = training_rows(
        selected.spectra,
        grid=grid_of(request.grid),
        target_scale=request.target_scale,
        normalised=selected.normalised,
        progress=lambda done, total: tell(Step("data", done / total, f"{done} spectra")),
    )
    return learn(request, rows, selected, tell)


def learn(
    request: TrainingRequest,
    rows: TrainingRows,
    selected: Selected,
    tell: Tell = lambda step: None,
) -> Trained | None:
    """Fit to the training part of these rows and measure on the others.

    None in a process of a group that leaves the results to another.

    Parameters
    ----------
    selected : Selected
        What the rows are spectra of.
    """
    left_out = selected.left_out | rows.left_out
    if request.split is not None:
        refuse_ambiguous("--split", request.split, [key[1] for key in rows.keys])
    parts = split_by_material(rows.data.groups, request.split)
    if nowhere := [rows.spectra[i] for i in np.flatnonzero(parts == "")]:
        left_out["split"] = nowhere
    chosen = np.flatnonzero(parts == "train")
    if not chosen.size:
        raise LearningError("split", sorted(set(parts)), "no row is in the training part")
    if distributed.differ(rows.data_hash):
        raise LearningError("spectra", len(rows.keys), "the processes read different ones")
    train = rows.data.rows(chosen)
    try:
        model, tuning = _fit(request, train, tell)
    except LearningError as error:
        if error.field not in ("spectra", "materials"):
            raise
        why = f"{error.reason}; the training part holds {chosen.size} of {len(rows.keys)} spectra"
        raise LearningError(error.field, error.value, why) from error
    if distributed.rank():
        return None
    folder = new_folder(request.name)
    model.save(folder)
    mean = np.asarray(train.target, np.float64).mean(axis=0)
    systems = set(train.systems.tolist())
    keep_rows(folder, [rows.keys[i] for i in chosen], mean, systems)
    metrics: dict[str, Any] = {
        "n_train": int(chosen.size),
        "left_out": sum(len(pks) for pks in left_out.values()),
        "left_out_because": told_left_out(left_out),
        "cross_validation": cross_validated(model, train),
    }
    shown: dict[str, Any] = {}
    keys = [rows.keys[i] for i in chosen]
    residuals = [Residuals.of_trained(model, train, keys, np.arange(chosen.size))]
    for part in ("val", "test"):
        if (parts == part).any():
            tell(Step("measuring", 1.0, part))
            metrics[part], scored = measure(model, rows, parts == part, mean, systems)
            scored.save(folder, part)
            places = [rows.keys[i] for i in np.flatnonzero(parts == part)]
            residuals.append(Residuals.of_scored(scored, places))
            if not shown:
                shown = {"part": part, **shown_of(scored, [key[1] for key in places])}
    Residuals.joined(residuals).save(folder)
    return Trained(
        folder,
        {
            "absorber": selected.absorber,
            "edge": selected.edge,
            "data_hash": rows.data_hash,
            "split": {
                "given": request.split is not None,
                "hash": fingerprint(request.split),
                **{part: int((parts == part).sum()) for part in PARTS},
            },
            "hyperparameters": asdict(request.options)
            | {
                "grid": _grid_text(rows.data.energy_ev),
                "quantity": selected.quantity,
                "target_scale": fingerprint(request.target_scale),
            }
            | tuning,
            "metrics": metrics,
            "curves": _curves(model),
            "held_out": shown,
            "weights_file": request.name,
            "weights_hash": weights_hash(folder),
            "code_version": model.code_version(),
        },
    )


def grid_of(grid: tuple[float, float, float] | None) -> NDArray[np.float64] | None:
    """START STOP STEP as energies; ``stop`` is included when it is on the grid."""
    if grid is None:
        return None
    start, stop, step = grid
    if not (np.isfinite(grid).all() and step > 0 and stop > start):
        raise LearningError("--grid", grid, "must be START < STOP and STEP > 0")
    if (stop - start) / step < _FEWEST_ENERGIES - 1:
        raise LearningError("--grid", grid, f"has fewer than {_FEWEST_ENERGIES} energies")
    if (stop - start) / step >= _MOST_ENERGIES:
        raise LearningError("--grid", grid, f"has more than {_MOST_ENERGIES} energies")
    return np.asarray(start + step * np.arange(int((stop - start) / step + 1e-6) + 1))


def _fit(request: TrainingRequest, data: Dataset, tell: Tell) -> tuple[Model, dict[str, Any]]:
    """The fitted model, and what the search for its hyperparameters found."""
    if not request.n_trials:
        return fit_model(request.kind, data, request.options, tell), {}
    kind = trained_kind(request.kind)
    found = tune(
        kind,
        data,
        request.options,
        request.n_trials,
        Path(settings.VAR_DIR) / "models" / "studies.sqlite3",
        request.name,
        lambda trial, best: tell(
            Step("tuning", trial / request.n_trials, f"trial {trial}, best {best}")
        ),
    )
    tuning: dict[str, Any] = {
        "held_out_mse": found.value,
        "importance": found.importance,
        "trials": found.trials,
    }
    return fit_whole(kind, data, found.config, tell), {"tuned": tuning}


def _grid_text(energy: NDArray[np.float64]) -> list[float]:
    return [float(energy[0]), float(energy[-1]), float(energy[1] - energy[0])]


def _curves(model: Model) -> dict[str, Any]:
    """Errors of each epoch of each member, by kind of network."""
    return {
        kind: [{"train": h.train, "held_out": h.valid} for h in histories]
        for kind, histories in model.losses().items()
    }
