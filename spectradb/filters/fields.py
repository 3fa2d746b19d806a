"""The kinds of key the search language has, and how each refuses a bad value.

Every key takes its values from a query dictionary: ``kind=theory&kind=experiment`` and
``kind=theory,experiment`` are the same. Values of one key are alternatives.

They are django-filter's filters with fields of our own, since its fields drop what they cannot
read: an unknown value of a ``BooleanFilter`` or an ``OrderingFilter``, a number that is none. Here
each is refused by name (:class:`FlagKey`, :class:`OrderingKey`), on the pages, the API and in
``--where`` alike.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Self

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import (
    MinValueValidator,
    ProhibitNullCharactersValidator,
)
from django.db.models import F, Model, OrderBy, Q, QuerySet
from django.utils.datastructures import MultiValueDict

MAX_VALUES = 1000
MAX_INTEGER = 2**63 - 1
_no_nulls = ProhibitNullCharactersValidator()


class SearchError(ValueError):
    """A search that cannot be answered.

    Attributes
    ----------
    errors : dict[str, list[str]]
        For each key at fault, what is wrong with it.
    """

    cause = "Search not usable"
    permanent = True

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {key: list(messages) for key, messages in errors.items()}
        super().__init__(
            "; ".join(f"{key}: {' '.join(texts)}" for key, texts in self.errors.items())
        )


class _ListWidget(forms.TextInput):
    """Every value given for a key, comma-separated ones apart."""

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> list[str]:
        given = data.getlist(name) if isinstance(data, MultiValueDict) else data.get(name, [])
        texts = [given] if isinstance(given, str | int | float) else list(given)
        return [part for text in texts for part in _split(str(text))]

    def format_value(self, value: Any) -> str | None:
        return ",".join(str(one) for one in value) if isinstance(value, list) else value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


class _ListField(forms.Field):
    """Several values, each read by ``coerce``; one that cannot be read is named."""

    widget = _ListWidget

    def __init__(
        self,
        *,
        coerce: Callable[[str], Any],
        options: Iterable[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.coerce = coerce
        self.options = None if options is None else tuple(options)
        super().__init__(**kwargs)

    def to_python(self, value: list[str] | None) -> list[Any]:
        if len(value or []) > MAX_VALUES:
            raise ValidationError(f"at most {MAX_VALUES} values at once")
        return [self._one(text) for text in value or []]

    def _one(self, text: str) -> Any:
        _no_nulls(text)
        if self.options is not None and text not in self.options:
            raise ValidationError(f"{text!r} is none of {', '.join(self.options)}")
        try:
            return self.coerce(text)
        except ValueError as error:
            raise ValidationError(f"{text!r}: {error}") from error


class _SingleField(_ListField):
    """One value; a key given twice is an error, not the last one silently."""

    def __init__(self, *, validators: Sequence[Callable[[Any], None]] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.checks = tuple(validators)

    def to_python(self, value: list[str] | None) -> Any:
        found = super().to_python(value)
        if len(found) > 1:
            raise ValidationError(f"one value only, not {len(found)}")
        if not found:
            return None
        for check in self.checks:
            check(found[0])
        return found[0]


class _TextWidget(_ListWidget):
    """One line of text, in which a comma is only a comma."""

    def value_from_datadict(
        self, data: Mapping[str, Any], files: MultiValueDict[str, Any], name: str
    ) -> list[str]:
        given = data.getlist(name) if isinstance(data, MultiValueDict) else data.get(name, [])
        texts = [given] if isinstance(given, str) else list(given)
        return [text for text in (str(one).strip() for one in texts) if text]


class _TextField(_SingleField):
    widget = _TextWidget


def integer(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ValueError("not a whole number") from None
    if abs(value) > MAX_INTEGER:
        raise ValueError("too large")
    return value


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("not a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("not a finite number")
    return value


def valence(text: str) -> float:
    return written_valence(number(text))


def written_valence(value: float) -> float:
    """An oxidation state to the hundredth that pages write."""
    return round(value, 2) + 0.0


def of_valence(name: str, value: float) -> Q:
    """Rows whose ``name`` reads as this oxidation state."""
    return Q(**{f"{name}__range": (value - 0.005, value + 0.005)})


def truth(text: str) -> bool:
    word = text.lower()
    if word in {"true", "1", "yes"}:
        return True
    if word in {"false", "0", "no"}:
        return False
    raise ValueError("use true or false")


class Key(django_filters.Filter):
    """A key with several alternatives, compared by ``__in``."""

    field_class = _ListField
    schema: dict[str, Any] = {"type": "string"}
    many = True

    def __init__(
        self,
        field_name: str | None = None,
        *,
        coerce: Callable[[str], Any] = str,
        choices: Iterable[str] | None = None,
        help_text: str = "",
        schema: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        options = None if choices is None else list(choices)
        item = dict(schema or self.schema)
        if options is not None:
            item["enum"] = options
        # What the OpenAPI description says of this key.
        described = {"type": "array", "items": item} if self.many else item
        self._spectacular_annotation = {"field": {**described, "description": help_text}}
        super().__init__(field_name, coerce=coerce, options=options, help_text=help_text, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A search's own: what says how values are read and compared is never changed."""
        own = copy.copy(self)
        own.method = self.method  # which is called of the set that holds this one
        return own

    def filter(self, qs: QuerySet[Model], value: Any) -> QuerySet[Model]:
        return qs.filter(self.condition(str(self.field_name), value)) if value else qs

    def condition(self, path: str, values: Sequence[Any]) -> Q:
        """What the column at ``path`` must be for one of these values."""
        return Q(**{f"{path}__in": values})


class IntegerKey(Key):
    schema = {"type": "integer"}

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, **{"coerce": integer, **kwargs})


class NumberKey(Key):
    schema = {"type": "number"}

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, **{"coerce": number, **kwargs})


class ValenceKey(NumberKey):
    """Oxidation states as pages write them, to 0.01: sums of charges carry noise (2.9999999999)."""

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, **{"coerce": valence, **kwargs})

    def condition(self, path: str, values: Sequence[Any]) -> Q:
        return reduce(or_, (of_valence(path, one) for one in values))


class SingleKey(Key):
    """A key with one value, compared by ``lookup``."""

    field_class = _SingleField
    many = False

    def __init__(
        self, field_name: str | None = None, *, lookup: str = "exact", **kwargs: Any
    ) -> None:
        self.lookup = lookup
        super().__init__(field_name, **kwargs)

    def filter(self, qs: QuerySet[Model], value: Any) -> QuerySet[Model]:
        return qs if value is None else qs.filter(**{f"{self.field_name}__{self.lookup}": value})


class BoundKey(SingleKey):
    """A number that another is compared with."""

    schema = {"type": "number"}

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, **{"coerce": number, **kwargs})


class FlagKey(SingleKey):
    schema = {"type": "boolean"}

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, coerce=truth, **kwargs)


class TextKey(SingleKey):
    field_class = _TextField


class OrderingKey(SingleKey):
    """The order of the answer; ``-name`` is descending. Rows that tie come by id.

    Rows without the value come last in both directions.
    """

    def __init__(self, fields: Mapping[str, str], **kwargs: Any) -> None:
        self.fields = dict(fields)
        choices = [sign + name for name in self.fields for sign in ("", "-")]
        super().__init__("pk", choices=choices, **kwargs)

    def filter(self, qs: QuerySet[Model], value: str | None) -> QuerySet[Model]:
        return qs if value is None else qs.order_by(*self.order(value))

    def order(self, value: str) -> list[str | OrderBy]:
        path = F(self.fields[value.lstrip("-")])
        first = path.desc(nulls_last=True) if value.startswith("-") else path.asc(nulls_last=True)
        return [first, "pk"]


class StrictFilterSet(django_filters.FilterSet):
    """A FilterSet that refuses keys it does not know."""

    _kept_form: ClassVar[type[forms.Form]]

    def get_form_class(self) -> type[forms.Form]:
        """The form of the keys, made once of a kind: it holds nothing of a search."""
        kind = type(self)
        if "_kept_form" not in vars(kind):
            kind._kept_form = super().get_form_class()
        return kind._kept_form

    @classmethod
    def check_keys(cls, given: Iterable[str], also: Iterable[str] = ()) -> dict[str, list[str]]:
        """What is wrong with the names of the keys; ``also`` are known to the caller."""
        known = {*cls.base_filters, *also}
        errors: dict[str, list[str]] = {}
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key, sorted(known), n=1)
                hint = (
                    f" Do you mean {close[0]}?" if close else f" Known: {', '.join(sorted(known))}."
                )
                errors[key] = [f"unknown key.{hint}"]
        return errors

    def search_errors(self) -> dict[str, list[str]]:
        """Every bad value, by key."""
        return {key: [str(text) for text in texts] for key, texts in self.errors.items()}


def at_least(limit: float) -> MinValueValidator:
    return MinValueValidator(limit, f"must be at least {limit:g}")
