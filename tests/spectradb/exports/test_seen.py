"""A file holds what who asked for it may see when it is written, and nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from spectradb.models import Export, Spectrum, Status
from spectradb.services.exports.jobs import write
from spectradb.services.exports.write import FORMATS
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def public() -> Spectrum:
    """The only one that everybody sees of one of each status and one under embargo."""
    rows = {status: make_spectrum("experiment", status=status) for status in Status.values}
    tomorrow = timezone.now().date() + timedelta(days=1)
    make_spectrum("experiment", embargo_until=tomorrow)
    return rows["published"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_visitor_gets_what_is_public_alone(format: str, public: Spectrum) -> None:
    row = Export.objects.create(query={}, format=format, public=True)
    assert write(row).n_rows == 1


def test_rights_are_those_of_the_moment_of_writing(public: Spectrum) -> None:
    anna = make_user("anna", "contributor")
    own = make_spectrum("experiment", status="draft", contributor=anna)
    row = Export.objects.create(query={}, format="json", columns=["id"], requested_by=anna)
    assert _numbers(row) == {public.pk, own.pk}
    Spectrum.objects.filter(pk=public.pk).update(status=Status.WITHDRAWN)
    assert _numbers(row) == {own.pk}


def _numbers(row: Export) -> set[int]:
    with storages["exports"].open(Path(write(row).path).name) as file:
        return {one["id"] for one in json.loads(file.read())}
