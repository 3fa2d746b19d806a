"""Rows as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from spectradb.api.base import FieldsSerializer
from spectradb.models import (
    Calculation,
    Measurement,
    Peak,
    PeakFit,
    Prediction,
    Site,
    Spectrum,
    Structure,
    TrainedModel,
)


@extend_schema_field({"type": "array", "items": {"type": "number"}})
class NumbersField(serializers.Field[Any, Any, Any, Any]):
    """An array column as a list of numbers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: np.ndarray) -> Any:
        return value.tolist()


@extend_schema_field({"type": "array", "items": {"type": "array", "items": {"type": "number"}}})
class TableField(NumbersField):
    """A two-dimensional array column as rows."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.JSONField):
    """A JSON object, as stored."""


@extend_schema_field({"type": "array", "items": {}})
class ItemsField(serializers.JSONField):
    """A JSON list, as stored."""


class PairField(serializers.ListField):
    """Two numbers, the lower one first."""

    def __init__(self, **kwargs: Any) -> None:
        child = serializers.FloatField()
        super().__init__(child=child, min_length=2, max_length=2, **kwargs)


class SiteSerializer(FieldsSerializer[Site]):
    equivalent_indices = ItemsField(read_only=True)

    class Meta:
        model = Site
        fields = (
            "id", "structure", "index", "element", "multiplicity", "occupancy",
            "equivalent_indices", "oxidation_state", "oxidation_method",
            "oxidation_confidence", "spin_state", "coordination_number", "geometry",
            "ligands", "site_symmetry", "mean_bond_length",
        )  # fmt: skip
        read_only_fields = fields


class StructureSerializer(FieldsSerializer[Structure]):
    elements = serializers.SerializerMethodField()
    sites = SiteSerializer(many=True, read_only=True)
    data = ObjectField(  # type: ignore[assignment]  # a column of that name
        read_only=True, help_text="The pymatgen structure as a dictionary."
    )

    class Meta:
        model = Structure
        fields = (
            "id", "formula", "formula_anonymous", "chemical_system", "name", "elements",
            "n_elements", "n_sites", "space_group_number", "space_group_symbol", "crystal_system",
            "a", "b", "c", "alpha", "beta", "gamma", "volume", "density", "source", "source_id",
            "is_primary",
            "citation", "doi", "energy_above_hull", "hypothetical", "findings", "overruled_at",
            "overruled_reason", "created", "updated", "sites", "data",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_elements(self, row: Structure) -> list[str]:
        return row.chemical_system.split("-")


class StructureBriefSerializer(serializers.ModelSerializer[Structure]):
    """What a spectrum says of its structure."""

    class Meta:
        model = Structure
        fields = (
            "id", "formula", "chemical_system", "name", "space_group_number",
            "space_group_symbol", "crystal_system", "source", "source_id", "hypothetical",
            "energy_above_hull",
        )  # fmt: skip
        read_only_fields = fields


class SiteBriefSerializer(serializers.ModelSerializer[Site]):
    """What a spectrum says of its site."""

    class Meta:
        model = Site
        fields = (
            "id", "index", "element", "oxidation_state", "coordination_number", "geometry",
            "ligands", "site_symmetry",
        )  # fmt: skip
        read_only_fields = fields


class CalculationSerializer(FieldsSerializer[Calculation]):
    status = serializers.CharField(source="job_status", read_only=True)
    spectrum = serializers.IntegerField(
        source="record_id", read_only=True, allow_null=True, help_text="One that you may see."
    )
    parameters = ObjectField(read_only=True)
    results = ObjectField(read_only=True)
    sticks = TableField(allow_null=True, help_text="Energy in eV and strength.")

    class Meta:
        model = Calculation
        fields = (
            "id", "engine", "version", "route", "absorber", "edge", "structure", "site",
            "spectrum", "status", "error", "error_cause", "attempts", "created", "started",
            "finished", "seconds", "input_hash", "parameters", "results", "sticks",
        )  # fmt: skip
        read_only_fields = fields


class MeasurementSerializer(serializers.ModelSerializer[Measurement]):
    file_name = serializers.CharField(read_only=True)
    file_sha256 = serializers.CharField(
        source="file.sha256", read_only=True, default=None, allow_null=True
    )
    header = ObjectField(read_only=True)
    warnings = ItemsField(read_only=True)

    class Meta:
        model = Measurement
        fields = (
            "facility", "beamline", "mode", "monochromator", "resolution_ev", "temperature_k",
            "sample_name", "sample_formula", "sample_preparation", "is_reference", "measured_on",
            "file_name", "file_sha256", "file_format", "file_part", "header", "warnings",
        )  # fmt: skip
        read_only_fields = fields


class SpectrumSerializer(FieldsSerializer[Spectrum]):
    structure = StructureBriefSerializer(read_only=True, allow_null=True)
    site = SiteBriefSerializer(read_only=True, allow_null=True)
    measurement = MeasurementSerializer(read_only=True, allow_null=True)
    normalisation = ObjectField(read_only=True)
    checks = ItemsField(read_only=True)
    energy = NumbersField(help_text="eV")
    intensity = NumbersField()
    energy_unit = serializers.SerializerMethodField()

    class Meta:
        model = Spectrum
        fields = (
            "id", "kind", "technique", "absorber", "edge", "formula", "title", "quantity",
            "structure", "site", "calculation", "measurement", "normalisation",
            "energy_offset_ev", "energy_offset_err", "n_points", "energy_min", "energy_max",
            "energy_unit", "status", "status_note", "checks", "quality", "submitted_at",
            "published_at", "embargo_until", "created", "updated", "licence", "citation", "doi",
            "content_hash", "version", "replaces", "sparkline", "energy", "intensity",
        )  # fmt: skip
        read_only_fields = fields

    def get_energy_unit(self, row: Spectrum) -> str:
        return "eV"


class PeakSerializer(serializers.ModelSerializer[Peak]):
    class Meta:
        model = Peak
        fields = (
            "position_ev", "hwhm_ev", "area", "phase_rad", "position_err", "hwhm_err",
            "area_err", "phase_err",
        )  # fmt: skip
        read_only_fields = fields


class PeakFitSerializer(FieldsSerializer[PeakFit]):
    status = serializers.CharField(source="job_status", read_only=True)
    peaks = PeakSerializer(many=True, read_only=True)
    options = ObjectField(read_only=True)
    background = ObjectField(read_only=True)
    order_trace = ItemsField(read_only=True)
    warnings = ItemsField(read_only=True)
    residual = NumbersField(allow_null=True)

    class Meta:
        model = PeakFit
        fields = (
            "id", "spectrum", "method", "options", "range_lo", "range_hi", "n_peaks",
            "gaussian_sigma_ev", "background", "order_trace", "residual_rms", "warnings",
            "accepted", "status", "error", "error_cause", "created", "seconds", "peaks",
            "residual",
        )  # fmt: skip
        read_only_fields = fields


class TrainedModelSerializer(FieldsSerializer[TrainedModel]):
    status = serializers.CharField(source="job_status", read_only=True)
    filters = ObjectField(read_only=True)
    split = ObjectField(read_only=True)
    hyperparameters = ObjectField(read_only=True)
    metrics = ObjectField(read_only=True)
    curves = ObjectField(read_only=True)

    class Meta:
        model = TrainedModel
        fields = (
            "id", "name", "kind", "absorber", "edge", "filters", "data_hash", "split", "seed",
            "hyperparameters", "metrics", "curves", "weights_hash", "code_version", "is_default",
            "status", "error", "created", "seconds",
        )  # fmt: skip
        read_only_fields = fields


class PredictionSerializer(FieldsSerializer[Prediction]):
    model = serializers.CharField(source="model.name", read_only=True)
    neighbours = ItemsField(read_only=True)
    energy = NumbersField(help_text="eV")
    intensity = NumbersField()
    sigma = NumbersField(help_text="One standard deviation.")

    class Meta:
        model = Prediction
        fields = (
            "id", "model", "structure", "site", "site_index", "absorber", "edge", "trust",
            "trust_reason", "neighbours", "created", "energy", "intensity", "sigma",
        )  # fmt: skip
        read_only_fields = fields


class NoteSerializer(serializers.Serializer[Any]):
    """A decision's reason."""

    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class StatedSerializer(serializers.Serializer[Any]):
    """What a person states of a normalisation; what is left out or null is derived.

    ``e0`` … ``pre_degree`` for absorption edges, ``range`` … ``after`` for white lines and losses.
    """

    e0 = serializers.FloatField(required=False, allow_null=True, help_text="Edge, eV.")
    pre = PairField(required=False, allow_null=True, help_text="Of the pre-edge line, eV from E0.")
    post = PairField(required=False, allow_null=True, help_text="Of the polynomial, eV from E0.")
    degree = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=3, help_text="Of the polynomial."
    )
    pre_degree = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1, help_text="0: a constant."
    )
    range = PairField(required=False, allow_null=True, help_text="What is kept, eV.")
    background = PairField(required=False, allow_null=True, help_text="Of the power law, eV.")
    scaling = serializers.ChoiceField(["none", "area", "maximum"], required=False, allow_null=True)
    step = PairField(required=False, allow_null=True, help_text="Continuum steps L3, L2, eV.")
    step_width = serializers.FloatField(required=False, allow_null=True, help_text="HWHM, eV.")
    after = PairField(required=False, allow_null=True, help_text="Level behind the edge, eV.")


class NormalisedSerializer(serializers.Serializer[Any]):
    """A normalised curve and what it was made with."""

    unit = serializers.ChoiceField(["step", "area"])
    energy = NumbersField(help_text="eV")
    intensity = NumbersField()
    numbers = ObjectField(help_text="E0, edge step, ranges: the values used.")
    stated = serializers.ListField(child=serializers.CharField(), help_text="Stated by a person.")
    warnings = serializers.ListField(child=serializers.CharField())


class ReviseSerializer(serializers.Serializer[Any]):
    """Another curve for a measured spectrum."""

    file = serializers.FileField(help_text="XDI, 9809, EMSA, Athena, columns, HDF5/NXdata …")
    reason = serializers.CharField(max_length=1000, help_text="What changed, and why.")
