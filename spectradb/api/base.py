"""What all routes share: ``fields=``, refusal of unknown parameters, error answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers, viewsets
from rest_framework.exceptions import APIException, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from spectradb.filters import SearchError
from spectradb.services.curation.workflow import CurationError
from spectradb.turns import RETRY_SECONDS, TurnTakenError, turn

M = TypeVar("M", bound=Model)
Method = Callable[..., Response]

FIELDS = OpenApiParameter(
    "fields", str, description="Only these fields, comma-separated; arrays come only if named."
)


class Conflict(APIException):
    """A step that does not fit the present state."""

    status_code = 409
    default_code = "conflict"


class TooLarge(APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The upload is too large."


def refuse_larger(file: UploadedFile[Any], limit_mb: int) -> None:
    """Answer 413 for a file above the site's limit, in units of 10⁶ bytes."""
    size = file.size or 0
    if size > limit_mb * 1e6:
        raise TooLarge(f"{file.name} has {size / 1e6:.1f} MB; a file may have {limit_mb} MB.")


def in_turn(method: Method) -> Method:
    """A method that reads a person's file: one at a time, in bounded time; else 429."""

    @wraps(method)
    def taking(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        with turn(request):
            return method(self, request, *args, **kwargs)

    return taking


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Our own errors as answers with a status; everything else as DRF does."""
    if isinstance(error, SearchError):
        error = ValidationError(error.errors)
    elif isinstance(error, CurationError):
        error = Conflict(str(error))
    elif isinstance(error, TurnTakenError):
        error = Throttled(RETRY_SECONDS, str(error))
    elif isinstance(error, RequestDataTooBig | TooManyFilesSent):
        error = TooLarge()
    return exception_handler(error, context)


class FieldsSerializer(serializers.ModelSerializer[M]):
    """Keeps only the fields of the view's ``chosen_fields``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.context.get("chosen_fields")
        if chosen is not None and self.parent is None:
            for name in set(self.fields) - set(chosen):
                self.fields.pop(name)

    @classmethod
    def names(cls) -> list[str]:
        return list(cls.Meta.fields)  # type: ignore[attr-defined]


class StrictMixin:
    """Refuses parameters that an action does not take."""

    action_keys: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Parameters of each action other than list and retrieve."""
    query_keys: tuple[str, ...] = ()
    searches: ClassVar[frozenset[str]] = frozenset({"list", "counts"})
    """Actions whose parameters are the search itself, which refuses what it does not know."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        action = getattr(self, "action", None)
        if action in self.searches and getattr(self, "filterset_class", None) is not None:
            return  # the filter backend knows them
        known = {"retrieve": self.query_keys, **self.action_keys}.get(action or "", ())
        if action == "retrieve":
            known = tuple(key for key in known if key == "fields")
        if unknown := sorted(set(request.query_params) - set(known)):
            raise ValidationError({key: ["unknown parameter"] for key in unknown})


class ReadViewSet(StrictMixin, viewsets.ReadOnlyModelViewSet[M]):
    """Lists and shows rows; ``fields=`` chooses columns.

    ``list_fields`` are those of a list when nothing is asked; a single row shows all.
    """

    query_keys = ("fields", "cursor", "page_size")
    list_fields: ClassVar[tuple[str, ...] | None] = None
    lookup_value_regex = r"[0-9]{1,18}"

    def chosen_fields(self) -> list[str]:
        """Fields of the answer.

        Raises
        ------
        ValidationError
            If ``fields`` names one that there is not.
        """
        kind: type[FieldsSerializer[M]] = self.get_serializer_class()  # type: ignore[assignment]
        known = kind.names()
        asked = self.request.query_params.get("fields")
        if asked is None:
            if self.action == "list" and self.list_fields is not None:
                return list(self.list_fields)
            return known
        names = [name.strip() for name in asked.split(",") if name.strip()]
        if not names:
            raise ValidationError({"fields": ["names at least one field"]})
        if unknown := sorted(set(names) - set(known)):
            raise ValidationError(
                {"fields": [f"no field {', '.join(unknown)}; there are {', '.join(known)}"]}
            )
        return names

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if self.action in {"list", "retrieve"} and self.request is not None:
            context["chosen_fields"] = self.chosen_fields()
        return context
