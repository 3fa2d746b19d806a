"""Keys that select series and their analyses."""

from __future__ import annotations

from spectradb.filters.chemistry import symbol
from spectradb.filters.fields import (
    BoundKey,
    IntegerKey,
    Key,
    OrderingKey,
    StrictFilterSet,
    TextKey,
)
from spectradb.models import JobStatus, Series, SeriesAnalysis, Status

_ORDER = "Order of the answer; -name is descending."


class SeriesFilterSet(StrictFilterSet):
    """Search of series."""

    id = IntegerKey("pk", help_text="Our own number.")
    q = TextKey("title", lookup="icontains", help_text="Words of the title.")
    status = Key(choices=Status.values, help_text="published; drafts of one's own.")
    absorber = Key(coerce=symbol, help_text="Element that absorbs.")
    edge = Key(help_text="K, L23 …")
    technique = Key(help_text="XAS, EELS …")
    formula = Key(help_text="As stated.")
    n_spectra_min = BoundKey("n_spectra", lookup="gte", help_text="At least so many spectra.")
    ordering = OrderingKey(
        {"id": "pk", "created": "created", "n_spectra": "n_spectra"}, help_text=_ORDER
    )

    class Meta:
        model = Series
        fields: list[str] = []


class SeriesAnalysisFilterSet(StrictFilterSet):
    """Search of analyses of series."""

    id = IntegerKey("pk", help_text="Our own number.")
    status = Key("job_status", choices=JobStatus.values, help_text="queued, running …")
    series = IntegerKey("series_id", help_text="Number of the series.")
    method = Key(help_text="references, nmf, mcr, parameters …")
    ordering = OrderingKey({"id": "pk", "created": "created"}, help_text=_ORDER)

    class Meta:
        model = SeriesAnalysis
        fields: list[str] = []
