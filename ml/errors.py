"""Errors of the learning package.

``cause`` is a short class of failure that failures are grouped by, and ``permanent`` whether trying
again gives the same failure. Whoever runs a job reads both from the error, of whatever package.
"""

from __future__ import annotations

from collections.abc import Mapping


class LearningError(ValueError):
    """Input that cannot be learnt from or predicted for; names the field and the value."""

    cause = "Cannot be learnt from"
    permanent = True

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field}: {reason} (got {told(value)})")
        self.field = field
        self.value = value
        self.reason = reason

    def __reduce__(self) -> tuple[type[LearningError], tuple[str, object, str]]:
        """So that one process of a group can tell it to the others."""
        return type(self), (self.field, self.value, self.reason)


class Stop(Exception):
    """Raised by what is told of a training, to give it up (pruning)."""

    cause = "Given up"
    permanent = True


def told(value: object, limit: int = 200) -> str:
    """A value as a person reads it: without the wrapping of numpy, and cut where it is long."""
    text = repr(_plain(value))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):  # an array, or one number of numpy's
        return value.tolist()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, set | frozenset):
        return {_plain(one) for one in value}
    return value
