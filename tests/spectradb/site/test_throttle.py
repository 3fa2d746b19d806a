"""What anonymous people may make the server do, and how often."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from compute.errors import InputError
from compute.multiplet import solve
from spectradb.services.calculations import solve_now as service
from spectradb.services.calculations.solve_now import BusyError, final_states, solve_now
from spectradb.throttle import Throttle
from tests.factories import make_user

pytestmark = pytest.mark.django_db
TITANIUM = {"element": "Ti", "charge": 4, "crystal_field": {"ten_dq": 1.8}}


@pytest.fixture(autouse=True)
def _empty_cache() -> Any:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("/optimade/v1/structures", "optimade"),
        ("/optimade/v1/info", "optimade"),
        ("/multiplet/answer/?ion=Ti4", "compute"),
        ("/multiplet/?ion=Ti4", "compute"),
    ],
)
def test_more_than_the_rate_is_refused_with_the_time_to_wait(
    address: str, scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {scope: "2/min"})
    visitor = Client()
    answers = [visitor.get(address) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    body = answers[2].json()
    assert body["errors"][0]["status"] == "429" if scope == "optimade" else body["error"]
    other = Client()
    other.force_login(make_user())
    assert other.get(address).status_code == 200  # somebody else is not refused


@pytest.mark.parametrize(("n_d", "configurations"), [(0, 1), (5, 1), (8, 2), (3, 2), (8, 3)])
def test_final_states_are_those_of_the_engine(n_d: int, configurations: int) -> None:
    element, charge = {0: ("Ti", 4), 3: ("Cr", 3), 5: ("Mn", 2), 8: ("Ni", 2)}[n_d]
    case: dict[str, Any] = {"element": element, "charge": charge}
    if configurations > 1:
        case["charge_transfer"] = {
            "delta": 4.0, "u_dd": 6.0, "u_pd": 7.5, "v_eg": 2.0, "v_t2g": 1.0,
            "configurations": configurations,
        }  # fmt: skip
    if final_states(n_d, configurations) < 2000:
        dimension = solve(case)["dimension"]
        assert dimension["final"] == final_states(n_d, configurations)
    else:
        assert final_states(n_d, configurations) == 16_380  # 6·(210 + 252·10), by hand


@pytest.mark.parametrize(
    "address",
    [
        "/multiplet/answer/?ion=Cr3&transfer=1&configurations=3",
        "/multiplet/answer/?ion=Mn3&transfer=1&configurations=3&temperature_k=1000&ds=0.1",
        "/multiplet/answer/?ion=Ni2&temperature_k=100000",
    ],
)
def test_what_would_take_minutes_is_refused_before_it_starts(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "solve", lambda case: pytest.fail("the engine was asked"))
    answer = Client().get(address)
    assert answer.status_code == 400
    assert "as a job" in answer.json()["error"]


def test_no_more_than_a_few_engines_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = threading.BoundedSemaphore(1)
    monkeypatch.setattr(service, "_engine", engine)
    monkeypatch.setattr(service, "_WAIT_SECONDS", 0.01)
    with engine, pytest.raises(BusyError, match="busy"):
        solve_now(TITANIUM)
    assert Client().get("/multiplet/answer/?ion=Ti4").status_code == 200
    with engine:
        assert Client().get("/multiplet/answer/?ion=Ti4").status_code == 200  # kept from before
        assert Client().get("/multiplet/answer/?ion=Ti3").status_code == 503


def test_an_engine_that_fails_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = threading.BoundedSemaphore(1)
    monkeypatch.setattr(service, "_engine", engine)
    with pytest.raises(InputError):
        solve_now(TITANIUM | {"charge": 40})
    assert solve_now(TITANIUM)["wall"] > 0
