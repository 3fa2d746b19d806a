"""Kernel ridge regression on the weights of a non-negative factorisation.

A spectrum is a non-negative sum of a few non-negative components (NMF, Lee & Seung, Nature 401
(1999) 788), and each weight is regressed on the site's descriptors with a Laplacian kernel. Above
``max_exact`` rows the regression rests on landmarks (:mod:`ml.kernel_ridge`). The predicted weights
are clipped at zero, so the spectrum stays non-negative and as smooth as its components.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ml import kernel_ridge, pretrained
from ml.data import FOLDED_BY, Dataset, folds_of, material_weights
from ml.descriptors import BLOCKS
from ml.distances import city_block
from ml.errors import LearningError
from ml.features import SCATTERING, VALENCE, Scaler, beside, describe_rows, room
from ml.kinds.base import FitOptions, State, Step, Tell, Trained
from ml.prediction import Predicted, Validation

Float = NDArray[np.float64]


_BESIDE = {VALENCE: 4.0, SCATTERING: 5.0}  # what each counts for


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
        wrong = set(self.blocks) - {*BLOCKS, *pretrained.POTENTIALS, *_BESIDE}
        if wrong or not self.blocks:
            raise LearningError("blocks", sorted(wrong), f"choose from {', '.join(BLOCKS)}")
        if len(self.block_weights) != len(self.blocks):
            raise LearningError("block_weights", self.block_weights, "one for each block")
        if self.n_components < 1:
            raise LearningError("n_components", self.n_components, "must be at least 1")


ALPHAS = (1e-3, 1e-2)
GAMMAS = (0.5, 1.0)
_FEWEST = 25  # rows
_FOLDED_THRICE = 4_000  # rows at most


@dataclass(frozen=True)
class Solution:
    """What predicts a spectrum from the distances to the landmarks.

    Attributes
    ----------
    components : (k, g)
        Of the factorisation.
    center : (k,)
        Mean weight of each.
    solution : (m, k)
        Coefficients of the kernels of the landmarks.
    landmarks : (m, f)
        Their scaled descriptors, float32.
    landmark_rows : (m,)
        Their rows in the training set.
    gamma : float
        Of the kernel, per ``scale``.
    scale : float
        Median distance between landmarks.
    """

    components: Float
    center: Float
    solution: Float
    landmarks: NDArray[np.float32]
    landmark_rows: NDArray[np.int64]
    gamma: float
    scale: float


class KrrNmf(Trained[KrrNmfConfig]):
    """The fitted model; see :meth:`fit`.

    Attributes
    ----------
    beside : dict
        Blocks that the kind sees beside our own descriptors, and what each counts for.
    """

    kind = "krr-nmf"
    version = 5
    in_one_process = True
    beside: ClassVar[dict[str, float]] = {}

    def __init__(
        self,
        config: KrrNmfConfig,
        solution: Solution,
        scaler: Scaler,
        validation: Validation,
        figures: dict[str, Any],
    ) -> None:
        self.config = config
        self.validation = validation
        self._figures = figures
        self._solution = solution
        self._scaler = scaler

    @classmethod
    def defaults(cls, data: Dataset, options: FitOptions) -> KrrNmfConfig:
        """With what is seen of the absorber beside its descriptors."""
        config = KrrNmfConfig(seed=options.seed)
        if (most := options.n_landmarks) is not None:
            config = replace(config, max_exact=most, n_landmarks=most)
        more = cls.beside | {block: _BESIDE[block] for block in beside(data)}
        return replace(
            config,
            blocks=(*config.blocks, *more),
            block_weights=(*config.block_weights, *more.values()),
        )

    @classmethod
    def suggest(cls, trial: Any, config: KrrNmfConfig) -> KrrNmfConfig:
        return replace(
            config,
            n_components=trial.suggest_int("n_components", 8, 48, step=4),
            alpha=trial.suggest_float("alpha", 1e-5, 1e-1, log=True),
            gamma=trial.suggest_float("gamma", 0.1, 4.0, log=True),
        )

    @classmethod
    def fit(cls, data: Dataset, config: KrrNmfConfig, tell: Tell = lambda step: None) -> Self:
        """Hyperparameters that are None are chosen by the same folds as the error bars."""
        from sklearn.decomposition import NMF

        if len(data) < _FEWEST:
            raise LearningError("spectra", len(data), f"at least {_FEWEST} are needed")
        folds, folded_by = folds_of(data, config.n_folds, config.seed)
        tell(Step(cls.kind, 0.0, "describing the sites"))
        blocks = describe_rows(data, config.blocks)
        scaler = Scaler.learn(blocks, dict(zip(config.blocks, config.block_weights, strict=True)))
        x = scaler.apply(blocks)
        target = np.maximum(np.asarray(data.target, dtype=np.float64), 0.0)

        tell(Step(cls.kind, 0.3, "factorising the spectra"))
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
        y = weights - center
        row_weights = material_weights(data.groups)
        tell(Step(cls.kind, 0.6, "choosing the kernel"))
        gamma, alpha, held_out = _choose(
            distance, landmarks, y, folds, components, target, center, row_weights, config
        )
        solution = kernel_ridge.solve(distance, landmarks, y, gamma, alpha)

        spread, neighbours = kernel_ridge.nearest_of_other_folds(distance, landmarks, folds)
        mean = np.maximum(held_out + center, 0.0) @ components
        r2 = 1 - ((held_out - y) ** 2).sum(axis=0) / np.maximum((y**2).sum(axis=0), 1e-300)
        figures = {
            "folded_by": folded_by,
            "mse_folded_by": _by_folds(
                data, distance, landmarks, y, components, target, center, (gamma, alpha), config
            ),
            "alpha": alpha,
            "gamma": gamma,
            "r2_per_component": r2.tolist(),
            "nmf_rms": float(np.sqrt(((weights @ components - target) ** 2).mean())),
        }
        return cls(
            config,
            Solution(components, center, solution, x[landmarks], landmarks, gamma, scale),
            scaler,
            Validation.learn(data.energy_ev, target, mean, spread, neighbours, row_weights),
            figures,
        )

    def predict(self, data: Dataset) -> Predicted:
        x = self._scaler.apply(describe_rows(data, self.config.blocks))
        one = self._solution
        weights = np.empty((len(x), one.solution.shape[1]))
        spread = np.empty(len(x))
        neighbours = np.empty((len(x), self.validation.neighbours.shape[1]), np.int64)
        for at in range(0, len(x), kernel_ridge.BLOCK):
            some = slice(at, at + kernel_ridge.BLOCK)
            distance = city_block(x[some], one.landmarks) / one.scale
            weights[some] = kernel_ridge.evaluate(distance, one.solution, one.gamma)
            close, spread[some] = kernel_ridge.nearest_landmarks(distance)
            neighbours[some] = one.landmark_rows[close]
        weights = np.maximum(weights + one.center, 0.0)
        return self.validation.answer(weights @ one.components, spread, neighbours)

    def figures(self) -> dict[str, Any]:
        return self._figures

    def state(self) -> State:
        arrays = self.validation.arrays() | self._scaler.arrays()
        told = vars(self._solution)
        arrays |= {name: values for name, values in told.items() if isinstance(values, np.ndarray)}
        meta = {
            "config": asdict(self.config),
            "gamma": self._solution.gamma,
            "scale": self._solution.scale,
            "figures": self._figures,
        }
        return State(meta, arrays)

    @classmethod
    def of_state(cls, state: State) -> Self:
        meta, arrays = state.meta, state.arrays
        told = meta["config"]
        config = KrrNmfConfig(
            **told | {name: tuple(told[name]) for name in ("blocks", "block_weights")}
        )
        weight = dict(zip(config.blocks, config.block_weights, strict=True))
        scaler = Scaler.of_arrays(arrays, config.blocks, weight)
        validation = Validation.of_arrays(arrays)
        solution = Solution(**arrays, gamma=meta["gamma"], scale=meta["scale"])
        return cls(config, solution, scaler, validation, meta["figures"])


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


def _by_folds(
    data: Dataset,
    distance: NDArray[np.float32],
    landmarks: NDArray[np.int64],
    y: Float,
    components: Float,
    target: Float,
    center: Float,
    chosen: tuple[float, float],
    config: KrrNmfConfig,
) -> dict[str, float]:
    """Held-out error with materials, formulae and chemical systems kept whole in turn: how much
    of it is known from sisters of a material. Nothing where it would take long."""
    if len(data) > _FOLDED_THRICE:
        return {}
    gamma, alpha = chosen
    weights = material_weights(data.groups)
    found = {}
    for by in FOLDED_BY:
        try:
            folds, _ = folds_of(data, config.n_folds, config.seed, by)
        except LearningError:  # fewer systems than folds
            continue
        held = kernel_ridge.held_out(distance, landmarks, y, folds, gamma, (alpha,))[0]
        error = np.maximum(held + center, 0.0) @ components - target
        found[by] = float((error**2).mean(axis=1) @ weights) / len(error)
    return found
