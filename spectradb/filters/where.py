"""From a query dictionary to rows: what ``--where`` and services call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Model, QuerySet
from django.utils.datastructures import MultiValueDict

from spectradb.filters.fields import SearchError, StrictFilterSet
from spectradb.filters.jobs import (
    CalculationFilterSet,
    PeakFitFilterSet,
    PredictionFilterSet,
    TrainedModelFilterSet,
)
from spectradb.filters.series import SeriesAnalysisFilterSet, SeriesFilterSet
from spectradb.filters.spectra import SpectrumFilterSet
from spectradb.filters.structures import SiteFilterSet, StructureFilterSet
from spectradb.models import (
    Calculation,
    PeakFit,
    Prediction,
    Series,
    SeriesAnalysis,
    Site,
    Spectrum,
    Structure,
    TrainedModel,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FILTERSETS: dict[type[Model], type[StrictFilterSet]] = {
    Spectrum: SpectrumFilterSet,
    Structure: StructureFilterSet,
    Site: SiteFilterSet,
    Calculation: CalculationFilterSet,
    PeakFit: PeakFitFilterSet,
    TrainedModel: TrainedModelFilterSet,
    Prediction: PredictionFilterSet,
    Series: SeriesFilterSet,
    SeriesAnalysis: SeriesAnalysisFilterSet,
}


class _Everyone:
    """The operator at the command line, who sees every row."""


EVERYTHING = _Everyone()


def filterset(
    model: type[Model] | str,
    query: Mapping[str, Sequence[str] | str],
    queryset: QuerySet[Any] | None = None,
) -> StrictFilterSet:
    """The bound FilterSet of a model; nothing is checked yet.

    Raises
    ------
    SearchError
        If a key is unknown.
    """
    kind = _FILTERSETS_BY_NAME[model.lower()] if isinstance(model, str) else FILTERSETS[model]
    if errors := kind.check_keys(query):
        raise SearchError(errors)
    data = MultiValueDict(
        {key: [value] if isinstance(value, str) else list(value) for key, value in query.items()}
    )
    return kind(data, queryset=queryset)


def apply_where(
    model: type[Model] | str,
    query: Mapping[str, Sequence[str] | str],
    user: User | AnonymousUser | _Everyone | None = None,
) -> QuerySet[Any]:
    """The rows that a search selects, of those this person may see.

    Parameters
    ----------
    model
        A model class or its name in any case, e.g. ``"spectrum"``.
    query
        ``{"absorber": ["Ni"], "edge": ["L23"]}``; values of one key are alternatives.
    user
        Who asks; ``None`` is a visitor, :data:`EVERYTHING` an operator's command.

    Raises
    ------
    SearchError
        Naming each unknown key and each bad value.
    """
    kind = _MODELS_BY_NAME[model.lower()] if isinstance(model, str) else model
    rows: QuerySet[Any] = kind._default_manager.all()
    if not isinstance(user, _Everyone) and hasattr(rows, "visible_to"):
        rows = rows.visible_to(user)
    bound = filterset(kind, query, rows)
    if not bound.is_valid():
        raise SearchError(bound.search_errors())
    return bound.qs


_MODELS_BY_NAME = {model.__name__.lower(): model for model in FILTERSETS}
_FILTERSETS_BY_NAME = {model.__name__.lower(): kind for model, kind in FILTERSETS.items()}
