"""How the error falls with the number of materials learnt from.

    python -m tests.benchmarks.learning_curve KIND [--split FILE.json] [--target-scale FILE.json]
        [--grid START STOP STEP] [--shares 0.125 0.25 0.5 1] [--members N] [--where KEY=VALUE …]

Everything happens inside the training part of the split: a fifth of its materials is held out and
scored, every material counting alike; growing shares of the others are learnt from, each holding
the one before.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind")
    parser.add_argument("--split", type=Path)
    parser.add_argument("--target-scale", type=Path)
    parser.add_argument("--grid", nargs=3, type=float)
    parser.add_argument("--shares", nargs="*", type=float, default=[0.125, 0.25, 0.5, 1.0])
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--where", nargs="*", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    import django

    django.setup()
    for row in curve(asked):
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def curve(asked: argparse.Namespace) -> Any:
    """A dictionary for each share, the smallest first."""
    from ml.data import folds_of, material_weights, split_by_material
    from ml.kinds.base import FitOptions
    from ml.kinds.doors import fit_model
    from spectradb.services.learning.selection import select
    from spectradb.services.learning.train import grid_of
    from spectradb.services.learning.training_data import training_rows

    query: dict[str, list[str]] = {}
    for part in asked.where:
        key, _, value = part.partition("=")
        query.setdefault(key, []).append(value)
    rows = training_rows(
        select(query).spectra,
        grid=grid_of(tuple(asked.grid) if asked.grid else None),
        target_scale=json.loads(asked.target_scale.read_text()) if asked.target_scale else None,
    )
    split = json.loads(asked.split.read_text()) if asked.split else None
    train = rows.data.rows(np.flatnonzero(split_by_material(rows.data.groups, split) == "train"))
    fold, _ = folds_of(train, 5, asked.seed)
    held_out = train.rows(np.flatnonzero(fold == 0))
    rest = train.rows(np.flatnonzero(fold != 0))
    names = np.unique(rest.groups)
    order = np.random.default_rng(asked.seed).permutation(names)
    weights = material_weights(held_out.groups)
    truth = np.asarray(held_out.target, np.float64)
    options = FitOptions(seed=asked.seed, n_members=asked.members)
    for share in sorted(asked.shares):
        chosen = order[: round(share * len(order))]
        some = rest.rows(np.flatnonzero(np.isin(rest.groups, chosen)))
        begun = time.process_time()
        model = fit_model(asked.kind, replace(some, cache=None), options, lambda step: None)
        error = ((model.predict(held_out).mean - truth) ** 2).mean(axis=1)
        yield {
            "kind": asked.kind,
            "materials": len(chosen),
            "spectra": len(some),
            "mse": float(error @ weights) / len(error),
            "cpu_seconds": round(time.process_time() - begun, 1),
        }


if __name__ == "__main__":
    main()
