"""Kernel ridge regression on the weights of a non-negative factorisation.

A spectrum is a non-negative sum of a few non-negative components (NMF, Lee & Seung, Nature 401
(1999) 788), and each weight is regressed on the site's descriptors with a Laplacian kernel. Above
``max_exact`` rows the regression rests on landmarks (:mod:`ml.kernel_ridge`). The predicted weights
are clipped at zero, so the spectrum stays non-negative and as smooth as its components.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import kernel_ridge, pretrained
from ml.checkpoints import load_arrays, save_arrays
from ml.data import Dataset, folds_by_material, material_weights
from ml.descriptors import BLOCKS
from ml.distances import city_block
from ml.errors import LearningError
from ml.features import VALENCE, Scaler, describe_rows, room
from ml.prediction import Predicted, Validation

Float = NDArray[np.float64]
Report = Callable[[str], None]


@dataclass(frozen=True)
class KrrNmfConfig:
    """Hyperparameters; None is chosen by cross-validation over materials."""

    blocks: tuple[str, ...] = BLOCKS
    block_weights: tuple[float, ...] = (0.5, 2.0, 1.0, 1.0, 2.0, 1.0)
    n_components: int = 24
    alpha: float | None = None
    gamma: float | None = None
    n_folds: int = 10
    max_exact: int = 10_000
    n_landmarks: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = set(self.blocks) - {*BLOCKS, pretrained.BLOCK, VALENCE}
        if wrong or not self.blocks:
            raise LearningError("blocks", sorted(wrong), f"choose from {', '.join(BLOCKS)}")
        if len(self.block_weights) != len(self.blocks):
            raise LearningError("block_weights", self.block_weights, "one for each block")
        if self.n_components < 1:
            raise LearningError("n_components", self.n_components, "must be at least 1")


ALPHAS = (1e-3, 1e-2)
GAMMAS = (0.5, 1.0)
_FEWEST = 25  # rows


class KrrNmf:
    """The fitted model; see :meth:`fit`."""

    def __init__(
        self,
        config: KrrNmfConfig,
        arrays: dict[str, NDArray[Any]],
        numbers: dict[str, float],
        scaler: Scaler,
        validation: Validation,
        report: dict[str, Any],
    ) -> None:
        self.config = config
        self.energy_ev = validation.energy_ev
        self.validation = validation
        self.report = report
        self._arrays = arrays
        self._numbers = numbers
        self._scaler = scaler

    @classmethod
    def fit(cls, data: Dataset, config: KrrNmfConfig, say: Report = lambda text: None) -> KrrNmf:
        """Learn from all rows; hyperparameters and error bars by folds over materials."""
        from sklearn.decomposition import NMF

        if len(data) < _FEWEST:
            raise LearningError("spectra", len(data), f"at least {_FEWEST} are needed")
        say("describing the sites")
        blocks = describe_rows(data, config.blocks)
        scaler = Scaler.learn(blocks, dict(zip(config.blocks, config.block_weights, strict=True)))
        x = scaler.apply(blocks)
        target = np.maximum(np.asarray(data.target, dtype=np.float64), 0.0)

        say("factorising the spectra")
        rank = min(config.n_components, len(data) // 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its tolerance is tighter than the data need
            factoring = NMF(rank, init="nndsvda", max_iter=600, tol=1e-5, random_state=config.seed)
            weights = factoring.fit_transform(target)
        components = factoring.components_
        center = weights.mean(axis=0)

        landmarks = np.arange(len(data))
        if len(data) > config.max_exact:
            rng = np.random.default_rng(config.seed)
            landmarks = np.sort(rng.choice(len(data), config.n_landmarks, replace=False))
        distance = city_block(x, x[landmarks], room(len(x), len(landmarks)))
        scale = float(np.median(distance[landmarks]))
        distance /= scale
        folds = folds_by_material(data.groups, config.n_folds, config.seed)
        y = weights - center
        row_weights = material_weights(data.groups)
        say("choosing the kernel")
        gamma, alpha, held_out = _choose(
            distance, landmarks, y, folds, components, target, center, row_weights, config
        )
        solution = kernel_ridge.solve(distance, landmarks, y, gamma, alpha)

        spread, neighbours = kernel_ridge.nearest_of_other_folds(distance, landmarks, folds)
        mean = np.maximum(held_out + center, 0.0) @ components
        r2 = 1 - ((held_out - y) ** 2).sum(axis=0) / np.maximum((y**2).sum(axis=0), 1e-300)
        report = {
            "alpha": alpha,
            "gamma": gamma,
            "cv_mse": float(((mean - target) ** 2).mean(axis=1) @ row_weights / len(data)),
            "r2_per_component": r2.tolist(),
            "nmf_rms": float(np.sqrt(((weights @ components - target) ** 2).mean())),
        }
        validation = Validation.learn(data.energy_ev, target, mean, spread, neighbours, row_weights)
        arrays = {
            "components": components,
            "center": center,
            "solution": solution,
            "landmarks": x[landmarks],
            "landmark_rows": landmarks,
        }
        numbers = {"gamma": gamma, "scale": scale}
        return cls(config, arrays, numbers, scaler, validation, report)

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""
        x = self._scaler.apply(describe_rows(data, self.config.blocks))
        landmarks, solution = self._arrays["landmarks"], self._arrays["solution"]
        weights = np.empty((len(x), solution.shape[1]))
        spread = np.empty(len(x))
        neighbours = np.empty((len(x), self.validation.neighbours.shape[1]), np.int64)
        for at in range(0, len(x), kernel_ridge.BLOCK):
            some = slice(at, at + kernel_ridge.BLOCK)
            distance = city_block(x[some], landmarks) / self._numbers["scale"]
            weights[some] = kernel_ridge.evaluate(distance, solution, self._numbers["gamma"])
            close, spread[some] = kernel_ridge.nearest_landmarks(distance)
            neighbours[some] = self._arrays["landmark_rows"][close]
        weights = np.maximum(weights + self._arrays["center"], 0.0)
        return self.validation.answer(weights @ self._arrays["components"], spread, neighbours)

    def save(self, folder: Path) -> None:
        """Weights (safetensors) and configuration (JSON) into the folder."""
        arrays = self._arrays | self.validation.arrays()
        arrays |= {f"scaler.mean.{k}": v for k, v in self._scaler.mean.items()}
        arrays |= {f"scaler.deviation.{k}": v for k, v in self._scaler.deviation.items()}
        meta = {"config": asdict(self.config), "numbers": self._numbers, "report": self.report}
        save_arrays(folder, "krr-nmf", arrays, json.dumps(meta))

    @classmethod
    def load(cls, folder: Path) -> KrrNmf:
        """What :meth:`save` wrote."""
        arrays, text = load_arrays(folder, "krr-nmf")
        meta = json.loads(text)
        for name in ("blocks", "block_weights"):
            meta["config"][name] = tuple(meta["config"][name])
        config = KrrNmfConfig(**meta["config"])
        scaler = Scaler(
            {k: arrays.pop(f"scaler.mean.{k}") for k in config.blocks},
            {k: arrays.pop(f"scaler.deviation.{k}") for k in config.blocks},
            dict(zip(config.blocks, config.block_weights, strict=True)),
        )
        validation = Validation.of_arrays(arrays)
        return cls(config, arrays, meta["numbers"], scaler, validation, meta["report"])


def _choose(
    distance: NDArray[np.float32],
    landmarks: NDArray[np.int64],
    y: Float,
    folds: NDArray[np.int64],
    components: Float,
    target: Float,
    center: Float,
    row_weights: Float,
    config: KrrNmfConfig,
) -> tuple[float, float, Float]:
    """γ, α and the held-out predictions of the best pair, by the error of the spectra,
    every material counting alike.
    """
    gammas = GAMMAS if config.gamma is None else (config.gamma,)
    alphas = ALPHAS if config.alpha is None else (config.alpha,)
    best: tuple[float, float, float, Float] | None = None
    for gamma in gammas:
        held = kernel_ridge.held_out(distance, landmarks, y, folds, gamma, alphas)
        for a, alpha in enumerate(alphas):
            error = np.maximum(held[a] + center, 0.0) @ components - target
            mse = float((error**2).mean(axis=1) @ row_weights) / len(error)
            if best is None or mse < best[0]:
                best = (mse, gamma, alpha, held[a].copy())
    assert best is not None
    return best[1], best[2], best[3]
