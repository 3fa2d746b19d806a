"""Measure a model on rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data import Dataset, material_weights, split_by_material
from ml.errors import LearningError
from ml.kinds.base import Model
from ml.metrics import Estimate, coverage, evaluate
from ml.subgroups import by_subgroup, rank_correlation, subgroups
from spectradb.services.learning.as_trained import (
    AS_TRAINED,
    Scale,
    Split,
    fingerprint,
    rows_as_trained,
    scale_of,
    split_of,
    trained_on,
)
from spectradb.services.learning.results import Scored
from spectradb.services.learning.selection import told_left_out
from spectradb.services.learning.stored import (
    stored_model,
    training_mean,
    training_systems,
)
from spectradb.services.learning.training_data import TrainingRows, refuse_ambiguous


def evaluate_model(
    name: str,
    query: Mapping[str, list[str]],
    *,
    split: Split = AS_TRAINED,
    part: str = "val",
    target_scale: Scale = AS_TRAINED,
) -> dict[str, Any]:
    """The metrics of a stored model on one part of a search, with intervals.

    Split and scale are those that the model was trained with unless others are named. Materials
    that it was trained on count in no part but ``train``; how many spectra that leaves out is
    told.

    Raises
    ------
    LearningError
        If the model does not exist, or no row that it was not trained on is in that part.
    """
    row, model = stored_model(name)
    given = split_of(row, split)
    rows = rows_as_trained(row, model, query, target_scale)
    if given is not None:
        refuse_ambiguous("--split", given, [key[1] for key in rows.keys])
    parts = split_by_material(rows.data.groups, given)
    inside = parts == part
    if nowhere := [rows.spectra[i] for i in np.flatnonzero(parts == "")]:
        rows.left_out["split"] = nowhere
    if not inside.any():
        raise LearningError("--on", part, f"no spectrum of the search is in this part of {name}")
    known = trained_on(name, rows.keys) & inside
    if part != "train":
        inside &= ~known
        if not inside.any():
            raise LearningError(
                "--on", part, f"{name} was trained on all {known.sum()} spectra of this part"
            )
    found, _ = measure(model, rows, inside, training_mean(name), training_systems(name))
    scale = scale_of(row, target_scale)
    return {
        "model": name,
        "on": part,
        **found,
        "trained_on": int(known.sum()) if part == "train" else 0,
        "left_out_trained_on": 0 if part == "train" else int(known.sum()),
        "left_out": told_left_out(rows.left_out),
        "split": {"as_trained": given == split_of(row), "hash": fingerprint(given)},
        "target_scale": {"as_trained": scale == scale_of(row), "hash": fingerprint(scale)},
    }


def measure(
    model: Model,
    rows: TrainingRows,
    inside: NDArray[np.bool_],
    mean: NDArray[np.float64],
    systems: Collection[str] | None,
) -> tuple[dict[str, Any], Scored]:
    """The metrics of the rows (n,) that are inside, against the training mean (g,), also by parts
    of the chemistry (``systems`` are those trained on); and what was predicted of each."""
    data = rows.data.rows(inside)
    predicted = model.answer(data)
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
        "trust_spearman": rank_correlation(-predicted.trust, error),
        "trust_median": float(np.median(predicted.trust)),
        "n_known": 0 if predicted.known is None else int(predicted.known.sum()),
        "groups": by_subgroup(
            subgroups(data, systems), truth, predicted.mean, predicted.sigma, predicted.trust
        ),
    }, scored


def cross_validated(model: Model, train: Dataset) -> dict[str, Any]:
    """Held-out error of the training rows, every material counting alike; what chose the model."""
    target, weights = np.asarray(train.target, np.float64), material_weights(train.groups)
    error = ((model.validation.mean - target) ** 2).mean(axis=1)
    reference = ((target - target.mean(axis=0)) ** 2).mean(axis=1)
    found: dict[str, Any] = {
        "mse": float(error @ weights) / len(error),
        "r2_vs_mean": float(1 - (error @ weights) / (reference @ weights)),
        **model.figures(),
    }
    held = model.validation.of_training_rows(np.arange(len(train)))
    found["groups"] = by_subgroup(subgroups(train), target, held.mean, held.sigma, held.trust)
    if model.parts:
        found["parts"] = {kind: cross_validated(one, train) for kind, one in model.parts.items()}
    return found
