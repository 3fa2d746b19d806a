"""Every route, method, person and state gets the answer of the table; none is left out of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.template.backends.django import Template
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from rest_framework.throttling import SimpleRateThrottle

from spectradb.services.queue import jobs
from tests.factories import make_spectrum, make_user
from tests.spectradb.permissions.table import (
    ADMIN,
    ADMIN_PAGES,
    API,
    CHANGED,
    NEITHER,
    OPTIMADE,
    OWNERS,
    PAGES,
    PEOPLE,
    STATUSES,
    Route,
)
from tests.spectradb.permissions.world import World, make_world

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
TABLE: dict[str, list[Route]] = {
    prefix + name: found if isinstance(found, list) else [found]
    for prefix, part in (("", PAGES), ("api:", API), ("optimade:", OPTIMADE))
    for name, found in part.items()
}
EVERYBODY = (*PEOPLE, "member")
_DONE = {200, 201, 202, 204, 302}
_TOLD = {400, 409, 413, 415, 422}  # the right to ask, and something wrong with what was sent


def routes(patterns: Any, space: str = "") -> Iterator[tuple[str, str]]:
    """Name with name space, and pattern, of every address of the site."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, f"{one.namespace}:" if one.namespace else space)
        elif isinstance(one, URLPattern):
            yield f"{space}{one.name or ''}", str(one.pattern)


ROUTES = list(routes(get_resolver().url_patterns))


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are settled before a page is drawn, a job started or a rate used up."""
    monkeypatch.setattr(Template, "render", lambda *arguments, **options: "")
    monkeypatch.setattr(jobs, "enqueue", lambda *arguments, **options: None)
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *arguments: True)


def test_no_route_is_left_out() -> None:
    admin = {f"admin:{name}" for name in ADMIN_PAGES} | {
        f"admin:{model}_{page}"
        for model in ADMIN
        for page in ("changelist", "add", "history", "delete", "change", "password_change")
    }
    unnamed = {"v1/versions", "<path:object_id>/", "(?P<url>.*)$"}  # aliases and redirects
    known = set(TABLE) | admin
    missing = sorted(
        {name for name, pattern in ROUTES if name not in known} - {"", "admin:", "optimade:"}
    )
    assert not missing, "write what each person gets of these into tests/…/permissions/table.py"
    nameless = {pattern for name, pattern in ROUTES if name in {"", "admin:", "optimade:"}}
    assert nameless <= unnamed | {""}
    assert not set(TABLE) - {name for name, _ in ROUTES}, "no longer a route"


def test_no_owner_is_left_out() -> None:
    users = get_user_model()
    found = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("spectradb").get_models()
        if not model.__name__.startswith("Historical")
        for field in (*model._meta.get_fields(),)
        if getattr(field, "related_model", None) is users and not field.auto_created
    }
    assert found == set(OWNERS)


def _answer(client: Client, method: str, path: str, sent: dict[str, str]) -> int:
    """Status of an answer that leaves nothing behind; -1 where it asks to sign in."""
    with transaction.atomic():
        response = client.generic(method, path) if method != "POST" else client.post(path, sent)
        transaction.set_rollback(True)
    signs_in = response.status_code == 302 and "/login/" in response["Location"]
    return -1 if signs_in else response.status_code


def _right(rights: str, who: str) -> str:
    """One letter; a member has a stranger's, but for what a contributor alone does."""
    letter = rights[PEOPLE.index("stranger" if who == "member" else who)]
    if letter in "CX":
        return "N" if who == "member" else {"C": "Y", "X": "0"}[letter]
    return letter


def _is(right: str, status: int, method: str, name: str) -> bool:
    if right == "Y":
        return status in _DONE or (method not in ("GET", "HEAD") and status in _TOLD)
    if right == "L" and name.startswith("api:"):
        return status == 401
    return status in {"0": {404}, "G": {410}, "N": {403}, "L": {-1, 401, 403}}[right]


def _asked(world: World, name: str, route: Route) -> Iterator[tuple[str, str]]:
    """State and address of each row that a route is asked about."""
    for state, arguments in (world.rows[route.row] if route.row else {"": {}}).items():
        if not route.query:
            yield state, _address(name, arguments)
        else:
            yield state, f"{reverse(name)}?{route.query.format(**arguments)}"


def _address(name: str, arguments: dict[str, Any]) -> str:
    wanted = [arguments, {k: v for k, v in arguments.items() if k == "pk"}]
    wanted.append({k: v for k, v in arguments.items() if k == "name"})
    for one in wanted:
        try:
            return reverse(name, kwargs=one or None)
        except NoReverseMatch:
            continue
    raise AssertionError(f"{name}: its row has other arguments than {arguments}")


def _mostly(*often: str) -> list[Any]:
    """All people; those not named are asked among the slow tests."""
    return [who if who in often else pytest.param(who, marks=pytest.mark.slow) for who in EVERYBODY]


@pytest.mark.parametrize("who", _mostly("visitor", "member", "stranger", "owner"))
def test_everybody_gets_what_the_table_says(who: str, world: World) -> None:
    client = world.clients[who]
    wrong = []
    for name, route in ((name, route) for name, found in TABLE.items() for route in found):
        for (state, path), method in itertools.product(_asked(world, name, route), route.methods):
            rights = route.methods[method]
            right = _right(rights if isinstance(rights, str) else rights[state], who)
            if right == "Y" and route.refused_only:
                continue
            if name == "logout" and right == "Y":
                continue  # would end the session of the next question
            status = _answer(client, method, path, route.sent)
            if not _is(right, status, method, name):
                wrong.append(f"{method} {name} {route.row} {state}: {status}, not {right}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", _mostly("stranger"))
def test_other_methods_do_nothing_and_head_is_a_get(who: str, world: World) -> None:
    client = world.clients[who]
    wrong = []
    for name, found in TABLE.items():
        route = found[0]
        _state, path = next(_asked(world, name, route))
        for method in METHODS:
            if method in route.methods or (method == "HEAD" and route.refused_only):
                continue
            if method == "POST" and name.startswith("optimade:"):
                continue  # told in a document of its own kind
            status = _answer(client, method, path, {})
            if method == "HEAD" and "GET" in route.methods:
                if status != _answer(client, "GET", path, {}):
                    wrong.append(f"HEAD {name}: {status}")
            elif status not in {-1, 401, 403, 404, 405}:
                wrong.append(f"{method} {name}: {status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", _mostly("stranger", "curator"))
def test_the_admin_is_for_curators_and_administrators(who: str, world: World) -> None:
    client = world.clients[who]
    wrong = []
    for name, _pattern in ROUTES:
        model, _, page = name.removeprefix("admin:").rpartition("_")
        if not name.startswith("admin:") or model not in ADMIN:
            continue
        if page not in {"changelist", "add", "delete", "change"}:
            continue
        # No row of this number is made: who may look is told so, the others never learn it.
        path = reverse(name, args=[] if page in {"changelist", "add"} else [987654321])
        status = _answer(client, "GET", path, {})
        if who in ("visitor", "member", "stranger", "owner"):
            good = status == -1
        elif who == "curator":
            allowed = ADMIN[model] == CHANGED and page in {"changelist", "change"}
            good = status in ({200, 302} if allowed else {403, 302})
            good = good and (allowed or page != "changelist" or status == 403)
            assert ADMIN[model] in {CHANGED, NEITHER}
        else:
            good = status in {200, 302, 403}
        if not good:
            wrong.append(f"{name}: {status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("status", STATUSES)
def test_lists_count_what_a_person_sees_alone(status: str) -> None:
    author = make_user("author", "contributor")
    people = {"author": author, "other": make_user("other", "contributor")}
    people["curator"] = make_user("c", "curator")
    clients = {who: Client() for who in (*people, "visitor")}
    for who, user in people.items():
        clients[who].force_login(user)

    def counted() -> dict[str, int]:
        asked = {"status": status}
        return {
            who: client.get("/api/v1/spectra/", asked).json()["count"]
            for who, client in clients.items()
        }

    before = counted()  # of what other tests have left to all
    make_spectrum("experiment", status=status, contributor=author)
    seen = set(clients) if status == "published" else {"author", "curator"}
    assert counted() == {who: n + (who in seen) for who, n in before.items()}
