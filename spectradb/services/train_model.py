"""Train a model on a search, and measure one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from ml.checkpoints import weights_hash
from ml.data import PARTS, Dataset, split_by_material
from ml.ensemble import NetworkEnsemble
from ml.errors import LearningError
from ml.metrics import Estimate, coverage, evaluate
from ml.mixed import Mixed, Part
from ml.models import FitOptions, Step, fit_config, fit_model, load_model
from ml.tuning import tune
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import JobStatus, Spectrum, TrainedModel
from spectradb.services.training_data import TrainingRows, training_rows

_ROWS = "rows.json"
_MEAN = "train_mean.json"


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


def train_model(
    request: TrainingRequest, report: Callable[[Step], None] = lambda step: None
) -> TrainedModel:
    """Train, measure on the validation part, and keep weights and figures.

    A model of the same name is replaced once the new one is whole.

    Raises
    ------
    LearningError
        If the data are too few or the request does not fit them.
    """
    if not request.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise LearningError("name", request.name, "use letters, digits, - _ and .")
    begun = timezone.now()
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
    folder = model_folder(request.name)
    model.save(folder)
    mean = np.asarray(train.target, np.float64).mean(axis=0)
    (folder / _MEAN).write_text(json.dumps(mean.tolist()))
    (folder / _ROWS).write_text(json.dumps([rows.keys[i] for i in chosen]))
    metrics: dict[str, Any] = {"n_train": int(chosen.size), "left_out": rows.left_out}
    for part in ("val", "test"):
        if (parts == part).any():
            report(Step("measuring", 1.0, part))
            metrics[part] = _measure(model, rows, parts == part, mean)
    absorbers = set(spectra.order_by().values_list("absorber", "edge").distinct())
    absorber, edge = next(iter(absorbers)) if len(absorbers) == 1 else ("", "")
    now = timezone.now()
    with transaction.atomic():
        row, _ = TrainedModel.objects.update_or_create(
            name=request.name,
            defaults={
                "kind": request.kind,
                "absorber": absorber,
                "edge": edge,
                "filters": dict(request.query),
                "data_hash": rows.data_hash,
                "split": {
                    "given": request.split is not None,
                    **{part: int((parts == part).sum()) for part in PARTS},
                },
                "seed": request.options.seed,
                "hyperparameters": asdict(request.options)
                | {"grid": _grid_text(rows.data.energy_ev)}
                | tuning,
                "metrics": metrics,
                "curves": _curves(model),
                "weights_file": folder.name,
                "weights_hash": weights_hash(folder),
                "code_version": settings.VERSION,
                "job_status": JobStatus.DONE,
                "started": begun,
                "finished": now,
                "seconds": (now - begun).total_seconds(),
                "error": "",
            },
        )
    return row


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
    return {"model": name, "on": part, **_measure(model, rows, inside, mean)}


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


def model_folder(name: str) -> Path:
    """Where the weights of a model are."""
    return Path(settings.VAR_DIR) / "models" / name


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
) -> dict[str, Any]:
    data = rows.data.rows(inside)
    predicted = model.predict(data)
    truth = np.asarray(data.target, dtype=np.float64)
    found: dict[str, Estimate] = evaluate(data.energy_ev, truth, predicted.mean, mean, data.groups)
    error = ((predicted.mean - truth) ** 2).mean(axis=1)
    return {
        "n": len(data),
        **{name: asdict(estimate) for name, estimate in found.items()},
        "coverage_68": coverage(truth, predicted.mean, predicted.sigma, 0.68),
        "coverage_95": coverage(truth, predicted.mean, predicted.sigma, 0.95),
        "trust_spearman": _rank_correlation(-predicted.trust, error),
    }


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
