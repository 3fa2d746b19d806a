"""Job progress and requests of trainings get columns of their own; failures tell whether trying
again can help."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

_JOBS = ("calculation", "export", "importrun", "matchrun", "peakfit", "trainedmodel")
_PERMANENT = ("Input not usable", "Not converged", "File not readable", "Cannot be learnt from")


def move(apps: Any, schema_editor: Any) -> None:
    """Progress was told among the curves, the request among the hyperparameters."""
    for row in apps.get_model("spectradb", "TrainedModel").objects.only(
        "curves", "hyperparameters"
    ):
        row.progress = row.curves.pop("progress", {})
        row.request = row.hyperparameters.pop("request", {})
        if row.progress or row.request:
            row.save(update_fields=["curves", "progress", "hyperparameters", "request"])


def tell_causes(apps: Any, schema_editor: Any) -> None:
    """What is known of failures of before: a request that cannot be learnt from was told as an
    internal error, and what is wrong with the input stays so."""
    for name in _JOBS:
        failed = apps.get_model("spectradb", name).objects.filter(job_status="failed")
        failed.filter(error_cause="Internal error (LearningError)").update(
            error_cause="Cannot be learnt from"
        )
        failed.filter(error_cause__in=_PERMANENT).update(error_permanent=True)


def move_back(apps: Any, schema_editor: Any) -> None:
    """Into the fields that they were in."""
    for row in apps.get_model("spectradb", "TrainedModel").objects.exclude(request={}):
        row.hyperparameters["request"] = row.request
        if row.progress:
            row.curves["progress"] = row.progress
        row.save(update_fields=["curves", "hyperparameters"])


class Migration(migrations.Migration):
    dependencies = [("spectradb", "0003_uploads_and_reports")]

    operations = [
        migrations.RenameField("trainedmodel", "report", "held_out"),
        migrations.AddField(
            "trainedmodel",
            "request",
            models.JSONField(
                blank=True,
                default=dict,
                help_text="What was asked for; trains the same model again.",
            ),
        ),
        migrations.AddField(
            "trainedmodel",
            "progress",
            models.JSONField(
                blank=True, default=dict, help_text="How far a training is, while it runs."
            ),
        ),
        migrations.AlterField(
            "trainedmodel",
            "code_version",
            models.CharField(
                blank=True, help_text="Of its kind, and of those it is made of", max_length=200
            ),
        ),
        *(
            migrations.AddField(
                name,
                "error_permanent",
                models.BooleanField(
                    default=False, help_text="Whether trying again gives the same failure."
                ),
            )
            for name in (*_JOBS, "historicalcalculation")
        ),
        migrations.RunPython(move, move_back),
        migrations.RunPython(tell_causes, migrations.RunPython.noop),
    ]
