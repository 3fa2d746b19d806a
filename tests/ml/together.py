"""What each process of a group does in ``test_together``; imported once by the server that forks
them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ml import distributed
from ml.errors import LearningError
from ml.kinds.base import FitOptions
from ml.kinds.doors import fit_config
from ml.kinds.mixed import Mixed
from ml.kinds.mlp import Mlp
from ml.tuning import tune
from tests.ml.kinds.models import shrunk, silent
from tests.ml.samples import halides


def work(rank: int, store: str, cache: str, place: str, trials: int) -> None:
    """Rank of a group of two: a mixture, or a search with ``trials``; what came out is written."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    data = replace(halides(26), cache=Path(cache))
    options = FitOptions(epochs=3, n_members=2, device="cpu")
    told: dict[str, object] = {}
    if trials:
        found = tune(Mlp, data, options, trials, Path(cache) / "studies.sqlite3", "one")
        told = {"params": [one["params"] for one in found.trials], "config": str(found.config)}
    else:
        config = {
            name: shrunk(one)
            for name, one in Mixed.defaults(data, options).items()
            if name in ("krr-nmf", "mlp")
        }
        model = fit_config(Mixed, data, config, silent)
        told = {"mean": model.predict(halides(2, seed=1)).mean.round(5).tolist()}
    told["unlike"] = distributed.differ(np.round(rank * 0.0))
    Path(f"{place}-{rank}.json").write_text(json.dumps(told))
    torch.distributed.destroy_process_group()


def fails(rank: int, store: str, cache: str, place: str, trials: int) -> None:
    """Rank of a group in which the first process cannot fit."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    try:
        data = halides(12)  # too few for krr-nmf
        options = FitOptions(n_members=2, device="cpu")
        fit_config(Mixed, data, Mixed.defaults(data, options), silent)
    except LearningError as error:
        Path(f"{place}-{rank}.json").write_text(json.dumps(str(error)))
    torch.distributed.destroy_process_group()
