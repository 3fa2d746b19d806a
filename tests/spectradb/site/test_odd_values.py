"""Whatever is written into a field of a form or a query of the API, the answer is no fault of ours.

The forms are those that the pages show, so that a new one is asked without a word here.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from rest_framework.throttling import SimpleRateThrottle

from spectradb.services.queue import jobs
from tests.factories import make_user
from tests.spectradb.permissions.test_permissions import TABLE, _address
from tests.spectradb.permissions.world import World, make_world
from tests.spectradb.site.odd_values import ODD, Form, forms_of

pytestmark = pytest.mark.django_db
_SLOW_S = (
    6.0  # of processor time; three times what is allowed, for kernels that are not compiled yet
)
_GOES = {"go": "1"}  # what has a page do its work
_APART = ("admin:", "logout", "account-delete")
_NOT_ASKED = ("logout", "/admin/", "account/", "/match/how/measure/")
"""The last is a job of seconds that curators start."""


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _unhindered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "enqueue", lambda *arguments, **options: None)
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *arguments: True)


@pytest.fixture
def client(world: World) -> Client:
    """Of somebody who has the rows and may decide about them; a fault is an answer."""
    client = Client(raise_request_exception=False)
    user = make_user("everything", "curator")
    client.force_login(user)
    return client


def _pages(world: World) -> Iterator[str]:
    for name, found in TABLE.items():
        if ":" in name or name.startswith(_APART):
            continue
        for route in found:
            if "GET" not in route.methods or route.refused_only:
                continue
            rows = world.rows[route.row] if route.row else {"": {}}
            arguments = rows.get("published") or next(iter(rows.values()))
            yield _address(name, arguments)


def _forms(client: Client, world: World) -> list[Form]:
    found: dict[tuple[str, ...], Form] = {}
    for address in [*_pages(world), reverse("multiplet")]:
        answer = client.get(address, follow=True)
        if "html" in answer.headers.get("Content-Type", ""):
            for form in forms_of(answer.content.decode(), address):
                if not any(one in form.action for one in _NOT_ASKED):
                    found.setdefault(form.kind, form)
    return list(found.values())


def _asked(client: Client, method: str, address: str, sent: dict[str, str]) -> str:
    began = time.process_time()
    with transaction.atomic():
        answer = getattr(client, method)(address, sent)
        transaction.set_rollback(True)
    seconds = time.process_time() - began
    if answer.status_code < 500 and seconds < _SLOW_S:
        return ""
    return f"{method} {address} {sent}: {answer.status_code}, {seconds:.1f} s"


@pytest.mark.slow
def test_no_form_fails_on_any_odd_value(client: Client, world: World) -> None:
    forms = _forms(client, world)
    for form in forms:  # what is compiled once is no part of an answer
        _asked(client, form.method, form.action.split("?")[0], {**form.fields, **_GOES})
    wrong = []
    for form in forms:
        address = form.action.split("?")[0] if form.method == "get" else form.action
        goes = _GOES if form.method == "get" else {}
        for name, value in itertools.product(form.fields, ODD):
            wrong.append(_asked(client, form.method, address, {**form.fields, **goes, name: value}))
    assert len(wrong) > 1000
    assert not any(wrong), "\n".join(filter(None, wrong))


def _queries() -> Iterator[tuple[str, str]]:
    """Address and name of every query that the API describes."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, methods in schema["paths"].items():
        for one in methods.get("get", {}).get("parameters", []):
            if one["in"] == "query" and "{" not in path:
                yield path, one["name"]


@pytest.mark.slow
def test_no_query_of_the_api_fails_on_any_odd_value(client: Client, world: World) -> None:
    wrong = [
        _asked(client, "get", path, {name: value}) for path, name in _queries() for value in ODD
    ]
    assert len(wrong) > 200
    assert not any(wrong), "\n".join(filter(None, wrong))
