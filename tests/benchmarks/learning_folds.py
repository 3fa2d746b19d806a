"""Errors, error bars and trust of a kind on the Cu K set, chemical systems held out whole.

    python -m tests.benchmarks.learning_folds KIND … [--seeds 0 1 2] [--half-as-long] [--val]
        [--biased] [--cache FOLDER]

Kinds are fitted to the training part of the shared set alone. What is told of the folds is what
the model said of each chemical system before it learnt from it. ``--half-as-long`` trains networks
for half of their kind's epochs, as kinds did at c0553f9, in the same folds. ``--val`` looks at the
validation part as well; each such look is to be counted. ``--biased`` fits to what has no hydrogen,
nitrogen, sulphur, selenium or halogen, and asks for the rest, of the training part both.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.output import say
from tests.benchmarks.train_shipped import cu_k_rows

if TYPE_CHECKING:
    from ml.data import Dataset
    from ml.kinds.base import Model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--half-as-long", action="store_true")
    parser.add_argument("--val", action="store_true")
    parser.add_argument("--biased", action="store_true")
    parser.add_argument("--cache", type=Path, help="where fitted parts are kept")
    given = parser.parse_args()
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from ml.data import folds_of, split_by_material

    rows, split = cu_k_rows()
    parts = split_by_material(rows.data.groups, split)
    train = replace(rows.data.rows(parts == "train"), cache=given.cache)
    for seed in given.seeds:
        for kind in given.kinds:
            begun = time.process_time()
            if given.biased:
                found = of_other_chemistries(kind, train, seed, given.half_as_long)
                say(json.dumps({"kind": kind, "seed": seed, **found}))
                continue
            model = fitted(kind, train, seed, given.half_as_long)
            found = {
                "kind": kind,
                "seed": seed,
                "half_as_long": given.half_as_long,
                "folded_by": folds_of(train, 5, seed)[1],
                "cpu_seconds": round(time.process_time() - begun, 1),
                "folds": of_folds(model, train),
                "trained_on": of_training_rows(model, train),
                **model.figures(),
            }
            if given.val:
                found["val"] = of_val(model, rows, parts == "val", train)
            say(json.dumps(found))


def fitted(kind: str, train: Dataset, seed: int, half_as_long: bool) -> Model:
    """A model of this kind, its networks trained as long as is usual or half as long."""
    from ml.kinds import trained_kind
    from ml.kinds.base import FitOptions
    from ml.kinds.doors import fit_whole

    one = trained_kind(kind)
    config: Any = one.defaults(train, FitOptions(seed=seed))
    if half_as_long:
        halved = {name: _halved(own) for name, own in config.items()} if _is_mixture(config) else {}
        config = halved or _halved(config)
    return fit_whole(one, train, config, lambda step: None)


def _is_mixture(config: object) -> bool:
    return isinstance(config, dict)


def _halved(config: Any) -> Any:
    training = getattr(config, "training", None)
    if training is None:  # no network
        return config
    epochs = training.epochs // 2
    return replace(config, training=replace(training, epochs=epochs, patience=epochs))


def of_folds(model: Model, train: Dataset) -> dict[str, Any]:
    """Every row by what was said of it before it was learnt from, materials counting alike; and
    of each part of a mixture its error."""
    from ml.data import material_weights
    from ml.metrics import coverage
    from ml.subgroups import by_subgroup, rank_correlation, subgroups

    truth, weights = np.asarray(train.target, np.float64), material_weights(train.groups)
    said = model.validation.of_training_rows(np.arange(len(train)))
    error = ((said.mean - truth) ** 2).mean(axis=1)
    low, high = _interval(error, train.systems, weights)
    return {
        "mse": float(error @ weights) / len(error),
        "mse_interval": [low, high],
        "parts": {name: of_folds(one, train)["mse"] for name, one in model.parts.items()},
        "coverage": [coverage(truth, said.mean, said.sigma, level) for level in (0.68, 0.95)],
        "width": float(said.sigma.mean()),
        "trust_spearman": rank_correlation(-said.trust, error),
        "groups": by_subgroup(subgroups(train), truth, said.mean, said.sigma, said.trust),
    }


def _interval(error: Any, systems: Any, weights: Any) -> tuple[float, float]:
    """95 % of 1,000 bootstraps over whole chemical systems of the weighted mean of errors (n,)."""
    _, label = np.unique(systems, return_inverse=True)
    sums = np.bincount(label, error * weights), np.bincount(label, weights)
    drawn = np.random.default_rng(0).integers(0, len(sums[0]), (1000, len(sums[0])))
    means = sums[0][drawn].sum(axis=1) / sums[1][drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


_LEFT_OUT = (1, 7, 9, 16, 17, 34, 35, 53)


def of_other_chemistries(
    kind: str, train: Dataset, seed: int, half_as_long: bool
) -> dict[str, Any]:
    """Rows with an element of ``_LEFT_OUT`` by a model that saw none."""
    from ml.data import material_weights
    from ml.metrics import coverage
    from ml.subgroups import rank_correlation

    foreign = np.array([bool(np.isin(_LEFT_OUT, one.numbers).any()) for one in train.crystals])
    out = foreign[train.crystal_of]
    model = fitted(kind, train.rows(~out), seed, half_as_long)
    asked = train.rows(out)
    said = model.answer(asked)
    truth, weights = np.asarray(asked.target, np.float64), material_weights(asked.groups)
    error = ((said.mean - truth) ** 2).mean(axis=1)
    return {
        "n_train": int((~out).sum()),
        "n": len(asked),
        "mse": float(error @ weights) / len(error),
        "coverage": [coverage(truth, said.mean, said.sigma, level) for level in (0.68, 0.95)],
        "trust_median": float(np.median(said.trust)),
        "trust_spearman": rank_correlation(-said.trust, error),
    }


def of_training_rows(model: Model, train: Dataset) -> dict[str, float]:
    """What the finished model says of rows that it was trained on."""
    said = model.answer(train.rows(np.arange(0, len(train), 20)))
    assert said.known is not None  # the model knows its rows
    return {"trust_least": float(said.trust.min()), "known": float(said.known.mean())}


def of_val(model: Model, rows: Any, inside: Any, train: Dataset) -> dict[str, Any]:
    """The validation part, and how wide the bands are there."""
    from spectradb.services.learning.measure import measure

    mean = np.asarray(train.target, np.float64).mean(axis=0)
    found, scored = measure(model, rows, inside, mean, set(train.systems.tolist()))
    return found | {"width": float(scored.sigma.mean())}


if __name__ == "__main__":
    main()
