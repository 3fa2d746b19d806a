"""Every route for every role, over the URL configuration itself.

A route that is not in the table fails the test, so that none is added without saying who may
use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from spectradb.models import ApiKey, Calculation, Collection, Export, MatchRun, Spectrum, Status
from tests.factories import make_peak_fit, make_site, make_spectrum, make_user
from tests.spectradb.permissions import table

pytestmark = pytest.mark.django_db
ROLES = ("visitor", "person", "contributor", "curator")

OPEN = (200, 200, 200, 200)
MEMBERS = (401, 200, 200, 200)
API: dict[str, dict[str, tuple[int, ...]]] = {
    # route: method: status for visitor, person without a role, contributor, curator
    "api:api-root": {"get": OPEN},
    "api:schema": {"get": OPEN},
    **{
        f"api:{name}-{kind}": {"get": OPEN, "post": (405, 405, 405, 405)}
        for name in (
            "structure", "site", "spectrum", "fit", "calculation", "model", "prediction",
        )
        for kind in ("list", "detail")
        if not (name in {"model", "prediction"} and kind == "detail")
    },
    "api:model-detail": {"get": (404, 404, 404, 404)},
    "api:prediction-detail": {"get": (404, 404, 404, 404)},
    "api:calculation-summary": {"get": OPEN},
    "api:calculation-cancel": {"post": (401, 403, 403, 409)},
    "api:calculation-retry": {"post": (401, 403, 403, 409)},
    "api:spectrum-counts": {"get": OPEN},
    "api:spectrum-history": {"get": (401, 403, 403, 200)},
    "api:spectrum-normalised": {"get": OPEN, "put": (401, 403, 403, 200)},
    # The spectrum is published: who may decide is told that only drafts are submitted …
    "api:spectrum-revise": {"post": (401, 403, 403, 400)},
    "api:spectrum-submit": {"post": (401, 403, 403, 409)},
    "api:spectrum-publish": {"post": (401, 403, 403, 409)},
    "api:spectrum-send-back": {"post": (401, 403, 403, 409)},
    "api:spectrum-reject": {"post": (401, 403, 403, 409)},
    "api:spectrum-withdraw": {"post": (401, 403, 403, 409)},
    "api:upload": {"post": (401, 403, 400, 400)},
    "api:collection-list": {"get": OPEN, "post": (401, 400, 400, 400)},
    # It is published, and somebody else's.
    "api:collection-detail": {
        "get": OPEN, "patch": (401, 403, 403, 403), "delete": (401, 403, 403, 403),
    },
    "api:collection-entries": {"post": (401, 403, 403, 403), "put": (401, 403, 403, 403)},
    "api:key-list": {"get": MEMBERS, "post": (401, 400, 400, 400)},
    "api:key-detail": {"delete": (401, 404, 404, 404)},
    "api:export-list": {"post": (400, 400, 400, 400)},
    "api:export-detail": {"get": (404, 404, 404, 200)},
    "api:export-file": {"get": (404, 404, 404, 409)},
    "api:match": {"get": (405, 405, 405, 405), "post": (400, 400, 400, 400)},
    "api:match-run": {"get": OPEN},
    "api:predict": {"get": (405, 405, 405, 405), "post": (400, 400, 400, 400)},
    "optimade:versions": {"get": OPEN},
    "optimade:info": {"get": OPEN},
    "optimade:info-structures": {"get": OPEN},
    "optimade:links": {"get": OPEN},
    "optimade:structures": {"get": OPEN},
    "optimade:structure": {"get": OPEN},
    "optimade:unknown": {"get": (404, 404, 404, 404)},
}  # fmt: skip


def routes(namespace: str) -> Iterator[str]:
    """Names of all the routes of a namespace."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[str]:
        for one in patterns:
            if isinstance(one, URLResolver):
                inner = f"{prefix}{one.namespace}:" if one.namespace else prefix
                yield from walk(one.url_patterns, inner)
            elif isinstance(one, URLPattern) and one.name:
                yield f"{prefix}{one.name}"

    return (one for one in walk(get_resolver().url_patterns, "") if one.startswith(namespace))


@pytest.fixture
def rows() -> dict[str, int]:
    """One row of each kind, none of them the clients' own."""
    site = make_site()
    spectrum = make_spectrum("experiment", structure=site.structure, site=site)
    owner = make_user("owner")
    calculation = Calculation.objects.create(
        engine="x", absorber="Ni", edge="L23", input_hash="x", job_status="done"
    )
    MatchRun.objects.create(query=spectrum, token="known")
    return {
        "structure": site.structure.pk,
        "site": site.pk,
        "spectrum": spectrum.pk,
        "fit": make_peak_fit(spectrum, (853.0, 0.3, 1.0)).pk,
        "calculation": calculation.pk,
        "model": 1,
        "prediction": 1,
        "key": ApiKey.issue(owner, "laptop")[0].pk,
        "collection": Collection.objects.create(
            title="List", contributor=owner, status="published"
        ).pk,
        "export": Export.objects.create(query={}, format="csv", requested_by=owner).pk,
    }


def client_of(role: str) -> Client:
    client = Client()
    if role != "visitor":
        client.force_login(make_user(role, role if role != "person" else ""))
    return client


@pytest.mark.parametrize("namespace", ["api:", "optimade:"])
def test_every_route_says_who_may_use_it(namespace: str) -> None:
    """Here, or in the table of rights, which asks about rows in every state."""
    asked, found = {one for one in API if one.startswith(namespace)}, set(routes(namespace))
    assert asked <= found, "no longer a route"
    assert found - asked <= {f"api:{name}" for name in table.API}


@pytest.mark.parametrize("route", API)
def test_each_role_gets_what_it_may(route: str, rows: dict[str, int]) -> None:
    from django.urls import reverse

    name = route.partition(":")[2].partition("-")[0]
    arguments: dict[str, Any] = {"pk": rows[name]} if _has_pk(route) else {}
    if route == "api:match-run":
        arguments = {"token": "known"}
    if route == "optimade:unknown":
        arguments = {"rest": "x"}
    path = reverse(route, kwargs=arguments)
    for method, statuses in API[route].items():
        for role, status in zip(ROLES, statuses, strict=True):
            response = getattr(client_of(role), method)(path)
            assert response.status_code == status, (role, method, response.content[:300])
            _forget(role)


def _has_pk(route: str) -> bool:
    if route == "optimade:structure":
        return True
    return route.startswith("api:") and (
        route.endswith(("-detail", "-file", "-history", "-cancel", "-retry", "-entries"))
        or (route.startswith("api:spectrum-") and not route.endswith(("-list", "-counts")))
    )


def _forget(role: str) -> None:
    from django.contrib.auth import get_user_model

    get_user_model().objects.filter(username=role).delete()


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("role", [*ROLES, "author"])
def test_spectra_of_each_status_are_shown_to_whom_they_may(role: str, status: str) -> None:
    author = make_user("author", "contributor")
    spectrum = make_spectrum("experiment", status=status, contributor=author)
    client = Client()
    if role == "author":
        client.force_login(author)
    elif role != "visitor":
        client = client_of(role)
    seen = status == "published" or role in {"author", "curator"}
    path = f"/api/v1/spectra/{spectrum.pk}/"
    assert client.get(path).status_code == (200 if seen else 404)
    listed = client.get("/api/v1/spectra/", {"status": status}).json()["count"]
    assert listed == int(seen)
    assert Spectrum.objects.count() == 1
