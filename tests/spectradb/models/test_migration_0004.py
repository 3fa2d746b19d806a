"""Migration 0004: what stored trainings told among curves and hyperparameters has columns now."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = [("spectradb", "0003_uploads_and_reports")]
AFTER = [("spectradb", "0004_training_requests_and_causes")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_requests_progress_and_causes_are_moved() -> None:
    executor = MigrationExecutor(connection)
    latest = [key for key in executor.loader.graph.leaf_nodes() if key[0] == "spectradb"]
    executor.migrate(BEFORE)
    old = executor.loader.project_state(BEFORE).apps.get_model("spectradb", "TrainedModel")
    old.objects.create(
        name="running",
        job_status="running",
        hyperparameters={"request": {"kind": "mlp"}},
        curves={"progress": {"part": "mlp", "done": 0.5, "text": ""}},
        report={"n": 3},
    )
    old.objects.create(name="done", job_status="done", hyperparameters={"seed": 1}, curves={"a": 1})
    old.objects.create(
        name="failed", job_status="failed", error_cause="Internal error (LearningError)"
    )
    try:
        executor = MigrationExecutor(connection)
        executor.migrate(AFTER)
        new = executor.loader.project_state(AFTER).apps.get_model("spectradb", "TrainedModel")
        running, done, failed = (
            new.objects.get(name=name) for name in ("running", "done", "failed")
        )
        assert (running.request, running.progress["part"]) == ({"kind": "mlp"}, "mlp")
        assert (running.hyperparameters, running.curves, running.held_out) == ({}, {}, {"n": 3})
        assert (done.hyperparameters, done.curves) == ({"seed": 1}, {"a": 1})
        assert (done.request, done.progress) == ({}, {})
        assert (failed.error_cause, failed.error_permanent) == ("Cannot be learnt from", True)
        assert not done.error_permanent
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(latest)
