"""Every kind of model by its name.

A kind is one class in one file of this folder and one line of the table below. The class knows what
it sees of a row, its defaults, what a search may change, its version, and how it is saved and
rebuilt; ``tests/ml/kinds`` holds what every kind must keep to. Nothing is imported before a kind is
asked for, so that a page may list the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ml.errors import LearningError

if TYPE_CHECKING:
    from ml.kinds.base import Model, Trained

_TRAINED: Final = {
    "mixed-chgnet": "ml.kinds.mixed_chgnet:MixedChgnet",
    "mixed-chgnet-sevennet": "ml.kinds.mixed_chgnet_sevennet:MixedChgnetSevennet",
    "mixed-sevennet": "ml.kinds.mixed_sevennet:MixedSevennet",
    "mixed": "ml.kinds.mixed:Mixed",
    "krr-nmf": "ml.kinds.krr_nmf:KrrNmf",
    "mlp": "ml.kinds.mlp:Mlp",
    "cgcnn": "ml.kinds.cgcnn:Cgcnn",
    "ace": "ml.kinds.ace:Ace",
    "chgnet-krr": "ml.kinds.chgnet_krr:ChgnetKrr",
    "chgnet-mlp": "ml.kinds.chgnet_mlp:ChgnetMlp",
    "chgnet-ace": "ml.kinds.chgnet_ace:ChgnetAce",
    "sevennet-krr": "ml.kinds.sevennet_krr:SevennetKrr",
    "sevennet-mlp": "ml.kinds.sevennet_mlp:SevennetMlp",
}
_DERIVED: Final = {"adapted": "ml.kinds.adapted:Adapted"}

KINDS: Final = tuple(_TRAINED)
"""Kinds that are trained on spectra and their structures, in the order in which they are the
default."""
EVERY_KIND: Final = (*_TRAINED, *_DERIVED)
"""Those, and the kinds that are made from a trained model."""


def kind_class(name: str) -> type[Model]:
    """The class of a kind.

    Raises
    ------
    LearningError
        If there is no such kind.
    """
    place = (_TRAINED | _DERIVED).get(name)
    if place is None:
        raise LearningError("kind", name, f"choose from {', '.join(EVERY_KIND)}")
    module, _, attribute = place.partition(":")
    found: type[Model] = getattr(import_module(module), attribute)
    return found


def trained_kind(name: str) -> type[Trained[Any]]:
    """The class of a kind that :func:`ml.kinds.doors.fit_model` trains.

    Raises
    ------
    LearningError
        If there is no such kind.
    """
    check_kind(name)
    return kind_class(name)  # type: ignore[return-value]  # the contract tests hold the table to it


def check_kind(name: str) -> None:
    """Without importing it.

    Raises
    ------
    LearningError
        If there is no such kind that can be trained.
    """
    if name not in _TRAINED:
        raise LearningError("kind", name, f"choose from {', '.join(KINDS)}")


def default_kind() -> str:
    """The first that can be trained with the pretrained potentials that are here."""
    return next(name for name in KINDS if can_be_trained(name))


def can_be_trained(name: str) -> bool:
    """Whether the pretrained potentials that a kind needs are installed."""
    from ml import pretrained

    return all(pretrained.is_available(potential) for potential in kind_class(name).needs)
