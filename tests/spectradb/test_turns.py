"""One file of a person at a time, over all processes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from spectradb import turns
from spectradb.turns import TurnTakenError, one_at_a_time, turn


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_WAIT_SECONDS", 0.0)


def asked(rf: RequestFactory, address: str = "10.0.0.1", method: str = "post") -> HttpRequest:
    request = getattr(rf, method)("/", REMOTE_ADDR=address)
    request.user = AnonymousUser()
    return request  # type: ignore[no-any-return]


def test_a_second_file_of_one_person_waits_and_others_do_not(rf: RequestFactory) -> None:
    with turn(asked(rf)):
        with pytest.raises(TurnTakenError), turn(asked(rf)):
            pass
        with turn(asked(rf, "10.0.0.2")):
            pass
    with turn(asked(rf)):
        pass


def test_a_page_refuses_what_is_posted_meanwhile(rf: RequestFactory) -> None:
    view = one_at_a_time(lambda request: HttpResponse(status=429))(lambda request: HttpResponse())
    with turn(asked(rf)):
        refused = view(asked(rf))
        assert (refused.status_code, refused["Retry-After"]) == (429, str(turns.RETRY_SECONDS))
        assert view(asked(rf, method="get")).status_code == 200
    assert view(asked(rf)).status_code == 200
