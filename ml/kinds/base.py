"""What every kind of model keeps to."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from numpy.typing import NDArray

from ml.checkpoints import write
from ml.data import Dataset
from ml.errors import LearningError
from ml.familiarity import Familiarity
from ml.prediction import Float, Predicted, Validation

if TYPE_CHECKING:
    from ml.training import History

C = TypeVar("C")
FITTED = "parts"
"""Folder of fitted models in the cache of the data."""
_LARGEST_SEED = 2**32 - 1  # NumPy's and scikit-learn's


@dataclass(frozen=True)
class FitOptions:
    """What a user may choose for any kind; None is the kind's own default."""

    seed: int = 0
    device: str = "auto"
    epochs: int | None = None
    n_members: int = 5
    n_landmarks: int | None = None  # at most, of kernels: fewer make a smaller model

    def check(self) -> None:
        """Refuse numbers that nothing can be fitted with.

        Raises
        ------
        LearningError
        """
        if self.epochs is not None and self.epochs < 1:
            raise LearningError("epochs", self.epochs, "at least one is needed")
        if self.n_members < 1:
            raise LearningError("members", self.n_members, "at least one is needed")
        if self.n_landmarks is not None and self.n_landmarks < 2:
            raise LearningError("landmarks", self.n_landmarks, "at least two are needed")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise LearningError("seed", self.seed, f"must be within 0 and {_LARGEST_SEED}")


@dataclass(frozen=True)
class Step:
    """Progress of a fit.

    Attributes
    ----------
    part : str
        The kind that is being fitted, or what else is being done.
    done : float
        0 … 1 of that part.
    text : str
        To show beside it.
    member, epoch : int
        Of a network that is being trained.
    held_out_mse : float, optional
        What that network misses on the rows that it does not see.
    """

    part: str
    done: float
    text: str
    member: int = 0
    epoch: int = 0
    held_out_mse: float | None = None


Tell = Callable[[Step], None]


@dataclass(frozen=True)
class State:
    """A fitted model as it is kept: numbers and texts, arrays, and the models it is made of."""

    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    parts: Mapping[str, Model] = field(default_factory=dict)


class Model(ABC):
    """A fitted model.

    Attributes
    ----------
    kind : str
        The name of the class in the table of kinds.
    version : int
        Raised whenever the same configuration and rows give other predictions;
        ``tests/ml/kinds/numbers.json`` holds what the present one gives.
    needs : tuple of str
        Pretrained potentials (:mod:`ml.pretrained`) that must be installed.
    validation : Validation
        What the fit learnt from rows that it had not seen.
    familiar : Familiarity, optional
        What the rows were that it was trained on; its parts do without.
    stored_version : int, optional
        Of a model that was loaded: the version that its kind had when it was fitted.
    """

    kind: ClassVar[str]
    version: ClassVar[int]
    needs: ClassVar[tuple[str, ...]] = ()
    validation: Validation
    familiar: Familiarity | None = None
    stored_version: int | None = None

    @property
    def energy_ev(self) -> Float:
        """(g,) the grid of its predictions, eV."""
        return self.validation.energy_ev

    @property
    def parts(self) -> Mapping[str, Model]:
        """The models it is made of, by name."""
        return {}

    @abstractmethod
    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""

    def answer(self, data: Dataset) -> Predicted:
        """As :meth:`predict`, with what is known of the rows' chemistry in σ and trust."""
        found = self.predict(data)
        return found if self.familiar is None else self.familiar.judge(data, found, self.validation)

    @abstractmethod
    def state(self) -> State:
        """All that :meth:`of_state` needs to make the same model again."""

    @classmethod
    @abstractmethod
    def of_state(cls, state: State) -> Self:
        """The model whose state this is."""

    def save(self, folder: Path) -> None:
        """Into a folder, each part in a folder of its own inside; ``doors.load_model`` reads it."""
        state = self.state()
        for name, part in state.parts.items():
            part.save(folder / name)
        arrays = state.arrays | ({} if self.familiar is None else self.familiar.arrays())
        write(folder, self.kind, self.fitted_version, state.meta, arrays, list(state.parts))

    @property
    def fitted_version(self) -> int:
        """The version of the kind that fitted it."""
        return self.version if self.stored_version is None else self.stored_version

    def code_version(self) -> str:
        """The versions that fitted it and the models it is made of."""
        inside = ", ".join(part.code_version() for part in self.parts.values())
        own = f"{self.kind} {self.fitted_version or 'unknown'}"
        return f"{own} ({inside})" if inside else own

    def figures(self) -> dict[str, Any]:
        """What the fit tells beside its held-out predictions, as plain numbers."""
        return {}

    def losses(self) -> dict[str, list[History]]:
        """Errors of each epoch of each network, by its kind."""
        return {kind: told for part in self.parts.values() for kind, told in part.losses().items()}


class Trained(Model, Generic[C]):
    """A kind that is trained on spectra and their structures, as its configuration says.

    Attributes
    ----------
    kept : bool
        Whether a fitted model is worth keeping in the cache of the data.
    searchable : bool
        Whether there are hyperparameters to search.
    in_one_process : bool
        Whether processes that train together gain nothing: the first one fits for all.
    """

    kept: ClassVar[bool] = True
    in_one_process: ClassVar[bool] = False
    searchable: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def defaults(cls, data: Dataset, options: FitOptions) -> C:
        """The kind's own configuration under a user's options."""

    @classmethod
    def place(cls, config: C, data: Dataset) -> Path | None:
        """Where a model of this configuration and these rows is kept; None without a cache."""
        if data.cache is None or not cls.kept:
            return None
        text = f"{cls.kind} {cls.version} {config} {data.content_hash()}"
        return data.cache / FITTED / hashlib.sha256(text.encode()).hexdigest()[:32]

    @classmethod
    def suggest(cls, trial: Any, config: C) -> C:
        """The configuration with what an Optuna trial suggests; as it is when not searchable."""
        return config

    @classmethod
    @abstractmethod
    def fit(cls, data: Dataset, config: C, tell: Tell = lambda step: None) -> Self:
        """Learn from all rows; error bars by folds over materials.

        Raises
        ------
        LearningError
            If the data are too few.
        """


def unfinished(place: Path) -> Path:
    """Folder of the states of a model's training, beside its place, until it is finished."""
    return place.with_name(f"{place.name}-unfinished")
