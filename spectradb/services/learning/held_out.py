"""What a model's page shows of the rows held out: parity, examples, surprises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectradb.services.learning.results import Scored

FloatArray = NDArray[np.float64]
Key = tuple[str, int, int]

_MOST_POINTS = 600
_GRID = 200
_SURPRISES = 20


def shown_of(scored: Scored, structures: Sequence[int]) -> dict[str, Any]:
    """Plain values to draw.

    Parameters
    ----------
    scored
        Predictions of n rows that were held out.
    structures : (n,)
        Numbers of their structures.

    Returns
    -------
    dict
        ``peaks``: energy and height of the main peak, true and predicted, of at most 600 rows;
        ``examples``: best, median and worst row by relative error; ``errors``: those of every
        tenth percentile; ``trust``: median error for each fifth of trust; ``surprises``: the 20
        rows whose errors are largest in units of their own σ, one of each material.
    """
    energy_ev = scored.energy_ev
    truth, mean, sigma = (
        np.asarray(one, np.float64) for one in (scored.truth, scored.predicted, scored.sigma)
    )
    trust = scored.trust
    keys = [(one[0], at, one[1]) for one, at in zip(scored.keys, structures, strict=True)]
    n = len(truth)
    relative = np.sqrt(((mean - truth) ** 2).sum(axis=1) / (truth**2).sum(axis=1))
    z = np.sqrt((((mean - truth) / np.maximum(sigma, 1e-12)) ** 2).mean(axis=1))
    order = np.argsort(relative)
    shown = np.linspace(0, n - 1, min(n, _MOST_POINTS)).astype(int)
    rows = np.arange(n)
    at, at_mean = truth.argmax(axis=1), mean.argmax(axis=1)
    examples = {
        name: _example(int(order[place]), energy_ev, truth, mean, sigma, trust, keys, relative)
        for name, place in (("best", 0), ("median", n // 2), ("worst", n - 1))
    }
    surprises = [
        {
            **_name(keys[k]),
            "z": _short(z[k]),
            "error": _short(relative[k]),
            "trust": _short(trust[k]),
        }
        for k in _one_each(np.argsort(-z).tolist(), keys)
    ]
    return {
        "n": n,
        "peaks": {
            "energy_true": np.round(energy_ev[at][shown], 3).tolist(),
            "energy_predicted": np.round(energy_ev[at_mean][shown], 3).tolist(),
            "height_true": _rounded(truth[rows, at][shown]),
            "height_predicted": _rounded(mean[rows, at_mean][shown]),
        },
        "errors": _rounded(np.percentile(relative, np.arange(0, 101, 10))),
        "trust": _by_trust(trust, relative),
        "examples": examples,
        "surprises": surprises,
    }


def _one_each(order: list[int], keys: Sequence[Key]) -> list[int]:
    """The first row of each material, in this order, at most 20."""
    first: dict[str, int] = {}
    for k in order:
        first.setdefault(keys[k][0], k)
        if len(first) == _SURPRISES:
            break
    return list(first.values())


def _example(
    k: int,
    energy: FloatArray,
    truth: FloatArray,
    mean: FloatArray,
    sigma: FloatArray,
    trust: FloatArray,
    keys: Sequence[Key],
    relative: FloatArray,
) -> dict[str, Any]:
    step = max(1, -(-energy.size // _GRID))
    return {
        **_name(keys[k]),
        "error": _short(relative[k]),
        "trust": _short(trust[k]),
        "energy": np.round(energy[::step], 3).tolist(),
        "truth": _rounded(truth[k, ::step]),
        "mean": _rounded(mean[k, ::step]),
        "sigma": _rounded(sigma[k, ::step]),
    }


def _by_trust(trust: FloatArray, relative: FloatArray) -> list[dict[str, float | int]]:
    """Median relative error of the rows in each fifth of the scale of trust."""
    found: list[dict[str, float | int]] = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (trust >= low) & ((trust < low + 0.2) | (low == 0.8))
        if inside.any():
            median = _short(float(np.median(relative[inside])))
            found.append({"low": low, "n": int(inside.sum()), "median": median})
    return found


def _name(key: Key) -> dict[str, Any]:
    return {"source_id": key[0], "structure": key[1], "site": key[2]}


def _short(value: float) -> float:
    return float(f"{float(value):.4g}")


def _rounded(values: FloatArray) -> list[float]:
    return [_short(value) for value in values]
