"""Train a model on a search, and measure one."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
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
from ml.data import PARTS, Dataset, material_weights, split_by_material
from ml.ensemble import NetworkEnsemble
from ml.errors import LearningError
from ml.krr_nmf import KrrNmf
from ml.metrics import Estimate, coverage, evaluate
from ml.mixed import Mixed, Part
from ml.models import KINDS, FitOptions, Step, fit_config, fit_model, load_model
from ml.tuning import tune
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import JobStatus, Spectrum, TrainedModel
from spectradb.services.learning.held_out import report_of
from spectradb.services.learning.results import Scored, model_folder
from spectradb.services.learning.training_data import TrainingRows, training_rows
from spectradb.services.queue import jobs

_ROWS = "rows.json"
_MEAN = "train_mean.json"
KEPT_WITH_WEIGHTS = (_ROWS, _MEAN)
"""Files in a model's folder beside its weights: its training rows and their mean spectrum."""
_TELL_EVERY = 2.0  # seconds


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


def train_model(
    request: TrainingRequest, report: Callable[[Step], None] = lambda step: None
) -> TrainedModel | None:
    """Train, measure on the validation part, and keep weights and figures.

    A model of the same name is replaced once the new one is whole. None in a process of a group
    that leaves the results to another.

    Raises
    ------
    LearningError
        If the data are too few or the request does not fit them.
    """
    begun = timezone.now()
    trained = _train(request, report)
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
                "job_status": JobStatus.DONE,
                "started": begun,
                "finished": now,
                "seconds": (now - begun).total_seconds(),
                "error": "",
            },
        )
        put_in_place(trained.folder, request.name)
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
            hyperparameters={"request": asdict(request)},
            requested_by=requested_by,
        )
        jobs.enqueue(TrainedModel, [row.pk])
    return row


def run_training(pk: int) -> bool:
    """Train a queued model; its ``curves["progress"]`` tells how far it is.

    Returns
    -------
    bool
        Whether this call finished it.
    """
    return jobs.run(TrainedModel, pk, _work, _keep)


def _work(row: TrainedModel) -> Trained:
    told = 0.0

    def report(step: Step) -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            TrainedModel.objects.filter(pk=row.pk).update(curves={"progress": asdict(step)})

    trained = _train(_request_of(row), report)
    assert trained is not None  # a worker is a process on its own
    return trained


def _keep(row: TrainedModel, trained: Trained) -> None:
    for name, value in trained.fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(trained.fields))
    put_in_place(trained.folder, row.name)


def _request_of(row: TrainedModel) -> TrainingRequest:
    asked = row.hyperparameters["request"]
    return TrainingRequest(
        **asked
        | {
            "grid": tuple(asked["grid"]) if asked["grid"] else None,
            "options": FitOptions(**asked["options"]),
        }
    )


def check_name(name: str) -> None:
    """A model's name is a folder's too.

    Raises
    ------
    LearningError
        If it is not usable as such.
    """
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise LearningError("name", name, "use letters, digits, - _ and .")


def _check(request: TrainingRequest) -> None:
    check_name(request.name)
    if request.kind not in KINDS:
        raise LearningError("kind", request.kind, f"choose from {', '.join(KINDS)}")


def _train(request: TrainingRequest, report: Callable[[Step], None]) -> Trained | None:
    """Fit and measure; None in a process that leaves the results to another."""
    _check(request)
    spectra = apply_where(Spectrum, request.query, EVERYTHING)
    rows = training_rows(
        spectra,
        grid=grid_of(request.grid),
        target_scale=request.target_scale,
        progress=lambda done, total: report(Step("data", done / total, f"{done} spectra")),
    )
    parts = split_by_material(rows.data.groups, request.split)
    chosen = np.flatnonzero(parts == "train")
    if not chosen.size:
        raise LearningError("split", sorted(set(parts)), "no row is in the training part")
    train = rows.data.rows(chosen)
    model, tuning = _fit(request, train, rows.data_hash, report)
    if distributed.rank():
        return None
    folder = model_folder(f"{request.name}.{os.getpid()}.part")
    shutil.rmtree(folder, ignore_errors=True)
    model.save(folder)
    target = np.asarray(train.target, np.float64)
    mean = target.mean(axis=0)
    (folder / _MEAN).write_text(json.dumps(mean.tolist()))
    (folder / _ROWS).write_text(json.dumps([rows.keys[i] for i in chosen]))
    metrics: dict[str, Any] = {
        "n_train": int(chosen.size),
        "left_out": rows.left_out,
        "cross_validation": _cross_validated(model, train),
    }
    shown: dict[str, Any] = {}
    for part in ("val", "test"):
        if (parts == part).any():
            report(Step("measuring", 1.0, part))
            metrics[part], scored = _measure(model, rows, parts == part, mean)
            scored.save(folder, part)
            if not shown:
                places = np.flatnonzero(parts == part)
                shown = {"part": part, **report_of(scored, [rows.keys[i][1] for i in places])}
    absorbers = set(spectra.order_by().values_list("absorber", "edge").distinct())
    absorber, edge = next(iter(absorbers)) if len(absorbers) == 1 else ("", "")
    return Trained(
        folder,
        {
            "absorber": absorber,
            "edge": edge,
            "data_hash": rows.data_hash,
            "split": {
                "given": request.split is not None,
                **{part: int((parts == part).sum()) for part in PARTS},
            },
            "hyperparameters": asdict(request.options)
            | {"grid": _grid_text(rows.data.energy_ev)}
            | tuning,
            "metrics": metrics,
            "curves": _curves(model),
            "report": shown,
            "weights_file": request.name,
            "weights_hash": weights_hash(folder),
            "code_version": settings.VERSION,
        },
    )


def put_in_place(folder: Path, name: str) -> None:
    """Give the finished folder its name, whatever had it before."""
    place = model_folder(name)
    old = place.with_name(f"{name}.{os.getpid()}.old")
    if place.exists():
        place.replace(old)
    folder.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def evaluate_model(
    name: str,
    query: Mapping[str, list[str]],
    *,
    split: Mapping[str, str] | None = None,
    part: str = "val",
    target_scale: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The metrics of a stored model on one part of a search, with intervals.

    Raises
    ------
    LearningError
        If the model does not exist or no row is in that part.
    """
    row, model = stored_model(name)
    rows = training_rows(
        apply_where(Spectrum, query or row.filters, EVERYTHING),
        grid=model.energy_ev,
        target_scale=target_scale,
    )
    inside = split_by_material(rows.data.groups, split) == part
    if not inside.any():
        raise LearningError("--on", part, "no spectrum of the search is in this part")
    mean = np.array(json.loads((model_folder(name) / _MEAN).read_text()))
    found, _ = _measure(model, rows, inside, mean)
    return {"model": name, "on": part, **found}


def stored_model(name: str) -> tuple[TrainedModel, Part]:
    """A model by name, with its weights.

    Raises
    ------
    LearningError
        Naming the models there are.
    """
    row = TrainedModel.objects.filter(name=name, job_status=JobStatus.DONE).first()
    if row is None:
        known = ", ".join(TrainedModel.objects.values_list("name", flat=True)) or "none"
        raise LearningError("model", name, f"is not there; trained models: {known}")
    return row, load_model(model_folder(name))


def training_keys(name: str) -> list[tuple[str, int, int]]:
    """(source id, structure, site index) of each row that a model was trained on."""
    return [tuple(key) for key in json.loads((model_folder(name) / _ROWS).read_text())]


def grid_of(grid: tuple[float, float, float] | None) -> NDArray[np.float64] | None:
    """START STOP STEP as energies; ``stop`` is included when it is on the grid."""
    if grid is None:
        return None
    start, stop, step = grid
    if step <= 0 or stop <= start:
        raise LearningError("--grid", grid, "must be START < STOP and STEP > 0")
    return np.asarray(start + step * np.arange(int((stop - start) / step + 1e-6) + 1))


def _fit(
    request: TrainingRequest, data: Dataset, data_hash: str, report: Callable[[Step], None]
) -> tuple[Part, dict[str, Any]]:
    """The fitted model, and what the search for its hyperparameters found."""
    if not request.n_trials:
        return fit_model(request.kind, data, request.options, report), {}
    found = tune(
        request.kind,
        data,
        request.options,
        request.n_trials,
        Path(settings.VAR_DIR) / "models" / "studies.sqlite3",
        f"{request.name}:{request.kind}:{data_hash[:16]}",
        lambda trial, best: report(
            Step("tuning", trial / request.n_trials, f"trial {trial}, best {best}")
        ),
    )
    tuning: dict[str, Any] = {
        "held_out_mse": found.value,
        "importance": found.importance,
        "trials": found.trials,
    }
    return fit_config(found.config, data, report), {"tuned": tuning}


def _measure(
    model: Part, rows: TrainingRows, inside: NDArray[np.bool_], mean: NDArray[np.float64]
) -> tuple[dict[str, Any], Scored]:
    data = rows.data.rows(inside)
    predicted = model.predict(data)
    truth = np.asarray(data.target, dtype=np.float64)
    found: dict[str, Estimate] = evaluate(data.energy_ev, truth, predicted.mean, mean, data.groups)
    error = ((predicted.mean - truth) ** 2).mean(axis=1)
    keys = [rows.keys[i] for i in np.flatnonzero(inside)]
    scored = Scored(
        data.energy_ev,
        truth.astype(np.float32),
        predicted.mean.astype(np.float32),
        predicted.sigma.astype(np.float32),
        predicted.trust,
        [(key[0], key[2]) for key in keys],
    )
    return {
        "n": len(data),
        **{name: asdict(estimate) for name, estimate in found.items()},
        "coverage_68": coverage(truth, predicted.mean, predicted.sigma, 0.68),
        "coverage_95": coverage(truth, predicted.mean, predicted.sigma, 0.95),
        "trust_spearman": _rank_correlation(-predicted.trust, error),
    }, scored


def _cross_validated(model: Part, train: Dataset) -> dict[str, Any]:
    """Held-out error of the training rows, every material counting alike; what chose the model."""
    target, weights = np.asarray(train.target, np.float64), material_weights(train.groups)
    error = ((model.validation.mean - target) ** 2).mean(axis=1)
    reference = ((target - target.mean(axis=0)) ** 2).mean(axis=1)
    found: dict[str, Any] = {
        "mse": float(error @ weights) / len(error),
        "r2_vs_mean": float(1 - (error @ weights) / (reference @ weights)),
    }
    if isinstance(model, Mixed):
        found["weights"] = dict(zip(model.parts, model.weights.tolist(), strict=True))
        found["parts"] = {kind: _cross_validated(one, train) for kind, one in model.parts.items()}
    if isinstance(model, KrrNmf):
        found["r2_per_component"] = model.report["r2_per_component"]
    return found


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    from scipy.stats import spearmanr

    if len(a) < 3:
        return None
    value = float(spearmanr(a, b).statistic)
    return value if np.isfinite(value) else None


def _grid_text(energy: NDArray[np.float64]) -> list[float]:
    return [float(energy[0]), float(energy[-1]), float(energy[1] - energy[0])]


def _curves(model: Part) -> dict[str, Any]:
    """Errors of each epoch of each member, by kind of network."""
    parts = model.parts if isinstance(model, Mixed) else {"": model}
    return {
        part.config.kind: [{"train": h.train, "held_out": h.valid} for h in part.histories]
        for part in parts.values()
        if isinstance(part, NetworkEnsemble)
    }
