"""A small fitted model of each kind, on data that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import pretrained
from ml.data import Dataset
from ml.kinds import EVERY_KIND, kind_class, trained_kind
from ml.kinds.adapted import Adaptation, Adapted, Curve
from ml.kinds.base import FitOptions, Model, Step
from ml.kinds.doors import fit_config
from ml.kinds.networks import NetworkConfig
from tests.ml.samples import GRID, halides

OPTIONS = FitOptions(seed=1, device="cpu", epochs=2, n_members=2)


def data(cache: Path | None = None) -> Dataset:
    """30 rows of 30 materials."""
    return replace(halides(30), cache=cache)


def fitted(kind: str, cache: Path | None = None, options: FitOptions = OPTIONS) -> Model:
    """A model of this kind; what one kind has fitted, a mixture finds in the cache."""
    make = _DERIVED.get(kind)
    if make is not None:
        return make(cache)
    rows = data(cache)
    chosen = trained_kind(kind)
    return fit_config(chosen, rows, shrunk(chosen.defaults(rows, options)), silent)


def shrunk(config: Any) -> Any:
    """The same configuration of smaller networks, which are trained in no time."""
    if isinstance(config, dict):
        return {name: shrunk(part) for name, part in config.items()}
    if not isinstance(config, NetworkConfig):
        return config
    sizes = {name: 8 for name, value in asdict(config.network).items() if value > 16}
    return replace(config, network=replace(config.network, **sizes))


def silent(step: Step) -> None:
    """No progress."""


def _adapted(cache: Path | None) -> Adapted:
    base = fitted("krr-nmf", cache)
    frozen = base.predict(data(cache)).mean[:4]
    fine = np.linspace(-20.0, 45.0, 1301)
    measured = [Curve(fine - 2.5, 1.3 * np.interp(fine, GRID, row)) for row in frozen]
    adaptation = Adaptation.learn(GRID, frozen, measured, np.arange(4))
    return Adapted(base, adaptation, np.full(GRID.size, 0.1))


_DERIVED: dict[str, Callable[[Path | None], Model]] = {"adapted": _adapted}
"""How to make a model of a kind that is not trained on spectra and structures alone."""


def every_kind(names: tuple[str, ...] = EVERY_KIND) -> list[object]:
    """Parameters for a test of each kind; those that need a pretrained potential are slow, and skip
    where it is not."""
    return [pytest.param(name, marks=_marks(kind_class(name).needs)) for name in names]


def _marks(needs: tuple[str, ...]) -> tuple[pytest.MarkDecorator, ...]:
    absent = [name for name in needs if not pretrained.is_available(name)]
    skip = pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)}")
    return (pytest.mark.slow, skip) if needs else ()
