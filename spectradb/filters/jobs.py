"""Keys that select calculations, fits, models and predictions."""

from __future__ import annotations

from spectradb.filters.chemistry import symbol
from spectradb.filters.fields import (
    BoundKey,
    FlagKey,
    IntegerKey,
    Key,
    OrderingKey,
    StrictFilterSet,
)
from spectradb.models import Calculation, JobStatus, PeakFit, Prediction, TrainedModel

_ORDER = "Order of the answer; -name is descending."


class CalculationFilterSet(StrictFilterSet):
    """Search of calculations, the job page's and the API's."""

    id = IntegerKey("pk", help_text="Our own number.")
    status = Key("job_status", choices=JobStatus.values, help_text="queued, running …")
    engine = Key(help_text="Program.")
    route = Key(help_text="explicit, cheap, cluster …")
    absorber = Key(coerce=symbol, help_text="Element that absorbs.")
    edge = Key(help_text="K, L23 …")
    structure = IntegerKey("structure_id", help_text="Number of the structure.")
    site = IntegerKey("site_id", help_text="Number of the site.")
    cause = Key("error_cause", help_text="Class of the failure.")
    input_hash = Key(help_text="SHA-256 of what was asked.")
    ordering = OrderingKey(
        {"id": "pk", "created": "created", "finished": "finished", "seconds": "seconds"},
        help_text=_ORDER,
    )

    class Meta:
        model = Calculation
        fields: list[str] = []


class PeakFitFilterSet(StrictFilterSet):
    """Search of peak fits."""

    id = IntegerKey("pk", help_text="Our own number.")
    status = Key("job_status", choices=JobStatus.values, help_text="queued, running …")
    spectrum = IntegerKey("spectrum_id", help_text="Number of the spectrum.")
    accepted = FlagKey(help_text="Whether a person has accepted it.")
    n_peaks = IntegerKey(help_text="How many peaks.")
    ordering = OrderingKey({"id": "pk", "created": "created"}, help_text=_ORDER)

    class Meta:
        model = PeakFit
        fields: list[str] = []


class TrainedModelFilterSet(StrictFilterSet):
    """Search of trained models."""

    id = IntegerKey("pk", help_text="Our own number.")
    status = Key("job_status", choices=JobStatus.values, help_text="queued, running …")
    name = Key(help_text="Its name.")
    kind = Key(help_text="krr-nmf, mlp, cgcnn …")
    absorber = Key(coerce=symbol, help_text="Element that absorbs.")
    edge = Key(help_text="K, L23 …")
    ordering = OrderingKey({"id": "pk", "name": "name", "created": "created"}, help_text=_ORDER)

    class Meta:
        model = TrainedModel
        fields: list[str] = []


class PredictionFilterSet(StrictFilterSet):
    """Search of predictions."""

    id = IntegerKey("pk", help_text="Our own number.")
    model = Key("model__name", help_text="Name of the model.")
    structure = IntegerKey("structure_id", help_text="Number of the structure.")
    absorber = Key(coerce=symbol, help_text="Element that absorbs.")
    edge = Key(help_text="K, L23 …")
    trust_min = BoundKey("trust", lookup="gte", help_text="0 … 1.")
    ordering = OrderingKey({"id": "pk", "trust": "trust", "created": "created"}, help_text=_ORDER)

    class Meta:
        model = Prediction
        fields: list[str] = []
