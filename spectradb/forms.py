"""Forms of the pages."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import UserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Model
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.edges import normalise_edge, normalise_element
from spectradb.filters.chemistry import elements_of, reduced_formula
from spectradb.formulae import edge_text
from spectradb.models import ApiKey, Kind, Measurement, Series, Spectrum, Structure


class RegisterForm(UserCreationForm):  # type: ignore[type-arg]
    """A new account; a curator may later grant more than contributing.

    A name that differs from another one in its case alone is refused: it would pass for it.
    """

    email = forms.EmailField(label=_("E-mail"), required=False)

    class Meta(UserCreationForm.Meta):
        model = get_user_model()
        fields = ("username", "email")

    def __init__(self, *args: Any, with_mail: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].required = with_mail


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a key is for."""

    class Meta:
        model = ApiKey
        fields = ("name",)


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each within the size the site takes."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        limit = settings.SPECTRUM_MAX_MB
        cleaned = []
        for file in files:
            one = super().clean(file, initial)
            if one is None:
                continue
            if one.size > limit * 1e6:
                raise ValidationError(
                    gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
                    % {"name": one.name, "size": one.size / 1e6, "limit": limit}
                )
            cleaned.append(one)
        return cleaned


class UploadForm(forms.Form):
    """Files, and what they may not be able to say themselves."""

    files = FilesField(label=_("Files"))  # type: ignore[assignment]
    element = forms.CharField(label=_("Element"), max_length=2, required=False)
    edge = forms.CharField(label=_("Edge"), max_length=6, required=False)

    def clean_element(self) -> str:
        text = self.cleaned_data["element"].strip()
        if not text:
            return ""
        symbol = normalise_element(text)
        if symbol is None:
            raise ValidationError(gettext("%s is no element; write a symbol such as Cu.") % text)
        return symbol

    def clean_edge(self) -> str:
        text = self.cleaned_data["edge"].strip()
        if not text:
            return ""
        name = normalise_edge(text)
        if name is None:
            raise ValidationError(gettext("%s is no edge; write K, L3, L23 or M45.") % text)
        return name


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that knows of which state of its row it was made.

    What somebody else has stored since is told, and nothing is saved over it unseen.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["seen"] = state_of(*self.rows())

    def rows(self) -> list[Model]:
        """The rows that the form changes, as they are stored."""
        return [self.instance]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        now, sent = self.initial.get("seen"), self.data
        if now is not None and found.get("seen") != now:
            # Sent once more, the form is saved: its reader knows now.
            self.data = QueryDict(mutable=True)
            self.data.update(sent)
            self.data[self.add_prefix("seen")] = now
            raise ValidationError(self._changed_words())
        return found

    def _changed_words(self) -> str:
        differ = []
        for name in self.changed_data:
            if name != "seen":
                label = self.fields[name].label or name.replace("_", " ")
                differ.append(f"{label}: “{self.initial.get(name) or '–'}”")
        told = gettext("It was changed since this page was opened; nothing is saved yet.")
        if differ:
            stored = "; ".join(differ)
            told += " " + gettext("Stored now, where you have something else: %s.") % stored
        return told + " " + gettext("Send it again to keep what stands here.")


def state_of(*rows: Model) -> str:
    """A short word that changes with any column of these rows but their arrays and files."""
    digest = hashlib.sha256()
    for row in rows:
        for column in row._meta.concrete_fields:
            if not isinstance(column, BinaryField) and column.name not in ("data", "trace"):
                digest.update(repr((column.name, column.value_from_object(row))).encode())
    return digest.hexdigest()[:32]


EDGES = ("K", "L1", "L2", "L3", "L23", "M1", "M23", "M2", "M3", "M45", "M4", "M5", "N45")
LICENCES = ("CC BY 4.0", "CC0 1.0", "CC BY-SA 4.0", "ODbL 1.0", "Public domain")
EMBARGO_YEARS = 5  # a year mistyped would hide a record for ever
_CALCULATED = {"absorber", "edge", "structure", "site", "technique", "quantity", "embargo_until"}
MEASURED = (
    "facility", "beamline", "mode", "monochromator", "resolution_ev", "temperature_k",
    "sample_name", "sample_formula", "sample_preparation", "measured_on",
)  # fmt: skip
_LABELS: dict[str, Any] = {
    "facility": _("Facility"),
    "beamline": _("Beamline"),
    "mode": _("Mode"),
    "monochromator": _("Monochromator"),
    "resolution_ev": _("Resolution (eV)"),
    "temperature_k": _("Temperature (K)"),
    "sample_name": _("Sample"),
    "sample_formula": _("Formula as stated"),
    "sample_preparation": _("Preparation"),
    "measured_on": _("Date"),
}
_Measured = forms.modelform_factory(
    Measurement,
    fields=list(MEASURED),
    labels=_LABELS,
    widgets={
        "sample_preparation": forms.Textarea(attrs={"rows": 2}),
        "measured_on": forms.DateTimeInput(attrs={"placeholder": "2026-05-04 10:00"}),
    },
)


class IdentityForm(SeenForm):
    """What a record says of itself: element, edge, licence."""

    edge = forms.CharField(label=_("Edge"), required=False, widget=forms.Select)
    licence = forms.CharField(label=_("Licence"), required=False, widget=forms.Select)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer("edge", EDGES, blank=gettext("not known"))
        self._offer("licence", LICENCES, blank=gettext("none"))

    def _offer(self, name: str, known: tuple[str, ...], blank: str) -> None:
        """The usual values, and the present one where it is another."""
        present = getattr(self.instance, name, "")
        values = [*known, *([present] if present and present not in known else [])]
        if name in self.fields:
            widget = self.fields[name].widget
            assert isinstance(widget, forms.Select)
            widget.choices = [("", f"({blank})"), *((one, edge_text(one)) for one in values)]

    def clean_absorber(self) -> str:
        given = str(self.cleaned_data["absorber"]).strip()
        if given and normalise_element(given) is None:
            raise forms.ValidationError(gettext("“%s” is not an element symbol.") % given)
        return normalise_element(given) or ""

    def clean_edge(self) -> str:
        given = str(self.cleaned_data["edge"]).strip()
        if given and normalise_edge(given) is None:
            raise forms.ValidationError(gettext("“%s” is not the name of an edge.") % given)
        return normalise_edge(given) or ""


class SampleForm(IdentityForm):
    """The formula and the source of what a contributor sends."""

    def clean_formula(self) -> str:
        given = str(self.cleaned_data["formula"]).strip()
        try:
            understood = not given or bool(reduced_formula(given))
        except ValueError:
            understood = False
        if not understood:
            raise ValidationError(gettext("“%s” is no formula; write one such as NiO.") % given)
        return given

    def clean_doi(self) -> str:
        given = str(self.cleaned_data["doi"]).strip()
        given = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", given, flags=re.IGNORECASE)
        if given and not re.fullmatch(r"10\.\d{4,9}/\S+", given):
            raise ValidationError(
                gettext("“%s” is no DOI; it begins with 10. and a slash follows.") % given
            )
        return given


class RecordForm(IdentityForm):
    """Columns of the spectrum and, under ``m_…``, of its measurement."""

    class Meta:
        model = Spectrum
        fields = (
            "absorber", "edge", "structure", "site", "formula", "title", "technique", "quantity",
            "licence", "citation", "doi", "embargo_until",
        )  # fmt: skip
        labels: ClassVar[dict[str, Any]] = {
            "absorber": _("Element"), "edge": _("Edge"), "structure": _("Structure"),
            "site": _("Site"), "formula": _("Formula"), "title": _("Title"),
            "technique": _("Technique"), "quantity": _("Intensity is"), "licence": _("Licence"),
            "citation": _("Citation"), "doi": "DOI", "embargo_until": _("Embargo until"),
        }  # fmt: skip
        help_texts: ClassVar[dict[str, Any]] = {
            "absorber": _("Element symbol."),
            "formula": _("Of the sample."),
            "embargo_until": _("Once accepted, it is shown to everyone on this day (UTC)."),
        }
        widgets: ClassVar[dict[str, Any]] = {
            "citation": forms.Textarea(attrs={"rows": 2}),
            "embargo_until": forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.kind == Kind.THEORY:  # what was computed is the calculation's to say
            for name in _CALCULATED & self.fields.keys():
                self.fields[name].disabled = True
        measured = self.instance.measurement
        if measured is not None:
            for name, field in _Measured(instance=measured).fields.items():
                self.fields[f"m_{name}"] = field
                self.initial[f"m_{name}"] = getattr(measured, name)
        for name in {"quantity", "m_mode"} & self.fields.keys():
            offered = self.fields[name].widget
            assert isinstance(offered, forms.Select)
            offered.choices = [(value, gettext(str(label))) for value, label in offered.choices]

    def rows(self) -> list[Model]:
        measured = self.instance.measurement
        return [self.instance, *([measured] if measured is not None else [])]

    def clean_embargo_until(self) -> date | None:
        given: date | None = self.cleaned_data["embargo_until"]
        if given is None or given == self.instance.embargo_until:
            return given
        today = timezone.localdate()
        if given <= today:
            raise forms.ValidationError(gettext("Write a day to come, or none."))
        if given > today + timedelta(days=EMBARGO_YEARS * 366):
            raise forms.ValidationError(gettext("At most %d years from now.") % EMBARGO_YEARS)
        if self.instance.is_public:
            raise forms.ValidationError(gettext("It is public already."))
        return given

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        site, structure = found.get("site"), found.get("structure")
        if site is not None and site.structure_id != getattr(structure, "pk", None):
            self.add_error("site", gettext("This site belongs to another structure."))
        elif site is not None and found.get("absorber") not in ("", site.element, None):
            self.add_error(
                "site",
                gettext("This site is %(is)s, not %(other)s")
                % {"is": site.element, "other": found["absorber"]},
            )
        for name in ("m_temperature_k", "m_resolution_ev"):
            if (value := found.get(name)) is not None and value <= 0:
                self.add_error(name, gettext("Write a number above 0."))
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


class DraftForm(RecordForm, SampleForm):
    """What its contributor says of a draft; a structure by its number or source id."""

    structure = forms.CharField(label=_("Structure"), required=False, max_length=40)

    class Meta(RecordForm.Meta):
        fields = (  # type: ignore[assignment]  # some of those
            "absorber", "edge", "formula", "title", "quantity", "licence", "citation", "doi",
            "embargo_until",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = self.instance.structure
        self.fields["structure"].widget.attrs["placeholder"] = "SDB-S…, mp-…"
        self.initial["structure"] = f"SDB-S{shown.pk}" if shown is not None else ""

    def clean_structure(self) -> Structure | None:
        given = str(self.cleaned_data["structure"]).strip()
        if not given:
            return None
        rows = Structure.objects.defer("data")
        number = re.fullmatch(r"(?:SDB-?S)?(\d{1,18})", given, flags=re.IGNORECASE)
        if number:
            found = rows.filter(pk=int(number[1])).first()
        else:
            found = rows.filter(source_id__iexact=given).order_by("-is_primary", "pk").first()
        if found is None:
            raise ValidationError(gettext("There is no structure “%s” here.") % given)
        return found

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        structure, absorber = found.get("structure"), found.get("absorber")
        if structure is not None and absorber:
            held = structure.element_rows.values_list("element", flat=True)
            if absorber not in set(held):
                words = gettext("%(formula)s holds no %(element)s")
                told = {"formula": structure.formula, "element": absorber}
                self.add_error("structure", words % told)
        formula = found.get("formula")
        if formula and absorber and absorber not in elements_of(formula):
            words = gettext("%(formula)s holds no %(element)s")
            self.add_error("formula", words % {"formula": formula, "element": absorber})
        return found


class SeriesForm(SampleForm):
    """What its contributor says of a draft of a series."""

    class Meta:
        model = Series
        fields = ("absorber", "edge", "formula", "title", "licence", "citation", "doi")
        labels = RecordForm.Meta.labels
        widgets = {"citation": forms.Textarea(attrs={"rows": 2})}
