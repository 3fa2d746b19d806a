"""All hosts of a site have one signing key; a worker with another one does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django_q.management.commands import qcluster

from spectradb import environment
from spectradb.environment import secret_key
from spectradb.models import SigningKey
from spectradb.services.queue.keys import check_key

pytestmark = pytest.mark.django_db
_BUILD = MigrationLoader.build_graph


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Workers that were started, by the key that they had."""
    keys: list[str] = []

    def handle(self: object, *args: object, **options: object) -> None:
        from django.conf import settings

        keys.append(settings.SECRET_KEY)

    monkeypatch.setattr(qcluster.Command, "handle", handle)
    return keys


def test_a_second_host_with_the_same_key_works(started: list[str], settings: LazySettings) -> None:
    settings.SECRET_KEY = "one"
    call_command("qcluster")
    call_command("qcluster")
    assert started == ["one", "one"]


def test_a_host_with_another_key_is_refused_in_words(
    started: list[str], settings: LazySettings
) -> None:
    settings.SECRET_KEY = "one"
    call_command("qcluster")
    settings.SECRET_KEY = "two"
    with pytest.raises(CommandError, match="same SECRET_KEY on every host"):
        call_command("qcluster")
    assert started == ["one"]


@pytest.mark.parametrize("command", [["qcluster"], ["run_calculations", "--local", "1"]])
def test_before_the_tables_are_made_it_is_told_how(
    started: list[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    # As of an empty database, or one of an older version.
    monkeypatch.setattr(MigrationLoader, "build_graph", _build_with_one_more)
    with pytest.raises(CommandError, match=r"Make them with: manage\.py migrate"):
        call_command(*command)
    assert not started


def _build_with_one_more(loader: MigrationLoader) -> None:
    _BUILD(loader)
    made = Migration("a_later_one", "spectradb")
    loader.graph.add_node(("spectradb", made.name), made)


def test_a_database_that_does_not_answer_is_told(
    started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: object, *args: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(MigrationLoader, "build_graph", silent)
    with pytest.raises(CommandError, match="does not answer: connection refused"):
        call_command("qcluster")


def test_a_key_that_was_changed_on_purpose_is_taken(
    started: list[str], settings: LazySettings
) -> None:
    settings.SECRET_KEY = "one"
    check_key()
    settings.SECRET_KEY = "two"
    call_command("qcluster", new_key=True)
    assert started == ["two"]


def test_the_database_does_not_hold_the_key(settings: LazySettings) -> None:
    settings.SECRET_KEY = "one of many"
    check_key()
    assert "one of many" not in SigningKey.objects.get().fingerprint


def test_a_web_host_with_another_key_is_not_ready(settings: LazySettings) -> None:
    settings.SECRET_KEY = "one"
    check_key()
    assert Client().get("/readyz").json()["checks"]["key"] is True
    settings.SECRET_KEY = "two"
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["key"]) == (503, False)


def test_a_host_for_reading_may_have_a_key_of_its_own(settings: LazySettings) -> None:
    settings.SECRET_KEY = "one"
    check_key()
    settings.SECRET_KEY, settings.READ_ONLY = "two", True
    assert Client().get("/readyz").json()["checks"]["key"] is True


def test_processes_that_start_at_once_have_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    first = secret_key(tmp_path, read_only=False)
    monkeypatch.setattr(Path, "exists", lambda path: False)  # each looked before the other wrote
    assert secret_key(tmp_path, read_only=False) == first
    assert [(one.name, one.stat().st_mode & 0o777) for one in tmp_path.iterdir()] == [
        ("secret_key", 0o600)
    ]


def test_an_empty_key_is_told_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setattr(environment, "_LOOK_SECONDS", 0.0)
    (tmp_path / "secret_key").touch()
    with pytest.raises(ImproperlyConfigured, match="secret_key is empty"):
        secret_key(tmp_path, read_only=False)
