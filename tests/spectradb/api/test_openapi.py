"""Schemathesis drives the whole API from its own description: no server error, no undocumented
status, no body unlike the schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spectradb.models import ApiKey
from spectradb.wsgi import application
from tests.factories import (
    make_peak_fit,
    make_series,
    make_series_analysis,
    make_site,
    make_spectrum,
    make_user,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(autouse=True)
def _keep_the_connection() -> Iterator[None]:
    """The real WSGI entry closes a connection inside a transaction, which here is the test's."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def filled(db: None) -> dict[str, str]:
    """Rows to find, and a curator's key."""
    site = make_site()
    for kind in ("theory", "experiment"):
        spectrum = make_spectrum(kind, structure=site.structure, site=site)
    make_peak_fit(spectrum, (853.0, 0.3, 1.0))
    make_spectrum("experiment", status="submitted")
    make_series_analysis(make_series())
    curator = make_user(role="curator")
    return {"Authorization": f"Bearer {ApiKey.issue(curator, 'test')[1]}"}


_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
}


def drive(headers: dict[str, str], examples: int) -> int:
    """Call every operation with generated input and check each answer; how many operations."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:

        @settings(max_examples=examples, **_SETTINGS)
        @given(case=operation.as_strategy(), known=st.booleans())
        def call(case: Any, known: bool) -> None:
            if known and "id" in case.path_parameters:
                case.path_parameters["id"] = 1  # a row that exists
            # The in-process transport does not undo gzip, as an HTTP client would.
            case.call_and_validate(headers={"Accept-Encoding": "identity"} | headers, checks=CHECKS)

        call()
    return len(operations)


def test_visitors_meet_what_is_described(filled: dict[str, str]) -> None:
    assert drive({}, 5) >= 30


def test_curators_meet_what_is_described(filled: dict[str, str]) -> None:
    assert drive(filled, 5) >= 30


@pytest.mark.slow
@pytest.mark.parametrize("role", ["reader", "contributor", "curator", "administrator"])
def test_a_long_drive_meets_what_is_described(filled: dict[str, str], role: str) -> None:
    assert drive(_key_of(role), 40) >= 30


def _key_of(role: str) -> dict[str, str]:
    """Of an account without a role, with one, or of a superuser."""
    whole = role == "administrator"
    known = role if role in ("contributor", "curator") else ""
    user = make_user(role=known, is_staff=whole, is_superuser=whole)
    return {"Authorization": f"Bearer {ApiKey.issue(user, 'test')[1]}"}


def test_a_spectrum_without_a_file_of_its_own_is_described(db: None) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application).raw_schema
    described = schema["components"]["schemas"]["Measurement"]["properties"]["file_sha256"]
    assert described.get("nullable") or "null" in described["type"]
