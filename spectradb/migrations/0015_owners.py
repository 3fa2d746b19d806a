"""Who owns an export, what each person called a file, checks that tell of published rows only.

Exports without an owner may be those of a deleted account: they become the curators', and a visitor
asks for theirs again (they are kept a week).
"""

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery

_CHECK = "Not a duplicate"
_WEIGHT = {"pass": 1.0, "check": 0.5, "fail": 0.0}
_CALLED = {
    "blank": True,
    "help_text": "As this person called it; others may have sent it.",
    "max_length": 255,
}


def name_files(apps: Any, schema_editor: Any) -> None:
    measurements = apps.get_model("spectradb", "Measurement").objects
    files = apps.get_model("spectradb", "SourceFile").objects.filter(pk=OuterRef("file"))
    measurements.filter(file__isnull=False).update(file_name=Subquery(files.values("name")[:1]))


def forget_duplicates(apps: Any, schema_editor: Any) -> None:
    """A check that names somebody's unpublished spectrum is the curators' alone."""
    rows = apps.get_model("spectradb", "Spectrum").objects.filter(kind="experiment")
    published = rows.filter(status="published")
    named = rows.filter(checks__icontains=_CHECK).exclude(checks=[]).only("checks", "quality")
    for row in named.iterator(chunk_size=500):
        hidden = [
            one
            for one in row.checks
            if one.get("name") == _CHECK
            and one.get("spectrum_id")
            and not published.filter(pk=one["spectrum_id"]).exists()
        ]
        for one in hidden:
            one |= {"verdict": "pass", "reason": "", "spectrum_id": None}
        if hidden:
            row.quality = sum(_WEIGHT[one["verdict"]] for one in row.checks) / len(row.checks)
            rows.filter(pk=row.pk).update(checks=row.checks, quality=row.quality)


class Migration(migrations.Migration):
    dependencies = [("spectradb", "0014_series_and_maps")]

    operations = [
        migrations.AddField(
            "export",
            "public",
            models.BooleanField(
                default=False,
                help_text="Asked for by a visitor: it holds what is published, and all may "
                "fetch it.",
            ),
        ),
        migrations.AddField(
            "historicalmeasurement", "file_name", models.CharField(**_CALLED)
        ),
        migrations.AddField("measurement", "file_name", models.CharField(**_CALLED)),
        migrations.RunPython(name_files, migrations.RunPython.noop),
        migrations.RunPython(forget_duplicates, migrations.RunPython.noop),
    ]
