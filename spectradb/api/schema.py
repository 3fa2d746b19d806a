"""The OpenAPI description: every operation says which errors it can answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

_ERROR = {
    "type": "object",
    "description": "``detail``, or for each parameter at fault what is wrong with it.",
    # A text, a list of texts, or the same again for the parts of a nested value.
    "additionalProperties": {},
}
_ERRORS = {
    "400": "A parameter is unknown or has a bad value.",
    "401": "The key is unknown or revoked, or a key is needed.",
    "403": "This person may not do this.",
    "404": "There is no such row, or it is not public.",
    "406": "Only application/json is served.",
    "429": "Too many requests; Retry-After says when to go on.",
}
_WITH_BODY = {
    "409": "The step does not fit the present state.",
    "413": "The upload is too large.",
    "415": "The body is of a type that is not read here.",
}


class ApiSchema(AutoSchema):  # type: ignore[no-untyped-call]
    """Adds the errors that any operation may answer with, and ``fields``."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        errors = dict(_ERRORS)
        if "requestBody" in operation or self.method in {"POST", "PUT", "PATCH"}:
            errors |= _WITH_BODY
        if getattr(self.view, "action", "") in {"file", "map", "normalised"}:
            errors["409"] = _WITH_BODY["409"]
        for status, words in errors.items():
            operation["responses"].setdefault(
                status,
                {"description": words, "content": {"application/json": {"schema": _ERROR}}},
            )
        return operation
