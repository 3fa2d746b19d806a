"""What a row holds, for a person to read: numbers in six figures, objects by their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.db.models import FloatField, JSONField, Model
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from spectradb.templatetags.science import significant

_DIGITS = 6
_MOST = 60  # entries of a list that are shown at once


@cache
def readable(field: Any) -> str | Callable[[Model], Any]:
    """A column as a page of the admin shows it: its name, or what makes a text of its value."""
    if not isinstance(field, FloatField | JSONField):
        return str(field.name)

    def shown(row: Model) -> Any:
        return told(getattr(row, field.attname))

    shown.short_description = field.verbose_name  # type: ignore[attr-defined]  # Django's way
    return shown


def told(value: Any) -> Any:
    """A value of a JSON column; one that is empty is a dash."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, float):
        return significant(value, _DIGITS)
    if isinstance(value, dict) and value:
        pairs = ((str(key).replace("_", " "), told(one)) for key, one in value.items())
        rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
        return format_html('<dl class="facts held">{}</dl>', rows)
    if isinstance(value, list) and value:
        return _listed(value)
    return "–" if value in (None, "", [], {}) else value


def _listed(values: list[Any]) -> SafeString:
    shown = values[:_MOST]
    left = len(values) - len(shown)
    more = " … " + gettext("%d more") % left if left else ""
    if all(isinstance(one, list) for one in shown):  # a matrix
        lines = (
            (format_html_join("", '<td class="num">{}</td>', ((told(x),) for x in one[:_MOST])),)
            for one in shown
        )
        rows = format_html_join("", "<tr>{}</tr>", lines)
        frame = '<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>{}'
        return format_html(
            frame, gettext("Matrix"), format_html('<table class="held">{}</table>', rows), more
        )
    if any(isinstance(one, dict) for one in shown):
        rows = format_html_join("", "<li>{}</li>", ((told(one),) for one in shown))
        return format_html('<ul class="rows">{}</ul>{}', rows, more)
    return format_html(
        "{}{}", format_html_join(mark_safe(", "), "{}", ((told(one),) for one in shown)), more
    )
