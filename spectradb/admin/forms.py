"""The form of one spectrum in curation: its identity and how it was measured."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Model

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError
from spectradb.forms import SeenForm
from spectradb.models import Kind, Measurement, Site, Spectrum

EDGES = ("K", "L1", "L2", "L3", "L23", "M1", "M23", "M2", "M3", "M45", "M4", "M5", "N45")
LICENCES = ("CC BY 4.0", "CC0 1.0", "CC BY-SA 4.0", "ODbL 1.0", "Public domain")
_CALCULATED = {"absorber", "edge", "structure", "site", "technique", "quantity"}
MEASURED = (
    "facility", "beamline", "mode", "monochromator", "resolution_ev", "temperature_k",
    "sample_name", "sample_formula", "sample_preparation", "measured_on",
)  # fmt: skip
_Measured = forms.modelform_factory(
    Measurement,
    fields=list(MEASURED),
    labels={
        "resolution_ev": "Resolution (eV)",
        "temperature_k": "Temperature (K)",
        "sample_name": "Sample",
        "sample_formula": "Formula of the sample",
        "sample_preparation": "Preparation",
        "measured_on": "Date",
    },
    widgets={"sample_preparation": forms.Textarea(attrs={"rows": 2})},
)


class SiteForm(SeenForm):
    """What a curator states of a site."""

    reason = forms.CharField(
        required=False, max_length=100, help_text="How it is known; kept in the history."
    )

    class Meta:
        model = Site
        fields = ("oxidation_state",)
        help_texts = {
            "oxidation_state": "Used by calculations, searches and models as it stands. Emptied, "
            "it is derived again."
        }

    def clean_oxidation_state(self) -> float | None:
        # The admin is loaded by every command; what analyses structures needs SciPy.
        from spectradb.services.structures.sites import check_state

        given: float | None = self.cleaned_data["oxidation_state"]
        if given is not None:
            try:
                check_state(f"{self.instance.element}[{self.instance.index}]", given)
            except InputError as error:
                raise forms.ValidationError(str(error)) from error
        return given


class SpectrumForm(SeenForm):
    """Columns of the spectrum and, under ``m_…``, of its measurement."""

    edge = forms.CharField(required=False, widget=forms.Select)
    licence = forms.CharField(required=False, widget=forms.Select)

    class Meta:
        model = Spectrum
        fields = (
            "absorber", "edge", "structure", "site", "formula", "title", "technique", "quantity",
            "licence", "citation", "doi",
        )  # fmt: skip
        labels = {"quantity": "Intensity is", "doi": "DOI"}
        help_texts = {"absorber": "Element symbol.", "formula": "Of the sample."}
        widgets = {"citation": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("edge", EDGES, blank="not known")
        self._offer("licence", LICENCES, blank="none")
        if self.instance.kind == Kind.THEORY:  # what was computed is the calculation's to say
            for name in _CALCULATED & self.fields.keys():
                self.fields[name].disabled = True
        measured = self.instance.measurement
        if measured is not None:
            for name, field in _Measured(instance=measured).fields.items():
                self.fields[f"m_{name}"] = field
                self.initial[f"m_{name}"] = getattr(measured, name)

    def rows(self) -> list[Model]:
        measured = self.instance.measurement
        return [self.instance, *([measured] if measured is not None else [])]

    def _offer(self, name: str, known: tuple[str, ...], blank: str) -> None:
        """The usual values, and the present one where it is another."""
        present = getattr(self.instance, name, "")
        values = [*known, *([present] if present and present not in known else [])]
        if name in self.fields:
            widget = self.fields[name].widget
            assert isinstance(widget, forms.Select)
            widget.choices = [("", f"({blank})"), *((one, one) for one in values)]

    def clean_absorber(self) -> str:
        given = str(self.cleaned_data["absorber"]).strip()
        if given and normalise_element(given) is None:
            raise forms.ValidationError(f"“{given}” is not an element symbol.")
        return normalise_element(given) or ""

    def clean_edge(self) -> str:
        given = str(self.cleaned_data["edge"]).strip()
        if given and normalise_edge(given) is None:
            raise forms.ValidationError(f"“{given}” is not the name of an edge.")
        return normalise_edge(given) or ""

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        site, structure = found.get("site"), found.get("structure")
        if site is not None and site.structure_id != getattr(structure, "pk", None):
            self.add_error("site", "This site belongs to another structure.")
        elif site is not None and found.get("absorber") not in ("", site.element, None):
            self.add_error("site", f"This site is {site.element}, not {found['absorber']}.")
        return found

    def save_measurement(self) -> list[str]:
        """Store what changed of the measurement; the names of those columns."""
        measured = self.instance.measurement
        changed = [one.removeprefix("m_") for one in self.changed_data if one.startswith("m_")]
        if measured is None or not changed:
            return []
        for name in changed:
            setattr(measured, name, self.cleaned_data[f"m_{name}"])
        measured.save()
        return changed
