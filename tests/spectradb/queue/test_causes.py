"""Every error tells its cause, words for a person, and whether trying again can help."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

import compute
import ml
import spectradb
from compute.errors import ConvergenceError, InputError, ReadError, SkipFile
from ml.errors import LearningError
from spectradb.models import Calculation, JobStatus
from spectradb.services.queue import jobs
from spectradb.services.queue.failures import cause_of
from spectradb.services.queue.summary import summarise
from tests.spectradb.queue.test_jobs import fresh, keep, queued

_NO_JOBS = ("spectradb.migrations", "spectradb.asgi", "spectradb.wsgi", "spectradb.__main__")
# Errors that are answers to a request; no job raises them.
_ANSWERS = ("spectradb.api", "spectradb.views.site.ended")


def errors() -> Iterator[type[Exception]]:
    """Every class of error that is defined in the three packages."""
    seen = set()
    for package in (compute, ml, spectradb):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.startswith((*_NO_JOBS, *_ANSWERS)):
                continue
            for value in vars(importlib.import_module(module.name)).values():
                if (
                    isinstance(value, type)
                    and issubclass(value, Exception)
                    and value.__module__ == module.name
                    and value not in seen
                ):
                    seen.add(value)
                    yield value


def test_every_error_of_ours_tells_its_cause_and_whether_a_retry_helps() -> None:
    found = list(errors())
    assert {InputError, LearningError} <= set(found)
    silent = [
        f"{one.__module__}.{one.__name__}"
        for one in found
        if not isinstance(getattr(one, "cause", None), str)
        or not 0 < len(one.cause) <= 60  # type: ignore[attr-defined]
        or not isinstance(getattr(one, "permanent", None), bool)
    ]
    assert not silent


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConvergenceError("SCF", 0.1, 1e-6), "Not converged"),
        (InputError("n_d", 12, "too many"), "Input not usable"),
        (ReadError(["line 3: no number"]), "File not readable"),
        (SkipFile("a side-car"), "No spectrum in the file"),
        (LearningError("spectra", 3, "at least 25 are needed"), "Cannot be learnt from"),
        (MemoryError(), "Out of memory"),
        (KeyError("x"), "Internal error (KeyError)"),
    ],
)
def test_failures_are_grouped_by_what_the_error_tells(error: Exception, cause: str) -> None:
    assert cause_of(error) == cause


@pytest.mark.parametrize("kind", [InputError, LearningError])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.str_("val"), "got 'val'"),
        ([np.str_("train"), np.str_("val")], "got ['train', 'val']"),
        (np.float64(0.5), "got 0.5"),
        ((np.int64(1), np.float32(2.0)), "got (1, 2.0)"),
        ({"n": np.int64(3)}, "got {'n': 3}"),
        ({np.int64(3)}, "got {3}"),
        (np.arange(3), "got [0, 1, 2]"),
        (np.bool_(True), "got True"),
        ("text", "got 'text'"),
        (None, "got None"),
    ],
)
def test_a_value_is_told_without_the_wrapping_of_numpy(
    kind: type[InputError] | type[LearningError], value: object, words: str
) -> None:
    text = str(kind("field", value, "is wrong"))
    assert text == f"field: is wrong ({words})"


@pytest.mark.parametrize("kind", [InputError, LearningError])
def test_a_long_value_is_cut(kind: type[InputError] | type[LearningError]) -> None:
    text = str(kind("energy_ev", np.arange(10_000), "must ascend"))
    assert text.startswith("energy_ev: must ascend (got [0, 1, 2")
    assert len(text) < 400


class Passing(Exception):
    """Gone the next time."""

    cause = "Source not reachable"
    permanent = False


@pytest.mark.django_db
def test_a_failure_that_may_pass_is_tried_again() -> None:
    row, calls = queued(), []

    def work(r: Calculation) -> int:
        calls.append(r.pk)
        if len(calls) < 3:
            raise Passing("no answer")
        return 1

    for status in ("queued", "queued", "done"):
        jobs.run(Calculation, row.pk, work, keep)
        assert fresh(row).job_status == status
    assert fresh(row).attempts == 3
    assert fresh(row).error == ""


@pytest.mark.django_db
def test_it_is_not_tried_for_ever() -> None:
    row = queued()

    def work(_: Calculation) -> None:
        raise Passing("no answer")

    for _ in range(jobs.MAX_ATTEMPTS):
        jobs.run(Calculation, row.pk, work, keep)
    failed = fresh(row)
    assert (failed.job_status, failed.error_cause) == ("failed", "Source not reachable")
    assert not failed.error_permanent
    assert not jobs.run(Calculation, row.pk, work, keep)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (InputError("n_d", 12, "too many"), True),
        (ReadError(["the file is empty"], permanent=False), False),
        (ValueError("odd"), False),
    ],
)
def test_what_would_fail_again_is_known_by_its_row(error: Exception, permanent: bool) -> None:
    row = queued(attempts=jobs.MAX_ATTEMPTS - 1)

    def work(_: Calculation) -> None:
        raise error

    jobs.run(Calculation, row.pk, work, keep)
    failed = fresh(row)
    assert (failed.job_status, failed.error_permanent) == (JobStatus.FAILED, permanent)
    [group] = summarise().failures
    assert group.permanent == permanent
    rows = Calculation.objects.filter(pk=row.pk)
    assert summarise(rows).retryable == (0 if permanent else 1)
    assert jobs.retry(rows, hopeless=False) == (0 if permanent else 1)
