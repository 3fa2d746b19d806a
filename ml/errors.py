"""Errors of the learning package."""

from __future__ import annotations


class LearningError(ValueError):
    """Input that cannot be learnt from or predicted for; names the field and the value."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field}: {reason} (got {value!r})")
        self.field = field
        self.value = value
