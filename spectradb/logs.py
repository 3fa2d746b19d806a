"""Logs: every line names the request it belongs to; one JSON object a line where asked for.

Only paths are logged, never queries, forms or names of people; an account is its number.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="-")
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
_FIELDS = ("method", "path", "status", "milliseconds", "account")
_log = logging.getLogger("spectradb.request")


class WithRequest(logging.Filter):
    """Puts ``request_id`` on every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = REQUEST_ID.get()
        return True


class JsonLines(logging.Formatter):
    """Time, level, logger, request and message; a traceback under ``error``."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _FIELDS if hasattr(record, name)},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class RequestLog:
    """Middleware: a number for each request, in the logs and in ``X-Request-ID`` of its answer.

    One that a trusted proxy gives is kept (:class:`spectradb.middleware.TrustedProxies` drops
    those of others).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        number = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex
        token = REQUEST_ID.set(number)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = number
            if _log.isEnabledFor(logging.INFO):
                self._note(request, response, time.perf_counter() - started)
        finally:
            REQUEST_ID.reset(token)
        return response

    @staticmethod
    def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        user = getattr(request, "_cached_user", None)  # never asks the database for it
        told = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round(1000 * seconds, 1),
            "account": user.pk if user is not None else None,
        }
        _log.info("%(method)s %(path)s %(status)s %(milliseconds)s ms", told, extra=told)
