"""Rows as lines of JSON that are the same whichever database they come from."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.apps.registry import Apps
from django.db import models
from django.db.models.fields.json import JSONField

from spectradb.models.fields import ArrayField, pack_array, unpack_array
from spectradb.services.backup.archive import BackupError

LEFT_OUT = {
    "sessions.session": "signed-in sessions: people sign in again",
    "django_q.ormq": "messages of the queue: they are made anew from the jobs that wait",
    "spectradb.seriesupload": "series that are being sent: their files are not backed up either",
    "spectradb.seriesfile": "of the same",
    "spectradb.signingkey": "what tells the key of all hosts: the first worker makes it anew",
    "django_q.task": "what django-q noted of past runs; results stand on the jobs",
}
_BATCH = 500
_EXACT = 2**53
_TIMES = (datetime.datetime, datetime.date, datetime.time)


def tables(apps: Apps) -> list[type[models.Model]]:
    """The models whose rows are backed up, joining tables among them, in one order."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        if model._meta.label_lower not in LEFT_OUT
    ]
    return sorted(found, key=lambda model: model._meta.label_lower)


def lines(model: type[models.Model], using: str) -> Iterator[bytes]:
    """Every row by its key, a list of its columns a line."""
    fields = _fields(model)
    rows = model._base_manager.using(using).order_by("pk")
    for row in rows.values_list(*[one.attname for one in fields]).iterator(chunk_size=_BATCH):
        values = [_encoded(one, value) for one, value in zip(fields, row, strict=True)]
        yield json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def instance(model: type[models.Model], line: bytes) -> models.Model:
    """The row of a line, not stored yet."""
    fields = _fields(model)
    values = json.loads(line)
    if len(values) != len(fields):
        raise BackupError(f"{model._meta.label}: a row has {len(values)} columns")
    return model(
        **{one.attname: _decoded(one, value) for one, value in zip(fields, values, strict=True)}
    )


def columns(model: type[models.Model]) -> list[str]:
    return [str(one.column) for one in _fields(model)]


def _fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """By the name of their column: migrations may have made them in another order."""
    return sorted(model._meta.concrete_fields, key=lambda one: str(one.column))


def _encoded(field: models.Field[Any, Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(field, JSONField):
        return _plain(value)
    if isinstance(value, np.ndarray):
        return b64encode(pack_array(value)).decode()
    if isinstance(value, bytes | memoryview):
        return b64encode(bytes(value)).decode()
    if isinstance(value, _TIMES):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, bool | int | float | str):
        return value
    raise BackupError(f"{field}: {type(value).__name__} cannot be backed up")


def _decoded(field: models.Field[Any, Any], value: Any) -> Any:
    if value is None or isinstance(field, JSONField):
        return value
    if isinstance(field, ArrayField):
        return unpack_array(b64decode(value))
    if isinstance(field, models.BinaryField):
        return b64decode(value)
    return field.to_python(value)


def _plain(value: Any) -> Any:
    """JSON as every database gives it back: PostgreSQL keeps numbers as decimals, without −0."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return float(value)
    return value + 0.0 if isinstance(value, float) else value
