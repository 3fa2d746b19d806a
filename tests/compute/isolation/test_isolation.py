"""What happens to a child never happens to who asked it."""

from __future__ import annotations

import ast
import os
import signal
import time
from collections.abc import Callable

import pytest

from compute.errors import InputError
from compute.io.question import QuestionError
from compute.isolation import Allowance, StoppedError, apart, unlimited, within
from compute.isolation import parent as asking
from compute.isolation.budget import seconds_left
from tests.compute.isolation import reading


@pytest.fixture(autouse=True)
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        asking, "ALLOWANCE", Allowance(cpu_seconds=0.3, wall_factor=200.0, answer_bytes=2**20)
    )


def test_calls_are_answered_by_one_child_after_the_other() -> None:
    first, second = apart(reading.process), apart(reading.process)
    assert first == second != os.getpid()


def test_a_child_knows_no_key_database_or_account(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"SECRET_KEY", "DATABASE_URL", "SMTP_PASSWORD", "ORCID_CLIENT_SECRET", "PGHOST"}
    for name in secrets:
        monkeypatch.setenv(name, "x")
    asking._close()  # the next call starts a server with what is there now
    found = set(apart(reading.variables))
    assert "PATH" in found
    assert not secrets & found


def test_trusted_files_are_read_here() -> None:
    with unlimited():
        assert apart(reading.process) == os.getpid()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (reading.loop, "was stopped"),
        (reading.crash, "ended the process"),
        (reading.grow, "needs more than 512 MiB of memory"),
        (reading.answer_much, "more than 1 MiB of numbers"),
        (reading.deep, "nested too deeply"),
        (reading.fault, "a fault of ours: KeyError"),
        (reading.unusual, "ended the process"),
    ],
)
def test_whatever_it_does_is_told_and_the_next_call_is_answered(
    function: Callable[[], object], words: str
) -> None:
    with pytest.raises(StoppedError, match=words):
        apart(function)
    assert apart(reading.process) != os.getpid()


def test_errors_come_back_whole() -> None:
    with pytest.raises(InputError) as wrong:
        apart(reading.refuse, [1, 2])
    assert (wrong.value.field, wrong.value.value) == ("charge", [1, 2])
    with pytest.raises(QuestionError) as asked:
        apart(reading.ask)
    assert asked.value.question.choices[0].label == "this"


def test_a_request_has_one_end_for_all_its_files() -> None:
    with within(0.5):
        began = time.monotonic()
        with pytest.raises(StoppedError, match="was stopped"):
            apart(reading.sleep)
        with pytest.raises(StoppedError, match="send it by itself") as late:
            apart(reading.process)
    assert not late.value.permanent
    assert time.monotonic() - began < 30


def test_a_fork_server_that_died_is_started_again() -> None:
    apart(reading.process)
    assert asking._pool is not None
    asking._pool.process.kill()
    asking._pool.process.wait()
    assert apart(reading.process) != os.getpid()


def test_a_forked_process_asks_the_same_server_for_children_of_its_own() -> None:
    first = apart(reading.process)  # waits here for the next call of this process
    assert asking._pool is not None
    theirs, mine = os.pipe()
    forked = os.fork()
    if forked == 0:
        told = (apart(reading.process), apart(reading.parent))
        os.write(mine, repr(told).encode())
        os._exit(0)
    os.waitpid(forked, 0)
    other, server = ast.literal_eval(os.read(theirs, 100).decode())
    assert server == asking._pool.process.pid == apart(reading.parent)
    assert other not in (first, forked)
    assert apart(reading.process) == first


def test_a_forked_process_whose_server_died_starts_one() -> None:
    apart(reading.process)
    assert asking._pool is not None
    asking._pool.process.kill()
    asking._pool.process.wait()
    theirs, mine = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(mine, repr(apart(reading.process)).encode())
        asking._close()
        os._exit(0)
    os.waitpid(forked, 0)
    assert int(os.read(theirs, 100)) not in (0, forked, os.getpid())


def test_libraries_that_load_take_no_time_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(asking._WARM, "tests.compute", "tests.compute.isolation.slow")
    asking._close()  # none of its children has loaded them
    with within(300.0):
        before, began = seconds_left(), time.monotonic()
        apart(reading.process)
        counted, took = before - seconds_left(), time.monotonic() - began
    assert counted < took - 2.0  # loading takes 2.5 s


def test_a_child_that_died_while_it_waited_is_not_taken() -> None:
    first = apart(reading.process)
    os.kill(first, signal.SIGKILL)
    for _ in range(500):
        try:
            os.kill(first, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    assert apart(reading.process) not in (first, os.getpid())
