"""All hosts of a site have one signing key; a worker with another one does not start."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django_q.management.commands import qcluster

from spectradb.models import SigningKey
from spectradb.services.queue.keys import check_key

pytestmark = pytest.mark.django_db


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
