"""Scripts of other sites read what every visitor may, and nothing with anybody's credentials."""

from __future__ import annotations

import pytest
from django.test import Client

from spectradb.models import ApiKey, Status
from tests.factories import make_spectrum, make_user

pytestmark = [pytest.mark.django_db]
ORIGIN = {"Origin": "https://elsewhere.example"}


def _allowed(response: object) -> tuple[str | None, str | None]:
    headers = response.headers  # type: ignore[attr-defined]
    return (
        headers.get("Access-Control-Allow-Origin"),
        headers.get("Access-Control-Allow-Credentials"),
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/spectra/{pk}/", "/api/v1/spectra/", "/spectra/{pk}/download/csv/",
        "/spectra/{pk}/download/xdi/", "/spectra/{pk}/embed/", "/spectra/{pk}/plot.svg",
        "/feed.atom", "/optimade/v1/structures",
    ],
)  # fmt: skip
def test_a_visitor_reads_published_rows_from_any_site(path: str) -> None:
    row = make_spectrum()
    for method in ("get", "head"):
        response = getattr(Client(), method)(path.format(pk=row.pk), headers=ORIGIN)
        assert response.status_code == 200
        assert _allowed(response) == ("*", None)
        assert {"Cookie", "Authorization"} <= set(response["Vary"].split(", "))


def test_nothing_is_told_across_sites_with_a_cookie_or_a_key() -> None:
    owner = make_user("owner", "contributor")
    draft = make_spectrum(status=Status.DRAFT, contributor=owner)
    path = f"/api/v1/spectra/{draft.pk}/"
    signed_in, keyed = Client(), Client()
    signed_in.force_login(owner)
    _, text = ApiKey.issue(owner, "script")
    for client, headers in (
        (signed_in, ORIGIN),
        (keyed, ORIGIN | {"Authorization": f"Bearer {text}"}),
        (Client(), ORIGIN | {"Cookie": "theme=dark"}),
    ):
        response = client.get(path, headers=headers)
        assert _allowed(response) == (None, None)
    assert signed_in.get(path).status_code == 200
    told = Client().get(path, headers=ORIGIN)
    assert told.status_code == 404
    assert "NiO" not in told.content.decode()


@pytest.mark.parametrize("path", ["/", "/account/", "/spectra/{pk}/", "/login/", "/admin/login/"])
def test_pages_are_not_read_from_other_sites(path: str) -> None:
    path = path.format(pk=make_spectrum().pk)
    assert _allowed(Client().get(path, headers=ORIGIN)) == (None, None)


def test_no_other_method_and_no_preflight_is_allowed() -> None:
    row = make_spectrum()
    asked = ORIGIN | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    path = f"/api/v1/spectra/{row.pk}/"
    assert _allowed(Client().options(path, headers=asked)) == (None, None)
    assert _allowed(Client().post("/api/v1/exports/", headers=ORIGIN)) == (None, None)
