"""Faults of ours told to whoever operates the site, by mail or by Sentry's protocol.

A report says where it happened: classes and lines of code, the route, the number of the request
in the log. Messages of errors, values of variables, addresses, queries, forms, cookies, names and
files stay here, since any of them may hold what a person sent.
"""

from __future__ import annotations

import hashlib
import logging
import traceback
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.mail import mail_admins

from spectradb.logs import REQUEST_ID

_ONCE_EVERY_SECONDS = 3600
_KEPT = ("event_id", "timestamp", "level", "logger", "platform", "release", "sdk", "transaction")
_OF_FRAMES = ("filename", "function", "module", "lineno", "context_line", "in_app")


class ErrorMail(logging.Handler):
    """Mails a fault to ``ERROR_EMAILS``; the same one at most once an hour."""

    def emit(self, record: logging.LogRecord) -> None:
        if settings.READ_ONLY and getattr(record, "status_code", None) == 503:
            return  # what a site that only shows is to answer
        try:
            text = report(record)
            digest = hashlib.sha256(_lines(record).encode()).hexdigest()
            if cache.add(f"error-mail-{digest}", 1, _ONCE_EVERY_SECONDS):
                mail_admins(f"{record.levelname}: {_kind(record)}", text, fail_silently=True)
        except Exception:  # a report that fails must not break what it reports on
            self.handleError(record)


def report(record: logging.LogRecord) -> str:
    """What is told of a record of the log."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    route = f"{request.method} {match.route}" if request is not None and match else "–"
    return (
        f"{_kind(record)}\n\nroute: {route}\nrequest: {REQUEST_ID.get()} (see the log)\n"
        f"version: {settings.VERSION}\n\n{_lines(record)}"
    )


def _kind(record: logging.LogRecord) -> str:
    kind = record.exc_info[0] if record.exc_info else None
    return kind.__name__ if kind is not None else f"a line of {record.name}"


def _lines(record: logging.LogRecord) -> str:
    """Code that was being run; of each error in the chain its class alone."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return f"{record.pathname}:{record.lineno}\n"
    told = []
    while error is not None:
        told.append(f"{type(error).__name__}\n")
        told += traceback.format_list(traceback.extract_tb(error.__traceback__))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "".join(told)


def start_sentry(dsn: str) -> None:
    """Send faults by Sentry's protocol."""
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn,
        release=settings.VERSION,
        integrations=[DjangoIntegration()],
        auto_enabling_integrations=False,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=stripped,
    )


def stripped(event: Any, hint: Any) -> Any:
    """The event without anything that a person may have sent."""
    told = {key: event[key] for key in _KEPT if key in event}
    told["tags"] = {"request_id": REQUEST_ID.get()}
    errors = (event.get("exception") or {}).get("values") or []
    told["exception"] = {
        "values": [
            {
                "type": one.get("type"),
                "module": one.get("module"),
                "stacktrace": {
                    "frames": [
                        {key: frame[key] for key in _OF_FRAMES if key in frame}
                        for frame in (one.get("stacktrace") or {}).get("frames") or []
                    ]
                },
            }
            for one in errors
        ]
    }
    if not errors:
        told["message"] = f"a line of {event.get('logger')}"
    return told
